package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
)

// readers is how many queries can read at once.
const readers = 4

// Open opens the ledger at o.Path, or creates it readable by its owner only. One
// process at a time can hold it. It refuses a file that is no ledger, is of a
// newer version, or whose last record does not continue the chain (then the
// error wraps *ledger.CorruptError); every error says what to do. The time it
// takes does not grow with the ledger.
func Open(o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Path, err = filepath.Abs(o.Path); err != nil {
		return nil, fmt.Errorf("open ledger %q: %w", o.Path, err)
	}
	s := &Store{opts: o, lead: make(chan struct{}, 1)}
	if err := s.open(context.Background()); err != nil {
		return nil, fmt.Errorf("open ledger %q: %w", o.Path, withRemedy(o.Path, err))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.abandon())
		}
	}()
	if err := checkPlace(s.opts.Path); err != nil {
		return err
	}
	if s.lock, err = acquireLock(s.opts.Path + ".lock"); err != nil {
		return err
	}
	if err := createFile(s.opts.Path); err != nil {
		return err
	}
	if s.file, err = os.Stat(s.opts.Path); err != nil {
		return err
	}
	if s.writer, err = openWriter(ctx, s.opts.Path); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dsn(s.opts.Path, "ro", "busy_timeout(500)", "query_only(1)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if s.care, err = sql.Open("sqlite", dsn(s.opts.Path, "rw", "busy_timeout(500)", "synchronous(FULL)", "fullfsync(1)")); err != nil {
		return err
	}
	s.care.SetMaxOpenConns(1)
	if err := s.loadHead(ctx); err != nil {
		return err
	}
	return s.loadTail(ctx)
}

// abandon gives back what a failed open took.
func (s *Store) abandon() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.care} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	errs = append(errs, s.dropWriter())
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// checkPlace names the mistakes of a path that SQLite would only call CANTOPEN.
func checkPlace(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("the folder %s does not exist; create it or choose another --state", dir)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("it is a folder; name a file or choose another --state")
	}
	return nil
}

// createFile makes an empty file that only its owner can read, whatever the
// umask; SQLite gives the files beside it the same mode. An existing file keeps
// its mode. It must run before SQLite opens the file: closing a second
// descriptor drops the locks that SQLite holds on it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// loadHead reads where the chain ends and whether its last record continues the
// one before.
func (s *Store) loadHead(ctx context.Context) error {
	last, _, err := s.fetch(ctx, "ORDER BY seq DESC LIMIT 2")
	if err != nil || len(last) == 0 {
		return err
	}
	head, prev := last[0], event.Event{}
	if len(last) == 2 {
		prev = last[1]
	}
	if err := ledger.Follows(prev, head); err != nil {
		return fmt.Errorf("%w; move the file away and restore the last good copy", err)
	}
	s.head = head.Hash
	s.status.Events, s.status.Head = head.Seq, head.Hash
	s.status.Bytes = fileBytes(s.opts.Path)
	return nil
}

// loadTail reads the events that the index on disk does not hold yet.
func (s *Store) loadTail(ctx context.Context) error {
	var mark int64
	if err := s.read.QueryRowContext(ctx, "SELECT seq FROM marks WHERE name = 'postings'").Scan(&mark); err != nil {
		return err
	}
	if uint64(mark) > s.status.Events {
		return fmt.Errorf("%w; move the file away and restore the last good copy",
			&ledger.CorruptError{Seq: s.status.Events + 1, Why: fmt.Sprintf("it is missing; the index knows %d records", mark)})
	}
	s.index = tail{mark: uint64(mark), runs: map[call.RunID][]uint64{}}
	rows, err := s.read.QueryContext(ctx, "SELECT run, seq FROM events WHERE seq > ? ORDER BY seq", mark)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var run call.RunID
		var seq int64
		if err := rows.Scan(&run, &seq); err != nil {
			return err
		}
		s.index.put(run, uint64(seq))
	}
	return rows.Err()
}
