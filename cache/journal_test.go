package cache_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/remote"
)

func openJournal(t testing.TB, path string) *cache.FileJournal {
	t.Helper()
	j, err := cache.OpenJournal(path)
	require.NoError(t, err)
	t.Cleanup(func() { j.Close() })
	return j
}

func loaded(t testing.TB, j cache.Journal) []cache.Pending {
	t.Helper()
	ps, err := j.Load()
	require.NoError(t, err)
	return ps
}

// pointName is a name as points have them.
func pointName(i int) string {
	return base64.RawURLEncoding.EncodeToString(append(make([]byte, 14), byte(i>>8), byte(i)))
}

func TestTheFileJournalSurvivesReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	require.Empty(t, loaded(t, j))
	one, two := cache.Pending{Point: pointName(1)}, cache.Pending{Point: pointName(2), Fence: "node-1:abc"}
	require.NoError(t, j.Add([]cache.Pending{one}))
	require.NoError(t, j.Add([]cache.Pending{two}))
	require.NoError(t, j.Close())
	j = openJournal(t, path)
	require.Equal(t, []cache.Pending{one, two}, loaded(t, j))
	require.NoError(t, j.Clear())
	require.Empty(t, loaded(t, j))
	require.NoError(t, j.Add([]cache.Pending{two}))
	require.Equal(t, []cache.Pending{two}, loaded(t, openJournal(t, path)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = cache.OpenJournal(filepath.Join(path, "no-folder", "x"))
	require.ErrorContains(t, err, "open the journal")
}

// A crash in the middle of a write leaves a part of a line. It is not known what
// it was, and it must not swallow what is written after it.
func TestATornLineStandsForEverythingAndSwallowsNothing(t *testing.T) {
	t.Parallel()
	one, two := cache.Pending{Point: pointName(1), Fence: "node-1:abc"}, cache.Pending{Point: pointName(2), Fence: "node-1:def"}
	whole := one.Point + " " + one.Fence + "\n"
	for cut := 1; cut < len(whole); cut++ {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(whole+whole[:cut]), 0o600))
		j := openJournal(t, path)
		known := func(p cache.Pending) bool {
			b, err := base64.RawURLEncoding.DecodeString(p.Point)
			return err == nil && len(b) == 16
		}
		ps := loaded(t, j)
		require.Contains(t, ps, one)
		require.True(t, slices.ContainsFunc(ps, func(p cache.Pending) bool { return !known(p) }), "cut at %d", cut)
		require.NoError(t, j.Add([]cache.Pending{two}))
		require.NoError(t, j.Close())
		ps = loaded(t, openJournal(t, path))
		require.Contains(t, ps, one, "cut at %d", cut)
		require.Contains(t, ps, two, "cut at %d", cut)
		require.True(t, slices.ContainsFunc(ps, func(p cache.Pending) bool { return !known(p) }), "cut at %d: what the torn line said is forgotten", cut)
	}
}

func FuzzFileJournal(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\n\n \n"))
	f.Add([]byte(pointName(1) + "\n" + pointName(2) + " fence\n" + pointName(3) + " fen"))
	f.Add([]byte(pointName(1) + "\r\n\x00\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		j := openJournal(t, path)
		before := loaded(t, j)
		require.Equal(t, len(content) == 0, len(before) == 0)
		r, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1/0", Node: "a"})
		require.NoError(t, err)
		c, err := cache.New(cache.Options{Redis: r, Journal: j})
		require.NoError(t, err)
		require.Equal(t, len(before) > 0, c.Stats().Redis.Journal > 0)
		added := []cache.Pending{{Point: pointName(7), Fence: "n:1"}, {Point: pointName(8)}}
		require.NoError(t, j.Add(added))
		require.NoError(t, j.Close())
		after := loaded(t, openJournal(t, path))
		require.GreaterOrEqual(t, len(after), len(before)+2)
		require.Equal(t, added, after[len(after)-2:])
		for i := range len(before) - 1 { // the last line may have been torn
			require.Equal(t, before[i], after[i])
		}
	})
}

// notes is a Journal in memory that outlives its cache.
type notes struct {
	mu     sync.Mutex
	ps     []cache.Pending
	clears int
}

func (n *notes) Load() ([]cache.Pending, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ps), nil
}

func (n *notes) Add(ps []cache.Pending) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ps = append(n.ps, ps...)
	return nil
}

func (n *notes) Clear() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ps, n.clears = nil, n.clears+1
	return nil
}

func TestTheJournalIsBounded(t *testing.T) {
	t.Parallel()
	r, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1/0", Node: "a"})
	require.NoError(t, err)
	n := &notes{}
	c := alone(t, cache.Options{Redis: r, Journal: n})
	for i := range 6000 { // three points each, two of them the same
		_, err := c.Invalidate(t.Context(), item(i))
		require.ErrorIs(t, err, cache.ErrNotPropagated)
	}
	require.Equal(t, 6002, c.Stats().Redis.Journal)
	for i := range 14_000 {
		_, err := c.Invalidate(t.Context(), item(6000+i))
		require.ErrorIs(t, err, cache.ErrNotPropagated)
	}
	require.LessOrEqual(t, c.Stats().Redis.Journal, 10_001)
	require.Len(t, n.ps, c.Stats().Redis.Journal)
	require.EqualValues(t, 20_000, c.Stats().Redis.NotPropagated)
	require.NotContains(t, n.ps[:len(n.ps)-1], n.ps[len(n.ps)-1], "what stands for everything is listed once")
}

// What did not fit stands for everything: another node must not be left with it.
func TestAnOverflowedJournalDropsEverythingElsewhere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := beside(t, s, "b", cache.Options{})
	bt := kind(t, b, cache.Class{})
	k := key(t, bt, "1")
	other := []cache.Tag{{Scope: "nobody listed it", Collection: "c"}}
	await(t, func() bool {
		_, _, err := bt.Get(t.Context(), k, other, gives("v"))
		require.NoError(t, err)
		return holds(t, bt, k, other...)
	})
	n := &notes{}
	a := started(t, s, "a", cache.Options{Journal: n})
	// Before a has a lease, or without one: what it changes is put down.
	dead := func() *cache.Cache {
		r, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1/0", Node: "dead"})
		require.NoError(t, err)
		return alone(t, cache.Options{Redis: r, Journal: n})
	}()
	for i := range 10_001 {
		_, err := dead.Invalidate(t.Context(), item(i))
		require.ErrorIs(t, err, cache.ErrNotPropagated)
	}
	_, err := dead.Invalidate(t.Context(), other...)
	require.ErrorIs(t, err, cache.ErrNotPropagated)
	await(t, func() bool { return a.Stats().Redis.Coherent })
	again := beside(t, s, "dead", cache.Options{Journal: n}) // the process of before, restarted
	require.Zero(t, again.Stats().Redis.Journal)
	require.Empty(t, loaded(t, n))
	require.Positive(t, n.clears)
	await(t, func() bool { return !holds(t, bt, k, other...) })
}

// A restart while Redis was away: the change is told before anything is believed,
// whatever has become of the file.
func TestAChangeThatRedisDidNotHearIsToldAfterARestart(t *testing.T) {
	t.Parallel()
	for name, become := range map[string]func(string) string{
		"whole":            func(text string) string { return text },
		"torn":             func(text string) string { return text[:len(text)-30] },
		"other line ends":  func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") },
		"other characters": func(text string) string { return strings.ToUpper(text) + "?|\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			b := beside(t, s, "b", cache.Options{})
			bt := kind(t, b, cache.Class{})
			tags := []cache.Tag{item(1)}
			src := &source{}
			get := func() string {
				v, _, err := bt.Get(t.Context(), key(t, bt, "1"), tags, src.load)
				require.NoError(t, err)
				return string(v)
			}
			require.Equal(t, "0", get())
			path := filepath.Join(t.TempDir(), "journal")
			r, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1/0", Node: "a"})
			require.NoError(t, err)
			a := alone(t, cache.Options{Redis: r, Journal: openJournal(t, path)})
			src.version.Add(1)
			_, err = a.Invalidate(t.Context(), tags...)
			require.ErrorIs(t, err, cache.ErrNotPropagated)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte(become(string(text))), 0o600))
			after := beside(t, s, "a", cache.Options{Journal: openJournal(t, path)})
			require.Zero(t, after.Stats().Redis.Journal)
			at := kind(t, after, cache.Class{})
			v, _, err := at.Get(t.Context(), key(t, at, "1"), tags, src.load)
			require.NoError(t, err)
			require.Equal(t, "1", string(v), "Redis had the old answer")
			await(t, func() bool { return get() == "1" })
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Zero(t, info.Size())
		})
	}
}
