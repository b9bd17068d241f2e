package cache

import (
	"context"
	"sync"
	"time"

	"m1/cache/remote"
	"m1/engine/meter"
)

// acks are the confirmations that changes of this node wait for.
type acks struct {
	mu      sync.Mutex
	waiting map[uint64]*ackWait
	took    meter.Histogram // from the change to the last confirmation
}

// ackWait is one change that waits. A confirmation may come before it is known
// who must confirm.
type ackWait struct {
	from map[string]bool
	more chan struct{} // size 1
}

func (a *acks) expect(nonce uint64) *ackWait {
	w := &ackWait{from: map[string]bool{}, more: make(chan struct{}, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[nonce] = w
	return w
}

func (a *acks) forget(nonce uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, nonce)
}

// Acked implements remote.Handler.
func (c *Cache) Acked(node string, nonces []uint64) {
	a := &c.acks
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range nonces {
		if w := a.waiting[n]; w != nil {
			w.from[node] = true
			select {
			case w.more <- struct{}{}:
			default:
			}
		}
	}
}

// lacks counts the nodes that have not confirmed.
func (a *acks) lacks(w *ackWait, nodes []string, self string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, node := range nodes {
		if node != self && !w.from[node] {
			n++
		}
	}
	return n
}

// awaitAcks waits until every live node has confirmed, or until none that has not
// can hold a lease from before the change. While it is not sure that Redis knows
// all nodes, it waits for that too.
func (c *Cache) awaitAcks(ctx context.Context, w *ackWait, done remote.Bumped) (Ack, error) {
	bumped := c.now() // or a moment before
	l := &c.lease
	l.mu.Lock()
	if done.Epoch != l.server {
		c.unsettle()
	}
	l.mu.Unlock()
	sure := int64(bumped) >= l.settled.Load()
	ack := Ack{}
	for _, node := range done.Live {
		if node != c.node {
			ack.Nodes++
		}
	}
	deadline := time.NewTimer(c.o.Lease + c.o.Lease/8)
	defer deadline.Stop()
	for {
		if sure && c.acks.lacks(w, done.Live, c.node) == 0 {
			ack.Waited = c.now() - bumped
			return ack, nil
		}
		select {
		case <-w.more:
		case <-deadline.C:
			if c.acks.lacks(w, done.Live, c.node) > 0 {
				l.ackTimeouts.Add(1)
			}
			ack.Waited = c.now() - bumped
			return ack, nil
		case <-ctx.Done():
			ack.Waited = c.now() - bumped
			return ack, ctx.Err()
		}
	}
}
