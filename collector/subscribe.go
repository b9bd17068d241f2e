package collector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"m1/collector/snapshot"
)

// subscribers are the channels of those who watch. The zero value is ready.
type subscribers struct {
	dropped atomic.Int64

	mu    sync.Mutex
	list  map[*subscriber]struct{}
	ended bool // Run has returned: nothing will come any more
}

type subscriber struct {
	window time.Duration
	slot   chan *snapshot.Dashboard // holds one; closed by remove or end
	forget func() bool              // stops waiting for the end of the context
}

func (s *subscribers) add(ctx context.Context, window time.Duration, first *snapshot.Dashboard) <-chan *snapshot.Dashboard {
	sub := &subscriber{window: window, slot: make(chan *snapshot.Dashboard, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || ctx.Err() != nil {
		close(sub.slot)
		return sub.slot
	}
	sub.slot <- first
	if s.list == nil {
		s.list = map[*subscriber]struct{}{}
	}
	s.list[sub] = struct{}{}
	sub.forget = context.AfterFunc(ctx, func() { s.remove(sub) })
	return sub.slot
}

func (s *subscribers) remove(sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.list[sub]; open {
		delete(s.list, sub)
		close(sub.slot)
	}
}

func (s *subscribers) publish(picture func(window time.Duration) *snapshot.Dashboard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.list {
		select {
		case <-sub.slot: // nobody read the last one: it is stale now
			s.dropped.Add(1)
		default:
		}
		sub.slot <- picture(sub.window) // cannot block: nobody else sends, and the slot is free
	}
}

func (s *subscribers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for sub := range s.list {
		sub.forget()
		delete(s.list, sub)
		close(sub.slot)
	}
}
