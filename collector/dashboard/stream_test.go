package dashboard_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/dashboard"
	"m1/engine/event"
)

// serve puts s on a network of pipes for the time of a bubble, with the limits
// of a careful server.
func serve(t *testing.T, s *site) (*pipes, *http.Client) {
	t.Helper()
	network := newPipes()
	srv := &http.Server{Handler: s, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	srv.RegisterOnShutdown(s.server.EndStreams)
	go func() { _ = srv.Serve(network) }() // ends with Close
	transport := &http.Transport{DialContext: network.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		_ = network.Close()
	})
	return network, &http.Client{Transport: transport}
}

// follow opens the stream and passes its lines on; the channel closes with the
// stream.
func follow(t *testing.T, c *http.Client, query string, header ...string) (<-chan string, io.Closer) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://localhost/v1/events"+query, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(r) //nolint:bodyclose // the caller closes what follow returns
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(res.Body)
		for scan.Scan() {
			if scan.Text() != "" {
				lines <- scan.Text()
			}
		}
	}()
	return lines, res.Body
}

// drain takes what is there.
func drain(lines <-chan string) (out []string) {
	for {
		select {
		case l, ok := <-lines:
			if !ok {
				return append(out, "END")
			}
			out = append(out, l)
		default:
			return out
		}
	}
}

func ids(lines []string) (out []string) {
	for _, l := range lines {
		if id, ok := strings.CutPrefix(l, "id: "); ok {
			out = append(out, id)
		}
	}
	return out
}

func TestAStreamBeginsAtTheEndAndTellsWhatHappens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.ledger.add(event.EngineStarted, event.RunStarted)
		_, client := serve(t, s)
		lines, body := follow(t, client, "")
		defer body.Close()
		time.Sleep(time.Second)
		require.Equal(t, []string{"retry: 2000"}, drain(lines))
		s.ledger.add(event.Decided)
		time.Sleep(time.Second)
		got := drain(lines)
		require.Len(t, got, 3)
		require.Equal(t, []string{"id: 3", "event: call.decided"}, got[:2])
		require.JSONEq(t, `{"seq":3,"at":"2026-11-22T14:00:03Z","kind":"call.decided","run_id":"r1","call_id":"tc_1","agent":"bot","tool":"get_order","data":{"text":"two\nlines"},"hash":"03`+strings.Repeat("00", 31)+`"}`,
			strings.TrimPrefix(got[2], "data: "))
	})
}

func TestAStreamResumesWithoutAGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		for range 3000 { // more than one batch
			s.ledger.add(event.Decided)
		}
		_, client := serve(t, s)
		byHeader, b1 := follow(t, client, "?after=7", "Last-Event-ID", "1000")
		defer b1.Close()
		byQuery, b2 := follow(t, client, "?after=2998")
		defer b2.Close()
		time.Sleep(time.Second)
		got := ids(drain(byHeader))
		require.Len(t, got, 2000)
		require.Equal(t, "1001", got[0])
		require.Equal(t, "3000", got[1999])
		require.Equal(t, []string{"2999", "3000"}, ids(drain(byQuery)))
	})
}

func TestAClientOfAnotherLedgerIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.ledger.add(event.EngineStarted)
		_, client := serve(t, s)
		lines, body := follow(t, client, "", "Last-Event-ID", "500")
		defer body.Close()
		s.ledger.add(event.Decided)
		time.Sleep(time.Second)
		got := drain(lines)
		require.Equal(t, []string{"retry: 2000", "id: 1", "event: reset", `data: {"after":500,"head":1}`, "id: 2"}, got[:5])
	})
	w := newSite(t).get("/v1/events", "Last-Event-ID", "seven")
	require.Equal(t, http.StatusBadRequest, w.Code)
}

func TestAQuietStreamStaysOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		_, client := serve(t, s)
		lines, body := follow(t, client, "")
		defer body.Close()
		time.Sleep(time.Minute + time.Second) // far beyond the limits of the server
		got := drain(lines)
		require.Equal(t, []string{"retry: 2000", ": still here", ": still here", ": still here"}, got[:4])
		s.ledger.add(event.Decided)
		time.Sleep(time.Second)
		require.Equal(t, []string{"1"}, ids(drain(lines)))
	})
}

func TestAClientThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(o *dashboard.Options) { o.Streams = 1 })
		network, client := serve(t, s)
		conn, err := network.dial(t.Context(), "", "")
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+token+"\r\n\r\n")
		require.NoError(t, err)
		began := time.Now()
		synctest.Wait() // the server hangs in its first write

		refused, err := client.Do(request(t, "/v1/events"))
		require.NoError(t, err)
		require.NoError(t, refused.Body.Close())
		require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode, "the only slot is taken")
		require.NotEmpty(t, refused.Header.Get("Retry-After"))

		time.Sleep(6 * time.Second)
		lines, body := follow(t, client, "")
		require.Equal(t, 6*time.Second, time.Since(began))
		require.NotNil(t, lines)
		require.NoError(t, body.Close())
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestShuttingDownEndsTheStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		_, client := serve(t, s)
		lines, body := follow(t, client, "")
		defer body.Close()
		s.server.EndStreams()
		synctest.Wait()
		require.Equal(t, []string{"retry: 2000", "END"}, drain(lines))
	})
}

func TestAClientThatLeavesFreesItsSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(o *dashboard.Options) { o.Streams = 1 })
		_, client := serve(t, s)
		for range 3 {
			_, body := follow(t, client, "")
			require.NoError(t, body.Close())
			time.Sleep(time.Second)
		}
		head := request(t, "/v1/events")
		head.Method = http.MethodHead
		res, err := client.Do(head)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	})
}

func request(t *testing.T, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
