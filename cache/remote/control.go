package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// control is the client of the calls that say whether the server can be trusted. It
// has one connection, and a fresh client follows every failure: a pool that could
// not dial waits a second before it tries again.
type control struct {
	turn   chan struct{} // holds one token; who has it may use what is below
	client redis.UniversalClient
	stale  atomic.Bool // the client may be one of a server of before
	closed bool
}

func (c *control) init() {
	c.turn = make(chan struct{}, 1)
	c.turn <- struct{}{}
}

func (c *control) close() {
	<-c.turn
	defer func() { c.turn <- struct{}{} }()
	c.closed = true
	c.drop()
}

// drop gives up the client. The caller has the turn.
func (c *control) drop() {
	if c.client != nil {
		_ = c.client.Close()
		c.client = nil
	}
}

// command runs one exchange on the control client, whatever the breaker says.
func (t *Tier) command(ctx context.Context, f func(redis.UniversalClient) error) error {
	c := &t.control
	select {
	case <-c.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { c.turn <- struct{}{} }()
	if c.closed {
		return errClosed
	}
	if c.stale.Swap(false) {
		c.drop()
	}
	if c.client == nil {
		c.client = t.connect(needs{calls: 1, pipelines: -1, patience: t.pace.call})
	}
	err := f(c.client)
	o, class := judge(ctx, err)
	if o == nothing {
		return err
	}
	if o != good {
		c.drop()
	}
	t.watch.count(class, err)
	t.breaker.controlled(err == nil)
	t.watch.setControl(err == nil)
	return err
}

// SetMark says what all nodes of the space should have in common, such as the
// fingerprint of their secret. It is for the time before Run.
func (t *Tier) SetMark(mark string) { t.mark = mark }

// Retain names a version that must not run out while any node renews. It is for the
// time before Run.
func (t *Tier) Retain(id string) { t.retained = t.keys.version(id) }

// Node is the name of this process.
func (t *Tier) Node() string { return t.o.Node }

// Renewed is where the changes stand.
type Renewed struct {
	Epoch  string
	Seq    uint64
	Now    time.Time     // by the clock of the server
	Age    time.Duration // of the epoch
	Nodes  int           // registered, this one included
	Others int           // of the nodes that have another mark
}

// Renew registers this node until hold from now by the clock of the server.
func (t *Tier) Renew(ctx context.Context, hold time.Duration) (Renewed, error) {
	var reply []any
	err := t.command(ctx, func(c redis.UniversalClient) (err error) {
		reply, err = renew.Run(ctx, c, []string{t.keys.head, t.keys.log, cmp.Or(t.retained, t.keys.head)},
			rand.Text(), t.o.Node, hold.Milliseconds(), "1", t.mark).Slice()
		return err
	})
	if err != nil {
		return Renewed{}, fmt.Errorf("remote: renew: %w", err)
	}
	if len(reply) != 7 {
		return Renewed{}, errReply
	}
	epoch, seq, server, err := readHead(reply[:3])
	if err != nil {
		return Renewed{}, err
	}
	now, _ := reply[3].(string)
	us, err := strconv.ParseInt(now, 10, 64)
	nodes, ok := reply[4].(int64)
	others, text := reply[5].(int64)
	born, _ := reply[6].(string)
	since, wrong := strconv.ParseInt(born, 10, 64)
	if err != nil || wrong != nil || !ok || !text {
		return Renewed{}, errReply
	}
	// A connection from before a failover may still reach the old server.
	at := ""
	if t.target.mode == cluster {
		at = slotOwner
	}
	t.met(at, server)
	return Renewed{Epoch: epoch, Seq: seq, Now: time.UnixMicro(us), Age: time.Duration(us-since) * time.Microsecond, Nodes: int(nodes), Others: int(others)}, nil
}

// sincePage is how many changes one exchange may bring and stay well within its time.
const sincePage = 500

// Since returns the changes of epoch after seq, in order. It is false if the log no
// longer reaches back that far, seq was never reached, or the epoch is another.
func (t *Tier) Since(ctx context.Context, epoch string, seq uint64) ([]Change, bool, error) {
	var changes []Change
	for {
		var reply []any
		err := t.command(ctx, func(c redis.UniversalClient) (err error) {
			reply, err = since.Run(ctx, c, []string{t.keys.head, t.keys.log}, seq, sincePage).Slice()
			return err
		})
		if err != nil {
			return nil, false, fmt.Errorf("remote: read the log: %w", err)
		}
		if len(reply) != 3 {
			return nil, false, errReply
		}
		page, ok := reply[2].([]any)
		if !ok {
			return nil, false, errReply
		}
		now, head, _, err := readHead([]any{reply[0], reply[1], ""})
		if err != nil {
			return nil, false, err
		}
		if now != epoch || head < seq || head > seq && len(page) == 0 {
			return nil, false, nil
		}
		for _, one := range page {
			text, _ := one.(string)
			c, err := readChange(text)
			if err != nil {
				return nil, false, fmt.Errorf("remote: read the log: %w", err)
			}
			if c.Epoch != epoch || c.Seq != seq+1 {
				return nil, false, nil
			}
			seq++
			changes = append(changes, c)
		}
		if seq >= head {
			return changes, true, nil
		}
	}
}

// Leave takes this node out of the registry. It must be called before Run ends.
func (t *Tier) Leave(ctx context.Context) error {
	err := t.command(ctx, func(c redis.UniversalClient) error {
		return c.HDel(ctx, t.keys.head, "n|"+t.o.Node, "k|"+t.o.Node).Err()
	})
	if err != nil {
		return fmt.Errorf("remote: leave: %w", err)
	}
	return nil
}
