package operate_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/gateway/operate"
)

func TestAWaitEndsWithTheAnswerOrItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		id := w.open(t, question("a", `{}`))
		for wait, want := range map[string]time.Duration{
			"": 0, "0": 0, "0s": 0, "25s": 25 * time.Second, "25": 25 * time.Second, "1m": time.Minute, "60": time.Minute, "1500ms": 1500 * time.Millisecond, "060": time.Minute,
		} {
			if wait == "1m" || wait == "60" || wait == "060" {
				id = w.open(t, question("a", `{"wait":"`+wait+`"}`))
			}
			began := time.Now()
			a := read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id+"?wait="+wait, ""))
			require.Equal(t, snapshot.Pending, a.Status, wait)
			require.Equal(t, want, time.Since(began), wait)
		}

		id = w.open(t, question("a", `{"again":true}`))
		began := time.Now()
		done := make(chan *httptest.ResponseRecorder)
		go func() {
			done <- w.do("agent", "GET", "/v1/approvals/"+id+"?wait=60", "")
		}()
		time.Sleep(7 * time.Second)
		require.Equal(t, http.StatusOK, w.do("alice", "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
		a := read[snapshot.Approval](t, <-done)
		require.Equal(t, 7*time.Second, time.Since(began), "woken by the answer, not by a clock")
		require.Equal(t, snapshot.Approved, a.Status)
		require.Equal(t, signed, a.Grant)
		require.Zero(t, w.waits())

		id = w.open(t, question("a", `{"last":true}`))
		time.Sleep(4*time.Minute - 10*time.Second)
		a = read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id+"?wait=60", ""))
		require.Equal(t, snapshot.Expired, a.Status, "nobody waits longer than the question lasts")
	})
}

func TestAServerThatStopsWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		id := w.open(t, question("a", `{}`))
		done := make(chan *httptest.ResponseRecorder)
		go func() {
			done <- w.do("agent", "GET", "/v1/approvals/"+id+"?wait=60", "")
		}()
		synctest.Wait()
		began := time.Now()
		w.server.EndWaits()
		w.server.EndWaits()
		require.Equal(t, snapshot.Pending, read[snapshot.Approval](t, <-done).Status)
		read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id+"?wait=60", ""))
		require.Zero(t, time.Since(began))
	})
}

func TestOnlySoManyMayWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(o *operate.Options) { o.Waits = 2 })
		id := w.open(t, question("a", `{}`))
		done := make(chan *httptest.ResponseRecorder)
		for range 2 {
			go func() {
				done <- w.do("agent", "GET", "/v1/approvals/"+id+"?wait=10", "")
			}()
		}
		synctest.Wait()
		answer := w.do("agent", "GET", "/v1/approvals/"+id+"?wait=10", "")
		require.Equal(t, http.StatusTooManyRequests, answer.Code)
		require.Equal(t, "1", answer.Header().Get("Retry-After"))
		require.Equal(t, "too_many_waits", refusal(t, answer).Code)
		require.Equal(t, http.StatusOK, w.do("agent", "GET", "/v1/approvals/"+id, "").Code, "to look needs no place")
		for range 2 {
			read[snapshot.Approval](t, <-done)
		}
		require.Equal(t, http.StatusOK, w.do("agent", "GET", "/v1/approvals/"+id+"?wait=1", "").Code, "places come back")
	})
}

func TestAClientThatHangsUpFreesItsHandler(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("a", `{}`))
	srv := httptest.NewServer(w.handler)
	defer srv.Close() // waits for the handlers
	ctx, cancel := context.WithCancel(t.Context())
	client, gone := dial(t, srv, "m1_agent"), make(chan error)
	go func() {
		_, err := client.Await(ctx, id)
		gone <- err
	}()
	require.Eventually(t, func() bool { return w.waits() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.Eventually(t, func() bool { return w.waits() == 0 }, 10*time.Second, time.Millisecond)
}

// The server's bound for writing an answer counts from the request: it cut the
// answer off after a wait.
func TestAWaitOutlivesTheServersBounds(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("a", `{}`))
	srv := httptest.NewUnstartedServer(w.handler)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	srv.Start()
	defer srv.Close()
	client, done := dial(t, srv, "m1_agent"), make(chan error)
	go func() {
		a, err := client.Await(t.Context(), id)
		if err == nil && a.Status != snapshot.Approved {
			t.Errorf("the wait ended as %s", a.Status)
		}
		done <- err
	}()
	require.Eventually(t, func() bool { return w.waits() == 1 }, 10*time.Second, time.Millisecond)
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; time.Sleep(5 * time.Millisecond) {
		require.Equal(t, 1, w.waits(), "one request waits all the time")
	}
	require.Equal(t, http.StatusOK, w.do("alice", "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
	require.NoError(t, <-done)
}
