package engine

import (
	"container/list"
	"context"
	"sync"
	"time"

	"m1/cache"
	"m1/engine/call"
	"m1/engine/limit"
)

// openCall is a released call that waits for its report.
type openCall struct {
	id        call.ID
	run       call.RunID
	tool      string
	agent     call.AgentID
	digest    call.Digest
	at        time.Time
	counted   time.Time // at, or when the call was recorded
	cacheable bool
	ticket    cache.Ticket
	change    *cache.Change // nil if the call changes nothing
	past      []*limit.Past // what it is to rules about history
}

// close ends the call's change; every way out of openCalls leads through it.
func (o *openCall) close() {
	if o.change != nil {
		// Bounded by the lease: nobody hangs up on the nodes that must hear of it.
		_ = o.change.Done(context.Background())
	}
}

// openCalls holds released calls in a bounded number: agents that never report
// cannot fill the memory. A call that changes nothing makes room first.
type openCalls struct {
	mu      sync.Mutex
	max     int
	openFor time.Duration
	reads   *list.List // of *openCall without a change, oldest first
	changes *list.List // of *openCall with one, oldest first
	byID    map[call.ID]*list.Element

	// Runs with a change that was given up early, and until when: the tool may
	// still be at work, so nothing that is read meanwhile may be kept. Beyond max
	// runs it holds for all.
	unsure    map[call.RunID]time.Time
	unsureAll time.Time
}

func (o *openCalls) init(limit int, openFor time.Duration) {
	o.max, o.openFor = limit, openFor
	o.reads, o.changes, o.byID = list.New(), list.New(), map[call.ID]*list.Element{}
	o.unsure = map[call.RunID]time.Time{}
}

// add opens c and gives up another call if there are too many: the oldest that
// changes nothing, so that a flood of reads ends nobody's fence, else the oldest.
func (o *openCalls) add(c *openCall) {
	o.mu.Lock()
	var gone *openCall
	if len(o.byID) >= o.max {
		if el := o.reads.Front(); el != nil {
			gone = o.remove(el)
		} else {
			gone = o.remove(o.changes.Front())
			o.doubt(gone)
		}
	}
	o.byID[c.id] = o.listOf(c).PushBack(c)
	o.mu.Unlock()
	if gone != nil {
		gone.close() // after doubt: see doubtful
	}
}

// doubt remembers that c may change data unseen until it would have been given
// up anyway. o.mu is held.
func (o *openCalls) doubt(c *openCall) {
	until := c.at.Add(o.openFor)
	if before, known := o.unsure[c.run]; known || len(o.unsure) < o.max {
		o.unsure[c.run] = later(before, until)
	} else {
		o.unsureAll = later(o.unsureAll, until)
	}
}

// doubtful says that nothing which run reads now may be kept. Ask after the
// ticket was taken: a ticket from before the fence was lifted is void by itself.
func (o *openCalls) doubtful(run call.RunID, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return now.Before(o.unsure[run]) || now.Before(o.unsureAll)
}

// get returns the call, which stays open.
func (o *openCalls) get(id call.ID) (*openCall, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	el, ok := o.byID[id]
	if !ok {
		return nil, false
	}
	return el.Value.(*openCall), true
}

// forget gives up a call that its caller has closed, unless it is gone already.
func (o *openCalls) forget(id call.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if el, ok := o.byID[id]; ok {
		o.remove(el)
	}
}

// takeBefore returns the calls opened before t and forgets them; the caller
// closes them.
func (o *openCalls) takeBefore(t time.Time) []*openCall {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []*openCall
	for _, order := range []*list.List{o.reads, o.changes} {
		for el := order.Front(); el != nil && el.Value.(*openCall).at.Before(t); el = order.Front() {
			out = append(out, o.remove(el))
		}
	}
	for run, until := range o.unsure {
		if until.Before(t.Add(o.openFor)) {
			delete(o.unsure, run)
		}
	}
	return out
}

func (o *openCalls) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byID)
}

func (o *openCalls) listOf(c *openCall) *list.List {
	if c.change == nil {
		return o.reads
	}
	return o.changes
}

func (o *openCalls) remove(el *list.Element) *openCall {
	c := el.Value.(*openCall)
	o.listOf(c).Remove(el)
	delete(o.byID, c.id)
	return c
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// expire gives up calls that nobody reported: what they may have changed is
// dropped as if they had.
func (e *Engine) expire() {
	for _, c := range e.open.takeBefore(e.o.Now().Add(-e.o.OpenFor)) {
		c.close()
	}
}
