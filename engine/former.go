package engine

import (
	"container/list"
	"time"

	"m1/engine/call"
)

// maxFormer bounds the runs whose counts outlive the run itself.
const maxFormer = 1 << 16

// former keeps what limits count of runs that the engine no longer follows, because
// newer ones took their place or because it was started anew. Else a run could shake
// off its limits.
type former struct {
	byID  map[call.RunID]*list.Element
	order *list.List // of *counts, last moved first
}

// counts are what limits look at of one run.
type counts struct {
	id           call.RunID
	began        time.Time
	calls, steps int64
	limits       call.RunLimits
}

func (f *former) init() { f.byID, f.order = map[call.RunID]*list.Element{}, list.New() }

// of returns the counts of a run, made if need be.
func (f *former) of(id call.RunID, at time.Time) *counts {
	if el, ok := f.byID[id]; ok {
		f.order.MoveToFront(el)
		return el.Value.(*counts)
	}
	if f.order.Len() >= maxFormer {
		delete(f.byID, f.order.Remove(f.order.Back()).(*counts).id)
	}
	c := &counts{id: id, began: at}
	f.byID[id] = f.order.PushFront(c)
	return c
}

// take returns what is kept of a run and forgets it; nil if nothing is.
func (f *former) take(id call.RunID) *counts {
	el, ok := f.byID[id]
	if !ok {
		return nil
	}
	delete(f.byID, id)
	return f.order.Remove(el).(*counts)
}

// start, call and step count what the records tell of a run.
func (f *former) start(id call.RunID, at time.Time, l call.RunLimits) {
	f.take(id)
	f.of(id, at).limits = l
}

func (f *former) call(id call.RunID, at time.Time) {
	if id != "" {
		f.of(id, at).calls++
	}
}

func (f *former) step(id call.RunID, at time.Time) {
	if id != "" {
		f.of(id, at).steps++
	}
}
