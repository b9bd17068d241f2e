package trace_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/trace"
)

// all reads a text to its end or to its first error.
func all(t *testing.T, src string, o trace.Options) ([]trace.Event, error) {
	t.Helper()
	o.Stdin = strings.NewReader(src)
	r, err := trace.Open("-", o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var events []trace.Event
	for ev, err := range r.Events() {
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
	return events, nil
}

func start(run string, seq int) string {
	return fmt.Sprintf(`{"run":%q,"agent":"x","seq":%d,"type":"run_start"}`, run, seq) + "\n"
}

func TestEveryFieldOfTheFormatIsRead(t *testing.T) {
	t.Parallel()
	src := `{"ts":"2026-01-05T12:17:31.459-00:00","run":"d/1","agent":"x","seq":0,"type":"run_start","model":"m","task":"t","cwd":"/w","client_version":"2","source":"d","later":[1]}

{"ts":"2026-01-05T13:00:00+01:00","ts_end":"2026-01-05T12:00:01Z","run":"d/1","agent":"x","seq":1,"type":"tool_call","call_id":"c","tool":"bash","args":{"a":1},"result":"ok","is_error":false,"duration_ms":12.5,"exit_code":0,"interrupted":true,"withheld":true,"subagent_total_tokens":7,"subagent_tool_calls":2,"source":"d"}
{"ts":null,"run":"d/1","agent":"y","seq":2,"type":"llm_usage","model":"m","usage":{"input_tokens":10,"output_tokens":3,"cache_read_tokens":4,"cache_write_tokens":9,"cache_write_1h_tokens":2},"cost_usd":0.5}
{"run":"d/1","agent":"y","seq":3,"type":"llm_usage","model":"m","usage":{"input_tokens":10,"output_tokens":3,"cache_read_tokens":null}}
{"run":"d/1","agent":"x","seq":4,"type":"run_end","outcome":"done","reward":1,"cost_usd":2,"agent_cost_usd":1.5,"user_cost_usd":0.5,"duration_ms":7,"api_calls":9}`
	events, err := all(t, src, trace.Options{})
	require.NoError(t, err)
	base := func(line, seq int, ty trace.Type, agent call.AgentID) trace.Event {
		return trace.Event{File: "stdin", Line: line, Run: "d/1", Agent: agent, Seq: seq, Type: ty}
	}
	e0 := base(1, 0, trace.RunStart, "x")
	e0.HasTime, e0.At, e0.Source = true, time.Date(2026, 1, 5, 12, 17, 31, 459e6, time.UTC), "d"
	e0.Model, e0.Task, e0.Cwd, e0.ClientVersion = "m", "t", "/w", "2"
	e1 := base(3, 1, trace.ToolCall, "x")
	e1.HasTime, e1.At, e1.End, e1.Source = true, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 5, 12, 0, 1, 0, time.UTC), "d"
	e1.Tool, e1.Args, e1.CallID, e1.Result, e1.Withheld, e1.IsError = "bash", []byte(`{"a":1}`), "c", new("ok"), true, new(false)
	e1.ExitCode, e1.Interrupted, e1.SubagentTokens, e1.SubagentToolCalls, e1.DurationMS = new(int64(0)), new(true), new(int64(7)), new(int64(2)), new(12.5)
	e2 := base(4, 2, trace.LLMUsage, "y")
	e2.Model, e2.CacheSplit, e2.CostUSD = "m", true, new(0.5)
	e2.Usage = call.Usage{Model: "m", Run: "d/1", Agent: "y", Input: 10, Output: 3, CacheRead: 4, CacheWrite5m: 7, CacheWrite1h: 2}
	e3 := base(5, 3, trace.LLMUsage, "y")
	e3.Model, e3.Usage = "m", call.Usage{Model: "m", Run: "d/1", Agent: "y", Input: 10, Output: 3}
	e4 := base(6, 4, trace.RunEnd, "x")
	e4.Outcome, e4.Reward, e4.CostUSD, e4.AgentCostUSD, e4.UserCostUSD = "done", new(1.0), new(2.0), new(1.5), new(0.5)
	e4.DurationMS, e4.APICalls = new(7.0), new(int64(9))
	require.Equal(t, []trace.Event{e0, e1, e2, e3, e4}, events)
}

func TestABrokenLineIsToldWithItsNumber(t *testing.T) {
	t.Parallel()
	const usage = `{"run":"a","agent":"x","seq":1,"type":"llm_usage","model":"m","usage":`
	for line, want := range map[string]string{
		`{"run":"a","agent":"x",`: `stdin:2: not JSON at byte 23: unexpected EOF`,
		`run_start`:               `stdin:2: not JSON at byte 0: invalid character 'r' at start of value`,
		`{} {}`:                   `stdin:2: not JSON at byte 3: invalid character '{' after top-level value`,
		`"text"`:                  `stdin:2: field "line": want an object, got a string`,
		`{"run":"a","run":"b"}`:   `stdin:2: field "run" is given twice`,
		`{"run":"a","agent":"x","seq":1,"type":"banana"}`:                                                `stdin:2: unknown type "banana": want run_start, tool_call, llm_usage or run_end`,
		`{"run":"a","agent":"x","seq":1}`:                                                                `stdin:2: field "type" is missing`,
		`{"agent":"x","seq":1,"type":"run_end"}`:                                                         `stdin:2: field "run" is missing`,
		`{"run":"a","seq":1,"type":"run_end"}`:                                                           `stdin:2: field "agent" is missing`,
		`{"run":"a","agent":"x","type":"run_end"}`:                                                       `stdin:2: field "seq" is missing`,
		`{"run":"a","agent":"x","seq":"1","type":"run_end"}`:                                             `stdin:2: field "seq": want a whole number, got a string`,
		`{"run":"a","agent":"x","seq":1.5,"type":"run_end"}`:                                             `stdin:2: field "seq": want a whole number, got 1.5`,
		`{"run":"a","agent":"x","seq":-1,"type":"run_end"}`:                                              `stdin:2: field "seq": want 0 to 1000000000, got -1`,
		`{"run":["a"],"agent":"x","seq":1,"type":"run_end"}`:                                             `stdin:2: field "run": want a string, got an array`,
		`{"run":"a","agent":"x","seq":4,"type":"run_end"}`:                                               `stdin:2: seq of run "a": want 1, got 4`,
		`{"run":"a","agent":"x","seq":0,"type":"run_start"}`:                                             `stdin:2: seq of run "a": want 1, got 0`,
		`{"run":"b","agent":"x","seq":1,"type":"run_start"}`:                                             `stdin:2: seq of run "b": want 0, got 1`,
		`{"run":"a","agent":"x","seq":1,"type":"run_end","ts":"noon"}`:                                   `stdin:2: field "ts": want a time such as 2026-01-05T12:17:31Z, got "noon"`,
		`{"run":"a","agent":"x","seq":1,"type":"run_end","ts":"0001-01-01T00:00:00Z"}`:                   `stdin:2: field "ts": want a time such as 2026-01-05T12:17:31Z, got "0001-01-01T00:00:00Z"`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","args":{}}`:                                   `stdin:2: field "tool" is missing`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","tool":"t"}`:                                  `stdin:2: field "args" is missing`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","tool":"t","args":"ls"}`:                      `stdin:2: field "args": want an object, got a string`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","tool":"t","args":{},"is_error":1}`:           `stdin:2: field "is_error": want true or false, got a number`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","tool":"t","args":{},"result":{}}`:            `stdin:2: field "result": want a string, got an object`,
		`{"run":"a","agent":"x","seq":1,"type":"tool_call","tool":"t","args":{},"duration_ms":-1}`:       `stdin:2: field "duration_ms": want 0 or more, got -1`,
		`{"run":"a","agent":"x","seq":1,"type":"llm_usage","usage":{}}`:                                  `stdin:2: field "model" is missing`,
		`{"run":"a","agent":"x","seq":1,"type":"llm_usage","model":"m"}`:                                 `stdin:2: field "usage" is missing`,
		usage + `{"output_tokens":1}}`:                                                                   `stdin:2: field "usage.input_tokens" is missing`,
		usage + `{"input_tokens":1}}`:                                                                    `stdin:2: field "usage.output_tokens" is missing`,
		usage + `{"input_tokens":1,"output_tokens":-7}}`:                                                 `stdin:2: field "usage.output_tokens": want 0 to 1000000000000, got -7`,
		usage + `{"input_tokens":1,"output_tokens":2.5}}`:                                                `stdin:2: field "usage.output_tokens": want a whole number, got 2.5`,
		usage + `{"input_tokens":1,"output_tokens":1,"cache_write_tokens":1,"cache_write_1h_tokens":2}}`: `stdin:2: field "usage.cache_write_1h_tokens": want at most cache_write_tokens (1), of which it is a part, got 2`,
		usage + `{"input_tokens":1,"output_tokens":1},"cost_usd":-1}`:                                    `stdin:2: field "cost_usd": want 0 or more, got -1`,
	} {
		events, err := all(t, start("a", 0)+line+"\n"+start("c", 0), trace.Options{})
		require.EqualError(t, err, want)
		var at *trace.LineError
		require.ErrorAs(t, err, &at)
		require.Equal(t, 2, at.Line)
		require.Len(t, events, 1, "reading ends at the first bad line")

		// Skipped, it counts once, and the lines around it are there.
		r, err := trace.Open("-", trace.Options{SkipBad: true, Stdin: strings.NewReader(start("a", 0) + line + "\n" + start("c", 0))})
		require.NoError(t, err)
		var runs []call.RunID
		for ev, err := range r.Events() {
			require.NoError(t, err)
			runs = append(runs, ev.Run)
		}
		require.Equal(t, 1, r.Bad(), line)
		require.EqualError(t, r.Problems()[0], want)
		require.Equal(t, call.RunID("a"), runs[0])
		require.Equal(t, call.RunID("c"), runs[len(runs)-1])
	}
}

func TestSkippingCountsEachProblemOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		src      string
		given    []int
		problems []string
	}{
		"a gap is counted and its event kept": {
			start("a", 0) + start("a", 3) + start("a", 4), []int{0, 3, 4},
			[]string{`stdin:2: seq of run "a": want 1, got 3`},
		},
		"a repeated seq is left out": {
			start("a", 0) + start("a", 1) + start("a", 1) + start("a", 2), []int{0, 1, 2},
			[]string{`stdin:3: seq of run "a": want 2, got 1`},
		},
		"the gap that a skipped line leaves is not counted again": {
			start("a", 0) + "{broken\n" + start("a", 2), []int{0, 2},
			[]string{`stdin:2: not JSON at byte 1: invalid character 'b' at start of value`},
		},
		"but a second gap is": {
			start("a", 0) + "{broken\n" + start("a", 2) + start("a", 4), []int{0, 2, 4},
			[]string{`stdin:2: not JSON at byte 1: invalid character 'b' at start of value`, `stdin:4: seq of run "a": want 3, got 4`},
		},
		"and a wider gap is": {
			start("a", 0) + "{broken\n" + start("a", 3), []int{0, 3},
			[]string{`stdin:2: not JSON at byte 1: invalid character 'b' at start of value`, `stdin:3: seq of run "a": want 1, got 3`},
		},
		"a bad line in its place leaves no gap": {
			start("a", 0) + `{"run":"a","agent":"x","seq":1,"type":"banana"}` + "\n" + start("a", 2), []int{0, 2},
			[]string{`stdin:2: unknown type "banana": want run_start, tool_call, llm_usage or run_end`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := trace.Open("-", trace.Options{SkipBad: true, Stdin: strings.NewReader(tc.src)})
			require.NoError(t, err)
			var given []int
			for ev, err := range r.Events() {
				require.NoError(t, err)
				given = append(given, ev.Seq)
			}
			require.Equal(t, tc.given, given)
			require.Equal(t, len(tc.problems), r.Bad())
			for i, p := range r.Problems() {
				require.EqualError(t, p, tc.problems[i])
			}
		})
	}
}

func TestALineBeyondTheLimitIsAProblemOfThatLineOnly(t *testing.T) {
	t.Parallel()
	long := `{"run":"a","agent":"x","seq":1,"type":"run_end","outcome":"` + strings.Repeat("y", 16<<20) + `"}`
	_, err := all(t, start("a", 0)+long+"\n"+start("b", 0), trace.Options{})
	require.EqualError(t, err, fmt.Sprintf("stdin:2: the line has %d bytes, more than 16 MiB", len(long)+1))

	for _, src := range []string{start("a", 0) + long + "\n" + start("b", 0), long + "\n" + start("a", 0) + start("b", 0)} {
		events, err := all(t, src, trace.Options{SkipBad: true})
		require.NoError(t, err)
		require.Len(t, events, 2)
	}

	fits := `{"run":"a","agent":"x","seq":0,"type":"run_end","outcome":"` + strings.Repeat("y", 1<<20) + `"}`
	events, err := all(t, fits, trace.Options{})
	require.NoError(t, err)
	require.Len(t, events[0].Outcome, 1<<20)
}

// same is a text of one letter.
type same struct{}

var letters = bytes.Repeat([]byte("x"), 64<<10)

func (same) Read(p []byte) (int, error) { return copy(p, letters), nil }

func TestALineWithoutEndDoesNotFillTheMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := trace.Open("-", trace.Options{SkipBad: true, Format: trace.Native, Stdin: io.LimitReader(same{}, 256<<20)})
	require.NoError(t, err)
	for _, err := range r.Events() {
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, 1, r.Bad())
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(160<<20))
}

// endless is a recording that never ends.
type endless struct{ run, pos int }

func (e *endless) Read(p []byte) (int, error) {
	line := start(fmt.Sprintf("run-%d", e.run), 0)
	n := copy(p, line[e.pos:])
	if e.pos += n; e.pos == len(line) {
		e.run, e.pos = e.run+1, 0
	}
	return n, nil
}

func TestEventsAreGivenWhileTheFileIsStillBeingRead(t *testing.T) {
	t.Parallel()
	r, err := trace.Open("-", trace.Options{Stdin: &endless{}})
	require.NoError(t, err)
	n := 0
	for _, err := range r.Events() {
		require.NoError(t, err)
		if n++; n == 1000 {
			break
		}
	}
	for ev, err := range r.Events() { // and reading can be taken up again
		require.NoError(t, err)
		require.Equal(t, call.RunID("run-1000"), ev.Run)
		break
	}
	read, total := r.Progress()
	require.Positive(t, read)
	require.Zero(t, total, "nobody knows how long standard input is")
	require.NoError(t, r.Close())
	for range r.Events() {
		t.Fatal("a closed reader has no events")
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestGzipIsToldByItsContentNotItsName(t *testing.T) {
	t.Parallel()
	text := start("a", 0) + start("a", 1)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"plain.gz": []byte(text), "packed.jsonl": zipped(t, text), "parts": append(zipped(t, start("a", 0)), zipped(t, start("a", 1))...),
		"mark.jsonl": []byte("\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n")),
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.Len(t, read(t, path, trace.Options{}), 2, name)
	}
}

func TestADamagedFileSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 20_000 {
		text.WriteString(start("a", i))
	}
	whole := zipped(t, text.String())
	for _, skip := range []bool{false, true} {
		events, err := all(t, string(whole[:len(whole)/2]), trace.Options{SkipBad: skip})
		require.NotEmpty(t, events)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.ErrorContains(t, err, fmt.Sprintf("stdin: compressed data ends early after line %d, the file is incomplete: fetch it again", len(events)))
	}
	_, err := all(t, string(whole[:5]), trace.Options{})
	require.ErrorContains(t, err, "stdin: compressed data ends early after line 0")
	spoilt := bytes.Clone(whole)
	spoilt[len(spoilt)-6] ^= 1
	_, err = all(t, string(spoilt), trace.Options{})
	require.ErrorContains(t, err, "stdin: compressed data is damaged after line 20000: fetch it again")
}

func TestWhatCannotBeReadAtAllIsToldOnOpening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := trace.Open(filepath.Join(dir, "no.jsonl"), trace.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "no.jsonl does not exist: name a trace file or a folder of transcripts")
	_, err = trace.Open("x", trace.Options{Format: "csv"})
	require.EqualError(t, err, `trace: format "csv" is none of auto, trace, claude-code`)
	for _, src := range []string{"", "\n \n", string(zipped(t, ""))} {
		for _, f := range []trace.Format{trace.Auto, trace.Native, trace.ClaudeCode} {
			_, err = all(t, src, trace.Options{Format: f})
			require.EqualError(t, err, "stdin: the file is empty: there is nothing to read")
		}
	}
	_, err = all(t, "\nname,calls\nx,1\n", trace.Options{})
	require.EqualError(t, err, "stdin:2: not JSON at byte 1: invalid character 'a' in literal null (expecting 'u')")
	_, err = all(t, `{"name":"x"}`, trace.Options{})
	require.EqualError(t, err, "stdin:1: neither a line of M1's trace format nor of a Claude Code transcript: say which it is with --format")
}

func TestTheFormatIsToldByTheFirstLineThatSaysSo(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]trace.Format{
		start("a", 0):                                     trace.Native,
		"{broken\n" + start("a", 0):                       trace.Native,
		`{"run":"a","seq":0,"type":"banana"}`:             trace.Native,
		`{"type":"tool_call"}`:                            trace.Native,
		`{"type":"summary","summary":"s","leafUuid":"u"}`: trace.ClaudeCode,
		`{"x":1}` + "\n" + `{"type":"user","sessionId":"s","message":{"content":"hi"}}`: trace.ClaudeCode,
		`{"parentUuid":null,"type":"novel"}`:                                            trace.ClaudeCode,
	} {
		r, err := trace.Open("-", trace.Options{Stdin: strings.NewReader(src)})
		require.NoError(t, err, src)
		require.Equal(t, want, r.Format(), src)
	}
	// A format that is given is not doubted.
	events, err := all(t, start("a", 0), trace.Options{Format: trace.ClaudeCode})
	require.Empty(t, events)
	require.ErrorContains(t, err, "no model call and no tool call")
}
