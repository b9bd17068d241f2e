package remote

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	queueFills = 1024
	fillBytes  = 16 << 20 // of keys and values queued
	fillBatch  = 64
	batchBytes = 1 << 20 // what one exchange may take to stay well within its time
	oomPause   = time.Second
)

// fill is a value on its way to Redis, or a mark of Sync.
type fill struct {
	key   string
	value []byte
	ttl   time.Duration
	mark  chan struct{}
}

func (f fill) size() int64 { return int64(len(f.key) + len(f.value)) }

// fills is the queue of the writer. The channel holds queueFills; a Fill that finds
// it full is dropped; nobody closes it.
type fills struct {
	queue   chan fill
	bytes   *atomic.Int64
	dropped *atomic.Int64
	resume  *atomic.Int64 // no writing before this time in Unix nanoseconds: the server has no memory
}

func newFills() fills {
	return fills{queue: make(chan fill, queueFills), bytes: new(atomic.Int64), dropped: new(atomic.Int64), resume: new(atomic.Int64)}
}

func (f fills) paused() bool { return time.Now().UnixNano() < f.resume.Load() }

// Fill queues value to be stored under the entry key for ttl and reports whether it
// was: not while the breaker is open, the queue is full (1,024 fills, 16 MiB) or the
// server is out of memory. It never blocks. Nobody may change value afterwards. What
// is queued can still be dropped.
func (t *Tier) Fill(key string, value []byte, ttl time.Duration) bool {
	f := fill{key: t.keys.entry(key), value: value, ttl: ttl}
	ok := ttl >= time.Millisecond && !t.Open() && !t.fills.paused()
	if ok && t.fills.bytes.Add(f.size()) > fillBytes {
		t.fills.bytes.Add(-f.size())
		ok = false
	}
	if ok {
		select {
		case t.fills.queue <- f:
			return true
		default:
			t.fills.bytes.Add(-f.size())
		}
	}
	t.fills.dropped.Add(1)
	return false
}

// Sync waits until every fill queued before it was sent or dropped. It needs Run.
func (t *Tier) Sync(ctx context.Context) error {
	mark := make(chan struct{})
	select {
	case t.fills.queue <- fill{mark: mark}:
	case <-ctx.Done():
		return ctx.Err()
	case <-t.done:
		return errClosed
	}
	select {
	case <-mark:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.done:
		return errClosed
	}
}

// write sends what is queued until ctx is done.
func (t *Tier) write(ctx context.Context) {
	batch := make([]fill, 0, fillBatch)
	for {
		var mark chan struct{}
		var bytes int64
		batch = batch[:0]
		take := func(f fill) {
			if mark = f.mark; mark == nil {
				batch = append(batch, f)
				bytes += f.size()
			}
		}
		select {
		case <-ctx.Done():
			return
		case f := <-t.fills.queue:
			take(f)
		}
	more:
		for mark == nil && len(batch) < fillBatch && bytes < batchBytes {
			select {
			case f := <-t.fills.queue:
				take(f)
			default:
				break more
			}
		}
		t.fills.dropped.Add(t.store(context.WithoutCancel(ctx), batch))
		t.fills.bytes.Add(-bytes)
		clear(batch)
		if mark != nil {
			close(mark)
		}
	}
}

// store sends a batch and returns how many of it were lost.
func (t *Tier) store(ctx context.Context, batch []fill) (lost int64) {
	s := t.breaker.now.Load()
	if len(batch) == 0 {
		return 0
	}
	if s == nil || t.fills.paused() {
		return int64(len(batch))
	}
	pipe := s.client.Pipeline()
	for _, f := range batch {
		pipe.Set(ctx, f.key, f.value, f.ttl)
	}
	start := time.Now()
	cmds, _ := pipe.Exec(ctx)
	full := false
	for _, c := range cmds {
		if c.Err() != nil {
			lost++
			full = full || redis.IsOOMError(c.Err())
		}
	}
	if full {
		t.fills.resume.Store(time.Now().Add(oomPause).UnixNano())
	}
	if err := t.settle(ctx, s, start, worst(ctx, cmds)); err == nil || full {
		t.watch.setFull(full)
	}
	return lost
}
