package cachebench

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/remote"
)

// m1 is a node of M1's cache. Every answer depends on one item of a collection.
type m1 struct {
	src   *source
	cache *cache.Cache
	of    *cache.Of[[]byte]
	keys  []cache.Key
	tags  [][]cache.Tag
}

// m1Options are those that a benchmark may change.
type m1Options struct {
	cache   cache.Options
	class   cache.Class
	timeout time.Duration
	oneTag  bool // all answers depend on the same
}

// openM1 opens a node with the defaults.
func openM1(b *testing.B, at place) peer { return openM1With(b, at, m1Options{}) }

var nodes atomic.Int64

func openM1With(b *testing.B, at place, o m1Options) *m1 {
	b.Helper()
	if at.entries == cramped {
		o.cache.MaxBytes, o.cache.MaxTags = cramped*600, 1<<17 // the answers are to be missed, not their tags
	}
	if at.server != nil {
		tier, err := remote.Open(remote.Options{
			URL: "redis://" + at.server.Addr() + "/" + strconv.Itoa(at.db), Timeout: o.timeout,
			Space: "bench" + strconv.Itoa(at.db), Node: "n" + strconv.FormatInt(nodes.Add(1), 10),
		})
		require.NoError(b, err)
		o.cache.Redis = tier
	}
	c, err := cache.New(o.cache)
	require.NoError(b, err)
	o.class.Name, o.class.TTL = "bench", ttl
	of, err := cache.Register(c, o.class, cache.Bytes{})
	require.NoError(b, err)
	m := &m1{src: at.src, cache: c, of: of}
	for i, name := range at.src.names {
		m.keys = append(m.keys, m.key(i))
		if o.oneTag {
			name = "all"
		}
		m.tags = append(m.tags, []cache.Tag{{Scope: "run", Collection: "files", Item: name}})
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }() // ends with the benchmark
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	m.settle(b)
	return m
}

// acquaintance is how long Redis takes to be sure that it knows all nodes of M1.
// Until then a change waits out a lease.
const acquaintance = 400 * time.Millisecond

// settle waits until the node serves from memory.
func (m *m1) settle(b *testing.B) {
	b.Helper()
	until(b, func() bool {
		s := m.cache.Stats().Redis
		return s.Coherent && !s.BreakerOpen && s.Journal == 0
	})
}

func until(b *testing.B, done func() bool) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("waited 20s in vain")
		}
	}
}

func (m *m1) key(i int) cache.Key {
	k, err := m.of.Key(cache.Question{Tenant: "acme", Principal: "ann", Tool: "read", Args: []byte(m.src.names[i])})
	if err != nil {
		panic(err)
	}
	return k
}

func (m *m1) read(ctx context.Context, i int) ([]byte, error) {
	v, _, err := m.of.Get(ctx, m.keys[i], m.tags[i], m.src.one[i])
	return v, err
}

func (m *m1) change(ctx context.Context, i int) error {
	_, err := m.cache.Invalidate(ctx, m.tags[i]...)
	return err
}

// m1Assembly makes for every read what m1 has made beforehand.
type m1Assembly struct{ *m1 }

func openM1Assembly(b *testing.B, at place) peer {
	return m1Assembly{openM1(b, at).(*m1)}
}

func (m m1Assembly) read(ctx context.Context, i int) ([]byte, error) {
	name := m.src.names[i]
	v, _, err := m.of.Get(ctx, m.key(i), []cache.Tag{{Scope: "run", Collection: "files", Item: name}},
		func(context.Context) ([]byte, error) { return m.src.load(name), nil })
	return v, err
}

func openM1Alone(b *testing.B, at place) peer {
	at.server = nil
	return openM1(b, at)
}
