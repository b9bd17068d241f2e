package cachebench

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
)

// ttl is long: nothing here ends by age.
const ttl = 10 * time.Minute

// peer is one node of one library. read asks for question i of its source. What
// it returns must not be changed.
type peer interface {
	read(ctx context.Context, i int) ([]byte, error)
}

// changer is a peer that can be told that the answer to question i has changed.
// With a nil error the change counts as acknowledged.
type changer interface {
	peer
	change(ctx context.Context, i int) error
}

// place is where a peer works: a database of its own on a server that it shares.
type place struct {
	server  *redistest.Server
	db      int
	src     *source
	entries int // that memory has room for
	tight   bool
}

// Sizes of memory: roomy holds all that is asked for, and cramped next to nothing,
// so that reads go through Redis but pay for putting the answer into memory.
const (
	roomy   = 1 << 16
	cramped = 8
)

// entrant is a peer of a comparison, by name.
type entrant struct {
	name string
	open func(b *testing.B, at place) peer
}

// Names in the tables.
const (
	nameM1         = "M1"
	nameOtter      = "otter v2 alone"
	nameMinimal    = "otter + go-redis"
	nameGoRedis    = "go-redis/cache v9"
	nameSturdyc    = "sturdyc"
	nameGocache    = "gocache v4, chain"
	nameRueidis    = "rueidis DoCache"
	nameBare       = "go-redis GET"
	nameM1Assembly = "M1, key and tags made for each read"
	nameM1Alone    = "M1 without Redis"
)

// entrants are the two-tier caches.
func entrants() []entrant {
	return []entrant{
		{nameM1, openM1},
		{nameMinimal, openMinimal},
		{nameGoRedis, openGoRedisCache},
		{nameSturdyc, openSturdyc},
		{nameGocache, openGocache},
		{nameRueidis, openRueidis},
	}
}

// runner is an entrant at work.
type runner struct {
	name string
	peer
	src  *source
	took []time.Duration
}

// start opens every entrant with n questions of its own.
func start(b *testing.B, s *redistest.Server, es []entrant, n, entries int) (rs []*runner) {
	b.Helper()
	for i, e := range es {
		src := newSource(n)
		rs = append(rs, &runner{name: e.name, src: src, peer: e.open(b, place{server: s, db: i + 1, src: src, entries: entries})})
	}
	return rs
}

// cluster is some nodes of one library on one server.
func cluster(b *testing.B, s *redistest.Server, db, n int, src *source, open func(*testing.B, place) peer) (ps []changer) {
	b.Helper()
	for range n {
		ps = append(ps, open(b, place{server: s, db: db, src: src, entries: roomy}).(changer))
	}
	return ps
}

// fillAll fills every peer, and waits until nobody writes to Redis any more: some
// do it behind their callers.
func fillAll(b *testing.B, s *redistest.Server, rs []*runner) {
	b.Helper()
	for _, r := range rs {
		r.fill(b)
	}
	count := func() (n int) {
		for _, word := range strings.FieldsFunc(s.Do(b, "INFO", "keyspace").(string), func(c rune) bool { return c == ':' || c == ',' }) {
			if text, ok := strings.CutPrefix(word, "keys="); ok {
				keys, _ := strconv.Atoi(text) // no number counts as none
				n += keys
			}
		}
		return n
	}
	until(b, func() bool {
		before := count()
		time.Sleep(100 * time.Millisecond)
		return count() == before
	})
}

// fill asks all questions until the source is not asked any more.
func (r *runner) fill(b *testing.B) {
	b.Helper()
	for range 50 {
		before := r.src.loads.Load()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(r.src.names); i = int(next.Add(1)) - 1 {
					_, _ = r.read(context.Background(), i) // what failed is asked again
				}
			})
		}
		wg.Wait()
		if r.src.loads.Load() == before {
			return
		}
		time.Sleep(20 * time.Millisecond) // some write behind
	}
	b.Errorf("%s never holds all answers", r.name)
}

// must is a read that has to succeed.
func must(b *testing.B, r peer, i int) []byte {
	v, err := r.read(context.Background(), i)
	require.NoError(b, err)
	return v
}

// rounds runs f for each round that -benchtime=Nx asks for, but at most so often.
func rounds(b *testing.B, most int, f func(round int)) {
	n := 0
	for b.Loop() {
		if n < most {
			f(n)
			n++
		}
	}
}

// turns runs f with every runner, beginning with another one in each round.
func turns(rs []*runner, round int, f func(*runner)) {
	for i := range rs {
		f(rs[(i+round)%len(rs)])
	}
}

// quantile sorts took.
func quantile(took []time.Duration, share float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[int(share*float64(len(took)-1))]
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
