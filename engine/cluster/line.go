package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// names are those of the keys in Redis. All hold the hash tag of the space.
type names struct{ prefix, keys, seen string }

func namesOf(prefix string) names {
	p := prefix + "grants:"
	return names{prefix: p, keys: p + "keys", seen: p + "seen"}
}

func (n names) requests(node string) string { return n.prefix + "requests:" + node }
func (n names) answers(node string) string  { return n.prefix + "answers:" + node }

type client = redis.UniversalClient

// connections is how many a node holds for what it sends.
const connections = 16

const (
	retryFirst = 10 * time.Millisecond
	retryLast  = 100 * time.Millisecond
)

// line is the client for all that does not block. A fresh one follows every failure:
// a pool may hold connections to a server of before, and one that could not dial
// waits a second before it tries again.
type line struct {
	open func() client
	now  atomic.Pointer[client]

	mu     sync.Mutex // held while the client changes
	closed bool
}

var errClosed = errors.New("cluster: this node has left")

// do runs one exchange. Another that fails at the same time may end it too; what is
// sent here can therefore be sent twice.
func (l *line) do(ctx context.Context, f func(client) error) error {
	p := l.now.Load()
	if p == nil {
		var err error
		if p, err = l.renew(nil); err != nil {
			return err
		}
	}
	err := f(*p)
	if err != nil && !errors.Is(err, redis.Nil) && ctx.Err() == nil {
		_, _ = l.renew(p) // closed is as good
	}
	return err
}

// renew replaces old, unless that has been done.
func (l *line) renew(old *client) (*client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if now := l.now.Load(); now != old {
		return now, nil
	}
	fresh := l.open()
	l.now.Store(&fresh)
	if old != nil {
		_ = (*old).Close() // it has failed already
	}
	return &fresh, nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if now := l.now.Swap(nil); now != nil {
		_ = (*now).Close() // nothing is on its way any more
	}
}

// maxQueue is how many messages may wait for one node.
const maxQueue = 8192

// push appends ARGV[1] to a list that lives ARGV[2] ms from now. It is 0 if the list
// is full, with ARGV[3] messages.
var push = redis.NewScript(`
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`)

var errFull = errors.New("cluster: too many messages wait for that node")

// send puts a message into a list, and tries again until ctx is done or the list is
// full. The message may then be there twice.
func (c *Cluster) send(ctx context.Context, list string, message []byte) error {
	wait := retryFirst
	for {
		var room bool
		err := c.line.do(ctx, func(r client) (err error) {
			room, err = push.Run(ctx, r, []string{list}, message, (2 * c.o.Wait).Milliseconds(), maxQueue).Bool()
			return err
		})
		switch {
		case err == nil && !room:
			return errFull
		case err == nil:
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait = min(2*wait, retryLast)
	}
}

const (
	block = time.Second // what a pop waits; go-redis knows whole seconds only
	batch = 64          // messages of one pop
)

// receive hands on the messages of a list until ctx is done. take may block, and holds
// up what comes after.
func (c *Cluster) receive(ctx context.Context, list string, take func(context.Context, []byte)) {
	wait := retryFirst
	for ctx.Err() == nil {
		start := time.Now()
		err := c.pop(ctx, list, take)
		if ctx.Err() != nil {
			return
		}
		c.stats.lost.Add(1)
		c.log.Debug("cluster: the line to redis failed", "list", list, "err", err)
		if time.Since(start) > block {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryLast)
	}
}

// pop hands on messages until the connection fails.
func (c *Cluster) pop(ctx context.Context, list string, take func(context.Context, []byte)) error {
	r := c.dialer.Client(1)
	defer func() { _ = r.Close() }()                         // it has failed, or stop has closed it
	stop := context.AfterFunc(ctx, func() { _ = r.Close() }) // ends the pop below
	defer stop()
	for {
		waiting, cancel := context.WithTimeout(ctx, block+c.o.Timeout)
		_, messages, err := r.BLMPop(waiting, block, "left", batch, list).Result()
		cancel()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		for _, m := range messages {
			take(ctx, []byte(m))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
