package remote_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

func TestAVersionIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	before := time.Now().UnixMicro()
	first, err := tier.Ensure(t.Context(), []string{"x", "y"}, time.Minute)
	require.NoError(t, err)
	require.Len(t, first, 2)
	for _, v := range first {
		require.Zero(t, v%2, "no fence")
		require.InDelta(t, before, v, 60e6, "µs of the server")
	}
	again, err := tier.Ensure(t.Context(), []string{"y", "x"}, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []uint64{first[1], first[0]}, again)
	require.Equal(t, []uint64{first[0], 0}, versions(t, tier, "x", "z"))
	left := s.Do(t, "PTTL", "m1:{m1}:v:x").(int64)
	require.Positive(t, left)
	require.LessOrEqual(t, left, int64(60_000))
}

func TestABumpRaisesWhatExistsAndOnlyAnnouncesTheRest(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	old, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
	require.NoError(t, err)
	_, err = tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	s.Do(t, "HSET", "m1:{m1}:head", "n|gone", 1)

	for _, control := range []bool{false, true} {
		b, err := tier.Bump(t.Context(), remote.Bump{Nonce: 1<<64 - 1, IDs: []string{"x", "new"}, TTL: time.Minute}, control)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, b.Live, "who did not renew is gone")
		require.Greater(t, b.Versions[0].At, old[0])
		require.Zero(t, b.Versions[0].At%2)
		require.NotZero(t, b.Versions[1].At)
		require.Equal(t, []uint64{b.Versions[0].At, 0}, versions(t, tier, "x", "new"))
		old[0] = b.Versions[0].At
		until(t, "the change comes back", func() bool { return len(r.heard()) == int(b.Seq) })
		require.Equal(t, remote.Change{Epoch: b.Epoch, Seq: b.Seq, Origin: "a", Nonce: 1<<64 - 1, Versions: b.Versions}, r.heard()[b.Seq-1])
	}
	// A version that is ahead of the clock still rises.
	s.Do(t, "SET", "m1:{m1}:v:x", "9000000000000000")
	require.EqualValues(t, 9000000000000002, bump(t, tier, "x").Versions[0].At)
}

// The attack: a fence of one bit; the end of a second write lifted the fence of a
// first that was still under way, and readers kept what it was about to change.
func TestAFenceStandsUntilEveryWriteHasEnded(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	fence := func(name string, d time.Duration) uint64 {
		b, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, Fence: name, For: d, TTL: time.Minute}, false)
		require.NoError(t, err)
		return b.Versions[0].At
	}
	last := uint64(0)
	rises := func(v uint64, odd bool) {
		t.Helper()
		require.Greater(t, v, last, "never used again")
		require.Equal(t, odd, v%2 == 1)
		last = v
	}
	rises(fence("w1", time.Minute), true)
	rises(fence("w2", 30*time.Second), true)
	rises(fence("w2", -1), true)
	rises(bump(t, tier, "x").Versions[0].At, true)
	rises(fence("other", -1), true)
	require.Equal(t, []uint64{last}, versions(t, tier, "x"))
	left := s.Do(t, "PTTL", "m1:{m1}:v:x").(int64)
	require.InDelta(t, 60_000, left, 20_000, "as long as the longest fence that is left")
	rises(fence("w1", -1), false)
	require.Equal(t, []uint64{last}, versions(t, tier, "x"))
	require.Zero(t, s.Do(t, "EXISTS", "m1:{m1}:f:x"))
}

func TestAFenceRunsOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	b, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, Fence: "w", For: 40 * time.Millisecond, TTL: time.Minute}, false)
	require.NoError(t, err)
	require.Equal(t, uint64(1), b.Versions[0].At%2)
	until(t, "the fence runs out", func() bool { return versions(t, tier, "x")[0] == 0 })
	v, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
	require.NoError(t, err)
	require.Zero(t, v[0]%2)
	require.Greater(t, v[0], b.Versions[0].At)

	// A fence that ran out does not count when another bump comes.
	s.Do(t, "ZADD", "m1:{m1}:f:x", 1, "forgotten")
	require.Zero(t, bump(t, tier, "x").Versions[0].At%2)
}

func TestAVersionLostUnderAFenceComesBackOdd(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	b, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, Fence: "w", For: 20 * time.Second, TTL: time.Minute}, false)
	require.NoError(t, err)
	s.Do(t, "DEL", "m1:{m1}:v:x")
	v, err := tier.Ensure(t.Context(), []string{"x"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, uint64(1), v[0]%2)
	require.Greater(t, v[0], b.Versions[0].At)
	require.LessOrEqual(t, s.Do(t, "PTTL", "m1:{m1}:v:x").(int64), int64(20_000), "it goes with the fence")
}

func TestTheLogTellsWhatWasMissed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	var want []remote.Change
	var epoch string
	for i := range 1200 { // more than one page
		b, err := tier.Bump(t.Context(), remote.Bump{Nonce: uint64(i), IDs: []string{"x", "y"}, TTL: time.Minute}, false)
		require.NoError(t, err)
		epoch = b.Epoch
		want = append(want, remote.Change{Epoch: b.Epoch, Seq: b.Seq, Origin: "a", Nonce: uint64(i), Versions: b.Versions})
	}
	for _, seq := range []int{0, 1, 700, 1199, 1200} {
		got, ok, err := tier.Since(t.Context(), epoch, uint64(seq))
		require.NoError(t, err)
		require.True(t, ok, seq)
		require.Len(t, got, 1200-seq)
		if len(got) > 0 {
			require.Equal(t, want[seq:], got)
		}
	}
	no := func(epoch string, seq uint64, why string) {
		t.Helper()
		got, ok, err := tier.Since(t.Context(), epoch, seq)
		require.NoError(t, err)
		require.False(t, ok, why)
		require.Empty(t, got)
	}
	no(epoch, 1201, "never reached")
	no("other", 1100, "another epoch")
	no("other", 1200, "another epoch that has come as far")
	s.Do(t, "XTRIM", "m1:{m1}:log", "MAXLEN", 100)
	no(epoch, 1099, "trimmed")
	_, ok, err := tier.Since(t.Context(), epoch, 1100)
	require.NoError(t, err)
	require.True(t, ok)
	s.Do(t, "DEL", "m1:{m1}:log")
	no(epoch, 1199, "the log is lost")
	s.Do(t, "FLUSHALL")
	no(epoch, 0, "everything is lost")
}

func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	epoch := bump(t, tier).Epoch
	s.Do(t, "EVAL", `for i = 2, 10500 do redis.call('XADD', KEYS[1], i .. '-1', 'm', ARGV[1] .. '|' .. i .. '|a|1|') end
redis.call('HSET', KEYS[2], 'seq', 10500)`, 2, "m1:{m1}:log", "m1:{m1}:head", epoch)
	bump(t, tier, "x")
	require.Less(t, s.Do(t, "XLEN", "m1:{m1}:log").(int64), int64(10_200))
	_, ok, err := tier.Since(t.Context(), epoch, 1)
	require.NoError(t, err)
	require.False(t, ok)
	got, ok, err := tier.Since(t.Context(), epoch, 10_400)
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, got, 101)
}

// A replica that took over may not have had the last changes.
func TestASequenceThatWentBackIsSeenAndGoesOn(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	for range 5 {
		bump(t, tier, "x")
	}
	s.Do(t, "HSET", "m1:{m1}:head", "seq", 2)
	now, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.EqualValues(t, 2, now.Seq)
	_, ok, err := tier.Since(t.Context(), now.Epoch, 5)
	require.NoError(t, err)
	require.False(t, ok)
	require.EqualValues(t, 3, bump(t, tier, "x").Seq, "although the log is ahead")
	until(t, "the message comes", func() bool { return len(r.heard()) == 6 })
	_, ok, err = tier.Since(t.Context(), now.Epoch, 1)
	require.NoError(t, err)
	require.False(t, ok, "the log of before tells nothing")
}

func TestLostDataBeginANewEpoch(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	first := bump(t, tier, "x")
	require.EqualValues(t, 1, first.Seq)
	s.Do(t, "DEL", "m1:{m1}:head") // the log survives
	_, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Zero(t, s.Do(t, "EXISTS", "m1:{m1}:log"), "what belongs to no epoch goes")
	second := bump(t, tier, "x")
	require.EqualValues(t, 1, second.Seq)
	require.NotEqual(t, first.Epoch, second.Epoch)
	s.Do(t, "FLUSHALL")
	third, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Zero(t, third.Seq)
	require.NotContains(t, []string{first.Epoch, second.Epoch}, third.Epoch)
	fourth, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, third.Epoch, fourth.Epoch)
	require.Equal(t, third.Seq, fourth.Seq)
	require.Zero(t, r.newServers(), "the process is the same")
	for _, key := range []string{"head"} {
		require.InDelta(t, 86_400_000, s.Do(t, "PTTL", "m1:{m1}:"+key), 60_000, key)
	}
}

func TestOnlyTheHolderReleasesALease(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	take := func(token string) bool {
		ok, err := tier.Take(t.Context(), "k", token, time.Minute)
		require.NoError(t, err)
		return ok
	}
	require.True(t, take("one"))
	require.False(t, take("two"))
	require.NoError(t, tier.Release(t.Context(), "k", "two"))
	require.False(t, take("two"))
	require.NoError(t, tier.Release(t.Context(), "k", "one"))
	require.True(t, take("two"))
	require.Positive(t, s.Do(t, "PTTL", "m1:{m1}:l:k"))
}

func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, _ := ready(t, s.URL())
	b, _ := run(t, remote.Options{URL: s.URL(), Node: "b"})
	_, err := b.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a", "b"}, bump(t, a, "x").Live)
	require.NoError(t, b.Leave(t.Context()))
	require.Equal(t, []string{"a"}, bump(t, a, "x").Live)
	_, err = b.Renew(t.Context(), time.Millisecond)
	require.NoError(t, err)
	until(t, "b runs out", func() bool { return len(bump(t, a, "x").Live) == 1 })
}

func TestNodesWithAnotherMarkAreCounted(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	renewed := func(node, mark string) remote.Renewed {
		tier, err := remote.Open(remote.Options{URL: s.URL(), Node: node})
		require.NoError(t, err)
		remote.Relax(tier)
		tier.SetMark(mark)
		serve(t, tier)
		require.Equal(t, node, tier.Node())
		now, err := tier.Renew(t.Context(), time.Minute)
		require.NoError(t, err)
		return now
	}
	first := renewed("a", "one")
	require.Zero(t, first.Others)
	require.Equal(t, 1, first.Nodes)
	require.WithinDuration(t, time.Now(), first.Now, time.Minute)
	s.Do(t, "HSET", "m1:{m1}:head", "n|gone", 1)
	second := renewed("b", "two")
	require.Equal(t, 1, second.Others)
	require.Equal(t, 2, second.Nodes, "who ran out does not count")
	require.Zero(t, renewed("b", "one").Others, "b has another mark now")
}

func TestIDsThatWouldGarbleAMessageAreRefused(t *testing.T) {
	t.Parallel()
	tier, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1", Node: "a"})
	require.NoError(t, err)
	for _, id := range []string{"", "a,b", "a:b", "a|b", "a}b"} {
		_, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{id}, TTL: time.Minute}, true)
		require.ErrorContains(t, err, "id "+strconv.Quote(id))
		_, err = tier.Ensure(t.Context(), []string{id}, time.Minute)
		require.ErrorContains(t, err, "id "+strconv.Quote(id))
	}
	_, err = tier.Bump(t.Context(), remote.Bump{IDs: []string{"a"}}, true)
	require.ErrorContains(t, err, "TTL")
	_, err = tier.Bump(t.Context(), remote.Bump{IDs: []string{"a"}, For: 1, TTL: time.Minute}, true)
	require.ErrorContains(t, err, "fence")
}

func TestAcknowledgementsReachTheOrigin(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, got := ready(t, s.URL())
	b, _ := run(t, remote.Options{URL: s.URL(), Node: "b"})
	until(t, "subscribed", b.Subscribed)
	var want []uint64
	for n := range uint64(3000) {
		want = append(want, n)
		b.Ack("a", n)
	}
	until(t, "all arrive", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return len(got.acked["b"]) == len(want)
	})
	got.mu.Lock()
	defer got.mu.Unlock()
	require.Equal(t, want, got.acked["b"])
	require.Zero(t, a.Status().LostAcks)
	require.Less(t, s.Do(t, "EVAL", `return tonumber(string.match(redis.call('INFO', 'commandstats'), 'cmdstat_publish:calls=(%d+)'))`, 0), int64(3000), "they are gathered")
}

// A command that was given up may still lie in the network.
func TestABumpThatComesTooLateDoesNotHappen(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := run(t, remote.Options{URL: s.URL(), Node: "a"})
	now, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	admit(t, tier)
	fence := remote.Bump{Nonce: 1, IDs: []string{"x"}, Fence: "f", For: time.Hour, TTL: time.Hour}
	fence.Until = now.Now.Add(-time.Millisecond)
	_, err = tier.Bump(t.Context(), fence, true)
	require.ErrorContains(t, err, "LATE")
	vs, err := tier.Ensure(t.Context(), []string{"x"}, time.Hour)
	require.NoError(t, err)
	require.Zero(t, vs[0]%2, "no fence is open")
	fence.Until = now.Now.Add(time.Hour)
	done, err := tier.Bump(t.Context(), fence, true)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Versions[0].At%2)
}
