package memory

import (
	"slices"

	"m1/engine/event"
)

// Rewrite replaces the records behind the back of the store.
func (s *Store) Rewrite(change func([]event.Event) []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = change(slices.Clone(s.events))
}
