package cache_test

import (
	"context"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/remote"
)

// holding reads until n serves s from memory.
func (w *world) holding(n *node, s *subject) {
	w.t.Helper()
	until(w.t, n.name+" holds "+s.truth.name, func() bool { return w.read(n, s, 0).Tier == cache.Local })
}

// gives reads s at n and says what it must be.
func (w *world) gives(n *node, s *subject, v int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	b, info, err := n.of[s.class].Get(ctx, s.key[n], s.tags, s.load(n.dice, 0))
	require.NoError(w.t, err)
	require.Equal(w.t, strconv.FormatInt(v, 10), string(b), "%s at %s: %+v", s.truth.name, n.name, info)
}

// well waits until all nodes are.
func (w *world) well() {
	w.t.Helper()
	for _, n := range w.nodes {
		until(w.t, n.name+" is well", n.well)
	}
}

// one is a world with one subject of a class, which node a changes.
func one(t *testing.T, class string, o cache.Options) (w *world, s *subject, a, b, c *node) {
	t.Helper()
	w = newWorld(t, 1, o).add(class, 1, false)
	return w, w.subjects[0], w.nodes[0], w.nodes[1], w.nodes[2]
}

// A load begins, the source changes, the key is invalidated, the load ends.
func TestALateAnswerIsServedNowhere(t *testing.T) {
	t.Parallel()
	w, s, a, b, _ := one(t, "ack", cache.Options{})
	begun, finish := make(chan struct{}), make(chan struct{})
	old := make(chan string, 1)
	go func() {
		v, _, err := b.of["ack"].Get(context.Background(), s.key[b], s.tags, func(context.Context) ([]byte, error) {
			v := s.truth.now.Load()
			close(begun)
			<-finish
			return strconv.AppendInt(nil, v, 10), nil
		})
		if err != nil {
			v = []byte(err.Error())
		}
		old <- string(v)
	}()
	<-begun
	until(t, "acknowledged", func() bool { w.invalidate(a, s); return s.truth.acked.Load() == s.truth.now.Load() })
	want := s.truth.now.Load()
	for _, n := range w.nodes {
		w.gives(n, s, want) // nobody joins the load that is under way
	}
	close(finish)
	require.Equal(t, "1", <-old)
	for range 20 {
		for _, n := range w.nodes {
			w.gives(n, s, want)
		}
		time.Sleep(time.Millisecond)
	}
	require.Empty(t, w.all())
}

// A node cannot reach Redis and changes something; later it can again. In between
// its process may end.
func TestAChangeThatRedisDidNotHearIsToldLater(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"the process lives": false, "the process restarts": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, _, b, c := one(t, "ack", cache.Options{})
			link := redistest.Proxy(t, w.server.URL())
			path := filepath.Join(t.TempDir(), "journal")
			start := func() *node {
				j, err := cache.OpenJournal(path)
				require.NoError(t, err)
				t.Cleanup(func() { _ = j.Close() })
				n := openAt(t, link, "d", cache.Options{Journal: j})
				s.key[n], err = n.of["ack"].Key(cache.Question{Tool: s.truth.name})
				require.NoError(t, err)
				return n
			}
			d := start()
			until(t, "d is well", d.well)
			for _, n := range []*node{b, c, d} {
				w.holding(n, s)
			}
			link.Cut()
			v := s.truth.now.Add(1)
			_, err := d.cache.Invalidate(t.Context(), s.moved...)
			require.ErrorIs(t, err, cache.ErrNotPropagated)
			w.gives(d, s, v)
			require.Positive(t, d.cache.Stats().Redis.Journal)
			if restart {
				d.stop()
				link.Reset()
				d = start()
				require.Positive(t, d.cache.Stats().Redis.Journal)
				w.gives(d, s, v)
			}
			link.Restore()
			until(t, "d is well", d.well)
			time.Sleep(w.lease + w.lease/4)
			for _, n := range []*node{b, c, d} {
				w.gives(n, s, v)
				w.holding(n, s)
			}
			again, err := cache.OpenJournal(path)
			require.NoError(t, err)
			left, err := again.Load()
			require.NoError(t, err)
			require.Empty(t, left)
			require.NoError(t, again.Close())
		})
	}
}

// The path comes back slowly, and a change comes when Redis has been told of the
// one before and this node does not know that yet. It must be told too.
func TestAChangeDuringTheTellingIsToldToo(t *testing.T) {
	t.Parallel()
	w, s, a, b, _ := one(t, "ack", cache.Options{})
	for range 3 {
		w.holding(b, s)
		a.link.Cut()
		until(t, "a gives up", func() bool { w.invalidate(a, s); return a.cache.Stats().Redis.BreakerOpen })
		before := w.seq()
		a.link.Delay(10 * time.Millisecond) // one way
		a.link.Reset()
		a.link.Restore()
		until(t, "Redis is told", func() bool { return w.seq() > before })
		for range 3 {
			w.read(b, s, 0)
		}
		w.invalidate(a, s)
		a.link.Delay(0)
		w.well()
		time.Sleep(w.lease + w.lease/4)
		for _, n := range w.nodes {
			w.gives(n, s, s.truth.now.Load())
			w.holding(n, s)
		}
	}
}

// seq is how many changes Redis has heard of.
func (w *world) seq() int {
	w.t.Helper()
	text, _ := w.server.Do(w.t, "HGET", "m1:{m1}:head", "seq").(string)
	n, err := strconv.Atoi(text)
	require.NoError(w.t, err)
	return n
}

// A thousand writes while Redis is away are told together, not one by one: else
// the telling takes longer than the pauses between failures.
func TestALongJournalIsToldQuickly(t *testing.T) {
	t.Parallel()
	w, s, a, b, _ := one(t, "linear", cache.Options{})
	w.holding(b, s)
	a.link.Cut()
	until(t, "a gives up", func() bool { w.invalidate(a, s); return a.cache.Stats().Redis.BreakerOpen })
	for range 1000 {
		err := a.cache.Write(t.Context(), s.moved, func(context.Context) error { s.truth.now.Add(1); return nil })
		require.ErrorIs(t, err, cache.ErrNotPropagated)
	}
	before := w.seq()
	a.link.Restore()
	w.well()
	require.Less(t, w.seq()-before, 100, "messages to every node")
	time.Sleep(w.lease + w.lease/4)
	for _, n := range w.nodes {
		w.gives(n, s, s.truth.now.Load())
		w.holding(n, s)
	}
}

func TestOneLoadForAHerd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, cache.Options{})
	round := 0
	until(t, "Redis is quick enough for once", func() bool {
		round++
		tags := []cache.Tag{{Scope: "run", Collection: "herd", Item: strconv.Itoa(round)}}
		var loads, alone atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			for _, n := range w.nodes {
				key, err := n.of["turns"].Key(cache.Question{Tool: tags[0].Item})
				require.NoError(t, err)
				all.Go(func() {
					v, info, err := n.of["turns"].Get(context.Background(), key, tags, func(context.Context) ([]byte, error) {
						loads.Add(1)
						time.Sleep(100 * time.Millisecond)
						return []byte("x"), nil
					})
					if err != nil || string(v) != "x" {
						t.Errorf("got %q, %v", v, err)
					}
					if info.Tier == cache.None && info.Why != cache.Absent {
						alone.Add(1) // this node could not ask Redis in time, and says so
					}
				})
			}
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if alone.Load() > 0 {
			return false
		}
		return loads.Load() == 1
	})
}

func TestWaitersOutliveACancelledOwner(t *testing.T) {
	t.Parallel()
	w, s, a, _, _ := one(t, "ack", cache.Options{})
	begun, finish := make(chan struct{}), make(chan struct{})
	var loads atomic.Int32
	load := func(ctx context.Context) ([]byte, error) {
		if loads.Add(1) == 1 {
			close(begun)
		}
		select {
		case <-finish:
			return []byte("x"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	owner := make(chan error, 1)
	go func() {
		_, _, err := a.of["ack"].Get(ctx, s.key[a], s.tags, load)
		owner <- err
	}()
	<-begun
	var waiters sync.WaitGroup
	for range 20 {
		waiters.Go(func() {
			v, _, err := a.of["ack"].Get(context.Background(), s.key[a], s.tags, load)
			if err != nil || string(v) != "x" {
				t.Errorf("got %q, %v", v, err)
			}
		})
	}
	until(t, "they join, or load themselves", func() bool { return a.cache.Stats().Classes[0].Joined+int64(loads.Load()) >= 21 })
	cancel()
	require.ErrorIs(t, <-owner, context.Canceled)
	close(finish)
	waiters.Wait()
	require.Empty(t, w.all())
}

// The server forgets everything: nothing held is served any more once somebody has
// changed something in the new epoch, nor is it lost for good.
func TestANewEpoch(t *testing.T) {
	t.Parallel()
	w, s, a, b, c := one(t, "ack", cache.Options{})
	for range 5 {
		for _, n := range w.nodes {
			w.holding(n, s)
		}
		w.server.Do(t, "FLUSHALL")
		w.invalidate(a, s)
		if s.truth.acked.Load() == s.truth.now.Load() {
			w.gives(b, s, s.truth.now.Load())
			w.gives(c, s, s.truth.now.Load())
		}
		w.well()
	}
	require.Positive(t, b.cache.Stats().Redis.Drops)
	for _, n := range w.nodes {
		w.holding(n, s)
	}
}

// The server forgets the fence of a change that is open. Nobody may then hold an
// answer from before the change while others see the new one, nor after it.
func TestAFenceOutlivesTheServersMemory(t *testing.T) {
	t.Parallel()
	for range 3 {
		w, s, a, b, c := one(t, "linear", cache.Options{})
		w.holding(b, s)
		change, err := a.cache.Begin(t.Context(), s.moved...)
		if err != nil { // the machine is busy
			continue
		}
		w.server.Do(t, "FLUSHALL")
		time.Sleep(w.lease / 2)
		w.well()
		for range 50 {
			w.read(b, s, 0)
			time.Sleep(time.Millisecond)
		}
		v := s.truth.now.Add(1)
		w.gives(c, s, v)
		w.gives(b, s, v)
		if change.Done(t.Context()) == nil {
			w.gives(b, s, v)
			w.gives(c, s, v)
		}
	}
}

// With maxmemory-policy allkeys-* the server may forget any one key. Without the
// list of nodes a change must not be acknowledged before they have heard of it.
func TestAnyOneKeyMayBeEvicted(t *testing.T) {
	t.Parallel()
	w, s, a, b, _ := one(t, "ack", cache.Options{})
	for _, name := range []string{"nodes", "log", "head", "v:*", "e:*"} {
		w.well()
		w.holding(b, s)
		b.link.Delay(20 * time.Millisecond) // one way; b holds its lease and hears late
		for _, key := range w.server.Do(t, "KEYS", "m1:{m1}:"+name).([]any) {
			w.server.Do(t, "DEL", key)
		}
		v := s.truth.now.Add(1)
		if _, err := a.cache.Invalidate(t.Context(), s.moved...); err == nil {
			w.gives(b, s, v)
		}
		b.link.Delay(0)
	}
}

// The clocks of the nodes differ by hours.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	w := &world{t: t, server: s, seed: 1, lease: usualLease}
	for name, skew := range map[string]time.Duration{"a": 0, "b": time.Hour, "c": -time.Hour} {
		w.nodes = append(w.nodes, open(t, s, name, cache.Options{Now: func() time.Time { return time.Now().Add(skew) }}))
	}
	w.well()
	w.add("ack", 1, false)
	sub := w.subjects[0]
	for range 20 {
		for _, n := range w.nodes {
			w.holding(n, sub)
			info := w.read(n, sub, 0)
			require.GreaterOrEqual(t, info.Age, time.Duration(0))
			require.Less(t, info.Age, time.Minute)
			w.invalidate(n, sub)
			for _, other := range w.nodes {
				info := w.read(other, sub, 0)
				require.GreaterOrEqual(t, info.Age, time.Duration(0))
				require.Less(t, info.Age, time.Minute)
			}
		}
	}
	require.Empty(t, w.all())
}

// Redis accepts connections and answers nothing, from the first moment on.
func TestRedisHungFromTheStart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Stop()
	a := open(t, s, "a", cache.Options{})
	w := &world{t: t, server: s, nodes: []*node{a}, lease: usualLease}
	w.add("ack", 1, false)
	sub := w.subjects[0]
	for range 20 {
		require.Equal(t, cache.None, w.read(a, sub, 0).Tier)
	}
	v := sub.truth.now.Add(1)
	_, err := a.cache.Invalidate(t.Context(), sub.moved...)
	require.ErrorIs(t, err, cache.ErrNotPropagated)
	w.gives(a, sub, v)
	s.Cont()
	w.well()
	w.holding(a, sub)
	w.gives(a, sub, v)
}

// A node that ends says so. One that dies does not, and is waited for once.
func TestANodeThatLeftIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	_, s, a, b, c := one(t, "ack", cache.Options{Lease: 3 * time.Second})
	b.stop()
	c.stop()
	until(t, "acknowledged", func() bool {
		ack, err := a.cache.Invalidate(t.Context(), s.moved...)
		if err == nil {
			require.Zero(t, ack.Nodes)
			require.Less(t, ack.Waited, 3*time.Second)
		}
		return err == nil
	})
	require.Zero(t, a.cache.Stats().Redis.AckTimeouts)
}

// What comes late from the server of before must not lock a node up.
func TestALateMessageAndANewServer(t *testing.T) {
	t.Parallel()
	w, s, a, _, _ := one(t, "ack", cache.Options{})
	w.holding(a, s)
	epoch := w.server.Do(t, "HGET", "m1:{m1}:head", "epoch").(string)
	for range 8 {
		a.link.Cut()
		until(t, "a gives up", func() bool { w.read(a, s, 0); return !a.cache.Stats().Redis.Coherent })
		w.server.Restart()
		a.link.Reset()
		var late sync.WaitGroup
		over := make(chan struct{})
		late.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					a.cache.Changed(remote.Change{Epoch: epoch, Seq: 1 << 40, Origin: "x"})
				}
			}
		})
		a.link.Restore()
		time.Sleep(150 * time.Millisecond)
		close(over)
		done := make(chan struct{})
		go func() { late.Wait(); a.cache.Stats(); close(done) }()
		select {
		case <-done:
		case <-time.After(patience):
			require.FailNow(t, "locked up")
		}
		until(t, "a is well", a.well)
		epoch = w.server.Do(t, "HGET", "m1:{m1}:head", "epoch").(string)
	}
}

// Not parallel: it counts goroutines.
func TestNothingRunsOnAfterRun(t *testing.T) {
	count := func() int {
		b := make([]byte, 4<<20)
		all := string(b[:runtime.Stack(b, true)])
		return strings.Count(all, "go-redis/v9") + strings.Count(all, "m1/cache.(") + strings.Count(all, "m1/cache/remote.")
	}
	before := count()
	s := redistest.Start(t)
	for range 3 {
		n := open(t, s, "a", cache.Options{})
		w := &world{t: t, server: s, nodes: []*node{n}, lease: usualLease}
		w.add("ack", 1, false)
		w.well()
		w.holding(n, w.subjects[0])
		w.invalidate(n, w.subjects[0])
		n.stop()
		w.gives(n, w.subjects[0], w.subjects[0].truth.now.Load()) // from the source
		_, err := n.cache.Invalidate(t.Context(), w.subjects[0].moved...)
		require.ErrorIs(t, err, cache.ErrNotPropagated)
	}
	until(t, "all goroutines end", func() bool { return count() <= before })
}
