package app

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/views"
)

// pump brings pictures from the feed to the model. It asks, nobody sends: the
// model issues one command at a time, and while it issues none the feed's slot
// just keeps the newest picture. So a stalled terminal holds up only itself.
type pump struct {
	subscribe func(gen int, window time.Duration) stream
	refresh   time.Duration
	clock     func() time.Time
	self      func() views.Self
}

// stream is one subscription. A change of the window opens the next one; gen
// tells their messages apart.
type stream struct {
	gen      int
	pictures <-chan *snapshot.Dashboard
	done     <-chan struct{}
	cancel   context.CancelFunc
}

// The messages of the pump. Every one carries the moment it was made at, so
// that Update needs no clock.
type (
	opened  struct{ stream stream }
	picture struct {
		gen  int
		snap *snapshot.Dashboard
		at   time.Time
		self views.Self
	}
	late struct { // nothing came: the age of the data must be seen to grow
		gen  int
		at   time.Time
		self views.Self
	}
	ended struct{ gen int }
)

// newPump makes a pump whose subscriptions all end with ctx.
func newPump(ctx context.Context, o Options) *pump {
	return &pump{
		subscribe: func(gen int, window time.Duration) stream {
			ctx, cancel := context.WithCancel(ctx)
			return stream{gen: gen, pictures: o.Feed.Subscribe(ctx, window), done: ctx.Done(), cancel: cancel}
		},
		refresh: o.Refresh,
		clock:   o.Clock,
		self:    o.Self,
	}
}

// open subscribes and comes back as opened.
func (p *pump) open(gen int, window time.Duration) tea.Cmd {
	return func() tea.Msg { return opened{p.subscribe(gen, window)} }
}

// next waits the given time, then takes a picture. It comes back as picture, as
// late when none came for two refreshes, as ended when the feed has ended, or
// not at all when the stream was cancelled.
func (p *pump) next(s stream, wait time.Duration) tea.Cmd {
	return func() tea.Msg {
		if wait > 0 {
			rest := time.NewTimer(wait)
			defer rest.Stop()
			select {
			case <-rest.C:
			case <-s.done:
				return nil
			}
		}
		patience := time.NewTimer(2 * p.refresh)
		defer patience.Stop()
		select {
		case snap, ok := <-s.pictures:
			if !ok {
				return ended{s.gen}
			}
			return picture{gen: s.gen, snap: snap, at: p.clock(), self: p.self()}
		case <-patience.C:
			return late{gen: s.gen, at: p.clock(), self: p.self()}
		case <-s.done:
			return nil
		}
	}
}
