package sqlite

import (
	"context"
	"fmt"

	"m1/engine/ledger"
)

// restartAfter is the size of the log, in pages of 4 KiB, above which Checkpoint
// sees to it that the log begins anew.
const restartAfter = 2_048

// Checkpoint moves the log into the file, on a connection of its own, while
// appends go on. Call it every second or so. As long as appends never pause, the
// log would still only grow; above 8 MiB Checkpoint therefore holds them up for
// the few pages that came in meanwhile, and the next append starts the log over.
// Without any call the log stays bounded too (64 MiB), at the cost of one slow
// append now and then.
func (s *Store) Checkpoint(ctx context.Context) error {
	if s.isClosed() {
		return ledger.ErrClosed
	}
	// An idle ledger notices here that its file is gone.
	if err := s.present(); err != nil {
		return s.unavailable(err)
	}
	logged, moved, err := s.checkpoint(ctx)
	if err != nil || logged == moved || logged < restartAfter {
		return err
	}
	select {
	case s.lead <- struct{}{}:
		defer func() { <-s.lead }()
	case <-ctx.Done():
		return fmt.Errorf("checkpoint ledger: %w", ctx.Err())
	}
	_, _, err = s.checkpoint(ctx)
	return err
}

// checkpoint returns how many pages the log holds and how many of them are in
// the file now.
func (s *Store) checkpoint(ctx context.Context) (logged, moved int, err error) {
	var busy int
	err = s.care.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &logged, &moved)
	if err != nil {
		return 0, 0, s.reason(ctx, "checkpoint", err)
	}
	return logged, moved, nil
}
