package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/daemon"
	"m1/engine/event"
)

// A proposal on its way when M1 is told to stop gets its answer: the agent must
// not wonder whether it was released.
func TestARequestUnderWayIsAnsweredBeforeTheEnd(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d, ended, stop := serve(t, state)

	conn, err := net.Dial("tcp", d.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	body := `{"agent":{"id":"a"},"run_id":"r","tool_name":"ship","tool_input":{}}`
	_, err = fmt.Fprintf(conn, "POST /v1/tool_calls HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		d.FirstTokens().Agent, len(body))
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	line, err := answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line, "the request is being read")
	_, err = answers.ReadString('\n')
	require.NoError(t, err)

	stop()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", d.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, patience, 10*time.Millisecond, "nobody new is let in")
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	resp, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
	require.Contains(t, string(answer), `"allow"`)
	require.NoError(t, conn.Close())

	require.NoError(t, <-ended)
	all := records(t, state)
	require.Contains(t, kinds(all), event.Decided)
	require.Equal(t, event.EngineStopped, all[len(all)-1].Kind)
}

// An open stream of events would hold a stop up for ever.
func TestAnOpenStreamDoesNotHoldTheStopUp(t *testing.T) {
	t.Parallel()
	d, ended, stop := serve(t, t.TempDir())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.Addr().String()+"/v1/events?after=0", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+d.FirstTokens().Admin)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	require.NotEmpty(t, line)

	began := time.Now()
	stop()
	require.NoError(t, <-ended)
	require.Less(t, time.Since(began), 8*time.Second, "the bound for requests under way is 10 s: the stream was waited for")
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err, "the stream ends orderly")
}

// serve runs a daemon with its API until stop; ended then has what Run returned.
func serve(t *testing.T, state string) (d *daemon.Daemon, ended chan error, stop func()) {
	t.Helper()
	o := options(t, state)
	o.Serve = true
	d = open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- d.Run(ctx)
	}()
	t.Cleanup(func() { // before open's Close: Run closes by itself
		cancel()
		<-done
	})
	return d, ended, cancel
}
