package meter

import (
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// Other is the name under which a Family counts what it has no room for.
const Other = "other"

const (
	familySize  = 512 // names that a Family keeps apart
	longestName = 256 // bytes
)

// Family holds one T per name. Names come from outside, so their number and
// length are bounded: a name that is one too many, or too long, shares the T
// called Other. A Family is safe for concurrent use; after the first sight of a
// name Get takes no lock. The zero value is ready.
type Family[T any] struct {
	now atomic.Pointer[members[T]]
	mu  sync.Mutex // held to replace now
}

// members never changes once it is published.
type members[T any] struct {
	byName map[string]*T
	list   []member[T] // in the order of first sight
	other  *T          // nil until something had no room
}

type member[T any] struct {
	name string
	of   *T
}

// Get returns the T of name. The same name always gets the same T.
func (f *Family[T]) Get(name string) *T {
	if m := f.now.Load(); m != nil {
		if t := m.find(name); t != nil {
			return t
		}
	}
	return f.add(name)
}

// All yields the names in the order of first sight, so that a name keeps its
// place in later calls.
func (f *Family[T]) All() iter.Seq2[string, *T] {
	return func(yield func(string, *T) bool) {
		m := f.now.Load()
		if m == nil {
			return
		}
		for _, e := range m.list {
			if !yield(e.name, e.of) {
				return
			}
		}
	}
}

// Len is the number of names that All yields.
func (f *Family[T]) Len() int {
	if m := f.now.Load(); m != nil {
		return len(m.list)
	}
	return 0
}

func (m *members[T]) find(name string) *T {
	if t := m.byName[name]; t != nil {
		return t
	}
	if m.crowded(name) {
		return m.other
	}
	return nil
}

func (m *members[T]) crowded(name string) bool {
	return len(m.byName) >= familySize || len(name) > longestName || name == Other
}

func (f *Family[T]) add(name string) *T {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.now.Load()
	if old == nil {
		old = &members[T]{}
	}
	if t := old.find(name); t != nil { // another goroutine was first
		return t
	}
	t := new(T)
	next := &members[T]{byName: old.byName, other: old.other}
	if old.crowded(name) {
		name, next.other = Other, t
	} else {
		// A name is often a part of a whole request, which must not stay in memory.
		name = strings.Clone(name)
		next.byName = make(map[string]*T, len(old.byName)+1)
		for k, v := range old.byName {
			next.byName[k] = v
		}
		next.byName[name] = t
	}
	// Readers of the old list never look behind its length.
	next.list = append(old.list, member[T]{name, t})
	f.now.Store(next)
	return t
}
