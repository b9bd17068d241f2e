package remote_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
	"m1/engine/meter"
)

func TestAReadFindsEntriesAndVersionsAtOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	h := &meter.Histogram{}
	tier, _ := run(t, remote.Options{URL: s.URL(), Space: "other", Latency: h})
	admit(t, tier)
	v, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
	require.NoError(t, err)
	value := []byte("\x00\r\n\xff")
	require.True(t, tier.Fill("one", value, time.Minute))
	require.True(t, tier.Fill("empty", nil, time.Minute))
	require.NoError(t, tier.Sync(t.Context()))
	s.Do(t, "SET", "m1:{other}:v:bad", "no number")
	found, err := ask(tier, []string{"none", "one", "empty"}, []string{"bad", "x", "none"})
	require.NoError(t, err)
	require.Equal(t, remote.Found{Values: [][]byte{nil, value, {}}, Versions: []uint64{0, v[0], 0}}, found)
	require.NotNil(t, found.Values[2], "empty is not absent")
	require.Positive(t, h.Read().Count())

	found, err = ask(tier, nil, nil)
	require.NoError(t, err)
	require.Empty(t, found.Values)
}

func TestManyCallersShareExchanges(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	h := &meter.Histogram{}
	tier, _ := run(t, remote.Options{URL: s.URL(), Latency: h})
	admit(t, tier)
	const callers, rounds = 128, 50
	for i := range callers {
		require.True(t, tier.Fill(fmt.Sprint(i), fmt.Append(nil, "value ", i), time.Minute))
	}
	require.NoError(t, tier.Sync(t.Context()))
	before := h.Read().Count()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range rounds {
				f, err := ask(tier, []string{fmt.Sprint(i)}, []string{"x"})
				if err != nil || !bytes.Equal(f.Values[0], fmt.Append(nil, "value ", i)) {
					t.Errorf("caller %d: %q, %v", i, f.Values, err)
				}
			}
		})
	}
	wg.Wait()
	exchanges := h.Read().Count() - before
	require.Positive(t, exchanges)
	require.Less(t, exchanges, int64(callers*rounds/4), "of %d reads", callers*rounds)
	require.EqualValues(t, callers*rounds, s.Do(t, "EVAL", `return tonumber(string.match(redis.call('INFO', 'commandstats'), 'cmdstat_mget:calls=(%d+)'))`, 0))
}

func TestASlowAnswerCanBeWaitedForAgain(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	link := redistest.Proxy(t, s.URL())
	tier, _ := run(t, remote.Options{URL: link.URL()})
	admit(t, tier)
	_, err := ask(tier, nil, []string{"x"}) // connects
	require.NoError(t, err)
	link.Delay(4 * time.Millisecond)
	p, err := tier.Ask(nil, []string{"x"})
	require.NoError(t, err)
	_, err = p.Wait(0)
	require.ErrorIs(t, err, remote.ErrSlow)
	_, err = p.Wait(time.Microsecond)
	require.ErrorIs(t, err, remote.ErrSlow)
	f, err := p.Wait(patience)
	require.NoError(t, err)
	require.Equal(t, []uint64{0}, f.Versions)
	require.EqualValues(t, 1, tier.Status().Errors["timeout"], "the breaker hears of it once")
}

func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, err := remote.Open(remote.Options{URL: s.URL(), Node: "a"}) // nobody reads or writes
	require.NoError(t, err)
	remote.Relax(tier)
	admit(t, tier)
	refused := false
	for range 10_000 {
		if _, err := tier.Ask([]string{"k"}, nil); err != nil {
			require.ErrorIs(t, err, remote.ErrBusy)
			refused = true
			break
		}
	}
	require.True(t, refused)

	kept := 0
	for range 2000 {
		if tier.Fill("k", []byte("v"), time.Minute) {
			kept++
		}
	}
	require.Equal(t, 1024, kept)
	require.EqualValues(t, 976, tier.Status().Dropped)
	require.Equal(t, 1024, tier.Status().Queued)

	tier, err = remote.Open(remote.Options{URL: s.URL(), Node: "a"})
	require.NoError(t, err)
	remote.Relax(tier)
	admit(t, tier)
	kept = 0
	for range 20 {
		if tier.Fill("k", make([]byte, 1<<20), time.Minute) {
			kept++
		}
	}
	require.Equal(t, 15, kept, "16 MiB with the keys")
	require.False(t, tier.Fill("k", nil, 0), "it would stay for ever")
}

func TestALargeBacklogOfFillsIsStored(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := ready(t, s.URL())
	n := 0
	for i := range 200 {
		if tier.Fill(fmt.Sprint(i), make([]byte, 64<<10), time.Minute) {
			n++
		}
	}
	require.NoError(t, tier.Sync(t.Context()))
	require.EqualValues(t, n, s.Do(t, "EVAL", `return #redis.call('KEYS', 'm1:{m1}:e:*')`, 0))
	require.Zero(t, tier.Status().Queued)
}
