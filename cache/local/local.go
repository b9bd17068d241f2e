// Package local is the memory tier: a map bounded in bytes that keeps what is
// asked for most.
package local

import (
	"fmt"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// Store is safe for concurrent use. It starts no goroutine: what otter would do
// in the background runs on the caller that made it necessary.
type Store[K comparable, V any] struct {
	m       *otter.Cache[K, V]
	counter *stats.Counter
	max     int64
}

// Stats is the state of a Store; Evictions counts since New.
type Stats struct {
	Entries, Bytes, MaxBytes, Evictions int64
}

// New returns a Store that holds at most maxBytes as weigh counts them. A value
// heavier than maxBytes is not kept.
func New[K comparable, V any](maxBytes int64, weigh func(K, V) uint32) (*Store[K, V], error) {
	if maxBytes <= 0 {
		return nil, fmt.Errorf("local: size must be positive, got %d bytes", maxBytes)
	}
	counter := stats.NewCounter()
	m, err := otter.New(&otter.Options[K, V]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       weigh,
		StatsRecorder: counter,
		Executor:      func(fn func()) { fn() },
	})
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	return &Store[K, V]{m: m, counter: counter, max: maxBytes}, nil
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

// Stats returns the state at this moment.
func (s *Store[K, V]) Stats() Stats {
	return Stats{
		Entries:   int64(s.m.EstimatedSize()),
		Bytes:     int64(s.m.WeightedSize()),
		MaxBytes:  s.max,
		Evictions: int64(s.counter.Snapshot().Evictions),
	}
}
