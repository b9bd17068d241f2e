package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"m1/engine/token"
)

const (
	tick         = 50 * time.Millisecond  // looks whether the keys of this node changed
	gap          = 100 * time.Millisecond // between two exchanges of one kind, at least
	lookEvery    = time.Second
	publishEvery = 10 * time.Second
	keysLife     = time.Minute // of published keys
	// memory is how long a node is remembered that publishes no more: its last grant
	// has ended then.
	memory   = token.DefaultMaxTTL + token.MaxLeeway
	maxNodes = 4096 // remembered
)

// published is the body of what a node makes known.
type published struct {
	Keys []token.Key `json:"keys"`
}

// keyring is what this node has published and learnt. Only tend uses what is above mu.
type keyring struct {
	signature string    // of the keys published last; empty: they must be published
	dated     time.Time // of them; every publication has a later one
	own       string    // the bytes of it
	sentAt    time.Time
	triedAt   time.Time // to publish
	lookedAt  time.Time
	nodes     map[string]*neighbour
	kick      chan struct{} // one slot: somebody waits; a second kick would say the same

	mu      sync.Mutex
	waiting []chan error // each has one slot
	known   int          // nodes
}

// neighbour is what another node published last.
type neighbour struct {
	bytes string
	dated time.Time
	seen  time.Time
}

func (k *keyring) init() {
	k.nodes, k.kick = map[string]*neighbour{}, make(chan struct{}, 1)
}

// Learn reads now what keys the other nodes have published, and hands them to the
// Ring. It is for a grant whose key is unknown. A key is published up to 100 ms after
// it was made, so Learn looks a second time and takes that long at least. All callers
// share at most ten looks a second. It blocks no longer than Wait. The error says that
// Redis could not be read in time.
func (c *Cluster) Learn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Wait)
	defer cancel()
	for range 2 {
		if err := c.look(ctx); err != nil {
			return fmt.Errorf("cluster: learn keys: %w", err)
		}
	}
	return nil
}

// look waits for a reading that begins after it was called.
func (c *Cluster) look(ctx context.Context) error {
	if err := c.ready(); err != nil {
		return err
	}
	done := make(chan error, 1)
	k := &c.keyring
	k.mu.Lock()
	k.waiting = append(k.waiting, done)
	k.mu.Unlock()
	select {
	case k.kick <- struct{}{}:
	default:
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.ready()
	}
}

// tend publishes and reads keys until ctx is done.
func (c *Cluster) tend(ctx context.Context) {
	k := &c.keyring
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for ctx.Err() == nil {
		c.publishIfDue(ctx)
		c.readIfDue(ctx)
		select {
		case <-ctx.Done():
		case <-ticks.C:
		case <-k.kick:
		}
	}
}

// exchange bounds one exchange, with the connection that it may need.
func (c *Cluster) exchange(ctx context.Context, f func(context.Context, client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*c.o.Timeout)
	defer cancel()
	return c.line.do(ctx, func(r client) error { return f(ctx, r) })
}

// announce stores what ARGV[1] publishes, ARGV[2], and removes what nobody has
// renewed for ARGV[3] ms.
var announce = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, node in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now - ARGV[3], 'BYSCORE')) do
  redis.call('HDEL', KEYS[1], node)
  redis.call('ZREM', KEYS[2], node)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1`)

func (c *Cluster) publishIfDue(ctx context.Context) {
	k := &c.keyring
	now := time.Now()
	if now.Sub(k.triedAt) < gap/2 {
		return
	}
	keys := c.o.Ring.Keys()
	signature := idsOf(keys)
	if signature == k.signature && now.Sub(k.sentAt) < publishEvery {
		return
	}
	k.triedAt = now
	dated := c.o.Now()
	if earliest := k.dated.Add(time.Millisecond); dated.Before(earliest) {
		dated = earliest
	}
	sealed, err := c.seal(about{kind: keeping, from: c.o.Node}, published{keys}, dated)
	if err == nil {
		err = c.exchange(ctx, func(ctx context.Context, r client) error {
			return announce.Run(ctx, r, []string{c.names.keys, c.names.seen}, c.o.Node, sealed, keysLife.Milliseconds()).Err()
		})
	}
	k.dated = dated
	if err != nil {
		c.stats.lost.Add(1)
		c.log.Debug("cluster: the keys of this node are not published", "err", err)
		return
	}
	k.signature, k.own, k.sentAt = signature, string(sealed), now
}

// idsOf is the same for the same keys.
func idsOf(keys []token.Key) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.ID)
		b.WriteByte(' ')
	}
	return b.String()
}

func (c *Cluster) readIfDue(ctx context.Context) {
	k := &c.keyring
	now := time.Now()
	k.mu.Lock()
	wanted := len(k.waiting) > 0
	since := now.Sub(k.lookedAt)
	if since < gap || !wanted && since < lookEvery {
		k.mu.Unlock()
		return
	}
	waiting := k.waiting
	k.waiting = nil
	k.mu.Unlock()
	k.lookedAt = now
	err := c.read(ctx, now)
	for _, done := range waiting {
		done <- err
	}
}

// read takes in all that is published.
func (c *Cluster) read(ctx context.Context, now time.Time) error {
	k := &c.keyring
	var all map[string]string
	err := c.exchange(ctx, func(ctx context.Context, r client) (err error) {
		all, err = r.HGetAll(ctx, c.names.keys).Result()
		return err
	})
	if err != nil {
		c.stats.lost.Add(1)
		return err
	}
	for node, bytes := range all {
		if node != c.o.Node {
			c.meet(node, bytes, now)
		}
	}
	c.checkOwn(all[c.o.Node])
	for node, n := range k.nodes {
		if now.Sub(n.seen) > memory {
			delete(k.nodes, node)
			_ = c.o.Ring.Trust(node, nil) // nothing of it can be refused
		}
	}
	k.mu.Lock()
	k.known = len(k.nodes)
	k.mu.Unlock()
	return nil
}

// meet takes in what another node has published. An older publication is not taken
// again: it could bring a key back that has retired since.
func (c *Cluster) meet(node, bytes string, now time.Time) {
	k := &c.keyring
	last := k.nodes[node]
	if last == nil && len(k.nodes) >= maxNodes {
		c.notice("too many nodes have published keys; no further ones are trusted", "node", node)
		return
	}
	if last != nil && last.bytes == bytes {
		return
	}
	var p published
	dated, err := c.open(about{kind: keeping, from: node}, []byte(bytes), &p)
	if err != nil {
		c.refuse("publication of keys", err)
		return
	}
	age := c.o.Now().Sub(dated)
	if age > keysLife+c.o.Leeway || age < -c.o.Leeway || last != nil && !dated.After(last.dated) {
		c.stats.stale.Add(1)
		return
	}
	if err := c.o.Ring.Trust(node, p.Keys); err != nil {
		c.notice("the keys of a node are not trusted", "node", node, "err", err)
		return
	}
	if last == nil {
		c.log.Info("cluster: a node is here whose grants are honoured", "node", node)
	}
	k.nodes[node] = &neighbour{bytes: bytes, dated: dated, seen: now}
}

// checkOwn sees to it that what this node published is there.
func (c *Cluster) checkOwn(bytes string) {
	k := &c.keyring
	if bytes == k.own || k.signature == "" {
		return
	}
	k.signature = "" // publish again
	var p published
	if dated, err := c.open(about{kind: keeping, from: c.o.Node}, []byte(bytes), &p); err == nil && dated.After(k.dated) {
		c.notice("another process has the name of this node; give every node a name of its own", "node", c.o.Node)
	}
}
