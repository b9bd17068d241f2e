// Package memory keeps the ledger in memory, for tests and trials. It grows with
// every event and is gone with the process.
package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"m1/engine/event"
	"m1/engine/ledger"
)

// DefaultMaxQueue is how many enqueued events may wait where Options do not say.
const DefaultMaxQueue = 65_536

// Options bound the queue and give the time.
type Options struct {
	MaxQueue int              // enqueued events that may wait for an Append or Flush; default DefaultMaxQueue
	Now      func() time.Time // default time.Now
}

// Store is a ledger in memory. What it calls durable is what its readers see; it
// follows every other rule of ledger.Store, and is never unavailable.
type Store struct {
	opts Options

	mu      sync.Mutex
	closed  bool
	pending []event.Event
	events  []event.Event // only ever appended to, so that a reader may keep a prefix
	last    event.Event   // the newest of events, kept apart so that Verify misses none
	commits uint64
	bytes   int64
}

var _ ledger.Store = (*Store)(nil)

// New is an empty ledger.
func New(o Options) (*Store, error) {
	if o.MaxQueue < 0 {
		return nil, fmt.Errorf("memory: MaxQueue is %d; it must not be negative", o.MaxQueue)
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = DefaultMaxQueue
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{opts: o}, nil
}

// Append implements ledger.Store.
func (s *Store) Append(ctx context.Context, evs ...event.Event) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append to ledger: %w", err)
	}
	kept, _, err := ledger.AcceptAll(evs, s.opts.Now())
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ledger.ErrClosed
	}
	s.pending = append(s.pending, kept...)
	s.commit()
	return s.last.Seq, nil
}

// Enqueue implements ledger.Store.
func (s *Store) Enqueue(evs ...event.Event) error {
	kept, _, err := ledger.AcceptAll(evs, s.opts.Now())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ledger.ErrClosed
	}
	if len(s.pending)+len(kept) > s.opts.MaxQueue {
		return ledger.ErrFull
	}
	s.pending = append(s.pending, kept...)
	return nil
}

// Flush implements ledger.Store.
func (s *Store) Flush(ctx context.Context) error {
	_, err := s.Append(ctx)
	return err
}

// commit chains what is pending. The caller holds mu.
func (s *Store) commit() {
	if len(s.pending) == 0 {
		return
	}
	for _, ev := range s.pending {
		ev.Seq = s.last.Seq + 1
		ev.Hash = ev.Sum(s.last.Hash)
		s.events, s.last = append(s.events, ev), ev
		s.bytes += int64(ledger.Size(ev))
	}
	s.pending = s.pending[:0]
	s.commits++
}

// durable is the ledger as it stands, and the last event written to it.
func (s *Store) durable() ([]event.Event, event.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, event.Event{}, ledger.ErrClosed
	}
	return s.events, s.last, nil
}

// Events implements ledger.Store.
func (s *Store) Events(ctx context.Context, q ledger.Query) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		all, _, err := s.durable()
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		all = all[min(q.After, uint64(len(all))):]
		if q.Last && q.Limit > 0 {
			all = lastOf(all, q)
		}
		n := 0
		for _, ev := range all {
			if err := ctx.Err(); err != nil {
				yield(event.Event{}, fmt.Errorf("read ledger: %w", err))
				return
			}
			if !selects(q, ev) {
				continue
			}
			if n++; !yield(ev, nil) || n == q.Limit {
				return
			}
		}
	}
}

func selects(q ledger.Query, ev event.Event) bool {
	return (q.Run == "" || q.Run == ev.Run) && (q.Kind == "" || q.Kind == ev.Kind)
}

// lastOf cuts all so that it begins at the first of the last Limit events.
func lastOf(all []event.Event, q ledger.Query) []event.Event {
	n := 0
	for i, ev := range slices.Backward(all) {
		if selects(q, ev) {
			n++
		}
		if n == q.Limit {
			return all[i:]
		}
	}
	return all
}

// Verify implements ledger.Store.
func (s *Store) Verify(ctx context.Context) error {
	all, written, err := s.durable()
	if err != nil {
		return err
	}
	var last event.Event
	for _, ev := range all {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verify ledger: %w", err)
		}
		if err := ledger.Follows(last, ev); err != nil {
			return err
		}
		last = ev
	}
	return ledger.EndsAt(last, written.Seq, written.Hash)
}

// Status implements ledger.Store.
func (s *Store) Status() ledger.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ledger.Status{
		Events:  s.last.Seq,
		Head:    s.last.Hash,
		Queue:   len(s.pending),
		Bytes:   s.bytes,
		Commits: s.commits,
	}
}

// Close implements ledger.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ledger.ErrClosed
	}
	s.commit()
	s.closed = true
	return nil
}
