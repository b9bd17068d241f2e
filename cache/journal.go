package cache

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Pending is a change that Redis has not seen: a point to move, and the fence to
// lift there if there is one.
type Pending struct{ Point, Fence string }

// Journal keeps pending changes across a restart of this process. One process
// uses it at a time.
type Journal interface {
	Load() ([]Pending, error)
	Add(ps []Pending) error // durable on return
	Clear() error           // forgets all
}

// maxJournal bounds what is listed. What comes after stands for everything.
const maxJournal = 10_000

// journal are the changes that Redis has not seen yet.
type journal struct {
	n atomic.Int64 // of items; nothing of Redis is believed before it is 0

	mu    sync.Mutex
	items map[Pending]uint64 // each with the number of its last addition
	added uint64
	store Journal
}

func (j *journal) open(store Journal, root string) error {
	ps, err := store.Load()
	if err != nil {
		return fmt.Errorf("cache: read the journal: %w", err)
	}
	j.store, j.items = store, map[Pending]uint64{}
	for _, p := range ps {
		if _, ok := parseID(p.Point); !ok {
			p = Pending{Point: root} // not known what it was
		}
		j.items[p] = 0
	}
	j.n.Store(int64(len(j.items)))
	return nil
}

func (j *journal) pending() bool { return j.n.Load() > 0 }

func (j *journal) add(points []string, fence string, root string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.added++
	var added []Pending
	put := func(p Pending) {
		if _, have := j.items[p]; !have {
			added = append(added, p)
		}
		j.items[p] = j.added // again: what is being told now may be from before
	}
	if fence == "" && len(j.items)+len(points) > maxJournal { // fences must be lifted one by one
		put(Pending{Point: root})
	} else {
		for _, p := range points {
			put(Pending{p, fence})
		}
	}
	j.n.Store(int64(len(j.items)))
	if len(added) == 0 {
		return nil
	}
	return j.store.Add(added)
}

// list returns what is pending, by the fence to lift, and the number of the last
// addition.
func (j *journal) list() (map[string][]string, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string][]string{}
	for p := range j.items {
		out[p.Fence] = append(out[p.Fence], p.Point)
	}
	return out, j.added
}

// told takes out what Redis has seen by now, unless it was added once more since
// the list was made.
func (j *journal) told(fence string, points []string, added uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range points {
		if n, have := j.items[Pending{p, fence}]; have && n <= added {
			delete(j.items, Pending{p, fence})
		}
	}
	j.n.Store(int64(len(j.items)))
	if len(j.items) > 0 {
		return nil // to be told twice after a crash is better than to be lost by one
	}
	return j.store.Clear()
}

// noJournal loses everything with the process.
type noJournal struct{}

func (noJournal) Load() ([]Pending, error) { return nil, nil }
func (noJournal) Add([]Pending) error      { return nil }
func (noJournal) Clear() error             { return nil }

// FileJournal is a Journal in a file of its own, which need not exist yet: one
// line a change. It is written only while Redis is out of reach.
type FileJournal struct {
	path string
	mu   sync.Mutex
	f    *os.File
	torn bool // the last line is, and what comes next must not go on with it
}

// OpenJournal opens or creates the journal at path.
func OpenJournal(path string) (*FileJournal, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cache: open the journal: %w", err)
	}
	return &FileJournal{path: path, f: f}, nil
}

// Load implements Journal. A line that a crash cut off comes back as a Point that
// does not exist, which stands for everything.
func (j *FileJournal) Load() ([]Pending, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var ps []Pending
	for r := bufio.NewReader(j.f); ; {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if j.torn = line != ""; j.torn {
				ps = append(ps, Pending{Point: cutOff})
			}
			return ps, nil
		}
		if err != nil {
			return nil, err
		}
		point, fence, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		ps = append(ps, Pending{point, fence})
	}
}

// cutOff is no name of a point.
const cutOff = "?"

// Add implements Journal.
func (j *FileJournal) Add(ps []Pending) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	if j.torn {
		b.WriteString("\n" + cutOff + "\n")
	}
	for _, p := range ps {
		b.WriteString(p.Point)
		if p.Fence != "" {
			b.WriteString(" " + p.Fence)
		}
		b.WriteByte('\n')
	}
	_, err := j.f.WriteString(b.String())
	if j.torn = err != nil; err != nil {
		return fmt.Errorf("%s: %w", j.path, err)
	}
	return j.f.Sync()
}

// Clear implements Journal.
func (j *FileJournal) Clear() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.f.Truncate(0); err != nil {
		return fmt.Errorf("%s: %w", j.path, err)
	}
	j.torn = false
	return j.f.Sync()
}

// Close closes the file.
func (j *FileJournal) Close() error { return j.f.Close() }
