package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"

	codes "modernc.org/sqlite/lib"

	"m1/engine/event"
	"m1/engine/ledger"
)

// Verify implements ledger.Store. Appends go on while it reads; only at its end
// it waits for one write, to see that nothing stands behind the head.
func (s *Store) Verify(ctx context.Context) error {
	s.mu.Lock()
	closed, head, hash := s.closed, s.status.Events, s.head
	s.mu.Unlock()
	if closed {
		return ledger.ErrClosed
	}
	last, err := s.walk(ctx, head)
	if err != nil {
		return err
	}
	if err := ledger.EndsAt(last, head, hash); err != nil {
		return err
	}
	return s.nothingBehind(ctx)
}

// walk follows the chain up to head and returns its last record.
func (s *Store) walk(ctx context.Context, head uint64) (event.Event, error) {
	var last event.Event
	for after := int64(math.MinInt64); ; {
		evs, whole, err := s.fetch(ctx, "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", after, int64(head), pageRows)
		if corrupt := (*ledger.CorruptError)(nil); errors.As(err, &corrupt) {
			return last, corrupt
		}
		if code(err) == codes.SQLITE_CORRUPT {
			return last, &ledger.CorruptError{Seq: last.Seq + 1, Why: "it cannot be read, or one soon after: " + err.Error()}
		}
		if err != nil {
			return last, s.reason(ctx, "verify", err)
		}
		for _, ev := range evs {
			if err := ledger.Follows(last, ev); err != nil {
				return last, err
			}
			last, after = ev, int64(ev.Seq)
		}
		if whole && len(evs) < pageRows {
			return last, nil
		}
	}
}

// nothingBehind looks for a record that this store did not write.
func (s *Store) nothingBehind(ctx context.Context) error {
	select {
	case s.lead <- struct{}{}:
		defer func() { <-s.lead }()
	case <-ctx.Done():
		return fmt.Errorf("verify ledger: %w", ctx.Err())
	}
	head := s.Status()
	var n int64
	if err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&n); err != nil {
		return s.reason(ctx, "verify", err)
	}
	return ledger.EndsAt(event.Event{Seq: uint64(n), Hash: head.Head}, head.Events, head.Head)
}
