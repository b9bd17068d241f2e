package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"m1/engine/event"
	"m1/engine/ledger"
)

// entry is what one call of Append, Enqueue or Flush added to the queue.
type entry struct {
	evs  []event.Event
	size int
	wait *waiter // nil for Enqueue
}

// waiter is where an Append or Flush learns its outcome.
type waiter struct {
	done chan struct{} // closed by the leader, after seq and err are set
	seq  uint64
	err  error
}

// Append implements ledger.Store.
func (s *Store) Append(ctx context.Context, evs ...event.Event) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append to ledger: %w", err)
	}
	kept, size, err := ledger.AcceptAll(evs, s.opts.Now())
	if err != nil {
		return 0, err
	}
	e := entry{evs: kept, size: size, wait: &waiter{done: make(chan struct{})}}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return 0, ledger.ErrClosed
	}
	s.pending = append(s.pending, e)
	s.status.Queue += len(kept)
	s.mu.Unlock()
	return s.await(ctx, e)
}

// Flush implements ledger.Store.
func (s *Store) Flush(ctx context.Context) error {
	_, err := s.Append(ctx)
	return err
}

// Enqueue implements ledger.Store.
func (s *Store) Enqueue(evs ...event.Event) error {
	kept, size, err := ledger.AcceptAll(evs, s.opts.Now())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ledger.ErrClosed
	}
	if s.failure != nil {
		return s.failure
	}
	if s.queued+len(kept) > s.opts.MaxQueue || s.queuedBytes+size > s.opts.MaxQueueBytes {
		return ledger.ErrFull
	}
	s.pending = append(s.pending, entry{evs: kept, size: size})
	s.queued += len(kept)
	s.queuedBytes += size
	s.status.Queue += len(kept)
	return nil
}

// await returns the outcome of e, and leads if nobody does: it then writes all
// that waits, its own entry among it.
func (s *Store) await(ctx context.Context, e entry) (uint64, error) {
	w := e.wait
	select {
	case <-w.done:
	case s.lead <- struct{}{}:
		s.leadFor(w)
	case <-ctx.Done():
		if s.withdraw(e) {
			return 0, fmt.Errorf("append to ledger: %w", ctx.Err())
		}
		<-w.done
	}
	return w.seq, w.err
}

// leadFor writes what waits, unless an earlier leader settled w already, and
// gives the lead back.
func (s *Store) leadFor(w *waiter) {
	defer func() { <-s.lead }()
	select {
	case <-w.done:
		return
	default:
	}
	s.gather()
	_ = s.commit() // every waiter has the error, and Status shows it
}

// gather lets the callers that the last leader woke come back with their next
// events, as long as more and more do: else two half groups take turns for ever.
// A lone writer pays a microsecond for it.
func (s *Store) gather() {
	const rounds = 8
	for n, round := s.entries(), 0; round < rounds; round++ {
		runtime.Gosched()
		more := s.entries()
		if more == n {
			return
		}
		n = more
	}
}

func (s *Store) entries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// withdraw takes e back out of the queue; false if a leader has it already.
func (s *Store) withdraw(e entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.pending, func(p entry) bool { return p.wait == e.wait })
	if i < 0 {
		return false
	}
	s.pending = slices.Delete(s.pending, i, i+1)
	s.status.Queue -= len(e.evs)
	return true
}
