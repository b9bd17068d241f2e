package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"m1/engine/token"
)

const (
	// workers is how many requests are carried out at once: a ledger records many
	// uses in one go.
	workers = 128
	// maxServed is how many verdicts each half of the memory holds.
	maxServed = 1 << 17
)

// served are the verdicts that were given, so that a repeated request gets the one of
// before. A verdict is kept for as long as its request would be accepted, at least
// once and at most twice that long.
type served struct {
	slots chan struct{}  // workers; a request that finds none waits in Redis with those after it
	work  sync.WaitGroup // of what is being carried out; only serve adds

	mu            sync.Mutex
	keep          time.Duration
	turned        time.Time // when recent was empty
	recent, older map[asker]*verdict
}

// asker is who asked, and with which nonce.
type asker struct {
	node  string
	nonce nonce
}

type verdict struct {
	given  chan struct{} // closed when answer is there
	answer answer
}

func (s *served) init(keep time.Duration) {
	s.slots = make(chan struct{}, workers)
	s.keep, s.recent = keep, map[asker]*verdict{}
}

// find returns the verdict for a request, and whether it is for the caller to give. It
// is nil if there is no room: without it a repeated request could not be told.
func (s *served) find(a asker, now time.Time) (v *verdict, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.turned) >= s.keep {
		s.older, s.recent, s.turned = s.recent, map[asker]*verdict{}, now
	}
	if v = s.recent[a]; v == nil {
		v = s.older[a]
	}
	if v != nil {
		return v, false
	}
	if len(s.recent) >= maxServed {
		return nil, false
	}
	v = &verdict{given: make(chan struct{})}
	s.recent[a] = v
	return v, true
}

// serve takes in one message of the list of requests.
func (c *Cluster) serve(ctx context.Context, message []byte) {
	n, from, sealed, err := unframe(message)
	if err != nil {
		c.refuse("unreadable", err)
		return
	}
	var r request
	sent, err := c.open(about{asking, from, c.o.Node, n}, sealed, &r)
	if err != nil {
		c.refuse("request", err)
		return
	}
	now := c.o.Now()
	if age := now.Sub(sent); age > c.o.Wait+c.o.Leeway || age < -c.o.Leeway {
		c.stats.stale.Add(1)
		c.notice("a request is too old or of the future; compare the clocks of the nodes", "node", from, "age", age)
		return
	}
	// What this process did before a restart is forgotten, so nothing from then counts.
	if sent.Before(c.start) {
		c.stats.stale.Add(1)
		return
	}
	v, mine := c.served.find(asker{from, n}, time.Now())
	switch {
	case v == nil:
		c.stats.stale.Add(1)
		c.notice("too many requests at once; one is not answered", "node", from)
		return
	case !mine:
		c.stats.repeated.Add(1)
		select {
		case <-v.given:
		default:
			return // who carries it out answers it
		}
	}
	select {
	case c.served.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	c.served.work.Go(func() { // ends with the answer, within Wait and what Spend takes above it
		defer func() { <-c.served.slots }()
		// Ending is no reason to leave a use spent and the call denied.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Wait)
		defer cancel()
		if mine {
			v.answer = c.carryOut(ctx, from, r)
			close(v.given)
		}
		c.reply(ctx, from, n, v.answer)
	})
}

// carryOut asks this node's own engine.
func (c *Cluster) carryOut(ctx context.Context, from string, r request) answer {
	var err error
	if r.Spend != nil {
		err = c.o.Spend(ctx, from, r.Grant, r.Spend.call())
	} else {
		err = c.o.Revoke(ctx, r.Grant, r.Revoke)
	}
	if err == nil {
		return answer{Done: true}
	}
	if refusal, is := errors.AsType[*token.Refusal](err); is {
		return answer{Reason: refusal.Reason, Detail: refusal.Detail}
	}
	c.log.Warn("cluster: a request of another node failed", "node", from, "grant", r.Grant, "err", err)
	return answer{Detail: "it could not carry the request out, its log says why"}
}

func (c *Cluster) reply(ctx context.Context, to string, n nonce, a answer) {
	sealed, err := c.seal(about{answering, c.o.Node, to, n}, a, c.o.Now())
	if err == nil {
		err = c.send(ctx, c.names.answers(to), frame(n, c.o.Node, sealed))
	}
	if err != nil {
		c.log.Warn("cluster: an answer is lost; the call is denied, a use may be spent", "node", to, "err", err)
		return
	}
	c.stats.answered.Add(1)
}
