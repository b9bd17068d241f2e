package replay_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
	"m1/engine/ledger"
	"m1/engine/ledger/sqlite"
	"m1/engine/policy"
	"m1/engine/tool"
)

// recordings is the folder of recorded traffic; without it the test is skipped.
func recordings(t testing.TB) string {
	t.Helper()
	base := os.Getenv("M1_SHARED")
	if base == "" {
		base = filepath.Join("..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(base, "traces")
	if _, err := os.Stat(filepath.Join(dir, "expected.json")); err != nil {
		t.Skipf("no recorded traffic at %s: set M1_SHARED to the folder that holds traces/", dir)
	}
	return dir
}

// figures are those of expected.json that M1 must reproduce.
type figures struct {
	Runs         int `json:"runs"`
	ToolCalls    int `json:"tool_calls"`
	LLMCalls     int `json:"llm_calls"`
	Tools        int `json:"distinct_tools"`
	ReadCalls    int `json:"read_calls"`
	WriteCalls   int `json:"write_calls"`
	ExecuteCalls int `json:"execute_calls"`
	Errors       int `json:"errors"`
	Cacheable    int `json:"cacheable_reads"`
	Repeats      struct {
		InRun int64 `json:"in_run"`
	} `json:"repeats"`
	Loops struct {
		LongestStreak int64 `json:"longest_streak"`
	} `json:"loops"`
	Decisions struct {
		RepeatByTool int `json:"repeat_by_tool"`
	} `json:"decisions"`
	Cache struct {
		Tagged struct {
			Hits   int `json:"hits"`
			Right  int `json:"right"`
			Stale  int `json:"stale"`
			Masked int `json:"masked"`
		} `json:"tagged"`
		Ideal struct {
			Hits int64 `json:"hits"`
		} `json:"ideal"`
	} `json:"cache"`
}

type expectation struct {
	Tools   string  `json:"tools"`
	Figures figures `json:"figures"`
}

func expectations(t testing.TB, dir string) map[string]expectation {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	var out map[string]expectation
	require.NoError(t, json.Unmarshal(b, &out))
	require.Len(t, out, 9)
	return out
}

// drive replays one file at full speed through an engine with a ledger on disk.
func drive(t testing.TB, dir, file, tools string) (replay.Report, ledger.Store, *engine.Engine) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, tools))
	require.NoError(t, err)
	catalogue, err := tool.Parse(tools, src)
	require.NoError(t, err)
	observe, ok := policy.Builtin("observe")
	require.True(t, ok)
	store, err := sqlite.Open(sqlite.Options{Path: filepath.Join(t.TempDir(), "ledger.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	e, err := engine.New(engine.Options{Tools: catalogue, Policy: observe, Ledger: store})
	require.NoError(t, err)
	r, err := trace.Open(filepath.Join(dir, file), trace.Options{})
	require.NoError(t, err)
	defer r.Close()
	var p replay.Progress
	tally, err := replay.Drive(t.Context(), e, r.Events(), replay.Options{}, &p)
	require.NoError(t, err)
	require.NoError(t, store.Flush(t.Context()))
	return tally.Report(e.Meter(), replay.Meta{File: file, Events: p.Events(), Complete: true}), store, e
}

// The report is decoded into the shape of the expected figures: names and
// nesting must be theirs.
func TestEveryRecordingGivesItsKnownFigures(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	hits := 0
	for file, want := range expectations(t, dir) {
		t.Run(file, func(t *testing.T) {
			report, store, e := drive(t, dir, file, want.Tools)
			b, err := json.Marshal(report)
			require.NoError(t, err)
			var got figures
			require.NoError(t, json.Unmarshal(b, &got))
			require.Equal(t, want.Figures, got)
			hits += got.Cache.Tagged.Hits

			if want, ok := recordedCosts[file]; ok {
				requireCosts(t, want, report.Cost)
			}
			require.NoError(t, store.Verify(t.Context()))
			s := e.Status()
			require.Zero(t, s.OpenCalls, "every released call was reported")
			require.Equal(t, e.Meter().Calls.Load(), int64(want.Figures.ToolCalls))
			require.Zero(t, e.Meter().M1Errors.Load())
		})
	}
	require.Equal(t, 63, hits, "answers from the cache in all recordings together")
}

// costs is what a recording must cost: usages with a recorded cost and a price;
// of those, equal to 1e-9 USD and below the recorded cost; tokens without a price.
type costs struct {
	compared, equal, below int
	unpriced               int64
}

var recordedCosts = map[string]costs{
	"mini-swe-deepseek-chat.jsonl.gz": {compared: 1369, equal: 1369},
	// The source charged 204 of these the full price for every prompt token: too
	// much for what it read from the provider's cache, too little for what it wrote.
	"openhands-sonnet-3.5-astropy.jsonl.gz": {compared: 499, equal: 295, below: 175},
	"tau2-airline-gpt-oss-120b.jsonl.gz":    {unpriced: 370_382},
	// gpt-4.1 is never below, and equal 723 times with the next four: the others cost more here by tokens that the source
	// had from the provider's cache and did not record.
	"tau2-airline-gpt-4.1.jsonl.gz":    {compared: 342, equal: 114},
	"tau2-retail-gpt-4.1.jsonl.gz":     {compared: 766, equal: 246},
	"tau2-airline-qwen2.5-7b.jsonl.gz": {compared: 506, equal: 301, unpriced: 5_015_090},
	"tau2-telecom-gpt-4.1.jsonl.gz":    {compared: 1509, equal: 62},
}

func requireCosts(t *testing.T, want costs, got replay.Cost) {
	t.Helper()
	require.Equal(t, want, costs{got.Compared, got.Equal, got.BelowRecorded, got.UnpricedTokens})
}
