package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
	"m1/engine/ledger/memory"
	"m1/engine/policy"
	"m1/engine/tool"
)

// examples is the folder of the policies that M1 ships.
var examples = filepath.Join("..", "..", "..", "docs", "policies")

// shipped says which example policy stands before which tools.
var shipped = map[string]string{
	"tools-airline.json":        "airline.yaml",
	"tools-tau-airline.json":    "airline.yaml",
	"tools-retail.json":         "retail.yaml",
	"tools-telecom.json":        "telecom.yaml",
	"tools-claude-code.json":    "claude-code.yaml",
	"tools-mini-swe-agent.json": "mini-swe-agent.yaml",
	"tools-openhands.json":      "openhands.yaml",
}

// runaways are recordings of agents that lose their way: much is held back there.
var runaways = []string{"tau2-airline-gpt-oss-120b.jsonl.gz", "tau2-airline-qwen2.5-7b.jsonl.gz"}

// streak is where the loop guard steps in when a policy does not say.
const streak = 5

func registry(t testing.TB, path string) *tool.Catalogue {
	t.Helper()
	src, err := os.ReadFile(filepath.Clean(path))
	require.NoError(t, err)
	catalogue, err := tool.Parse(filepath.Base(path), src)
	require.NoError(t, err)
	return catalogue
}

func example(t testing.TB, name string, tools *tool.Catalogue) *policy.Set {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(examples, name))
	require.NoError(t, err)
	set, err := policy.Parse(name, src, tools)
	require.NoError(t, err)
	return set
}

// watched is an engine at the time of its calls. It notes what is answered, and how
// many identical calls in a row each run proposes. It counts by the bytes of the recording, not as the engine does.
type watched struct {
	gateway.Decider
	times   []time.Time // of the calls to come: the engine's clock
	now     time.Time
	effects map[call.Effect]int
	rules   map[string]int
	looped  map[call.RunID]bool // a call of the run was answered by the loop guard

	last    map[call.RunID]string
	row     map[call.RunID]int
	longest int
	streaks map[call.RunID]bool // the run holds a streak
}

func watch(times []time.Time) *watched {
	return &watched{
		times: times, now: times[0], effects: map[call.Effect]int{}, rules: map[string]int{}, looped: map[call.RunID]bool{},
		last: map[call.RunID]string{}, row: map[call.RunID]int{}, streaks: map[call.RunID]bool{},
	}
}

func (w *watched) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	w.now, w.times = w.times[0], w.times[1:]
	d, err := w.Decider.Propose(ctx, p)
	w.effects[d.Effect]++
	w.rules[d.Effect.String()+" "+d.Rule]++
	if d.Rule == string(policy.Loop) || d.Code == string(policy.Loop) {
		w.looped[p.Run] = true
	}
	var args any
	if err := json.Unmarshal(p.Args, &args); err != nil {
		return d, err
	}
	sorted, _ := json.Marshal(args) // members by name
	same := p.Tool + " " + string(sorted)
	if w.row[p.Run]++; w.last[p.Run] != same {
		w.last[p.Run], w.row[p.Run] = same, 1
	}
	w.longest = max(w.longest, w.row[p.Run])
	if w.row[p.Run] >= streak {
		w.streaks[p.Run] = true
	}
	return d, err
}

// recorded reads a whole recording, and when each of its calls was made. An event
// without a time comes five seconds after the one before.
func recorded(t testing.TB, path string) (evs []trace.Event, calls []time.Time) {
	t.Helper()
	r, err := trace.Open(path, trace.Options{})
	require.NoError(t, err)
	defer r.Close()
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for ev, err := range r.Events() {
		require.NoError(t, err)
		switch {
		case !ev.HasTime:
			now = now.Add(5 * time.Second)
		case ev.At.After(now):
			now = ev.At
		}
		evs = append(evs, ev)
		if ev.Type == trace.ToolCall {
			calls = append(calls, now)
		}
	}
	return evs, calls
}

// loops are the figures about identical calls in a row that expected.json has.
type loops struct {
	Tools   string `json:"tools"`
	Figures struct {
		ToolCalls int `json:"tool_calls"`
		Loops     struct {
			Longest int `json:"longest_streak"`
			Runs    int `json:"runs_with_5_or_more"`
		} `json:"loops"`
	} `json:"figures"`
}

func expectedLoops(t testing.TB, dir string) map[string]loops {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	var out map[string]loops
	require.NoError(t, json.Unmarshal(b, &out))
	require.Len(t, out, 9)
	return out
}

// enforce replays a recording through an engine that holds back what its domain's
// policy says. An agent takes that as it is: it goes on as it was recorded.
func enforce(t testing.TB, dir, file, tools string) *watched {
	t.Helper()
	catalogue := registry(t, filepath.Join(dir, tools))
	set := example(t, shipped[tools], catalogue)
	require.False(t, set.Observe())
	store, err := memory.New(memory.Options{})
	require.NoError(t, err)
	evs, times := recorded(t, filepath.Join(dir, file))
	w := watch(times)
	// At the time of the recording limits and deadlines mean what they meant.
	w.Decider, err = engine.New(engine.Options{Tools: catalogue, Policy: set, Ledger: store, Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	_, err = replay.Drive(t.Context(), w, events(evs...), replay.Options{}, new(replay.Progress))
	require.NoError(t, err)
	return w
}

// The loop guard counts proposals, whatever was answered. It must find every run
// that goes in circles, and no other: 11,186 real calls hold ten such runs.
func TestTheLoopGuardFindsExactlyTheRunsThatGoInCircles(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	found := 0
	for file, want := range expectedLoops(t, dir) {
		t.Run(file, func(t *testing.T) {
			w := enforce(t, dir, file, want.Tools)
			require.Equal(t, slices.Sorted(maps.Keys(w.streaks)), slices.Sorted(maps.Keys(w.looped)), "runs with a streak, and runs that were stopped")
			require.Len(t, w.streaks, want.Figures.Loops.Runs)
			require.Equal(t, want.Figures.Loops.Longest, w.longest)
			found += len(w.looped)

			calls := want.Figures.ToolCalls
			allow, ask, deny := w.effects[call.Allow], w.effects[call.Ask], w.effects[call.Deny]
			require.Equal(t, calls, allow+ask+deny)
			t.Logf("%s: of %d calls %d allowed, %d asked, %d denied; %s", shipped[want.Tools], calls, allow, ask, deny, w.heldBack())
			if !slices.Contains(runaways, file) {
				require.LessOrEqual(t, 4*(ask+deny), calls, "a policy that holds back more than a quarter of honest work will be turned off")
			}
		})
	}
	require.Equal(t, 10, found)
}

// heldBack lists the rules that held calls back.
func (w *watched) heldBack() string {
	var out []string
	for _, rule := range slices.Sorted(maps.Keys(w.rules)) {
		if !strings.HasPrefix(rule, "allow ") {
			out = append(out, fmt.Sprintf("%s %d", rule, w.rules[rule]))
		}
	}
	return strings.Join(out, ", ")
}

// Parse runs the tests of a file, and a file with a failing one is refused.
func TestEveryExamplePolicyPassesItsOwnTests(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	require.NoError(t, err)
	used := slices.Compact(slices.Sorted(maps.Values(shipped)))
	require.Len(t, files, len(used), "every example stands before some tools")
	for tools, name := range shipped {
		t.Run(name+" before "+tools, func(t *testing.T) {
			t.Parallel()
			catalogue := registry(t, filepath.Join(dir, tools))
			set := example(t, name, catalogue)
			require.GreaterOrEqual(t, len(set.Test()), 10)
			for _, r := range set.Test() {
				require.True(t, r.OK, "line %d: %s", r.Line, r.Why)
			}
			require.Empty(t, set.Warnings(time.Now()))
		})
	}
	t.Run("claude-code.yaml before the built-in tools", func(t *testing.T) {
		t.Parallel()
		builtin, ok := tool.Builtin("claude-code")
		require.True(t, ok)
		example(t, "claude-code.yaml", builtin)
	})
}
