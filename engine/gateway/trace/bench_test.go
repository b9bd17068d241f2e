package trace_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/trace"
)

// BenchmarkRead reads the largest real recording; MB/s are those of the
// compressed file, events/s say more.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(recorded(b), "claude-code-2026-01.jsonl.gz")
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		r, err := trace.Open(path, trace.Options{})
		require.NoError(b, err)
		for _, err := range r.Events() {
			require.NoError(b, err)
			events++
		}
		_, total := r.Progress()
		b.SetBytes(total)
		require.NoError(b, r.Close())
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkTranscript reads one session of 2,000 answers, each streamed over two
// lines, with a call and its result of 4 KiB.
func BenchmarkTranscript(b *testing.B) {
	var text strings.Builder
	for i := range 2000 {
		for _, content := range []string{`{"type":"text","text":"Looking."}`, fmt.Sprintf(`{"type":"tool_use","id":"toolu_%d","name":"Read","input":{"file_path":"f%d"}}`, i, i)} {
			fmt.Fprintf(&text, `{"type":"assistant","sessionId":"s","timestamp":"2026-02-03T09:00:00Z","message":{"id":"msg_%d","model":"m","content":[%s],"usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3}}}`+"\n", i, content)
		}
		fmt.Fprintf(&text, `{"type":"user","sessionId":"s","timestamp":"2026-02-03T09:00:01Z","message":{"content":[{"type":"tool_result","tool_use_id":"toolu_%d","content":%q}]},"toolUseResult":{"durationMs":3}}`+"\n", i, strings.Repeat("x", 4<<10))
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := trace.Open("-", trace.Options{Stdin: strings.NewReader(text.String())})
		require.NoError(b, err)
		n := 0
		for _, err := range r.Events() {
			require.NoError(b, err)
			n++
		}
		require.Equal(b, 2+2*2000, n)
		require.NoError(b, r.Close())
	}
}
