package remote

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pingEvery     = time.Second
	pingPatience  = 2500 * time.Millisecond // without any message, not even a pong
	greetPatience = 250 * time.Millisecond  // for the answer to a subscription
	retryFirst    = 10 * time.Millisecond
	retryLast     = 100 * time.Millisecond
)

// side is the client of one subscription. Acknowledgements go out by it too, so that
// they wait neither for data nor for control calls.
type side struct {
	client redis.UniversalClient
}

// listen subscribes anew, each time with a fresh client, until ctx is done.
func (t *Tier) listen(ctx context.Context, h Handler) {
	wait := retryFirst
	for ctx.Err() == nil {
		heard, err := t.subscription(ctx, h)
		if ctx.Err() != nil {
			return
		}
		_, class := judge(ctx, err)
		t.watch.count(class, err)
		if t.watch.setSubscribed(false) {
			t.log.Warn("redis subscription lost", "err", err)
		}
		if heard {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryLast)
	}
}

// subscription hands on messages until the connection fails, and reports whether
// the subscription stood.
func (t *Tier) subscription(ctx context.Context, h Handler) (heard bool, err error) {
	c := t.connect(needs{calls: 1, pipelines: -1, patience: t.pace.dial})
	defer func() { _ = c.Close() }() // it has done its work
	t.side.Store(&side{client: c})
	defer t.side.Store(nil)
	channels := []string{t.keys.channel, t.keys.acks(t.o.Node)}
	ps := c.Subscribe(ctx)
	defer func() { _ = ps.Close() }()                         // or has failed already
	stop := context.AfterFunc(ctx, func() { _ = ps.Close() }) // ends the read below
	defer stop()
	if err := ps.Subscribe(ctx, channels...); err != nil {
		return false, err
	}
	left := len(channels)
	patience := greetPatience
	pings := time.NewTicker(pingEvery)
	defer pings.Stop()
	alive := make(chan struct{})
	defer close(alive)
	go func() { // ends with the subscription
		for {
			select {
			case <-alive:
				return
			case <-pings.C:
				_ = ps.Ping(ctx) // the missing pong tells
			}
		}
	}()
	for {
		// Not a timeout to go on after: it could come in the middle of a message.
		message, err := ps.ReceiveTimeout(ctx, patience)
		if err != nil {
			return left == 0, err
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if m.Kind != "subscribe" {
				return left == 0, errors.New("remote: the server ended the subscription")
			}
			if left--; left == 0 {
				patience = pingPatience
				t.watch.setSubscribed(true)
				t.log.Info("redis subscription stands")
			}
		case *redis.Message:
			t.deliver(h, m)
		}
	}
}

func (t *Tier) deliver(h Handler, m *redis.Message) {
	if m.Channel == t.keys.channel {
		c, err := readChange(m.Payload)
		if err != nil {
			t.log.Warn("redis: unreadable message", "channel", m.Channel, "err", err)
			return
		}
		h.Changed(c)
		return
	}
	node, nonces, err := readAcks(m.Payload)
	if err != nil {
		t.log.Warn("redis: unreadable message", "channel", m.Channel, "err", err)
		return
	}
	h.Acked(node, nonces)
}

// Subscribed reports whether messages of the other nodes arrive.
func (t *Tier) Subscribed() bool { return t.watch.isSubscribed() }
