// Package remote is the Redis tier: batched reads, fills in the background, the
// scripts that change versions, the channel that tells of changes, and a breaker
// that keeps callers away from a server which does not answer.
package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/redis/go-redis/v9"

	"m1/engine/meter"
)

// Options say where Redis is and who this node is.
type Options struct {
	// URL is redis://user:password@host:port/db, or rediss:// for TLS, where
	// ca=FILE names the PEM file of the authority. For Sentinel
	// ?master_name=NAME&addr=host:port…, where the user is the one at the Sentinels
	// and username= and password= give another one for the servers; for Cluster
	// ?cluster=true&addr=host:port…. An ACL user needs the keys and channels m1:*,
	// @read, @write, @connection, @pubsub, @scripting, INFO and TIME.
	URL string
	// Space names the nodes that share answers; default "m1". It is the hash tag of
	// every key.
	Space string
	// Node names this process; no two of a space may have the same name.
	Node string
	// Timeout of one exchange; default 25 ms. A connection may take four times as
	// long, and an exchange that takes more than two fifths of it counts as slow.
	Timeout time.Duration
	// Latency observes each exchange on the data client that was answered, a batch
	// of reads or fills as one; may be nil.
	Latency *meter.Histogram
	Logger  *slog.Logger // default: nobody
}

func (o *Options) fill() error {
	if o.Space == "" {
		o.Space = "m1"
	}
	if strings.ContainsAny(o.Space, "{}") || strings.ContainsFunc(o.Space, unicode.IsControl) {
		return fmt.Errorf("remote: Space %q must not contain braces or control characters", o.Space)
	}
	if o.Node == "" {
		return errors.New("remote: Node is empty; give every process a name of its own")
	}
	if strings.ContainsAny(o.Node, separators) || strings.ContainsFunc(o.Node, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return fmt.Errorf("remote: Node %q must not contain any of %s, spaces or control characters", o.Node, separators)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("remote: Timeout must not be negative, got %s", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = 25 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Handler is told what comes from the other nodes. Changed and Acked are called
// by one goroutine in order of arrival and hold up what comes after them.
type Handler interface {
	// Changed is a message of the invalidation channel, also of this node's own
	// changes.
	Changed(Change)
	// Acked says that node has applied the changes of this node with these nonces.
	Acked(node string, nonces []uint64)
	// NewServer says that another server process answers than before: what it knows
	// may be older or nothing. It is called before the first command on it, in a
	// Cluster at the latest before Renew or Bump returns, by any goroutine that calls
	// the Tier. It must not call the Tier, nor wait for a lock that is held while the
	// Tier is called.
	NewServer()
}

// Tier is one node's access to Redis. Every method is safe for concurrent use.
// Until Run is called nothing is read, filled, subscribed or acknowledged.
type Tier struct {
	mark     string // of SetMark
	retained string // the key of the version of Retain
	o        Options
	target   target
	log      *slog.Logger
	keys     keys
	pace     pace
	breaker  breaker
	servers  servers
	version  atomic.Pointer[string] // of the server
	handler  atomic.Pointer[Handler]
	ran      atomic.Bool
	done     chan struct{} // closed when Run ends

	asks    chan *Pending // queueAsks; Ask refuses when full; never closed
	reading atomic.Int64  // callers of Read
	fills   fills
	control control
	acks    acks
	side    atomic.Pointer[side]
	watch   watch
}

// Open checks o and returns a Tier whose breaker is open. It dials nothing.
func Open(o Options) (*Tier, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	to, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	quieten(o.Logger)
	t := &Tier{
		o: o, target: to, log: o.Logger, keys: keysOf(o.Space), pace: paceOf(o.Timeout), done: make(chan struct{}),
		servers: servers{runID: map[string]string{}},
		asks:    make(chan *Pending, queueAsks),
		fills:   newFills(),
		acks:    newAcks(),
		watch:   newWatch(),
	}
	t.control.init()
	t.breaker.changed = t.switched
	return t, nil
}

func (t *Tier) newSession() *session {
	return &session{client: t.connect(needs{calls: dataCalls, pipelines: readers + 2, patience: t.pace.call}), over: make(chan struct{})}
}

// Run reads, fills, listens and acknowledges until ctx is done; then it closes
// every connection and returns nil. A Tier runs once; afterwards its breaker stays
// open and its control calls fail.
func (t *Tier) Run(ctx context.Context, h Handler) error {
	if !t.ran.CompareAndSwap(false, true) {
		return errors.New("remote: this Tier has run already; open another")
	}
	t.handler.Store(&h)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() { t.read(ctx) })
	}
	wg.Go(func() { t.write(ctx) })
	wg.Go(func() { t.listen(ctx, h) })
	wg.Go(func() { t.acknowledge(ctx) })
	wg.Go(func() { t.measure(ctx) })
	<-ctx.Done()
	close(t.done)
	t.breaker.close()
	wg.Wait()
	t.control.close()
	return nil
}

// Admit closes the breaker if the last three control calls since it opened were
// good, and reports whether it is closed now. The owner calls it when it trusts the
// server again. It does not block.
func (t *Tier) Admit() bool { return t.breaker.admit(t.newSession) }

// Timeout is how long one exchange may take.
func (t *Tier) Timeout() time.Duration { return t.o.Timeout }

// Open reports whether the breaker is open.
func (t *Tier) Open() bool { return t.breaker.now.Load() == nil }

// data runs one exchange on the data client unless the breaker is open.
func (t *Tier) data(ctx context.Context, f func(redis.UniversalClient) error) error {
	s := t.breaker.now.Load()
	if s == nil {
		return ErrUnsent
	}
	start := time.Now()
	err := f(s.client)
	return t.settle(ctx, s, start, err)
}

// settle takes in how an exchange of s went, and returns its error.
func (t *Tier) settle(ctx context.Context, s *session, start time.Time, err error) error {
	end := time.Now()
	o, class := judge(ctx, err)
	if err != nil && s.ended() {
		return fmt.Errorf("%w: %w", ErrOpen, err) // closing the client ended it
	}
	if o == good && t.o.Latency != nil {
		t.o.Latency.Observe(end.Sub(start))
	}
	t.watch.count(class, err)
	t.breaker.report(s, start, end, o, t.pace.slow)
	return err
}
