package trace_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/trace"
)

// recorded is the folder of real recordings, or skips the test.
func recorded(tb testing.TB) string {
	tb.Helper()
	shared := os.Getenv("M1_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "traces")
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("the recordings are not here: set M1_SHARED to the folder that holds traces/")
	}
	return dir
}

type figures struct {
	Events    int `json:"events"`
	Runs      int `json:"runs"`
	ToolCalls int `json:"tool_calls"`
	LLMCalls  int `json:"llm_calls"`
	Agents    int `json:"agents"`
	Errors    int `json:"errors"`
	Unflagged int `json:"error_flag_missing"`
	NoResult  int `json:"without_result"`
}

type sums struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_tokens"`
	CacheWrite int64 `json:"cache_write_tokens"`
	WithSplit  int64 `json:"calls_with_cache_figures"`
}

func TestRealRecordingsAreReadToTheLastEvent(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	var expected map[string]struct {
		Figures struct {
			figures
			Tokens map[string]sums `json:"tokens"`
		} `json:"figures"`
	}
	require.NoError(t, json.Unmarshal(raw, &expected))
	require.Len(t, expected, 9)
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := trace.Open(filepath.Join(dir, name), trace.Options{})
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, trace.Native, r.Format())

			var got figures
			tokens := map[string]sums{}
			agents := map[call.AgentID]bool{}
			for ev, err := range r.Events() {
				require.NoError(t, err)
				requireValid(t, ev)
				got.Events++
				agents[ev.Agent] = true
				switch ev.Type {
				case trace.RunStart:
					got.Runs++
				case trace.ToolCall:
					got.ToolCalls++
					if ev.IsError == nil {
						got.Unflagged++
					} else if *ev.IsError {
						got.Errors++
					}
					if ev.Result == nil {
						got.NoResult++
					}
				case trace.LLMUsage:
					got.LLMCalls++
					s := tokens[ev.Model]
					s.Calls++
					s.Input += ev.Usage.Input
					s.Output += ev.Usage.Output
					s.CacheRead += ev.Usage.CacheRead
					s.CacheWrite += ev.Usage.CacheWrite5m + ev.Usage.CacheWrite1h
					if ev.CacheSplit {
						s.WithSplit++
					}
					tokens[ev.Model] = s
				}
			}
			got.Agents = len(agents)
			require.Equal(t, want.Figures.figures, got)
			require.Equal(t, want.Figures.Tokens, tokens)
			read, total := r.Progress()
			require.Equal(t, total, read)
			require.Positive(t, total)
		})
	}
}

// requireValid is what every event promises, whatever was read.
func requireValid(tb testing.TB, ev trace.Event) {
	tb.Helper()
	require.NotEmpty(tb, ev.File)
	require.Positive(tb, ev.Line)
	require.GreaterOrEqual(tb, ev.Seq, 0)
	require.NotEmpty(tb, ev.Run)
	require.NotEmpty(tb, ev.Agent)
	require.Equal(tb, ev.HasTime, !ev.At.IsZero())
	switch ev.Type {
	case trace.RunStart, trace.RunEnd:
	case trace.ToolCall:
		require.NotEmpty(tb, ev.Tool)
		var args map[string]json.RawMessage
		require.NoError(tb, json.Unmarshal(ev.Args, &args))
		require.NotNil(tb, args)
	case trace.LLMUsage:
		u := ev.Usage
		require.Equal(tb, [3]any{ev.Model, ev.Run, ev.Agent}, [3]any{u.Model, u.Run, u.Agent})
		for _, n := range []int64{u.Input, u.Output, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h} {
			require.GreaterOrEqual(tb, n, int64(0))
		}
	default:
		tb.Fatalf("unknown type %q", ev.Type)
	}
}
