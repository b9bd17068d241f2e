package dashboard_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/dashboard"
	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// attach is a client of s over pipes, for a bubble. While down is set nobody
// answers.
func attach(t *testing.T, s *site, down *atomic.Bool) *dashboard.Client {
	t.Helper()
	_, client := serve(t, s)
	via := roundTrip(func(r *http.Request) (*http.Response, error) {
		if down.Load() {
			return nil, http.ErrServerClosed
		}
		return client.Transport.RoundTrip(r)
	})
	conn, err := guard.DialThrough("http://127.0.0.1:7600", token, via)
	require.NoError(t, err)
	return dashboard.ClientOver(conn)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClientAndServerShowTheSamePicture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var down atomic.Bool
		c := attach(t, s, &down)
		require.NoError(t, c.Check(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		feed := c.Subscribe(ctx, time.Hour)
		got := <-feed
		want := full()
		want.Source = snapshot.Source{Mode: "attached", Title: "http://127.0.0.1:7600"}
		require.Equal(t, want, got)
		require.Equal(t, time.Hour, s.source.asked[len(s.source.asked)-2], "the window reaches the engine")
		cancel()
		_, open := <-feed
		require.False(t, open, "the feed ends with its context")
	})
}

func TestTheFeedKeepsTheLastPictureWhileTheEngineIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var down atomic.Bool
		c := attach(t, s, &down)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := c.Subscribe(ctx, snapshot.DefaultWindow)
		require.Empty(t, (<-feed).Source.Err)

		down.Store(true)
		var lag time.Duration
		for range 30 {
			got := <-feed
			require.Equal(t, moment, got.Timestamp, "the last picture stays")
			require.Len(t, got.Calls, 3)
			require.Contains(t, got.Source.Err, "start it there")
			require.GreaterOrEqual(t, got.Source.Lag, lag)
			lag = got.Source.Lag
		}
		require.Greater(t, lag, 15*time.Second)

		down.Store(false)
		next := full()
		next.Timestamp = moment.Add(time.Hour)
		s.source.show(next)
		began := time.Now()
		for got := range feed {
			if got.Source.Err == "" {
				require.Equal(t, next.Timestamp, got.Timestamp)
				require.Zero(t, got.Source.Lag)
				break
			}
		}
		require.LessOrEqual(t, time.Since(began), 11*time.Second)
	})
}

func TestAPictureThatStandsStillGrowsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		c := attach(t, newSite(t), &down)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := c.Subscribe(ctx, snapshot.DefaultWindow)
		require.Zero(t, (<-feed).Source.Lag)
		require.Equal(t, time.Second, (<-feed).Source.Lag)
		require.Equal(t, 2*time.Second, (<-feed).Source.Lag)
		time.Sleep(5*time.Second + time.Millisecond)
		require.Equal(t, 7*time.Second, (<-feed).Source.Lag, "one slot, and the newest wins")
	})
}

func TestAFeedWithoutAFirstPictureSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		c := attach(t, newSite(t), &down)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := <-c.Subscribe(ctx, snapshot.DefaultWindow)
		require.Equal(t, "attached", got.Source.Mode)
		require.NotEmpty(t, got.Source.Err)
		require.True(t, got.Timestamp.IsZero())
	})
}

func TestAnEngineThatHangsDoesNotStopTheFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var hang atomic.Bool
		conn, err := guard.DialThrough("localhost", token, roundTrip(func(r *http.Request) (*http.Response, error) {
			if hang.Load() {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Result(), nil
		}))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := dashboard.ClientOver(conn).Subscribe(ctx, snapshot.DefaultWindow)
		<-feed
		hang.Store(true)
		time.Sleep(4 * time.Second)
		require.Greater(t, (<-feed).Source.Lag, 2*time.Second)
		time.Sleep(5 * time.Second)
		require.NotEmpty(t, (<-feed).Source.Err)
	})
}

func TestTheFirstConnectSaysWhatToDo(t *testing.T) {
	t.Parallel()
	answering := func(status int, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	refusing := func(status int) string { return answering(status, `{"error":{"code":"x","message":"y","hint":"z"}}`) }
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	genuine := httptest.NewServer(newSite(t))
	defer genuine.Close()

	for name, c := range map[string]struct{ url, token, want string }{
		"nobody":          {gone.URL, token, "start it there with m1 --engine-only"},
		"wrong token":     {genuine.URL, "m1_wrong", "printed at its first start"},
		"no token":        {genuine.URL, "", "printed at its first start"},
		"an agent's":      {genuine.URL, agentToken, "give one with role viewer"},
		"not allowed":     {refusing(403), token, "does not let this client in"},
		"no such path":    {refusing(404), token, "has no dashboard"},
		"not ready":       {refusing(503), token, "wait a moment"},
		"a web page":      {answering(200, "<html>"), token, "check the address"},
		"another service": {answering(404, "404 page not found"), token, "check the address"},
		"empty object":    {answering(200, "{}"), token, "check the address"},
		"endless":         {answering(200, string(bytes.Repeat([]byte{' '}, guard.MaxAnswer+1))), token, "check the address"},
	} {
		client, err := dashboard.Dial(c.url, c.token)
		require.NoError(t, err, name)
		err = client.Check(t.Context())
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "m1_wrong", name)
		client.Close()
	}
	client, err := dashboard.Dial(genuine.URL, token)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Check(t.Context()))
	_, err = dashboard.Dial("ftp://x", token)
	require.Error(t, err)
}

func TestWhatAnotherMachineSendsCanBeDrawn(t *testing.T) {
	t.Parallel()
	d, err := dashboard.Decode(
		[]byte(`{"timestamp":"2026-11-22T14:00:00Z","metrics":{"series":{"t":["2026-11-22T14:00:00Z"],"error_rate":[1,2]}}}`),
		[]byte(`{"calls":[null,{},{"scope":"read"},{"id":"tc_1","scope":""}]}`))
	require.NoError(t, err)
	require.Len(t, d.Calls, 1)
	require.Equal(t, call.ID("tc_1"), d.Calls[0].ID)
	require.Len(t, d.Metrics.Series.ErrorRate, 1)
	require.Len(t, d.Metrics.Series.CallsPerS, 1, "a column that is missing has no data")
}

func FuzzDecode(f *testing.F) {
	s := newSite(f)
	f.Add(s.get("/api/m1/dashboard").Body.Bytes(), s.get("/v1/calls").Body.Bytes())
	f.Add([]byte(`null`), []byte(`{"calls":[null,{},{"scope":"read"},{"id":"tc_1","scope":""}]}`))
	f.Add([]byte(`{"timestamp":"2026-11-22T14:00:00Z","metrics":{"series":{"t":["2026-11-22T14:00:00Z"],"error_rate":[1,2]}}}`), []byte(`{}`))
	f.Add([]byte(`{"timestamp":"2026-11-22T14:00:00Z"}`), []byte(`{"calls":[{"id":"x","scope":"root"}]}`))
	f.Fuzz(func(t *testing.T, whole, calls []byte) {
		d, err := dashboard.Decode(whole, calls)
		if err != nil {
			require.Nil(t, d)
			return
		}
		// Whatever was accepted can be drawn.
		require.False(t, d.Timestamp.IsZero())
		for _, c := range d.Calls {
			require.NotNil(t, c)
			require.LessOrEqual(t, c.Scope, call.Execute)
		}
		n, series := len(d.Metrics.Series.T), d.Metrics.Series
		for _, column := range [][]*float64{
			series.PolicyP99US, series.ToolP95US, series.DecisionHitRate, series.ResultHitRate, series.ResultCeiling, series.ErrorRate, series.USDPerHour, series.CallsPerS,
		} {
			require.Len(t, column, n)
		}
		require.Len(t, d.Costs.Series.USDPerHour, len(d.Costs.Series.T))
		require.Equal(t, d.Runs.Recent, d.Runs.All)
	})
}
