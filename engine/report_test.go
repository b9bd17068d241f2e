package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
)

// flaky is a ledger on a disk that can be full. As every store it learns of
// that when it writes.
type flaky struct {
	ledger.Store
	full    atomic.Bool
	failing atomic.Bool
	hold    chan struct{} // if set, every write waits for it
}

func (f *flaky) Append(ctx context.Context, evs ...event.Event) (uint64, error) {
	if f.hold != nil {
		<-f.hold
	}
	if f.full.Load() {
		f.failing.Store(true)
		return 0, fmt.Errorf("%w: disk full", ledger.ErrUnavailable)
	}
	f.failing.Store(false)
	return f.Store.Append(ctx, evs...)
}

func (f *flaky) Enqueue(evs ...event.Event) error {
	if f.failing.Load() {
		return fmt.Errorf("%w: disk full", ledger.ErrUnavailable)
	}
	return f.Store.Enqueue(evs...)
}

func onFlakyDisk(t testing.TB) (world, *flaky) {
	disk := &flaky{Store: inMemory(t)}
	return open(t, rules, func(o *engine.Options) { o.Ledger = disk }), disk
}

func (f *flaky) fill(t testing.TB) {
	t.Helper()
	f.full.Store(true)
	_, err := f.Append(context.Background(), ledgertest.Event("filler", 0))
	require.Error(t, err)
}

// While the disk was full every read was let through and every report was
// acknowledged, from a queue that was lost when M1 stopped.
func TestWithAFullDiskNothingIsAcknowledgedAndEverythingRecoversByItself(t *testing.T) {
	t.Parallel()
	w, disk := onFlakyDisk(t)
	d := w.propose(t, "r", "get_order", `{"id":"7"}`)
	disk.fill(t)

	got, err := w.Propose(t.Context(), call.Proposal{Agent: "bot", Run: "r", Tool: "think"})
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.Equal(t, call.Deny, got.Effect)
	require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: d.ID, Outcome: call.OK}), ledger.ErrUnavailable)
	require.ErrorIs(t, w.StartRun(t.Context(), call.Run{ID: "s", Agent: "bot"}), ledger.ErrUnavailable)
	_, err = w.Use(t.Context(), call.Usage{Model: "m"})
	require.ErrorIs(t, err, ledger.ErrUnavailable)

	disk.full.Store(false)
	w.report(t, d, `"v"`)
	w.propose(t, "r", "think", `{}`)
	require.Len(t, w.events(t, event.Decided), 2)
	require.Len(t, w.events(t, event.Reported), 1)
}

// A report that got 503 was repeated, as the answer says, and got 404: the call
// was used up before its record was kept, so its outcome was lost for good.
func TestAReportThatCouldNotBeRecordedCanBeRepeated(t *testing.T) {
	t.Parallel()
	w, disk := onFlakyDisk(t)
	change := w.propose(t, "r", "update_order", `{"id":"7"}`)
	read := w.propose(t, "r", "get_order", `{"id":"8"}`)
	disk.fill(t)
	for range 2 {
		require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: change.ID, Outcome: call.OK}), ledger.ErrUnavailable)
		require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: read.ID, Outcome: call.OK, Result: []byte(`"v"`)}), ledger.ErrUnavailable)
	}
	require.Zero(t, w.Meter().Reports.Load())
	require.Equal(t, 2, w.Status().OpenCalls)

	disk.full.Store(false)
	w.propose(t, "r", "think", `{}`)
	w.read(t, "r", "get_order", `{"id":"7"}`, `"v"`)
	_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v"`)
	require.True(t, hit, "readers do not wait for the report of the change")
	w.report(t, change, `"done"`)
	w.report(t, read, `"v"`)
	_, hit = w.read(t, "r", "get_order", `{"id":"8"}`, `"v"`)
	require.True(t, hit)
	require.Equal(t, int64(3), w.Meter().Reports.Load())
	require.Len(t, w.events(t, event.Reported), 3)
	require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: change.ID, Outcome: call.OK}), call.ErrUnknownCall)
	require.Equal(t, 1, w.Status().OpenCalls, "think alone")
}

// The end of a run was lost in the same way: 503, then 404.
func TestAnEndThatCouldNotBeRecordedCanBeRepeated(t *testing.T) {
	t.Parallel()
	w, disk := onFlakyDisk(t)
	w.read(t, "r", "list_orders", `{}`, `"v"`)
	disk.fill(t)
	require.ErrorIs(t, w.EndRun(t.Context(), "r", "completed"), ledger.ErrUnavailable)
	require.Equal(t, "active", w.Status().Runs[0].Status)
	require.Zero(t, w.Meter().RunsCompleted.Load())

	disk.full.Store(false)
	require.NoError(t, w.EndRun(t.Context(), "r", "completed"))
	require.ErrorIs(t, w.EndRun(t.Context(), "r", "completed"), call.ErrUnknownRun)
	require.Equal(t, "completed", w.Status().Runs[0].Status)
	require.Equal(t, int64(1), w.Meter().RunsCompleted.Load())
	require.Len(t, w.events(t, event.RunEnded), 1)
}

// An agent that sends its report twice at once must not be recorded twice.
func TestOfReportsAndEndsAtTheSameTimeOneSucceeds(t *testing.T) {
	t.Parallel()
	w, disk := onFlakyDisk(t)
	d := w.propose(t, "r", "update_order", `{"id":"7"}`)
	disk.fill(t) // so that every record waits for Append
	disk.full.Store(false)
	race := func(try func() error, refusal error) {
		var wg sync.WaitGroup
		var accepted atomic.Int64
		for range 16 {
			wg.Go(func() {
				if err := try(); err == nil {
					accepted.Add(1)
				} else if !errors.Is(err, refusal) {
					t.Errorf("got %v, want %v", err, refusal)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(1), accepted.Load())
	}
	race(func() error { return w.Report(t.Context(), call.Report{ID: d.ID, Outcome: call.OK}) }, call.ErrUnknownCall)
	race(func() error { return w.EndRun(t.Context(), "r", "completed") }, call.ErrUnknownRun)
	require.Len(t, w.events(t, event.Reported), 1)
	require.Len(t, w.events(t, event.RunEnded), 1)
	require.Equal(t, int64(1), w.Meter().Reports.Load())
	require.Equal(t, int64(1), w.Meter().RunsCompleted.Load())
}

// A client that repeats while its first report still waits for the disk learns
// how that ends, and may give up waiting.
func TestASecondReportWaitsForTheOutcomeOfTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, disk := onFlakyDisk(t)
		d := w.propose(t, "r", "get_order", `{"id":"7"}`)
		disk.fill(t)
		disk.hold = make(chan struct{})
		report := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() { done <- w.Report(ctx, call.Report{ID: d.ID, Outcome: call.OK}) }()
			synctest.Wait()
			return done
		}
		impatient, leave := context.WithCancel(t.Context())
		first, second, third := report(t.Context()), report(t.Context()), report(impatient)
		leave()
		require.ErrorIs(t, <-third, context.Canceled)
		require.Empty(t, second)
		disk.hold <- struct{}{}
		require.ErrorIs(t, <-first, ledger.ErrUnavailable)
		disk.full.Store(false)
		close(disk.hold)
		require.NoError(t, <-second, "the call is still open, so the second is the one that counts")
		require.Len(t, w.events(t, event.Reported), 1)
	})
}
