package views_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/views"
)

// whole is the cache page with nothing out of sight, its lines joined by spaces.
func whole(w int, change func(*views.Frame)) string {
	f := frame(w, 200)
	f.Page = views.Cache
	change(&f)
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "─", " ").Replace(views.Screen(f))), " ")
}

func TestTheCachePageSaysWhatAStateMeansAndWhatToDo(t *testing.T) {
	t.Parallel()
	empty := func(f *views.Frame) { f.Snap = emptyDashboard() }
	for name, test := range map[string]struct {
		change func(*views.Frame)
		want   []string
		not    []string
	}{
		"alone":    {func(*views.Frame) {}, []string{"● alone", "always right", "--redis URL"}, []string{"lease", "breaker", "isolated"}},
		"empty":    {empty, []string{"no call yet", "no cacheable read yet", "cacheable: true", "--redis URL"}, []string{"Classes", "0 hits"}},
		"coherent": {shared, []string{"● coherent", "may be served", "182ms left · 3 nodes", "p50 380µs · p99 1.9ms ✓<2ms", "timeout 12 · oom 3"}, []string{"--redis", "ANOTHER"}},
		"isolated": {cutOff, []string{
			"✗ isolated", "Slower, never wrong", "Bring Redis back", "lease none", "7 changes wait for Redis", "11 not propagated", "✗ open, not asked now", "opened 3 times", "since 09:40:10, 1m12s",
		}, []string{"coherent"}},
		"catching up": {func(f *views.Frame) { cutOff(f); f.Snap.Cache.Redis.State = "connected" }, []string{"Redis answers, and this node catches up"}, []string{"Bring Redis back"}},
		"another key": {func(f *views.Frame) { shared(f); f.Snap.Cache.Coherence.ForeignSecret = true }, []string{"! ANOTHER CACHE KEY", "answers are not shared with it", "Give all nodes the same --cache-key-file"}, nil},
		"degraded":    {func(f *views.Frame) { shared(f); f.Snap.Cache.Redis.State = "degraded" }, []string{"◐ degraded"}, nil},
		"an engine that knows no such states": {func(f *views.Frame) {
			shared(f)
			f.Snap.Cache.Coherence, f.Snap.Cache.Redis.Breaker, f.Snap.Cache.Redis.Mode = snapshot.Coherence{}, "", ""
		}, []string{"○ unknown", "does not say", "breaker —"}, []string{"✗ isolated", "lease"}},
	} {
		for _, w := range []int{60, 80} { // wider, two cards stand side by side and cut the sentences
			got := whole(w, test.change)
			for _, want := range test.want {
				require.Contains(t, got, want, "%s at %d", name, w)
			}
			for _, not := range test.not {
				require.NotContains(t, got, not, "%s at %d", name, w)
			}
		}
	}
}

func TestNothingOfAClassIsLostOnANarrowScreen(t *testing.T) {
	t.Parallel()
	for _, w := range []int{60, 80, 100, 120, 160, 200} {
		_, got, _ := strings.Cut(whole(w, func(f *views.Frame) {
			shared(f)
			f.Snap.Cache.Classes = []snapshot.CacheClass{{
				Name: "results", Fresh: "bounded 30s", HitsLocal: 1001, HitsRedis: 1002, Misses: 1003, StaleServed: 1004, IsolatedServed: 1005, StalePrevented: 1006,
				Bypassed: 1007, Refused: 1008, LoadErrors: 1009, Loading: 1010, Entries: 1011, Bytes: 1012, Broken: map[string]int64{"seal": 1013},
			}}
		}), "Classes")
		for n := 1; n <= 13; n++ {
			want := fmt.Sprintf("1,0%02d", n)
			require.Contains(t, got, want, "width %d", w)
		}
		require.Contains(t, got, "bounded 30s", "width %d", w)
		require.Contains(t, got, "75.0%", "whatever was answered without a load, over all that was asked")
		require.Equal(t, w < 160, strings.Contains(got, "no room for"), "width %d", w)
	}
}

// marked is a name with a letter of two runes, not the same one each time.
func marked(i int) string { return fmt.Sprintf("%c\u0301tool_%03d", "aeiou"[i%5], i) }

func TestTheCachePageScrollsToItsEnd(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{60, 18}, {80, 24}, {100, 30}, {120, 40}} {
		f := frame(size[0], size[1])
		shared(&f)
		f.Page = views.Cache
		f.Snap.Cache.ByTool = nil
		for i := range 100 {
			f.Snap.Cache.ByTool = append(f.Snap.Cache.ByTool, snapshot.ToolCache{Tool: marked(i), Misses: 1})
		}
		end, step := views.ScrollEnd(f), views.PageSize(f)
		require.Positive(t, end)
		seen, last := map[string]int{}, ""
		for top := 0; ; top = min(top+step, end) {
			f.CacheTop = top
			lines := strings.Split(views.Screen(f), "\n")
			body := lines[2 : size[1]-2]
			require.Len(t, body, step, "a page is what is shown at once")
			for _, l := range body {
				if l != last {
					seen[l]++
				}
			}
			require.Equal(t, top > 0, strings.Contains(lines[size[1]-2], fmt.Sprintf("↑ %d lines more", top)))
			require.Equal(t, top < end, strings.Contains(lines[size[1]-2], fmt.Sprintf("↓ %d lines more", end-top)))
			if top == end {
				require.True(t, strings.HasPrefix(body[len(body)-1], "╰"), "the end of the page")
				break
			}
		}
		all := ""
		for l := range seen {
			all += l
		}
		for i := range 100 {
			require.Contains(t, all, marked(i), "%v", size)
		}
		f.CacheTop = end + 1_000
		require.Contains(t, views.Screen(f), "tool_099", "scrolled too far")
		f.CacheTop = -5
		require.Contains(t, views.Screen(f), "Hit rate")
	}
	f := frame(200, 60)
	f.Page = views.Cache
	require.Zero(t, views.ScrollEnd(f), "all of it is seen")
	require.NotContains(t, views.Screen(f), "lines more")
}

func TestWhatAilsTheCacheIsSeenOnEveryPage(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		f := frame(size[0], size[1])
		cutOff(&f)
		f.Snap.Alerts = nil
		f.Snap.Cache.Coherence.ForeignSecret = true
		for _, f.Page = range []views.Page{views.Overview, views.Calls, views.Cache, views.Runs} {
			got := views.Screen(f)
			require.Contains(t, got, "redis ✗ open ! isolated", "page %d at %v", f.Page, size)
			require.Contains(t, got, "2!", "page %d at %v", f.Page, size)
		}
		d := *f.Snap // as a simulation on a bad day: there is little room in the header
		d.Source.Mode, d.Health.Status = "demo", "degraded"
		g := f
		g.Snap = &d
		require.Contains(t, views.Screen(g), "redis ✗ open ! isolated", "%v", size)
		f.Page = views.Cache
		require.Contains(t, views.Screen(f), "ANOTHER CACHE KEY", "%v: without scrolling", size)
		require.Contains(t, views.Screen(f), "Bring Redis back", "%v: without scrolling", size)
	}
}

func TestTheHeaderSaysHowRedisIs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want   string
		change func(*snapshot.Cache)
	}{
		{"redis off", func(c *snapshot.Cache) { c.Redis = snapshot.RedisTier{State: "disabled"} }},
		{"redis off", func(c *snapshot.Cache) { c.Redis.State = "disabled" }},
		{"redis ● 380µs  ", func(*snapshot.Cache) {}},
		{"redis ◐ degraded  ", func(c *snapshot.Cache) { c.Redis.State = "degraded" }},
		{"redis ✗ open  ", func(c *snapshot.Cache) { c.Redis.State = "open" }},
		{"redis ● connected ! isolated  ", func(c *snapshot.Cache) { c.Coherence.State = "isolated" }},
		{"redis ◐ ‹U+202E›x  ", func(c *snapshot.Cache) { c.Redis.State = "\u202ex" }},
	} {
		f := frame(200, 60)
		shared(&f)
		test.change(&f.Snap.Cache)
		top, _, _ := strings.Cut(views.Screen(f), "\n")
		require.Contains(t, top, test.want)
	}
	f := frame(120, 40)
	shared(&f)
	top, _, _ := strings.Cut(views.Screen(f), "\n")
	require.Contains(t, top, "redis ● 380µs", "the design size has room for it")
	require.Contains(t, top, "prod-eu-1", "one of several nodes is known by its name")
}

func TestNeedsYouNamesEachTroubleOfTheCacheOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*snapshot.Cache)
		want   []string
	}{
		"nothing":     {func(*snapshot.Cache) {}, nil},
		"isolated":    {func(c *snapshot.Cache) { c.Coherence.State = "isolated" }, []string{"! Cache isolated  memory is not served   page 5"}},
		"breaker":     {func(c *snapshot.Cache) { c.Redis.Breaker = "open" }, []string{"! Redis is not asked  breaker open   page 5"}},
		"journal":     {func(c *snapshot.Cache) { c.Coherence.Journal = 1 }, []string{"! Changes not passed on  1 change waits   page 5"}},
		"another key": {func(c *snapshot.Cache) { c.Coherence.ForeignSecret = true }, []string{"! Another cache key  nothing is shared: give all nodes the same   page 5"}},
		"all of it": {func(c *snapshot.Cache) {
			c.Coherence.State, c.Redis.Breaker, c.Redis.State, c.Coherence.Journal, c.Coherence.ForeignSecret = "isolated", "open", "open", 7, true
		}, []string{"! Another cache key", "! Cache isolated  memory is not served · breaker open · 7 changes wait   since 09:12:22   page 5"}},
	} {
		f := frame(120, 40)
		shared(&f)
		f.Snap.Alerts = nil
		test.change(&f.Snap.Cache)
		got := views.Screen(f)
		for _, want := range test.want {
			require.Contains(t, got, want, name)
		}
		n := len(test.want)
		require.Equal(t, n == 0, strings.Contains(got, "Nothing needs you"), name)
		require.Equal(t, n > 0, strings.Contains(got, fmt.Sprintf("[1 Overview] %d! ", n)), name)
	}
}
