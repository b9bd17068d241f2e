// Package bearer owns the bearer tokens that open M1's API: it makes them, keeps
// only their digests, and says who a presented token belongs to.
package bearer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Prefix begins every token, so that people and secret scanners recognise one.
const Prefix = "m1_"

// File is the name of the token file in the state directory.
const File = "tokens.json"

// Role says what the holder of a token may do.
type Role string

// Admin may do everything; the first token has it.
const Admin Role = "admin"

// Identity is what a valid token proves.
type Identity struct {
	Name string
	Role Role
}

// Store holds the digests of all tokens. It does not change after Open and is
// safe for concurrent use.
type Store struct {
	tokens []entry
}

type entry struct {
	identity Identity
	digest   [sha256.Size]byte
	created  time.Time
}

// Open reads the token file of the state directory dir, which is made if it is
// missing. Where no file is, Open makes one token with role admin, writes its
// digest durably and returns the token as first: it can never be read again, so
// the caller shows it to the person who started M1. Later calls return "".
// A damaged file is an error that says what to do; it is never replaced.
func Open(dir string) (s *Store, first string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("bearer: make state directory: %w", err)
	}
	path := filepath.Join(dir, File)
	entries, err := read(path)
	switch {
	case err == nil:
		return &Store{tokens: entries}, "", nil
	case !os.IsNotExist(err):
		return nil, "", err
	}
	first = generate()
	entries = []entry{{
		identity: Identity{Name: "first", Role: Admin},
		digest:   sha256.Sum256([]byte(first)),
		created:  time.Now().UTC().Truncate(time.Second),
	}}
	if err := write(path, entries); err != nil {
		return nil, "", err
	}
	return &Store{tokens: entries}, first, nil
}

// Check says who token belongs to. It takes the same time whether and wherever
// the token is found.
func (s *Store) Check(token string) (Identity, bool) {
	digest := sha256.Sum256([]byte(token))
	found := -1
	for i := range s.tokens {
		equal := subtle.ConstantTimeCompare(digest[:], s.tokens[i].digest[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return Identity{}, false
	}
	return s.tokens[found].identity, true
}

// generate makes a token of 256 random bits; crypto/rand never fails.
func generate() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return Prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
