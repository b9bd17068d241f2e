package redistest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
)

// short is how long a test looks at something that must not happen.
const short = 100 * time.Millisecond

// generous is how long a test waits for something that must happen.
const generous = 20 * time.Second

// conn is a connection on which commands are lines.
type conn struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, addr string) *conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, generous)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return &conn{t, c, bufio.NewReader(c)}
}

func (c *conn) send(line string) {
	c.t.Helper()
	_, err := io.WriteString(c, line+"\r\n")
	require.NoError(c.t, err)
}

// hears reads one line within a time.
func (c *conn) hears(within time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	line, err := c.r.ReadString('\n')
	return strings.TrimSuffix(line, "\r\n"), err
}

func (c *conn) wants(line string) {
	c.t.Helper()
	got, err := c.hears(generous)
	require.NoError(c.t, err)
	require.Equal(c.t, line, got)
}

func (c *conn) hearsNothing() {
	c.t.Helper()
	got, err := c.hears(short)
	require.ErrorIs(c.t, err, os.ErrDeadlineExceeded, "got %q", got)
}

func (c *conn) isClosed() {
	c.t.Helper()
	_, err := c.hears(generous)
	require.Error(c.t, err)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

func requireDown(t testing.TB, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", addr, short)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, generous, 2*time.Millisecond)
}

func client(t testing.TB, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func fromURL(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	require.NoError(t, err)
	return client(t, o)
}

func TestServerAnswersAtItsURL(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	require.Equal(t, "redis://"+s.Addr()+"/0", s.URL())
	require.NoError(t, fromURL(t, s.URL()).Set(t.Context(), "k", "v", 0).Err())
	require.Equal(t, "v", s.Do(t, "GET", "k"))
	require.Nil(t, s.Do(t, "GET", "absent"))
	require.Equal(t, int64(1), s.Do(t, "DEL", "k"))
	require.Contains(t, s.Do(t, "INFO"), fmt.Sprintf("process_id:%d\r\n", s.PID()))
}

func TestServersDoNotShare(t *testing.T) {
	t.Parallel()
	a, b := redistest.Start(t), redistest.Start(t)
	a.Do(t, "SET", "k", "v")
	require.Nil(t, b.Do(t, "GET", "k"))
}

func TestOptionsWin(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--maxmemory", "5mb", "--appendonly", "yes")
	require.Equal(t, []any{"maxmemory", "5242880"}, s.Do(t, "CONFIG", "GET", "maxmemory"))
	require.Equal(t, []any{"appendonly", "yes"}, s.Do(t, "CONFIG", "GET", "appendonly"))
}

func TestServerEndsWithTheTest(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"running", "stopped", "killed"} {
		var addr string
		require.True(t, t.Run(how, func(t *testing.T) {
			s := redistest.Start(t)
			addr = s.Addr()
			switch how {
			case "stopped":
				s.Stop()
			case "killed":
				s.Kill()
			}
		}))
		_, err := net.DialTimeout("tcp", addr, short)
		require.ErrorContains(t, err, "refused", how)
	}
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	addr, pid := s.Addr(), s.PID()
	s.Do(t, "SET", "k", "v")
	s.Kill()
	_, err := net.DialTimeout("tcp", addr, short)
	require.ErrorContains(t, err, "refused")
	s.Kill() // nothing left to do
	s.Restart()
	require.Equal(t, addr, s.Addr())
	require.NotEqual(t, pid, s.PID())
	require.Nil(t, s.Do(t, "GET", "k"), "it is empty")
}

func TestPersistenceSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes")
	s.Do(t, "SET", "k", "v")
	s.Restart() // it runs: that kills it first
	require.Equal(t, "v", s.Do(t, "GET", "k"))
}

func TestStoppedServerHangs(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	open := dial(t, s.Addr())
	open.send("PING")
	open.wants("+PONG")
	for range 3 { // at once, each time
		s.Stop()
		open.send("PING")
		open.hearsNothing()
		late := dial(t, s.Addr()) // the kernel accepts it
		late.send("PING")
		late.hearsNothing()
		s.Cont()
		open.wants("+PONG")
		late.wants("+PONG")
	}
}

func TestKillClientsByKind(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	normal, pubsub := dial(t, s.Addr()), dial(t, s.Addr())
	normal.send("PING")
	normal.wants("+PONG")
	pubsub.send("SUBSCRIBE c")
	for _, line := range []string{"*3", "$9", "subscribe", "$1", "c", ":1"} {
		pubsub.wants(line)
	}
	s.KillClients("pubsub")
	pubsub.isClosed()
	normal.send("PING")
	normal.wants("+PONG")
	s.KillClients("normal")
	normal.isClosed()
	require.Equal(t, "PONG", s.Do(t, "PING"))
}

func TestPasswordIsInTheURL(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "s3cret/?")
	require.NoError(t, fromURL(t, s.URL()).Ping(t.Context()).Err())
	require.Equal(t, "PONG", s.Do(t, "PING"))
	require.ErrorContains(t, client(t, &redis.Options{Addr: s.Addr()}).Ping(t.Context()).Err(), "NOAUTH")
}

func TestServerThatLetsNobodyInIsUp(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--user", "default", "off", "--user", "u", "on", ">p", "~*", "+@all")
	require.ErrorContains(t, fromURL(t, s.URL()).Ping(t.Context()).Err(), "NOAUTH")
	require.NoError(t, fromURL(t, "redis://u:p@"+s.Addr()).Ping(t.Context()).Err())
}

func TestUserMayDoWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := fromURL(t, s.User(t, "reader", "pass word", "~a:*", "+get", "+ping"))
	require.NoError(t, c.Ping(t.Context()).Err())
	require.ErrorIs(t, c.Get(t.Context(), "a:1").Err(), redis.Nil)
	require.ErrorContains(t, c.Get(t.Context(), "b:1").Err(), "NOPERM")
	require.ErrorContains(t, c.Set(t.Context(), "a:1", "v", 0).Err(), "NOPERM")
	require.Error(t, fromURL(t, "redis://reader:wrong@"+s.Addr()).Ping(t.Context()).Err())
}

func TestTLSRefusesPlain(t *testing.T) {
	t.Parallel()
	s, caFile := redistest.StartTLS(t)
	require.Equal(t, "rediss://"+s.Addr()+"/0", s.URL())
	require.Equal(t, "PONG", s.Do(t, "PING"))

	ca, err := os.ReadFile(caFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	o, err := redis.ParseURL(s.URL())
	require.NoError(t, err)
	o.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	require.NoError(t, client(t, o).Ping(t.Context()).Err())

	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, fromURL(t, s.URL()).Ping(t.Context()).Err(), &unknown)
	plain := dial(t, s.Addr())
	plain.send("PING")
	got, err := plain.hears(generous)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NotContains(t, got, "PONG")
}

// The kernel kills a child when the thread that made it ends, not the process.
func TestServerOutlivesTheThreadThatStartedIt(t *testing.T) {
	t.Parallel()
	started := make(chan *redistest.Server)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		started <- redistest.Start(t)
	}()
	s := <-started
	require.Never(t, func() bool {
		c, err := net.DialTimeout("tcp", s.Addr(), short)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, short, 5*time.Millisecond)
}

func TestServerDiesWithTheTestProcess(t *testing.T) {
	if os.Getenv("REDISTEST_CHILD") != "" {
		fmt.Println("addr", redistest.Start(t).Addr())
		select {} // until it is killed
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children of a dead process")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServerDiesWithTheTestProcess$")
	child.Env = append(os.Environ(), "REDISTEST_CHILD=1", "TMPDIR="+t.TempDir()) // what it leaves goes with this test
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var addr string
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		addr, _ = strings.CutPrefix(lines.Text(), "addr ")
	}
	dial(t, addr).Close() // it runs
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	requireDown(t, addr)
}

// failing is a test that may fail.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// of runs f as a test would and returns what it failed with.
func of(t testing.TB, f func(testing.TB)) string {
	fake := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.said
}

func TestWithoutRedisTheTestSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	said := of(t, func(t testing.TB) { redistest.Start(t) })
	require.Contains(t, said, "make test")
	require.Contains(t, said, "apt-get install redis-server")
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	said := of(t, func(t testing.TB) { redistest.Start(t, "--no-such-option", "1") })
	require.Contains(t, said, "no-such-option")
}

func TestCommandThatFailsFailsTheTest(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	require.Contains(t, of(t, func(t testing.TB) { s.Do(t, "NOSUCH") }), "unknown command")
	require.Empty(t, of(t, func(t testing.TB) { s.Do(t, "PING") }))
	s.Kill()
	require.Contains(t, of(t, func(t testing.TB) { s.Do(t, "PING") }), "refused")
}
