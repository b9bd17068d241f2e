// Package local is the memory tier: a map bounded in bytes that keeps what is
// asked for most.
package local

import (
	"fmt"

	"github.com/maypok86/otter/v2"
)

// Store is safe for concurrent use. It starts no goroutine: what otter would do
// in the background runs on the caller that made it necessary.
type Store[K comparable, V any] struct {
	m   *otter.Cache[K, V]
	max int64
}

// Stats is the state of a Store.
type Stats struct {
	Entries, Bytes, MaxBytes int64
}

// Options configure a Store. MaxBytes and Weigh are needed.
type Options[K comparable, V any] struct {
	MaxBytes int64 // all entries together, as Weigh counts them
	Weigh    func(K, V) uint32
	// Gone is told of every entry that left: evicted for want of room, or else
	// replaced or removed. It must be quick and must not use the Store.
	Gone func(k K, v V, evicted bool)
}

// New returns an empty Store. A value heavier than MaxBytes is not kept.
func New[K comparable, V any](o Options[K, V]) (*Store[K, V], error) {
	if o.MaxBytes <= 0 {
		return nil, fmt.Errorf("local: size must be positive, got %d bytes", o.MaxBytes)
	}
	options := &otter.Options[K, V]{
		MaximumWeight: uint64(o.MaxBytes),
		Weigher:       o.Weigh,
		Executor:      func(fn func()) { fn() },
	}
	if o.Gone != nil {
		options.OnAtomicDeletion = func(e otter.DeletionEvent[K, V]) {
			o.Gone(e.Key, e.Value, e.WasEvicted())
		}
	}
	m, err := otter.New(options)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	return &Store[K, V]{m: m, max: o.MaxBytes}, nil
}

// Get returns what is held for k.
func (s *Store[K, V]) Get(k K) (V, bool) { return s.m.GetIfPresent(k) }

// Set holds v for k until it is removed, replaced or evicted.
func (s *Store[K, V]) Set(k K, v V) { s.m.Set(k, v) }

// RemoveIf drops what is held for k if gone says so of it. It must not use s.
func (s *Store[K, V]) RemoveIf(k K, gone func(V) bool) {
	s.m.ComputeIfPresent(k, func(v V) (V, otter.ComputeOp) {
		if gone(v) {
			return v, otter.InvalidateOp
		}
		return v, otter.CancelOp
	})
}

// RemoveAllIf drops every entry of which gone says so. It looks at all of them,
// and must not use s.
func (s *Store[K, V]) RemoveAllIf(gone func(V) bool) {
	var ks []K
	for k, v := range s.m.All() {
		if gone(v) {
			ks = append(ks, k)
		}
	}
	for _, k := range ks {
		s.RemoveIf(k, gone)
	}
}

// Stats returns the state at this moment.
func (s *Store[K, V]) Stats() Stats {
	return Stats{
		Entries:  int64(s.m.EstimatedSize()),
		Bytes:    int64(s.m.WeightedSize()),
		MaxBytes: s.max,
	}
}
