package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/remote"
	"m1/engine"
	"m1/engine/call"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
	"m1/engine/ledger/memory"
	"m1/engine/policy"
	"m1/engine/tool"
)

// nodes is a fleet behind one address: every call goes to the next node, its
// report to the node that released it.
type nodes struct {
	t      testing.TB
	all    []*engine.Engine
	caches []*cache.Cache
	next   int
	of     map[call.ID]int
}

func (n *nodes) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	n.next = (n.next + 1) % len(n.all)
	d, err := n.all[n.next].Propose(ctx, p)
	n.of[d.ID] = n.next
	return d, err
}

func (n *nodes) Report(ctx context.Context, r call.Report) error {
	i := n.of[r.ID]
	err := n.all[i].Report(ctx, r)
	// An agent takes far longer to its next call than a result takes to Redis.
	return errors.Join(err, n.caches[i].Sync(ctx))
}

func (n *nodes) Use(ctx context.Context, u call.Usage) (call.Charge, error) {
	return n.all[0].Use(ctx, u)
}

func (n *nodes) StartRun(ctx context.Context, r call.Run) error {
	for _, e := range n.all {
		if err := e.StartRun(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (n *nodes) EndRun(ctx context.Context, run call.RunID, reason string) error {
	for _, e := range n.all {
		if err := e.EndRun(ctx, run, reason); err != nil && !errors.Is(err, call.ErrUnknownRun) {
			return err
		}
	}
	return nil
}

func startNodes(t testing.TB, url, tools string, count int) *nodes {
	t.Helper()
	src, err := os.ReadFile(filepath.Clean(tools))
	require.NoError(t, err)
	catalogue, err := tool.Parse(tools, src)
	require.NoError(t, err)
	observe, ok := policy.Builtin("observe")
	require.True(t, ok)
	n := &nodes{t: t, of: map[call.ID]int{}}
	for i := range count {
		// A busy machine is no fault of Redis: nothing here is about time.
		const ample = 10 * time.Second
		r, err := remote.Open(remote.Options{URL: url, Node: "node" + strconv.Itoa(i), Timeout: ample})
		require.NoError(t, err)
		c, err := cache.New(cache.Options{Redis: r, Patience: ample})
		require.NoError(t, err)
		store, err := memory.New(memory.Options{})
		require.NoError(t, err)
		e, err := engine.New(engine.Options{Tools: catalogue, Policy: observe, Ledger: store, Cache: c})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
		n.all, n.caches = append(n.all, e), append(n.caches, c)
	}
	for _, c := range n.caches {
		require.Eventually(t, func() bool {
			s := c.Stats().Redis
			return s.Coherent && s.Quiet == 0
		}, 10*time.Second, time.Millisecond)
	}
	return n
}

// The calls of a run go to two nodes in turn: with one Redis between them they
// must answer as one, and never wrong.
func TestTwoNodesAnswerAsOne(t *testing.T) {
	dir := recordings(t)
	hits, redis := 0, int64(0)
	for file, want := range expectations(t, dir) {
		t.Run(file, func(t *testing.T) {
			n := startNodes(t, redistest.Start(t).URL(), filepath.Join(dir, want.Tools), 2)
			r, err := trace.Open(filepath.Join(dir, file), trace.Options{})
			require.NoError(t, err)
			defer r.Close()
			var p replay.Progress
			tally, err := replay.Drive(t.Context(), n, r.Events(), replay.Options{}, &p)
			require.NoError(t, err)
			got := want.Figures.Cache.Tagged
			got.Hits, got.Right, got.Stale, got.Masked = tally.Hits, tally.Right, tally.Stale, tally.Masked
			require.Equal(t, want.Figures.Cache.Tagged, got)
			hits += tally.Hits
			for _, c := range n.caches {
				s := c.Stats()
				require.Zero(t, s.Redis.NotPropagated)
				for _, k := range s.Classes {
					redis += k.RedisHits
				}
			}
		})
	}
	require.Equal(t, 63, hits)
	require.Positive(t, redis, "answers that the other node had kept")
}
