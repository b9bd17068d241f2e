package cachebench

import (
	"context"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// minimal is what people write: otter before go-redis, and one channel on which
// the nodes tell each other which key to drop.
type minimal struct {
	src   *source
	local *otter.Cache[string, []byte]
	redis *redis.Client
}

func (m *minimal) read(ctx context.Context, i int) ([]byte, error) {
	name := m.src.names[i]
	if v, ok := m.local.GetIfPresent(name); ok {
		return v, nil
	}
	return m.local.Get(ctx, name, otter.LoaderFunc[string, []byte](m.miss))
}

func (m *minimal) miss(ctx context.Context, name string) ([]byte, error) {
	if v, err := m.redis.Get(ctx, name).Bytes(); err == nil {
		return v, nil
	}
	v := m.src.load(name)
	m.redis.Set(ctx, name, v, ttl) // without Redis the answer is as good
	return v, nil
}

func (m *minimal) change(ctx context.Context, i int) error {
	name := m.src.names[i]
	m.local.Invalidate(name)
	if err := m.redis.Del(ctx, name).Err(); err != nil {
		return err
	}
	return m.redis.Publish(ctx, channel, name).Err()
}

const channel = "changed"

func (m *minimal) listen(ch <-chan *redis.Message) {
	for msg := range ch {
		m.local.Invalidate(msg.Payload)
	}
}

func openMinimal(b *testing.B, at place) peer {
	b.Helper()
	m := &minimal{src: at.src, local: openOtterCache(b, at), redis: client(b, at)}
	sub := m.redis.Subscribe(context.Background(), channel)
	_, err := sub.Receive(context.Background())
	require.NoError(b, err)
	go m.listen(sub.Channel()) // ends with sub
	b.Cleanup(func() { _ = sub.Close() })
	return m
}

// client is go-redis with its defaults, or with timeouts as short as M1's.
func client(b *testing.B, at place) *redis.Client {
	o := &redis.Options{Addr: at.server.Addr(), DB: at.db}
	if at.tight {
		const d = 20 * time.Millisecond
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 50*time.Millisecond, d, d, d
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	}
	c := redis.NewClient(o)
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func openOtterCache(b *testing.B, at place) *otter.Cache[string, []byte] {
	c, err := otter.New(&otter.Options[string, []byte]{
		MaximumSize:      at.entries,
		ExpiryCalculator: otter.ExpiryWriting[string, []byte](ttl),
	})
	require.NoError(b, err)
	b.Cleanup(func() { c.StopAllGoroutines() })
	return c
}

// otterAlone is memory only.
type otterAlone struct {
	src   *source
	local *otter.Cache[string, []byte]
}

func openOtter(b *testing.B, at place) peer {
	return &otterAlone{at.src, openOtterCache(b, at)}
}

func (o *otterAlone) read(ctx context.Context, i int) ([]byte, error) {
	name := o.src.names[i]
	if v, ok := o.local.GetIfPresent(name); ok {
		return v, nil
	}
	return o.local.Get(ctx, name, otter.LoaderFunc[string, []byte](func(_ context.Context, name string) ([]byte, error) {
		return o.src.load(name), nil
	}))
}

// bare is one GET, what a read through Redis costs at least.
type bare struct {
	src   *source
	redis *redis.Client
}

func openBare(b *testing.B, at place) peer { return &bare{at.src, client(b, at)} }

func (r *bare) read(ctx context.Context, i int) ([]byte, error) {
	name := r.src.names[i]
	v, err := r.redis.Get(ctx, name).Bytes()
	if err == nil {
		return v, nil
	}
	v = r.src.load(name)
	return v, r.redis.Set(ctx, name, v, ttl).Err()
}
