// Package sqlite keeps the ledger in one SQLite file: one writer, group commit,
// every acknowledged event on the disk.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"m1/engine/event"
	"m1/engine/ledger"
)

// The bounds of the queue where Options leave them open.
const (
	DefaultMaxQueue      = 65_536
	DefaultMaxQueueBytes = 64 << 20
)

// Options say where the ledger is and how much may wait for the disk.
type Options struct {
	Path          string           // the file; its folder must exist. Beside it stand Path-wal, Path-shm and Path.lock
	MaxQueue      int              // enqueued events that may wait; default DefaultMaxQueue
	MaxQueueBytes int              // their size in bytes; default DefaultMaxQueueBytes
	Now           func() time.Time // default time.Now
	Logger        *slog.Logger     // told when writing begins to fail and when it works again; default: nobody
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Path == "":
		return o, errors.New("sqlite: Path is empty; name the file of the ledger")
	case o.MaxQueue < 0:
		return o, fmt.Errorf("sqlite: MaxQueue is %d; it must not be negative", o.MaxQueue)
	case o.MaxQueueBytes < 0:
		return o, fmt.Errorf("sqlite: MaxQueueBytes is %d; it must not be negative", o.MaxQueueBytes)
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = DefaultMaxQueue
	}
	if o.MaxQueueBytes == 0 {
		o.MaxQueueBytes = DefaultMaxQueueBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Store is a ledger in a SQLite file. It starts no goroutine: whoever waits for
// the disk writes for all who wait.
type Store struct {
	opts Options
	lock *fileLock
	file os.FileInfo // the file that was opened
	read *sql.DB     // read-only connections
	care *sql.DB     // the connection of Checkpoint

	// lead is held by the one who writes. Lock order: lead, then mu.
	lead   chan struct{}
	writer *writer // guarded by lead; nil after a failed write, until the next

	mu          sync.Mutex // never held while the disk works
	closed      bool
	pending     []entry // accepted and not yet taken by a leader, in order
	queued      int     // enqueued events that are not durable, taken or not
	queuedBytes int     // their size
	head        event.Hash
	index       tail // what the index on disk does not hold yet
	status      ledger.Status
	failure     error // why the last write failed, as in status.Err; nil after a success
	lost        bool  // the file is not at its path any more; never unset
}

var _ ledger.Store = (*Store)(nil)

// Status implements ledger.Store.
func (s *Store) Status() ledger.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Close implements ledger.Store. It waits for the write in progress.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ledger.ErrClosed
	}
	s.closed = true
	s.mu.Unlock()

	s.lead <- struct{}{}
	defer func() { <-s.lead }()
	var lost error
	if err := s.commit(); err != nil {
		lost = fmt.Errorf("close ledger %q: %d enqueued events are lost: %w", s.opts.Path, s.Status().Queue, err)
	}
	// The writer goes last among the connections: the last one to close moves
	// the log into the file.
	return errors.Join(lost, s.read.Close(), s.care.Close(), s.dropWriter(), s.lock.release())
}

func (s *Store) dropWriter() error {
	if s.writer == nil {
		return nil
	}
	w := s.writer
	s.writer = nil
	return w.close()
}

// isClosed says whether Close was called.
func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// reason says why what was done to the file ended in err: the store was closed
// meanwhile, the context ended, or the file is at fault.
func (s *Store) reason(ctx context.Context, what string, err error) error {
	switch {
	case s.isClosed():
		return ledger.ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("%s ledger: %w", what, ctx.Err())
	}
	return fmt.Errorf("%s ledger %q: %w", what, s.opts.Path, withRemedy(s.opts.Path, err))
}

// fileBytes is the size of the ledger on disk, with its log.
func fileBytes(path string) int64 {
	var n int64
	for _, p := range []string{path, path + "-wal"} {
		// By name only: opening and closing the file here would drop the locks
		// that SQLite holds on it for the whole process.
		if info, err := os.Stat(p); err == nil {
			n += info.Size()
		}
	}
	return n
}
