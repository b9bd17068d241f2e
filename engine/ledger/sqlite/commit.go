package sqlite

import (
	"context"
	"fmt"
	"time"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
)

// commit makes everything pending durable in one transaction and settles it. The
// caller holds lead.
func (s *Store) commit() error {
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	seq, head, index := s.status.Events, s.head, s.index
	s.mu.Unlock()

	n := 0
	for _, e := range batch {
		for i := range e.evs {
			seq++
			n++
			e.evs[i].Seq = seq
			e.evs[i].Hash = e.evs[i].Sum(head)
			head = e.evs[i].Hash
		}
		if e.wait != nil {
			e.wait.seq = seq
		}
	}
	if n == 0 {
		err := s.ended()
		release(batch, err)
		return err
	}
	// Nobody's context: the write belongs to all who wait.
	indexed, err := s.write(context.Background(), batch, index, index.n+n >= indexEvery)
	if err != nil {
		err = s.fail(batch, err)
	} else {
		s.succeed(batch, seq, head, indexed)
	}
	release(batch, err)
	return err
}

// write puts batch on the disk, with a posting for all unindexed events if
// postings is set.
func (s *Store) write(ctx context.Context, batch []entry, index tail, postings bool) (indexed bool, err error) {
	// Before a writer is opened: it must not open another file. Whoever removes
	// the file during the write might as well have done so just after it.
	if err := s.present(); err != nil {
		return false, err
	}
	if s.writer == nil {
		if s.writer, err = openWriter(ctx, s.opts.Path); err != nil {
			return false, err
		}
	}
	defer func() {
		if err != nil {
			// A connection that failed once is not trusted again; closing it
			// also ends its transaction.
			_ = s.dropWriter()
		}
	}()
	if err := s.writer.begin(ctx); err != nil {
		return false, err
	}
	for _, e := range batch {
		for _, ev := range e.evs {
			if err := s.writer.insert(ctx, ev); err != nil {
				return false, err
			}
		}
	}
	if postings {
		if err := s.writer.insertPostings(ctx, index, batch); err != nil {
			return false, err
		}
	}
	return postings, s.writer.commit(ctx)
}

// succeed records that batch is durable and the chain ends at seq and head.
func (s *Store) succeed(batch []entry, seq uint64, head event.Hash, indexed bool) {
	bytes := fileBytes(s.opts.Path)
	s.mu.Lock()
	failed, since := s.status.Err, s.status.Since
	s.head = head
	s.status.Events, s.status.Head = seq, head
	s.status.Bytes = bytes
	s.status.Commits++
	if s.lost { // meanwhile
		failed = ""
	} else {
		s.status.Err, s.status.Since, s.failure = "", time.Time{}, nil
	}
	for _, e := range batch {
		s.status.Queue -= len(e.evs)
		if e.wait == nil {
			s.queued -= len(e.evs)
			s.queuedBytes -= e.size
		}
	}
	if indexed {
		s.index = tail{mark: seq, runs: map[call.RunID][]uint64{}}
	} else {
		s.index.add(batch)
	}
	s.mu.Unlock()
	if failed != "" {
		s.opts.Logger.Info("ledger writes again", "path", s.opts.Path, "failed_for", s.opts.Now().Sub(since), "seq", seq)
	}
}

// fail records why batch was not written and puts what was enqueued back at the
// head of the queue, in its order.
func (s *Store) fail(batch []entry, cause error) error {
	err := s.unavailable(cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Commits++
	var back []entry
	for _, e := range batch {
		if e.wait == nil {
			back = append(back, e)
		} else {
			s.status.Queue -= len(e.evs)
		}
	}
	s.pending = append(back, s.pending...)
	return err
}

// unavailable records that the ledger cannot be written because of cause, and
// returns that as callers see it.
func (s *Store) unavailable(cause error) error {
	err := fmt.Errorf("%w: %w", ledger.ErrUnavailable, withRemedy(s.opts.Path, cause))
	now := s.opts.Now()
	s.mu.Lock()
	first := s.failure == nil
	s.failure, s.status.Err = err, err.Error()
	if first {
		s.status.Since = now
	}
	s.mu.Unlock()
	if first {
		s.opts.Logger.Error("ledger cannot write", "path", s.opts.Path, "err", err)
	}
	return err
}

// release gives every waiter of batch its outcome.
func release(batch []entry, err error) {
	for _, e := range batch {
		if e.wait == nil {
			continue
		}
		if err != nil {
			e.wait.seq, e.wait.err = 0, err
		}
		close(e.wait.done)
	}
}
