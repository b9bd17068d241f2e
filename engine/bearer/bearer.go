// Package bearer owns the bearer tokens that open M1's API: it makes them, keeps
// only their digests, and says who a presented token belongs to.
package bearer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Prefix begins every token, so that people and secret scanners recognise one.
const Prefix = "m1_"

// File is the name of the token file in the state directory.
const File = "tokens.json"

// Identity is what a valid token proves. Its lists must not be changed.
type Identity struct {
	Name string
	Role Role
	// Groups are names that the approvers of a policy may list.
	Groups []string
	// Agents are patterns of the agent ids that an agent may speak for; "*" stands
	// for any text. None means any agent.
	Agents []string
}

// First are the tokens that the first start makes; empty on every other.
type First struct{ Admin, Agent string }

// Options of Open.
type Options struct {
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// OnError is told once of each reason why the file cannot be followed, for
	// example that it was damaged while M1 runs. Check calls it and waits. Default:
	// nothing.
	OnError func(error)
	// MakeNone leaves a directory without a token file as it is: nobody has a
	// token until somebody makes one.
	MakeNone bool
}

// Store knows the digests of all tokens, and follows the file: what another
// process creates or revokes counts here a quarter of a second later. It is safe
// for concurrent use.
type Store struct {
	path    string
	o       Options
	entries atomic.Pointer[[]entry]
	watch
}

type entry struct {
	Identity
	digest  [sha256.Size]byte
	created time.Time
	expires *time.Time    // nil: never
	used    *atomic.Int64 // in Unix nanoseconds; 0: not since the start
}

func (e *entry) expired(now time.Time) bool { return e.expires != nil && !now.Before(*e.expires) }

// Open reads the token file of the state directory dir, which is made if it is
// missing. Where no file is, Open makes two tokens, "first" with role admin and
// "agent" with role agent, writes their digests durably and returns the tokens:
// they can never be read again, so the caller shows them to the person who
// started M1. A damaged file is an error that says what to do; it is never
// replaced.
func Open(dir string, o Options) (*Store, First, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, First{}, fmt.Errorf("bearer: make state directory: %w", err)
	}
	s := &Store{path: filepath.Join(dir, File), o: o, watch: watch{began: o.Now()}}
	s.entries.Store(new([]entry))
	err := s.read()
	if !errors.Is(err, os.ErrNotExist) || o.MakeNone {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return s, First{}, err
	}
	first, err := makeFirst(dir)
	if err != nil {
		return nil, First{}, err
	}
	return s, first, s.read()
}

func makeFirst(dir string) (first First, err error) {
	err = change(dir, func(entries []entry, exists bool) ([]entry, error) {
		if exists { // another process was first
			return entries, nil
		}
		admin, agent := Spec{Name: "first", Role: Admin}, Spec{Name: "agent", Role: Agent}
		first = First{Admin: generate(), Agent: generate()}
		return []entry{admin.entry(first.Admin), agent.entry(first.Agent)}, nil
	})
	if err != nil {
		return First{}, err
	}
	return first, nil
}

// Check says who token belongs to. It takes the same time whether and wherever
// the token is found. It may read the file, at most every 250 ms.
func (s *Store) Check(token string) (Identity, bool) {
	now := s.o.Now()
	s.follow(now)
	entries := *s.entries.Load()
	digest := sha256.Sum256([]byte(token))
	found := -1
	for i := range entries {
		equal := subtle.ConstantTimeCompare(digest[:], entries[i].digest[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 || entries[found].expired(now) {
		return Identity{}, false
	}
	entries[found].used.Store(now.UnixNano())
	return entries[found].Identity, true
}

// List returns all tokens, the oldest first, with their last use since the start.
func (s *Store) List() []Token {
	s.follow(s.o.Now())
	return list(*s.entries.Load())
}

// generate makes a token of 256 random bits; crypto/rand never fails.
func generate() string {
	var b [sha256.Size]byte
	_, _ = rand.Read(b[:])
	return Prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// watch is what a Store remembers of the file.
type watch struct {
	began time.Time
	next  atomic.Int64 // when to look again, in nanoseconds since began

	mu        sync.Mutex
	seen      os.FileInfo // of what counts; nil if there is no file
	settled   bool        // a later change would show in seen
	complaint string      // the last that OnError was told
}
