package engine

import (
	"container/list"
	"sync"
	"time"

	"m1/cache"
	"m1/engine/call"
)

// openCall is a released call that waits for its report.
type openCall struct {
	id        call.ID
	run       call.RunID
	tool      string
	agent     call.AgentID
	digest    call.Digest
	at        time.Time
	cacheable bool
	ticket    cache.Ticket
	change    *cache.Change // nil if the call changes nothing
}

// close ends the call's change; every way out of openCalls leads through it.
func (o *openCall) close() {
	if o.change != nil {
		o.change.Done()
	}
}

// openCalls holds released calls, oldest first, in a bounded number: agents that
// never report cannot fill the memory.
type openCalls struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *openCall
	byID  map[call.ID]*list.Element
}

func (o *openCalls) init(limit int) {
	o.max, o.order, o.byID = limit, list.New(), map[call.ID]*list.Element{}
}

// add opens c and gives up the oldest call if there are too many.
func (o *openCalls) add(c *openCall) {
	o.mu.Lock()
	var oldest *openCall
	if o.order.Len() >= o.max {
		oldest = o.remove(o.order.Front())
	}
	o.byID[c.id] = o.order.PushBack(c)
	o.mu.Unlock()
	if oldest != nil {
		oldest.close()
	}
}

// take returns the call and forgets it; the caller closes it.
func (o *openCalls) take(id call.ID) (*openCall, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	el, ok := o.byID[id]
	if !ok {
		return nil, false
	}
	return o.remove(el), true
}

// takeBefore returns the calls opened before t and forgets them; the caller
// closes them.
func (o *openCalls) takeBefore(t time.Time) []*openCall {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []*openCall
	for el := o.order.Front(); el != nil && el.Value.(*openCall).at.Before(t); el = o.order.Front() {
		out = append(out, o.remove(el))
	}
	return out
}

func (o *openCalls) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byID)
}

func (o *openCalls) remove(el *list.Element) *openCall {
	c := o.order.Remove(el).(*openCall)
	delete(o.byID, c.id)
	return c
}

// expire gives up calls that nobody reported: what they may have changed is
// dropped as if they had.
func (e *Engine) expire() {
	for _, c := range e.open.takeBefore(e.o.Now().Add(-e.o.OpenFor)) {
		c.close()
	}
}
