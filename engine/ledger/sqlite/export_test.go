package sqlite

import (
	"context"
	"fmt"
	"os"
)

// Squeeze leaves the file only so many pages beyond its size, as a full disk
// would, until the next write has failed.
func (s *Store) Squeeze(ctx context.Context, pages int) error {
	s.lead <- struct{}{}
	defer func() { <-s.lead }()
	if s.writer == nil {
		var err error
		if s.writer, err = openWriter(ctx, s.opts.Path); err != nil {
			return err
		}
	}
	var n int
	if err := s.writer.conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&n); err != nil {
		return err
	}
	_, err := s.writer.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n+pages))
	return err
}

// HoldLead keeps everybody from writing until release.
func (s *Store) HoldLead() (release func()) {
	s.lead <- struct{}{}
	return func() { <-s.lead }
}

// LogBytes is the size of the write-ahead log.
func LogBytes(s *Store) int64 {
	info, err := os.Stat(s.opts.Path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}
