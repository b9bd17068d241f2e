package redistest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
)

func TestLinkLeadsToTheServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "secret")
	l := redistest.Proxy(t, s.URL())
	require.NotEqual(t, s.Addr(), l.Addr())
	require.Equal(t, strings.Replace(s.URL(), s.Addr(), l.Addr(), 1), l.URL())
	big := strings.Repeat("x", 5<<20)
	c := fromURL(t, l.URL())
	require.NoError(t, c.Set(t.Context(), "k", big, 0).Err())
	require.Equal(t, big, c.Get(t.Context(), "k").Val())
	plain := redistest.Proxy(t, s.Addr())
	require.Equal(t, "redis://"+plain.Addr()+"/0", plain.URL())
}

func TestCutHoldsEverythingUntilRestore(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := redistest.Proxy(t, s.Addr())
	other := redistest.Proxy(t, s.Addr())
	open, gone := dial(t, l.Addr()), dial(t, l.Addr())
	for _, c := range []*conn{open, gone} {
		c.send("PING")
		c.wants("+PONG")
	}
	for range 2 {
		l.Cut()
		open.send("INCR n")
		open.send("INCR n")
		open.hearsNothing()
		late := dial(t, l.Addr())
		late.send("PING")
		late.hearsNothing()
		require.Nil(t, s.Do(t, "GET", "n"), "no byte reaches the server")
		require.NoError(t, fromURL(t, other.URL()).Ping(t.Context()).Err(), "other links do not care")
		l.Restore()
		open.wants(":1")
		open.wants(":2")
		late.wants("+PONG")
		s.Do(t, "DEL", "n")
	}

	// What the server says does not come back either, and nor does the end of a
	// connection get there.
	sub := dial(t, l.Addr())
	sub.send("SUBSCRIBE c")
	for range 6 {
		_, err := sub.hears(generous)
		require.NoError(t, err)
	}
	l.Cut()
	require.Equal(t, int64(1), s.Do(t, "PUBLISH", "c", "m"))
	before := connections(t, s)
	gone.Close()
	sub.hearsNothing()
	require.Equal(t, before, connections(t, s))
	l.Restore()
	for _, line := range []string{"*3", "$7", "message", "$1", "c", "$1", "m"} {
		sub.wants(line)
	}
	require.Eventually(t, func() bool { return connections(t, s) == before-1 }, generous, 2*time.Millisecond)
}

func connections(t testing.TB, s *redistest.Server) int {
	return strings.Count(s.Do(t, "CLIENT", "LIST").(string), "\n")
}

func TestResetClosesConnections(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := redistest.Proxy(t, s.Addr())
	for _, how := range []string{"idle", "cut", "slow"} {
		c := dial(t, l.Addr())
		c.send("PING")
		c.wants("+PONG")
		switch how {
		case "cut":
			l.Cut()
		case "slow":
			l.Delay(time.Hour)
		}
		c.send("SET k " + how)
		if how == "idle" {
			c.wants("+OK")
		} else {
			c.hearsNothing() // it is inside the link
		}
		l.Reset()
		c.isClosed()
		require.Eventually(t, func() bool { return connections(t, s) == 1 }, generous, 2*time.Millisecond, "the server's end too")
		l.Restore()
		l.Delay(0)
		c = dial(t, l.Addr())
		c.send("GET k")
		c.wants("$4")
		c.wants("idle") // what was on its way is lost
		c.Close()
		require.Eventually(t, func() bool { return connections(t, s) == 1 }, generous, 2*time.Millisecond)
	}
}

func TestDelayIsLatencyEachWay(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := redistest.Proxy(t, s.Addr())
	c := dial(t, l.Addr())
	const d = 30 * time.Millisecond
	l.Delay(d)
	for range 3 {
		at := time.Now()
		c.send("PING")
		c.wants("+PONG")
		require.GreaterOrEqual(t, time.Since(at), 2*d)
	}

	// It does not add up: 100 commands that do not wait for each other travel side
	// by side.
	at := time.Now()
	for range 100 {
		c.send("PING")
		time.Sleep(time.Millisecond) // so that each travels alone
	}
	for range 100 {
		c.wants("+PONG")
	}
	require.Less(t, time.Since(at), 50*d)

	l.Delay(time.Hour)
	c.send("PING")
	c.hearsNothing()
	l.Delay(0)
	c.wants("+PONG") // also the one that waited
}

// Every change at any moment: no byte is lost or changes its place, nothing hangs,
// and all of it ends.
func TestLinkUnderChanges(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := redistest.Proxy(t, s.Addr())
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			switch i % 5 {
			case 0:
				l.Delay(time.Millisecond)
			case 1:
				l.Cut()
			case 2:
				l.Delay(0)
			case 3:
				l.Restore()
			case 4:
				dial(t, l.Addr()).send("ECHO left") // and nobody reads it
			}
		}
	})
	var talks sync.WaitGroup
	for _, word := range []string{"a", "bb", "ccc", "dddd"} {
		talks.Go(func() {
			c := dial(t, l.Addr())
			for range 20 {
				for range 5 {
					c.send("PING " + word)
				}
				for range 5 {
					_, err := c.hears(generous)
					require.NoError(t, err)
					c.wants(word)
				}
			}
		})
	}
	talks.Go(func() { // more than fits in between, and read late
		const size = 8 << 20
		c := dial(t, l.Addr())
		s.Do(t, "SET", "big", strings.Repeat("0123456789abcdef", size/16))
		c.send("GET big")
		time.Sleep(short)
		c.wants(fmt.Sprint("$", size))
		got, err := c.hears(generous)
		require.NoError(t, err)
		same := s.Do(t, "GET", "big") == got // not Equal: it would print both
		require.True(t, same, "%d bytes of %d, or not the same", len(got), size)
	})
	talks.Wait()
	close(stop)
	changes.Wait()
	l.Cut() // the end must come through nevertheless
}
