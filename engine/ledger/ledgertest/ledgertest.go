// Package ledgertest is the conformance suite of ledger.Store: what every
// backend must do, as tests that each of them runs.
package ledgertest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
)

// Options are what a test asks of the store that it opens.
type Options struct {
	MaxQueue int              // 0: the backend's default
	Now      func() time.Time // nil: the backend's default
}

// Backend is a kind of store under test.
type Backend struct {
	// Open opens a ledger. A backend that survives Close opens the one in dir
	// again. The suite closes what it opens.
	Open func(t testing.TB, dir string, o Options) ledger.Store
	// Tamper replaces the records of s, which was opened in dir, by what change
	// makes of them, behind the back of the store.
	Tamper func(t testing.TB, dir string, s ledger.Store, change func([]event.Event) []event.Event)
	// Break makes the next commit of large events (40 KB and more) fail, as a full
	// disk would, and those after it go well. Nil if the backend never fails.
	Break func(t testing.TB, s ledger.Store)
	// Survives says that a ledger is there again when it is reopened.
	Survives bool
}

// Run runs the suite against b.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Backend)
	}{
		{"an empty ledger answers", emptyLedger},
		{"append gives seq and hash in order", appendOrder},
		{"append and enqueue share one order", sharedOrder},
		{"append without events flushes", appendNothing},
		{"flush makes the queue durable", flush},
		{"every field comes back as it was", everyField},
		{"a zero time becomes now", zeroTime},
		{"what cannot be kept is refused", invalid},
		{"the caller may reuse its memory", callerMemory},
		{"a full queue refuses and recovers", fullQueue},
		{"a store that cannot write accepts nothing", unavailable},
		{"every query selects what it says", queries},
		{"pages of large payloads lose nothing", largePages},
		{"an iteration ends at the head it began with", stableIteration},
		{"a reader may stop, append and start again", earlyBreak},
		{"an ended context is an error", endedContext},
		{"a cancelled append leaves nothing", cancelledAppend},
		{"64 writers make one chain", concurrentWriters},
		{"readers run beside writers", readersBesideWriters},
		{"after close everything is refused", closed},
		{"close flushes", closeFlushes},
		{"a reopened ledger goes on", reopen},
		{"verify names the first bad record", tampered},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, b)
		})
	}
}

func (b Backend) open(t *testing.T) ledger.Store {
	t.Helper()
	return b.openIn(t, t.TempDir(), Options{})
}

func (b Backend) openIn(t *testing.T, dir string, o Options) ledger.Store {
	t.Helper()
	s := b.Open(t, dir, o)
	t.Cleanup(func() { _ = s.Close() }) // a test that closes it has seen the error
	return s
}

// Event is the n-th event of a run: a decision with a payload of some length.
func Event(run call.RunID, n int) event.Event {
	return event.Event{
		At:    time.Date(2026, 3, 1, 12, 0, 0, n, time.UTC),
		Kind:  event.Decided,
		Run:   run,
		Call:  call.ID(fmt.Sprintf("%s-%d", run, n)),
		Agent: "agent",
		Tool:  "tool",
		Data:  json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)),
	}
}

// All reads what q selects.
func All(t testing.TB, s ledger.Store, q ledger.Query) []event.Event {
	t.Helper()
	var evs []event.Event
	for ev, err := range s.Events(context.Background(), q) {
		require.NoError(t, err)
		evs = append(evs, ev)
	}
	return evs
}

// RequireChain fails unless evs are a whole ledger: Seq from 1 without a gap,
// each Hash the Sum after the one before.
func RequireChain(t testing.TB, evs []event.Event) {
	t.Helper()
	var prev event.Hash
	for i, ev := range evs {
		if ev.Seq != uint64(i+1) || ev.Hash != ev.Sum(prev) {
			require.FailNow(t, "the chain is broken", "record %d has seq %d and hash %x, want hash %x", i+1, ev.Seq, ev.Hash, ev.Sum(prev))
		}
		prev = ev.Hash
	}
}

// fill appends n events that belong to runs in turn.
func fill(t testing.TB, s ledger.Store, n int, runs ...call.RunID) {
	t.Helper()
	const at = 64 // events per append
	for from := 0; from < n; from += at {
		var evs []event.Event
		for i := from; i < min(n, from+at); i++ {
			evs = append(evs, Event(runs[i%len(runs)], i))
		}
		_, err := s.Append(context.Background(), evs...)
		require.NoError(t, err)
	}
}
