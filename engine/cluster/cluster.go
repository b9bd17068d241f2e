// Package cluster lets nodes honour each other's grants: it makes the keys that sign
// them known, and asks the node that issued a grant to spend or revoke it. Redis only
// carries the messages; the one record of a use is that of the issuer.
//
// Every message is encrypted and authenticated with the secret, for its kind, its
// sender, its receiver and its nonce. Who can read and write everything in Redis, but
// has not the secret, can hold messages up and destroy them: then calls are denied.
// Replaying one does nothing, except that a request which was lost on its way is
// carried out late, within Wait and Leeway, for nobody. Who has the secret is a node,
// and may speak for any other.
//
// An answer that is lost leaves a use spent and the call denied.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"m1/cache/remote"
	"m1/cache/seal"
	"m1/engine/token"
)

// Options say who this node is and how it reaches the others.
type Options struct {
	URL     string        // of Redis, as remote.Options has it
	Timeout time.Duration // of one exchange with Redis; default a quarter of Wait. A connection may take four times as long
	Space   string        // names the nodes that belong together; default "m1"
	Node    string        // that of the Ring; no two running processes of a space may have the same
	// Secret is that of all nodes. It must not be made from the password of Redis:
	// who can write there could then forge answers.
	Secret seal.Secret
	Ring   *token.Ring // with key pairs; its Trust is called
	// Spend spends one use of a grant of this node for another node, durably; a
	// *token.Refusal says why not. The answer reaches the other node only if Spend
	// returns before Wait is over.
	Spend func(ctx context.Context, node, id string, c token.Call) error
	// Revoke revokes a grant of this node. A *token.Refusal reaches who asked.
	Revoke func(ctx context.Context, id, by string) error
	Wait   time.Duration // for an answer; default 1 s, at least 50 ms
	Leeway time.Duration // how far the clocks of two nodes may differ; default token.DefaultLeeway
	Now    func() time.Time
	Logger *slog.Logger // default: nobody
}

func (o *Options) fill() error {
	switch {
	case o.Secret.IsZero():
		return errors.New("cluster: Secret is missing: without one, whoever can write to Redis could forge answers; give all nodes the same file with a secret")
	case o.Ring == nil || len(o.Ring.Keys()) == 0:
		return errors.New("cluster: Ring must sign with key pairs: nodes that share one signing secret cannot tell whose a grant is")
	case o.Node != o.Ring.Node():
		return fmt.Errorf("cluster: Node must be that of the Ring, %q, not %q", o.Ring.Node(), o.Node)
	case len(o.Node) > maxNode:
		return fmt.Errorf("cluster: Node must have at most %d bytes, not %d", maxNode, len(o.Node))
	case o.Spend == nil || o.Revoke == nil:
		return errors.New("cluster: Spend and Revoke must be given: other nodes ask for them")
	case o.Wait != 0 && o.Wait < 50*time.Millisecond:
		return fmt.Errorf("cluster: Wait must be at least 50ms, got %s", o.Wait)
	case o.Leeway < 0:
		return fmt.Errorf("cluster: Leeway must not be negative, got %s", o.Leeway)
	}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	if o.Leeway == 0 {
		o.Leeway = token.DefaultLeeway
	}
	if o.Timeout == 0 {
		o.Timeout = o.Wait / 4
	}
	if o.Space == "" {
		o.Space = "m1"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// maxNode bounds the name of a node in bytes: a message has one for its length.
const maxNode = 255

// ErrIssuer means that the node which issued a grant gave no verdict. Nobody knows
// then whether the use is spent, so the call must be denied.
var ErrIssuer = errors.New("cluster: the node that issued the grant does not answer")

// Cluster is one node among others. Its methods are safe for concurrent use.
type Cluster struct {
	o       Options
	log     *slog.Logger
	names   names
	box     *seal.Box
	dialer  *remote.Dialer
	line    line
	asked   asked
	served  served
	keyring keyring
	stats   counters

	ran  atomic.Bool
	up   atomic.Bool   // start is set
	done chan struct{} // closed when Run ends
	// start is when Run began, to the millisecond, as messages are dated.
	start time.Time
}

// New checks o. It starts nothing and dials nothing.
func New(o Options) (*Cluster, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	d, err := remote.NewDialer(remote.Options{URL: o.URL, Space: o.Space, Node: o.Node, Timeout: o.Timeout, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	// No tenant of the cache is named so: those hold no control characters.
	box, err := o.Secret.Box("\x00cluster 1\x00" + o.Space)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &Cluster{o: o, log: o.Logger, names: namesOf(d.Prefix()), box: box, dialer: d, done: make(chan struct{})}
	c.line.open = func() client { return d.Client(connections) }
	c.asked.open = map[nonce]*question{}
	c.served.init(o.Wait + 2*o.Leeway)
	c.keyring.init()
	return c, nil
}

// Run publishes the keys of this node, learns those of others, and answers them. It
// blocks until ctx is done and what it was asked is answered, which takes Wait at
// most if Spend and Revoke keep to their context; then it returns nil. What Spend
// records to must live longer than Run. A Cluster runs once.
func (c *Cluster) Run(ctx context.Context) error {
	if !c.ran.CompareAndSwap(false, true) {
		return errors.New("cluster: this Cluster has run already; make another")
	}
	c.start = c.o.Now().Truncate(time.Millisecond)
	c.up.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() { c.tend(ctx) })
	wg.Go(func() { c.receive(ctx, c.names.requests(c.o.Node), c.serve) })
	wg.Go(func() { c.receive(ctx, c.names.answers(c.o.Node), c.settle) })
	<-ctx.Done()
	close(c.done) // ends the waits of Spend, Revoke and Learn
	wg.Wait()
	c.served.work.Wait()
	c.line.close()
	return nil
}

// ready says whether there is any sense in asking.
func (c *Cluster) ready() error {
	select {
	case <-c.done:
		return fmt.Errorf("%w: this node is ending", ErrIssuer)
	default:
	}
	if !c.up.Load() {
		return fmt.Errorf("%w: this node has not joined the others yet", ErrIssuer)
	}
	return nil
}
