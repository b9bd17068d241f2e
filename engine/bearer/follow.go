package bearer

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// lookEvery is how long a change of the file may go unseen.
const lookEvery = 250 * time.Millisecond

// settleTime is how old a file must be before its time of change tells it from a
// later one: clocks of file systems are coarse, and the number of a removed file
// is soon given to another.
const settleTime = 2 * time.Second

// follow takes over what other processes wrote. One caller looks; the others go
// on with what is known.
func (s *Store) follow(now time.Time) {
	at := int64(now.Sub(s.began))
	if at < s.next.Load() || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	s.next.Store(at + int64(lookEvery))
	if info, err := os.Stat(s.path); err == nil && s.settled && same(info, s.seen) {
		return
	}
	err := s.take()
	switch {
	case err == nil:
		s.complaint = ""
	case errors.Is(err, os.ErrNotExist):
		s.entries.Store(new([]entry))
		if s.seen != nil {
			s.o.OnError(fmt.Errorf("bearer: %s is gone, so no token is valid; restore it, or stop M1 and start it again to get new tokens", s.path))
		}
		s.seen, s.complaint = nil, ""
	case err.Error() != s.complaint:
		s.complaint = err.Error()
		s.o.OnError(fmt.Errorf("%w; until then the tokens known before stay valid", err))
	}
}

// read is take for a Store that nobody else has yet.
func (s *Store) read() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take()
}

// take makes the file what counts. On an error, what counted before still does.
func (s *Store) take() error {
	entries, info, err := read(s.path)
	if err != nil {
		s.settled = false // what is as it was before is to be taken again, and no complaint is left
		return err
	}
	used := map[[32]byte]*atomic.Int64{}
	for _, e := range *s.entries.Load() {
		used[e.digest] = e.used
	}
	for i, e := range entries {
		if u := used[e.digest]; u != nil {
			entries[i].used = u
		}
	}
	s.entries.Store(&entries)
	s.seen, s.settled = info, s.o.Now().Sub(info.ModTime()) > settleTime
	return nil
}

func same(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Mode() == b.Mode() && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
