package remote

import (
	"context"
	"sync"
)

const (
	queueAcks = 65_536
	ackBatch  = 512 // nonces in one message
)

// acks is what this node has applied and not yet said so.
type acks struct {
	wake chan struct{} // one slot; full means somebody is woken already; never closed

	mu      *sync.Mutex
	waiting map[string][]uint64 // nonces by origin
	count   int
	dropped int64
}

func newAcks() acks {
	return acks{wake: make(chan struct{}, 1), mu: new(sync.Mutex), waiting: map[string][]uint64{}}
}

// Ack tells origin soon that this node has applied its change. It never blocks; if
// 65,536 wait, or nothing can be said now, it is dropped and counted, and origin
// waits for the lease of this node instead.
func (t *Tier) Ack(origin string, nonce uint64) {
	a := &t.acks
	a.mu.Lock()
	if a.count >= queueAcks {
		a.dropped++
		a.mu.Unlock()
		return
	}
	a.count++
	a.waiting[origin] = append(a.waiting[origin], nonce)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// acknowledge publishes what Ack gathered until ctx is done.
func (t *Tier) acknowledge(ctx context.Context) {
	a := &t.acks
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		waiting := a.waiting
		a.waiting, a.count = map[string][]uint64{}, 0
		a.mu.Unlock()
		err := t.publish(ctx, waiting)
		if err != nil && ctx.Err() == nil {
			err = t.publish(ctx, waiting) // the connection may have died of idleness; twice said does no harm
		}
		if err != nil {
			_, class := judge(ctx, err)
			t.watch.count(class, err)
			a.mu.Lock()
			for _, nonces := range waiting {
				a.dropped += int64(len(nonces))
			}
			a.mu.Unlock()
		}
	}
}

func (t *Tier) publish(ctx context.Context, waiting map[string][]uint64) error {
	s := t.side.Load()
	if s == nil {
		return errClosed
	}
	pipe := s.client.Pipeline()
	for origin, nonces := range waiting {
		for len(nonces) > 0 {
			n := min(len(nonces), ackBatch)
			pipe.Publish(ctx, t.keys.acks(origin), writeAcks(t.o.Node, nonces[:n]))
			nonces = nonces[n:]
		}
	}
	_, err := pipe.Exec(ctx)
	return err
}
