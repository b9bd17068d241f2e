package trace_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/trace"
)

const (
	shop    = "testdata/projects/-home-dev-shop/1f0e4c52-8a51-4b7e-9d0c-5f2f6f0a1111.jsonl"
	resumed = "testdata/projects/-home-dev-shop/7c9be310-22aa-4b52-8a0f-d1a4c3b02222.jsonl"
)

// tell writes an event as one line that a person can check.
func tell(ev trace.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.4s#%d %s", ev.Run, ev.Seq, ev.Type)
	if ev.HasTime {
		fmt.Fprintf(&b, " %s", ev.At.Format("05.000"))
	}
	if ev.Agent != "claude-code" {
		fmt.Fprintf(&b, " by %s", ev.Agent)
	}
	switch ev.Type {
	case trace.RunStart:
		fmt.Fprintf(&b, " %s in %s with %s", ev.Model, ev.Cwd, ev.ClientVersion)
	case trace.LLMUsage:
		u := ev.Usage
		fmt.Fprintf(&b, " %s %s in=%d out=%d read=%d 5m=%d 1h=%d %s", u.Message, u.Model, u.Input, u.Output, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.Tier)
	case trace.ToolCall:
		fmt.Fprintf(&b, " %s %s %s", ev.CallID, ev.Tool, ev.Args)
		if ev.Result != nil {
			fmt.Fprintf(&b, " -> %q at %s", *ev.Result, ev.End.Format("05.000"))
		}
		if ev.IsError != nil {
			fmt.Fprintf(&b, " error=%v", *ev.IsError)
		}
		if ev.DurationMS != nil {
			fmt.Fprintf(&b, " %vms", *ev.DurationMS)
		}
		if ev.SubagentTokens != nil {
			fmt.Fprintf(&b, " subagent=%d/%d", *ev.SubagentTokens, *ev.SubagentToolCalls)
		}
	}
	return strings.TrimSpace(b.String())
}

func read(t *testing.T, path string, o trace.Options) []string {
	t.Helper()
	r, err := trace.Open(path, o)
	require.NoError(t, err)
	defer r.Close()
	var told []string
	for ev, err := range r.Events() {
		require.NoError(t, err)
		requireValid(t, ev)
		told = append(told, tell(ev))
	}
	return told
}

func TestAFolderIsReadSessionAfterSessionByTime(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`03ab#0 run_start 00.000 claude-sonnet-4-5-20250929 in /home/dev/docs with 2.0.76`,
		`03ab#1 llm_usage 01.000 msg_c1 claude-sonnet-4-5-20250929 in=1 out=1 read=0 5m=0 1h=0`,
		`03ab#2 tool_call 01.000 toolu_c1 Task {"prompt": "look"}`,
		// a subagent's file in a folder of its own belongs to the session
		`03ab#3 llm_usage 02.000 by claude-code/subagent msg_c2 claude-sonnet-4-5-20250929 in=1 out=2 read=0 5m=0 1h=0`,
		`03ab#4 tool_call 02.000 by claude-code/subagent toolu_c2 Bash {"command": "ls"}`,
		`03ab#5 run_end 02.000`,
		`1f0e#0 run_start 01.000 claude-opus-4-5-20251101 in /home/dev/shop with 2.0.76`,
		// three lines of one answer: one model call with the figures of the last
		`1f0e#1 llm_usage 03.100 msg_01 claude-opus-4-5-20251101 in=10 out=187 read=0 5m=24091 1h=0`,
		`1f0e#2 tool_call 04.200 toolu_01 Grep {"pattern": "clean", "path": "cmd"} -> "No files found" at 04.650 41ms`,
		`1f0e#3 tool_call 04.300 toolu_02 Bash {"command": "make build"} -> "Exit code 2\nmake: *** no rule" at 07.900 error=true`,
		`1f0e#4 llm_usage 10.000 msg_02 claude-opus-4-5-20251101 in=5 out=60 read=24091 5m=0 1h=300`,
		// the text parts of an array, without the image
		`1f0e#5 tool_call 10.000 toolu_03 Task {"description": "find rule", "prompt": "find the rule", "subagent_type": "Explore"} -> "The rule is in\nrules.mk" at 30.000 19500ms subagent=5210/1`,
		`1f0e#6 llm_usage 12.000 by claude-code/subagent msg_s1 claude-haiku-4-5-20251001 in=2 out=9 read=1000 5m=50 1h=0`,
		`1f0e#7 tool_call 12.000 by claude-code/subagent toolu_s1 Read {"file_path": "rules.mk"} -> "all: build" at 12.100`,
		// the API error between has no model call; fast service is not at list price
		`1f0e#8 llm_usage 40.000 msg_03 claude-opus-4-5-20251101 in=4 out=20 read=24391 5m=0 1h=0 fast`,
		`1f0e#9 tool_call 40.000 toolu_04 Read {"file_path": "rules.mk"}`,
		`1f0e#10 run_end 40.000`,
		// resumed: what it copied from the session above is not counted again
		`7c9b#0 run_start 00.000 claude-opus-4-5-20251101 in /home/dev/shop with 2.0.76`,
		`7c9b#1 llm_usage 02.000 msg_21 claude-opus-4-5-20251101 in=3 out=30 read=24091 5m=10 1h=0`,
		`7c9b#2 tool_call 02.000 toolu_21 Edit {"file_path": "rules.mk", "old_string": "a", "new_string": "b"} -> "done" at 02.500 error=false`,
		`7c9b#3 run_end 02.500`,
	}, read(t, "testdata/projects", trace.Options{}))
}

func TestOneTranscriptIsReadByItself(t *testing.T) {
	t.Parallel()
	told := read(t, shop, trace.Options{})
	require.Len(t, told, 9)
	// Alone, a resumed session has all that it shows.
	require.Len(t, read(t, resumed, trace.Options{}), 7)
	in, err := os.Open(shop)
	require.NoError(t, err)
	defer in.Close()
	require.Equal(t, told, read(t, "-", trace.Options{Stdin: in}))
}

func TestTranscriptsOfSeveralSessionsInOneStreamAreSeveralRuns(t *testing.T) {
	t.Parallel()
	var all []byte
	for _, name := range []string{resumed, shop} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all = append(all, text...)
	}
	told := read(t, "-", trace.Options{Stdin: bytes.NewReader(all)})
	runs := 0
	for _, line := range told {
		if strings.Contains(line, "#0 run_start") {
			runs++
		}
	}
	require.Equal(t, 2, runs)
	require.Len(t, told, 2+2+4+5) // two runs; every model call and tool call once
}

func TestWhateverTheNamesAreTheCopyFollowsTheOriginal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	original, copied := "ffffffff-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000"
	line := func(session, message string, second int) string {
		return fmt.Sprintf(`{"type":"assistant","uuid":"u-%s","sessionId":%q,"timestamp":"2026-02-03T09:00:%02dZ","message":{"id":%q,"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}`,
			message, session, second, message) + "\n"
	}
	for name, text := range map[string]string{
		original: line(original, "a", 1),
		copied:   line(copied, "a", 1) + line(copied, "b", 2),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".jsonl"), []byte(text), 0o600))
	}
	told := read(t, dir, trace.Options{})
	require.Len(t, told, 6)
	require.Equal(t, `ffff#1 llm_usage 01.000 a m in=1 out=1 read=0 5m=0 1h=0`, told[1])
	require.Equal(t, `0000#1 llm_usage 02.000 b m in=1 out=1 read=0 5m=0 1h=0`, told[4])
}

func TestATranscriptMayLackAlmostEverything(t *testing.T) {
	t.Parallel()
	src := `{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash"}]}}
{"type":"assistant","message":{"content":"text"}}
{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"late"},{"type":"tool_result","tool_use_id":"other","content":[]}]}}
{"type":"assistant","message":{"content":[{"type":"tool_use","id":"late","name":"Read","input":null}]}}
{"type":"assistant","message":{"model":"m","usage":{"output_tokens":1,"cache_creation_input_tokens":7}}}
{"type":"queue-operation","message":[1,2],"timestamp":17}
`
	require.Equal(t, []string{
		`stdi#0 run_start m in  with`,
		`stdi#1 tool_call  Bash {}`,
		`stdi#2 tool_call late Read {} -> "" at 00.000`,
		`stdi#3 llm_usage  m in=0 out=1 read=0 5m=7 1h=0`,
		`stdi#4 run_end`,
	}, read(t, "-", trace.Options{Stdin: strings.NewReader(src)}))
}

func TestABrokenTranscriptLineIsTold(t *testing.T) {
	t.Parallel()
	const good = `{"type":"assistant","sessionId":"s","message":{"id":"m1","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}`
	for line, want := range map[string]string{
		`{"type":"assistant",`:                  `stdin:3: not JSON at byte 20: unexpected EOF`,
		`nonsense`:                              `stdin:3: not JSON at byte 1: invalid character 'o' in literal null (expecting 'u')`,
		`[1]`:                                   `stdin:3: field "line": want an object, got an array`,
		`{"type":"assistant","message":"text"}`: `stdin:3: field "message": want an object, got a string`,
		`{"type":"assistant","timestamp":"yesterday"}`:                                                         `stdin:3: field "timestamp": want a time such as 2026-01-05T12:17:31Z, got "yesterday"`,
		`{"type":"assistant","message":{"model":"m","usage":{"input_tokens":-4}}}`:                             `stdin:3: field "message.usage.input_tokens": want 0 to 1000000000000, got -4`,
		`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"x"}]}}`:                            `stdin:3: field "message.content.name" is missing`,
		`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"x","name":"Bash","input":"ls"}]}}`: `stdin:3: input of tool call "x": want an object, got a string`,
		`{"type":"user","message":{"content":[{"type":7}]}}`:                                                   `stdin:3: message.content: field "0.type": want a string, got a number`,
	} {
		src := good + "\n\n" + line + "\n" + strings.ReplaceAll(good, "m1", "m2") + "\n"
		events, err := all(t, src, trace.Options{})
		require.EqualError(t, err, want)
		require.ErrorAs(t, err, new(*trace.LineError))
		require.Empty(t, events, "a session is whole or it is not given")

		r, err := trace.Open("-", trace.Options{Stdin: strings.NewReader(src), SkipBad: true})
		require.NoError(t, err)
		n := 0
		for _, err := range r.Events() {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 4, n)
		require.Equal(t, 1, r.Bad())
		require.EqualError(t, r.Problems()[0], want)
	}
}

func TestAFolderWithoutTranscriptsSaysWhereTheyAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := trace.Open(dir, trace.Options{})
	require.EqualError(t, err, "trace: "+dir+" holds no Claude Code transcripts (*.jsonl): that client keeps them in ~/.claude/projects")

	name := filepath.Join(dir, "a.jsonl")
	require.NoError(t, os.WriteFile(name, []byte(`{"type":"run_start","run":"a","agent":"x","seq":0}`), 0o600))
	_, err = trace.Open(dir, trace.Options{})
	require.EqualError(t, err, "trace: "+dir+" holds no Claude Code transcripts, but trace files: name one of them, such as "+name)

	_, err = trace.Open("testdata/projects", trace.Options{Format: trace.Native})
	require.EqualError(t, err, "trace: testdata/projects is a folder, the trace format is read from a file: name one file")

	_, err = all(t, `{"type":"summary","summary":"nothing","leafUuid":"u"}`, trace.Options{})
	require.EqualError(t, err, "stdin: the transcript holds no model call and no tool call: nothing can be replayed")
}

func TestAFileThatIsBrokenFromTheStartIsNotPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, err := os.ReadFile(shop)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte("{broken\n"), 0o600))
	r, err := trace.Open(dir, trace.Options{SkipBad: true})
	require.NoError(t, err)
	defer r.Close()
	n := 0
	for _, err := range r.Events() {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 9, n)
	require.Equal(t, 1, r.Bad())
	require.Equal(t, filepath.Join(dir, "b.jsonl"), r.Problems()[0].File)
	got, total := r.Progress()
	require.Equal(t, total, got)
}
