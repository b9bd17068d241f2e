package bearer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"m1/engine/source"
)

// Why tokens cannot be changed.
var (
	ErrNoState   = errors.New("bearer: there is no state folder")
	ErrTaken     = errors.New("bearer: the name is taken")
	ErrUnknown   = errors.New("bearer: there is no such token")
	ErrLastAdmin = errors.New("bearer: this is the last admin")
)

// Bounds of what a token is made of.
const (
	maxName  = 64  // bytes of a name and of a group
	maxAgent = 256 // bytes of a pattern, as of an agent id
	maxList  = 64  // groups or patterns of one token
)

// reserved is what requests without a token are called.
const reserved = "anonymous"

// Spec describes a token that is to be made.
type Spec struct {
	Name   string   // 1 to 64 letters, digits and . _ - + @, unlike any other token's
	Role   Role     // required
	Groups []string // only for operators and admins; see Identity
	Agents []string // only for agents; see Identity
	// Expires is when the token ends; nil means never.
	Expires *time.Time
}

// Token is what can be told about one.
type Token struct {
	Name     string     `json:"name"`
	Role     Role       `json:"role"`
	Groups   []string   `json:"groups"`
	Agents   []string   `json:"agents"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"` // known only to a running engine
}

// Create makes a token in the state directory dir, where an engine may be
// running, and returns it: it can never be read again. Who has no free name gets
// ErrTaken, and where dir is missing it is ErrNoState. It may wait 10 s for
// another process that changes tokens.
func Create(dir string, spec Spec) (string, error) {
	if err := spec.check(); err != nil {
		return "", fmt.Errorf("bearer: %w", err)
	}
	if e := spec.Expires; e != nil && !time.Now().Before(*e) {
		return "", fmt.Errorf("bearer: expires: %s is over; give a time to come", e.UTC().Format(time.RFC3339))
	}
	token := generate()
	err := change(dir, func(entries []entry, _ bool) ([]entry, error) {
		if index(entries, spec.Name) >= 0 {
			return nil, fmt.Errorf("%w: %q; choose another, or revoke that one first", ErrTaken, spec.Name)
		}
		return append(entries, spec.entry(token)), nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Revoke ends the token called name in the state directory dir. A running engine
// refuses it within 250 ms. The last admin that has not expired is revoked only
// with force; else it is ErrLastAdmin. It may wait as Create does.
func Revoke(dir, name string, force bool) error {
	return change(dir, func(entries []entry, _ bool) ([]entry, error) {
		i := index(entries, name)
		if i < 0 {
			names := make([]string, len(entries))
			for i, e := range entries {
				names[i] = e.Name
			}
			hint := source.DidYouMean(name, names)
			if hint == "" {
				hint = "the tokens are: " + strings.Join(names, ", ")
			}
			return nil, fmt.Errorf("%w: %q; %s", ErrUnknown, name, hint)
		}
		rest := slices.Delete(slices.Clone(entries), i, i+1)
		if !force && admins(entries) > 0 && admins(rest) == 0 {
			return nil, fmt.Errorf("%w: %q; make another first, or use --force", ErrLastAdmin, name)
		}
		return rest, nil
	})
}

// List returns the tokens of the state directory dir, the oldest first; none
// where no file is.
func List(dir string) ([]Token, error) {
	if err := present(dir); err != nil {
		return nil, err
	}
	entries, _, err := read(filepath.Join(dir, File))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return list(entries), nil
}

func list(entries []entry) []Token {
	out := make([]Token, len(entries))
	for i, e := range entries {
		out[i] = Token{Name: e.Name, Role: e.Role, Groups: append([]string{}, e.Groups...), Agents: append([]string{}, e.Agents...), Created: e.created, Expires: e.expires}
		if at := e.used.Load(); at != 0 {
			used := time.Unix(0, at).UTC()
			out[i].LastUsed = &used
		}
	}
	return out
}

// change replaces the entries by what f makes of them, while no other process
// does. Without a file f gets none.
func change(dir string, f func(entries []entry, exists bool) ([]entry, error)) error {
	if err := present(dir); err != nil {
		return err
	}
	lock, err := acquire(dir)
	if err != nil {
		return err
	}
	err = func() error {
		path := filepath.Join(dir, File)
		before, _, err := read(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		after, err := f(before, err == nil)
		if err != nil {
			return err
		}
		return write(path, after)
	}()
	return errors.Join(err, lock.release())
}

func present(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && !info.IsDir():
		return fmt.Errorf("%w at %s; start m1 once, which makes it, or name another with --state", ErrNoState, dir)
	case err != nil:
		return fmt.Errorf("bearer: look at the state folder: %w", err)
	}
	return nil
}

func index(entries []entry, name string) int {
	return slices.IndexFunc(entries, func(e entry) bool { return e.Name == name })
}

func admins(entries []entry) (n int) {
	for _, e := range entries {
		if e.Role == Admin && !e.expired(time.Now()) {
			n++
		}
	}
	return n
}

func (s Spec) entry(token string) entry {
	e := entry{
		Identity: Identity{s.Name, s.Role, slices.Clone(s.Groups), slices.Clone(s.Agents)},
		digest:   sha256.Sum256([]byte(token)), created: time.Now().UTC().Truncate(time.Second), used: new(atomic.Int64),
	}
	if s.Expires != nil {
		at := s.Expires.UTC()
		e.expires = &at
	}
	return e
}

// check tells what is wrong with s whenever it is made or read.
func (s Spec) check() error {
	switch {
	case !isName(s.Name):
		return fmt.Errorf("name %q: want 1 to %d letters, digits and . _ - + @, the first a letter or digit", s.Name, maxName)
	case strings.EqualFold(s.Name, reserved):
		return fmt.Errorf("name %q is what requests without a token are called; choose another", s.Name)
	case !s.Role.known():
		return fmt.Errorf("role %q is unknown; %s", s.Role, s.Role.wanted())
	case len(s.Groups) > 0 && !s.Role.acts():
		return fmt.Errorf("groups: role %s never approves; leave them out, or make an operator", s.Role)
	case len(s.Agents) > 0 && s.Role != Agent:
		return fmt.Errorf("agents: role %s speaks for no agent; leave them out, or make an agent", s.Role)
	case max(len(s.Groups), len(s.Agents)) > maxList:
		return fmt.Errorf("groups and agents: at most %d of each", maxList)
	}
	for _, g := range s.Groups {
		if !isName(g) {
			return fmt.Errorf("group %q: want 1 to %d letters, digits and . _ - + @, the first a letter or digit", g, maxName)
		}
	}
	for _, a := range s.Agents {
		if a == "" || len(a) > maxAgent || !utf8.ValidString(a) || strings.ContainsFunc(a, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("agent %q: want an agent id of 1 to %d printable bytes, with * for any text", a, maxAgent)
		}
	}
	return nil
}

// isName keeps names readable in logs, tables and policies.
func isName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-+@", r)) {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}
