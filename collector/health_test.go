package collector_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/ledger"
)

func alertOf(d *snapshot.Dashboard, id string) *snapshot.Alert {
	for i := range d.Alerts {
		if d.Alerts[i].ID == id {
			return &d.Alerts[i]
		}
	}
	return nil
}

func TestAQuietEngineIsHealthySinceItsStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		_, c := start(t, collector.Options{Every: 10 * time.Second})
		time.Sleep(time.Hour)
		synctest.Wait()
		h := c.Latest().Health
		require.Equal(t, "healthy", h.Status)
		require.EqualValues(t, 3600, h.UptimeS)
		require.Len(t, h.Checks, 9)
		for name, check := range h.Checks {
			require.Equal(t, began, check.Since, name)
			require.NotEmpty(t, check.Message)
		}
		require.Equal(t, "disabled", h.Checks["redis"].Status)
		require.Equal(t, "disabled", h.Checks["cluster"].Status)
		require.Empty(t, c.Latest().Alerts)
	})
}

func TestABrokenLedgerIsCriticalSinceItBroke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		time.Sleep(time.Minute)
		broke := time.Now().UTC()
		src.set(func(s *engine.Status) { s.Ledger = ledger.Status{Err: "disk full", Since: broke} })
		for range 3 {
			time.Sleep(time.Minute)
			synctest.Wait()
			d := c.Latest()
			require.Equal(t, "critical", d.Health.Status)
			require.Equal(t, snapshot.Check{Status: "critical", Message: "disk full", Since: broke}, d.Health.Checks["ledger"])
			a := alertOf(d, "ledger")
			require.Equal(t, "P1", a.Severity)
			require.Equal(t, broke, a.Since)
			require.Contains(t, a.Detail, "disk full")
		}
		mended := time.Now()
		src.set(func(s *engine.Status) { s.Ledger = ledger.Status{} })
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "healthy", c.Latest().Health.Status)
		require.WithinDuration(t, mended, c.Latest().Health.Checks["ledger"].Since, 250*time.Millisecond)
		require.Empty(t, c.Latest().Alerts)
	})
}

func TestCallsThatM1CouldNotServeAlarmForFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		src.m.Calls.Add(10_000)
		src.m.M1Errors.Inc()
		failed := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "degraded", c.Latest().Health.Status, "one in 10,000 keeps the promise")
		since := alertOf(c.Latest(), "m1_errors").Since
		require.WithinDuration(t, failed, since, 250*time.Millisecond)
		src.m.M1Errors.Add(5000)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "degraded", c.Latest().Health.Status, "what has been is no reason to take M1 out of service now")
		require.Contains(t, alertOf(c.Latest(), "m1_errors").Detail, "5,001 of 10,000 calls")
		require.Equal(t, since, alertOf(c.Latest(), "m1_errors").Since, "still the same alert")
		require.Same(t, &c.Latest().Alerts[0], &c.Dashboard(time.Minute).Alerts[0], "whatever window is looked at")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Equal(t, "healthy", c.Latest().Health.Status)
		require.Empty(t, c.Latest().Alerts)
	})
}

// The attack: an agent that hangs up while its call is recorded. Three such calls
// of a quiet hour made M1 "critical", and so not ready, for five minutes.
func TestAFewFailedCallsOfAQuietEngineSayLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		src.m.Calls.Add(99)
		src.m.M1Errors.Add(99)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "healthy", c.Latest().Health.Status)
		require.Empty(t, c.Latest().Alerts)
		src.m.Calls.Inc()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "degraded", c.Latest().Health.Status)
		require.NotNil(t, alertOf(c.Latest(), "m1_errors"))
	})
}

func TestNumbersInAlertsAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: " 0 ", 999: " 999 ", 1000: " 1,000 ", 764_368: " 764,368 ", 12_345_678: " 12,345,678 ", 100_000_000: " 100,000,000 "} {
		src := newFake()
		src.m.Models.Get("mystery").Unpriced.Inc()
		src.m.Models.Get("mystery").Tokens.Add(n)
		d := collector.New(src, collector.Options{}).Latest()
		require.Contains(t, alertOf(d, "unpriced/mystery").Detail, want)
	}
}

func TestAlertsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		since := time.Now().UTC()
		src.m.Models.Get("mystery").Unpriced.Inc()
		src.m.Tools.Get("flaky").Reports.Add(6)
		src.m.Tools.Get("flaky").Errors.Add(5)
		src.m.Tools.Get("normal").Reports.Add(100) // failing commands are normal for coding agents
		src.m.Tools.Get("normal").Errors.Add(20)
		src.set(func(s *engine.Status) {
			s.Policy.Version = ""
			s.Loops = []snapshot.Loop{
				{Run: "r1", Agent: "bot", Tool: "transfer", Streak: 40, Since: since, Open: true},
				{Run: "r2", Agent: "bot", Tool: "transfer", Streak: 7, Since: since},
			}
		})
		time.Sleep(time.Second)
		synctest.Wait()
		d := c.Latest()
		var got []string
		for _, a := range d.Alerts {
			got = append(got, a.Severity+" "+a.ID)
			require.NotEmpty(t, a.Title)
			require.NotEmpty(t, a.Detail)
			require.False(t, a.Since.IsZero())
		}
		require.Equal(t, []string{"P1 policy", "P2 loop/r1/transfer", "P3 failing/flaky", "P4 unpriced/mystery"}, got)
		first := *alertOf(d, "unpriced/mystery")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, first, *alertOf(c.Latest(), "unpriced/mystery"))
	})
}

func TestManyAlertsAreCutAtTheLeastSevere(t *testing.T) {
	t.Parallel()
	src := newFake()
	for i := range 50 {
		src.m.Models.Get(fmt.Sprint("model-", i)).Unpriced.Inc()
	}
	src.set(func(s *engine.Status) { s.Policy.Version = "" })
	d := collector.New(src, collector.Options{}).Latest()
	require.Len(t, d.Alerts, 20)
	require.Equal(t, "policy", d.Alerts[0].ID)
}

func TestAClockThatWasSetIsShownAndHarmsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var set atomic.Int64
		src, c := start(t, collector.Options{Now: func() time.Time { return time.Now().Round(0).Add(time.Duration(set.Load())) }})
		src.m.Calls.Add(60)
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		set.Store(int64(-2 * time.Hour))
		src.m.Calls.Add(60)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		d := c.Latest()
		require.Equal(t, "degraded", d.Health.Checks["clock"].Status)
		require.Contains(t, d.Health.Checks["clock"].Message, "2h0m0s")
		require.NotNil(t, alertOf(d, "clock"))
		require.InDelta(t, 2, c.Dashboard(5*time.Minute).Metrics.Operations.CallsPerS, 0.1)
		points := c.Dashboard(time.Minute).Metrics.Series.T
		require.WithinDuration(t, d.Timestamp, points[len(points)-1], 2*time.Second)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Equal(t, "healthy", c.Latest().Health.Status)
	})
}
