package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"m1/engine/token"
)

// asked are the questions of this node that have no answer yet.
type asked struct {
	mu   sync.Mutex
	open map[nonce]*question
}

type question struct {
	to     string
	answer chan answer // one slot: the first answer counts; never closed
}

func (a *asked) add(n nonce, q *question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[n] = q
}

func (a *asked) get(n nonce) *question {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[n]
}

func (a *asked) remove(n nonce) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, n)
}

// Spend asks the node that issued g to record one use of it for call, which g must
// cover: the caller has checked that. It blocks until the answer, Wait at most. nil
// means that the use is durable. A *token.Refusal is the verdict of the issuer; an
// error that wraps ErrIssuer means that there is none, and a use may be spent.
func (c *Cluster) Spend(ctx context.Context, g token.Grant, call token.Call) error {
	if g.Issuer == c.o.Node {
		return c.o.Spend(ctx, c.o.Node, g.ID, call)
	}
	return c.ask(ctx, g.Issuer, request{Spend: wireOf(call), Grant: g.ID})
}

// Revoke asks the node issuer to revoke a grant. It blocks as Spend does. After nil
// no node can spend it; an error that wraps ErrIssuer means that it may or may not be
// revoked: do it again. Once more is no error if it is none at the issuer.
func (c *Cluster) Revoke(ctx context.Context, issuer, id, by string) error {
	if issuer == c.o.Node {
		return c.o.Revoke(ctx, id, by)
	}
	return c.ask(ctx, issuer, request{Grant: id, Revoke: by})
}

// ask sends a request, a second time when half of Wait is over, and waits for the
// answer. The issuer knows a repeated nonce.
func (c *Cluster) ask(ctx context.Context, issuer string, r request) error {
	if err := c.ready(); err != nil {
		return err
	}
	if issuer == "" || len(issuer) > maxNode {
		return fmt.Errorf("%w: a node has a name of 1 to %d bytes", ErrIssuer, maxNode)
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Wait)
	defer cancel()
	var n nonce
	_, _ = rand.Read(n[:]) // never fails
	sealed, err := c.seal(about{asking, c.o.Node, issuer, n}, r, c.o.Now())
	if err != nil {
		return err
	}
	message := frame(n, c.o.Node, sealed)
	q := &question{to: issuer, answer: make(chan answer, 1)}
	c.asked.add(n, q)
	defer c.asked.remove(n)
	c.stats.asked.Add(1)

	half, stop := context.WithTimeout(ctx, c.o.Wait/2)
	defer stop()
	var sent error
	for _, until := range []context.Context{half, ctx} {
		// An answer may be here although sending has failed: its reply was lost.
		sent = c.send(until, c.names.requests(issuer), message)
		select {
		case a := <-q.answer:
			return a.err()
		case <-until.Done():
		case <-c.done:
			return c.ready()
		}
	}
	select {
	case a := <-q.answer: // it came in the last moment
		return a.err()
	default:
	}
	c.stats.unanswered.Add(1)
	if sent != nil {
		return fmt.Errorf("%w: redis: %w", ErrIssuer, sent)
	}
	return fmt.Errorf("%w: nothing came from %q within %s: %w", ErrIssuer, issuer, c.o.Wait, ctx.Err())
}

// settle takes in one message of the list of answers.
func (c *Cluster) settle(_ context.Context, message []byte) {
	n, _, sealed, err := unframe(message)
	if err != nil {
		c.refuse("unreadable", err)
		return
	}
	q := c.asked.get(n)
	if q == nil {
		return // too late, the second of two, or replayed
	}
	var a answer
	// Who is the sender is known; who the message says it is does not matter.
	if _, err := c.open(about{answering, q.to, c.o.Node, n}, sealed, &a); err != nil {
		c.refuse("answer", err)
		return
	}
	select {
	case q.answer <- a:
	default:
	}
}
