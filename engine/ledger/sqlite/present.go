package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errGone is the end of a store. SQLite would go on writing to a file that
// nobody can open any more, while a second m1 begins a new ledger at the path.
var errGone = errors.New("the ledger file was removed or replaced while M1 runs; restart M1")

// present fails unless the file that was opened still stands at its path. Once
// it does not, it fails for good: a file that comes back may have been written
// by others. It costs one look at a name, nothing beside a write.
func (s *Store) present() error {
	s.mu.Lock()
	lost := s.lost
	s.mu.Unlock()
	if lost {
		return errGone
	}
	info, err := os.Stat(s.opts.Path)
	switch {
	case err == nil && os.SameFile(info, s.file):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return err // it cannot be seen at the moment, which may pass
	}
	s.mu.Lock()
	s.lost = true
	s.mu.Unlock()
	return errGone
}

// ended is why nothing will ever be written again, or nil.
func (s *Store) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return s.failure
	}
	return nil
}
