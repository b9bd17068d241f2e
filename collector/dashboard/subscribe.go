package dashboard

import (
	"context"
	"time"

	"m1/collector/snapshot"
)

const (
	refresh  = time.Second      // between two pictures
	slowest  = 10 * time.Second // longest pause between two attempts
	giveUpOn = 5 * time.Second  // how long one attempt may take
)

// Subscribe delivers a picture over window every second until ctx ends; then it
// closes the channel. The channel has one slot, and the newest picture replaces
// one that nobody took. While M1 does not answer, the last picture is delivered
// again with Source.Err and a growing Source.Lag, and M1 is asked again after 1,
// 2, 4, 8, then every 10 seconds. Before the first picture that is an empty one.
func (c *Client) Subscribe(ctx context.Context, window time.Duration) <-chan *snapshot.Dashboard {
	out := make(chan *snapshot.Dashboard, 1)
	f := &feed{client: c, window: window, out: out, fetched: make(chan fetched, 1), began: time.Now()}
	go f.run(ctx) // ends with ctx
	return out
}

// fetched is what one attempt brought.
type fetched struct {
	picture *snapshot.Dashboard
	err     error
	asked   time.Time
}

// feed is one subscription. Only run touches it.
type feed struct {
	client  *Client
	window  time.Duration
	out     chan *snapshot.Dashboard
	fetched chan fetched // one slot: at most one attempt is under way

	began   time.Time
	last    *snapshot.Dashboard // nil before the first
	moved   time.Time           // when last was asked for and its timestamp was new
	err     error
	asking  bool
	pause   time.Duration // before the next attempt, after a failure
	nextTry time.Time
}

func (f *feed) run(ctx context.Context) {
	defer close(f.out)
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	f.ask(ctx)
	for {
		select {
		case <-ctx.Done():
			if f.asking {
				<-f.fetched // its request has ended with ctx
			}
			return
		case got := <-f.fetched:
			f.take(got)
			f.deliver()
		case <-tick.C:
			if f.err != nil || f.asking {
				f.deliver() // the same picture, older
			}
			if !f.asking && !time.Now().Before(f.nextTry) {
				f.ask(ctx)
			}
		}
	}
}

// ask starts one attempt, which ends within giveUpOn or with ctx.
func (f *feed) ask(ctx context.Context) {
	f.asking = true
	go func() {
		asked := time.Now()
		limited, cancel := context.WithTimeout(ctx, giveUpOn)
		defer cancel()
		picture, err := f.client.fetch(limited, f.window)
		f.fetched <- fetched{picture, err, asked}
	}()
}

func (f *feed) take(got fetched) {
	f.asking, f.err = false, got.err
	if got.err != nil {
		f.pause = min(max(2*f.pause, refresh), slowest)
		f.nextTry = time.Now().Add(f.pause)
		return
	}
	f.pause = 0
	// The other clock may be wrong, so the age is counted from when its time last
	// moved, by this clock.
	if f.last == nil || !got.picture.Timestamp.Equal(f.last.Timestamp) {
		f.moved = got.asked
	}
	f.last = got.picture
}

// deliver puts a copy of the last picture, with its age, into the slot.
func (f *feed) deliver() {
	d := snapshot.Dashboard{Source: snapshot.Source{Mode: "attached", Title: f.client.conn.URL()}}
	since := f.began
	if f.last != nil {
		d, since = *f.last, f.moved
	} else if f.err == nil {
		return // still on the first attempt
	}
	d.Source.Lag = time.Since(since)
	if f.err != nil {
		d.Source.Err = f.err.Error()
	}
	select {
	case <-f.out:
	default:
	}
	f.out <- &d // the slot is free: nobody else sends
}
