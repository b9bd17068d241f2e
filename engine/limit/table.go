package limit

import "m1/engine/call"

// table is a bounded map whose entries can be found by who is due first, and by
// run. It is not safe for concurrent use.
//
// The order by due is kept lazily: an entry's due only grows, and its place in the
// heap follows when it comes to the top. So a Take writes one number and moves
// nothing.
type table[K comparable, V any] struct {
	max     int
	entries map[K]*entry[K, V]
	heap    []*entry[K, V] // by bound
	runs    map[call.RunID]*entry[K, V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
	due   int64 // from then on the entry holds nothing; only grows
	bound int64 // due as the heap knows it: never later than due
	place int   // in the heap

	run        call.RunID
	prev, next *entry[K, V] // of the same run
}

func newTable[K comparable, V any](most int) table[K, V] {
	return table[K, V]{max: most, entries: map[K]*entry[K, V]{}, runs: map[call.RunID]*entry[K, V]{}}
}

// add puts in a key that is not there. run may be empty.
func (t *table[K, V]) add(key K, run call.RunID, due int64) *entry[K, V] {
	e := &entry[K, V]{key: key, due: due, bound: due, place: len(t.heap), run: run}
	t.entries[key] = e
	t.heap = append(t.heap, e)
	t.up(e)
	if run != "" {
		if e.next = t.runs[run]; e.next != nil {
			e.next.prev = e
		}
		t.runs[run] = e
	}
	return e
}

// first is the entry that is due first, or nil.
func (t *table[K, V]) first() *entry[K, V] {
	for len(t.heap) > 0 {
		e := t.heap[0]
		if e.bound == e.due {
			return e
		}
		e.bound = e.due
		t.down(e)
	}
	return nil
}

func (t *table[K, V]) remove(e *entry[K, V]) {
	delete(t.entries, e.key)
	last := t.heap[len(t.heap)-1]
	t.heap[len(t.heap)-1] = nil
	t.heap = t.heap[:len(t.heap)-1]
	if last != e {
		t.put(last, e.place)
		t.up(last)
		t.down(last)
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.run == "":
	case e.next == nil:
		delete(t.runs, e.run)
	default:
		t.runs[e.run] = e.next
	}
}

func (t *table[K, V]) removeRun(run call.RunID) {
	for e := t.runs[run]; e != nil; e = t.runs[run] {
		t.remove(e)
	}
}

func (t *table[K, V]) put(e *entry[K, V], place int) { t.heap[place], e.place = e, place }

func (t *table[K, V]) up(e *entry[K, V]) {
	for i := e.place; i > 0; {
		parent := t.heap[(i-1)/2]
		if parent.bound <= e.bound {
			return
		}
		t.put(parent, i)
		i = (i - 1) / 2
		t.put(e, i)
	}
}

func (t *table[K, V]) down(e *entry[K, V]) {
	for i := e.place; ; {
		child := 2*i + 1
		if child >= len(t.heap) {
			return
		}
		if right := child + 1; right < len(t.heap) && t.heap[right].bound < t.heap[child].bound {
			child = right
		}
		if e.bound <= t.heap[child].bound {
			return
		}
		t.put(t.heap[child], i)
		i = child
		t.put(e, i)
	}
}
