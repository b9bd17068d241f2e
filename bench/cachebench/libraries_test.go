package cachebench

import (
	"context"
	"errors"
	"testing"

	gocache "github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"
	memorystore "github.com/eko/gocache/store/go_cache/v4"
	redisstore "github.com/eko/gocache/store/redis/v4"
	goredis "github.com/go-redis/cache/v9"
	memory "github.com/patrickmn/go-cache"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	"github.com/viccon/sturdyc"
)

// goRedisCache is go-redis/cache with the TinyLFU that it brings.
type goRedisCache struct {
	src   *source
	cache *goredis.Cache
}

func openGoRedisCache(b *testing.B, at place) peer {
	return &goRedisCache{at.src, goredis.New(&goredis.Options{Redis: client(b, at), LocalCache: goredis.NewTinyLFU(at.entries, ttl)})}
}

func (g *goRedisCache) read(ctx context.Context, i int) (v []byte, err error) {
	name := g.src.names[i]
	err = g.cache.Once(&goredis.Item{Ctx: ctx, Key: name, Value: &v, TTL: ttl, Do: func(*goredis.Item) (any, error) {
		return g.src.load(name), nil
	}})
	return v, err
}

func (g *goRedisCache) change(ctx context.Context, i int) error {
	return g.cache.Delete(ctx, g.src.names[i])
}

// sturdy is sturdyc with a storage in Redis.
type sturdy struct {
	src   *source
	cache *sturdyc.Client[[]byte]
}

func openSturdyc(b *testing.B, at place) peer {
	shards := 64
	if at.entries == cramped {
		shards = 1
	}
	return &sturdy{at.src, sturdyc.New[[]byte](at.entries, shards, ttl, 10,
		sturdyc.WithNoContinuousEvictions(), sturdyc.WithDistributedStorage(sturdyStorage{client(b, at)}))}
}

func (s *sturdy) read(ctx context.Context, i int) ([]byte, error) {
	return s.cache.GetOrFetch(ctx, s.src.names[i], s.src.one[i])
}

type sturdyStorage struct{ redis *redis.Client }

func (s sturdyStorage) Get(ctx context.Context, key string) ([]byte, bool) {
	v, err := s.redis.Get(ctx, key).Bytes()
	return v, err == nil
}

func (s sturdyStorage) Set(ctx context.Context, key string, v []byte) {
	s.redis.Set(ctx, key, v, ttl)
}

var errBatch = errors.New("no benchmark reads batches")

func (sturdyStorage) GetBatch(context.Context, []string) map[string][]byte { panic(errBatch) }
func (sturdyStorage) SetBatch(context.Context, map[string][]byte)          { panic(errBatch) }

// chain is gocache's loadable cache over a chain of memory and Redis. Its Redis
// store gives strings, so the values are strings.
type chain struct {
	src   *source
	local *memory.Cache
	small bool
	cache *gocache.LoadableCache[string]
}

func openGocache(b *testing.B, at place) peer {
	c := &chain{src: at.src, local: memory.New(ttl, ttl), small: at.entries == cramped}
	c.cache = gocache.NewLoadable(func(_ context.Context, name any) (string, []store.Option, error) {
		return string(c.src.load(name.(string))), []store.Option{store.WithExpiration(ttl)}, nil
	}, gocache.NewChain(
		gocache.New[string](memorystore.NewGoCache(c.local)),
		gocache.New[string](redisstore.NewRedis(client(b, at))),
	))
	return c
}

func (c *chain) read(ctx context.Context, i int) ([]byte, error) {
	name := c.src.names[i]
	if c.small && c.local.ItemCount() > cramped {
		c.local.Flush() // its memory has no bound
	}
	v, err := c.cache.Get(ctx, name)
	return []byte(v), err
}

// client-side caching of rueidis: the server tells which keys have changed.
type rueidisCache struct {
	src    *source
	client rueidis.Client
}

func openRueidis(b *testing.B, at place) peer {
	o := rueidis.ClientOption{InitAddress: []string{at.server.Addr()}, SelectDB: at.db}
	if at.entries == cramped {
		o.CacheSizeEachConn = 1
	}
	c, err := rueidis.NewClient(o)
	require.NoError(b, err)
	b.Cleanup(c.Close)
	return &rueidisCache{at.src, c}
}

func (r *rueidisCache) read(ctx context.Context, i int) ([]byte, error) {
	name := r.src.names[i]
	v, err := r.client.DoCache(ctx, r.client.B().Get().Key(name).Cache(), ttl).AsBytes()
	if !rueidis.IsRedisNil(err) {
		return v, err
	}
	v = r.src.load(name)
	return v, r.client.Do(ctx, r.client.B().Set().Key(name).Value(rueidis.BinaryString(v)).Px(ttl).Build()).Error()
}

func (r *rueidisCache) change(ctx context.Context, i int) error {
	return r.client.Do(ctx, r.client.B().Del().Key(r.src.names[i]).Build()).Error()
}
