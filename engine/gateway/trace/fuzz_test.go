package trace_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/trace"
)

// requireSound reads a text in both ways. Whatever it holds, every event is
// valid, and the events of a run are numbered without a repetition; for a
// transcript without a gap too.
func requireSound(t *testing.T, src string, format trace.Format) {
	for _, skip := range []bool{false, true} {
		r, err := trace.Open("-", trace.Options{Format: format, SkipBad: skip, Stdin: strings.NewReader(src)})
		if err != nil {
			continue
		}
		next := map[call.RunID]int{}
		for ev, err := range r.Events() {
			if err != nil {
				break
			}
			requireValid(t, ev)
			if format == trace.ClaudeCode || !skip {
				require.Equal(t, next[ev.Run], ev.Seq)
			} else {
				require.GreaterOrEqual(t, ev.Seq, next[ev.Run])
			}
			next[ev.Run] = ev.Seq + 1
		}
		if !skip {
			require.Zero(t, r.Bad())
		}
	}
}

func FuzzNative(f *testing.F) {
	f.Add(start("a", 0) + start("b", 0) + start("a", 2))
	f.Add(`{"ts":"2026-01-05T12:17:31-00:00","run":"a","agent":"x","seq":0,"type":"tool_call","tool":"t","args":{"a":[1]},"result":"r","is_error":null}` + "\n{")
	f.Add(`{"run":"a","agent":"x","seq":0,"type":"llm_usage","model":"m","usage":{"input_tokens":10,"output_tokens":3,"cache_write_tokens":9,"cache_write_1h_tokens":2},"cost_usd":1e-3}`)
	f.Fuzz(func(t *testing.T, src string) { requireSound(t, src, trace.Native) })
}

func FuzzTranscript(f *testing.F) {
	for _, name := range []string{shop, resumed} {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add(`{"type":"user","sessionId":"b","message":{"content":[{"type":"tool_result","tool_use_id":"x","content":"early"}]}}
{"type":"assistant","sessionId":"a","message":{"content":[{"type":"tool_use","id":"x","name":"T","input":{}}]}}`)
	// The last line of an answer wins, even if it names another model.
	f.Add(`{"type":"assistant","message":{"id":"m","model":"a","usage":{"input_tokens":1}}}
{"type":"assistant","message":{"id":"m","model":"b","usage":{"input_tokens":2}}}`)
	f.Fuzz(func(t *testing.T, src string) { requireSound(t, src, trace.ClaudeCode) })
}
