package trace

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"sync/atomic"
)

// session is one conversation: its own file and those of its subagents.
type session struct {
	id    string // empty: as the lines say
	files []transcript
}

// transcript is one file of a session.
type transcript struct {
	name      string
	sidechain bool   // every line is a subagent's
	in        *lines // nil: to be opened
}

// transcripts gives the events of sessions, one session after the other, in the
// order of their first lines. One session is held in memory at a time. What a
// resumed or forked session copied from another is counted once, in the session
// that began earlier.
type transcripts struct {
	path  string
	left  []session
	owned map[string]bool // session ids that have files of their own or were given
	seen  map[uint64]struct{}
	seed  maphash.Seed
	read  *atomic.Int64
	cur   *gathering
	in    *lines
	out   []Event
	given bool
}

func newTranscripts(path string, found []session, read *atomic.Int64) *transcripts {
	t := &transcripts{
		path: path, left: found, read: read,
		owned: map[string]bool{}, seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(),
	}
	for _, s := range found {
		if s.id != "" {
			t.owned[s.id] = true
		}
	}
	return t
}

// counted says whether an earlier session has the key. Keys are kept as 64-bit
// hashes: a folder holds millions, and one chance in 10^13 for each is enough.
func (t *transcripts) counted(key string) bool {
	_, ok := t.seen[maphash.String(t.seed, key)]
	return ok
}

func (t *transcripts) next() (Event, bool, error) {
	for len(t.out) == 0 {
		if err := t.step(); err != nil {
			return Event{}, false, err
		}
	}
	ev := t.out[0]
	t.out[0] = Event{} // given away: free its texts
	t.out = t.out[1:]
	return ev, true, nil
}

// step reads one line, or closes a file or a session that is at its end.
func (t *transcripts) step() error {
	if len(t.left) == 0 {
		if !t.given {
			return fmt.Errorf("%s: the transcript holds no model call and no tool call: nothing can be replayed", t.path)
		}
		return io.EOF
	}
	s := &t.left[0]
	if t.cur == nil {
		t.cur = &gathering{
			src: t, id: s.id,
			runs: map[string]*conversationRun{}, known: map[string]*item{}, results: map[string]result{},
		}
	}
	if len(s.files) == 0 {
		t.out = t.cur.finish()
		t.given = t.given || len(t.out) > 0
		for _, key := range t.cur.keys {
			t.seen[maphash.String(t.seed, key)] = struct{}{}
		}
		t.left, t.cur = t.left[1:], nil
		return nil
	}
	f := &s.files[0]
	if t.in == nil {
		if err := t.open(f); err != nil {
			return err
		}
	}
	n, text, err := t.in.next()
	if errors.Is(err, io.EOF) {
		s.files = s.files[1:]
		return t.close()
	}
	if err != nil {
		return err
	}
	e, ok, wrong := parseEntry(text)
	if wrong == "" && ok {
		if t.cur.id == "" { // a single file: it is named by its first line
			t.cur.id = e.Session
			if t.cur.id == "" {
				t.cur.id = sessionName(f.name)
			}
		}
		wrong = t.cur.add(e, f.sidechain, f.name, n)
	}
	if wrong != "" {
		return &LineError{f.name, n, wrong}
	}
	return nil
}

func (t *transcripts) open(f *transcript) error {
	if f.in != nil {
		t.in = f.in
		return nil
	}
	src, err := os.Open(f.name)
	if err != nil {
		return unreadable(f.name, err)
	}
	if t.in, err = newLines(f.name, src, t.read); err != nil {
		src.Close()
	}
	return err
}

func (t *transcripts) close() error {
	if t.in == nil {
		return nil
	}
	in := t.in
	t.in = nil
	return in.close()
}
