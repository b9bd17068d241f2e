package pricing_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/pricing"
)

// recordedUsage gives every model call of the real recordings with the cost that
// was recorded, or skips the test.
func recordedUsage(t *testing.T, each func(u call.Usage, recorded *float64)) {
	t.Helper()
	shared := os.Getenv("M1_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(shared, "traces", "*.jsonl.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the recordings are not here: set M1_SHARED to the folder that holds traces/")
	}
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		zr, err := gzip.NewReader(f)
		require.NoError(t, err)
		lines := bufio.NewScanner(zr)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if !bytes.Contains(lines.Bytes(), []byte(`"llm_usage"`)) {
				continue // most lines are tool results, and long
			}
			var ev struct {
				Type  string          `json:"type"`
				TS    *time.Time      `json:"ts"`
				Model string          `json:"model"`
				Usage json.RawMessage `json:"usage"`
				Cost  *float64        `json:"cost_usd"`
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &ev))
			if ev.Type != "llm_usage" {
				continue
			}
			u, err := pricing.ParseUsage("", ev.Usage)
			require.NoError(t, err)
			u.Model = ev.Model
			if ev.TS != nil {
				u.At = *ev.TS
			}
			each(u, ev.Cost)
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
}

func TestRecordedCostIsReproduced(t *testing.T) {
	t.Parallel()
	const bedrock = "litellm_proxy/anthropic.claude-3-5-sonnet-20241022-v2:0"
	exact := map[string]int{}
	unpriced := map[string]int{}
	priced := map[string]int{}
	atList := 0
	recordedUsage(t, func(u call.Usage, recorded *float64) {
		c := pricing.Builtin().Charge(u)
		if !c.Priced {
			require.Zero(t, c.Cost)
			unpriced[u.Model]++
			return
		}
		priced[u.Model]++
		switch u.Model {
		case "deepseek-chat", bedrock:
			require.InDelta(t, *recorded, c.Cost.USD(), 1e-9, "%+v", u)
			exact[u.Model]++
		case "gpt-4.1", "gpt-4.1-2025-04-14":
			// The source does not record cached tokens: its cost can be lower.
			require.GreaterOrEqual(t, c.Cost.USD(), *recorded-1e-9, "%+v", u)
			if math.Abs(c.Cost.USD()-*recorded) <= 1e-9 {
				atList++
			}
		}
	})
	require.Equal(t, map[string]int{"deepseek-chat": 1369, bedrock: 295}, exact)
	require.Equal(t, 723, atList, "gpt-4.1 calls at list price")
	require.Equal(t, map[string]int{"openai/gpt-oss-120b": 257, "ollama_chat/qwen2.5:7b": 732}, unpriced)
	require.Equal(t, map[string]int{
		"deepseek-chat": 1369, bedrock: 295, "litellm_proxy/claude-3-5-sonnet-20241022": 204,
		"gpt-4.1": 2617, "gpt-4.1-2025-04-14": 506,
		"claude-opus-4-5-20251101": 4865, "claude-sonnet-4-5-20250929": 910, "claude-haiku-4-5-20251001": 16,
	}, priced)
}
