package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/config"
	"m1/app/daemon"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
	"m1/engine/meter"
)

// BenchmarkReplayWithAReader replays all recorded traffic at full speed, with the
// ledger on disk, while a client reads the dashboard over HTTP as fast as it
// can, and prints what both saw. The figures are in docs/figures.md.
func BenchmarkReplayWithAReader(b *testing.B) {
	base := os.Getenv("M1_SHARED")
	if base == "" {
		base = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(base, "traces")
	src, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		b.Skipf("no recorded traffic at %s: set M1_SHARED to the folder that holds traces/", dir)
	}
	var files map[string]struct {
		Tools string `json:"tools"`
	}
	require.NoError(b, json.Unmarshal(src, &files))
	for b.Loop() {
		var took time.Duration
		var whole, part []time.Duration
		steps := map[string]merged{}
		for file, f := range files {
			d := replayed{b: b, steps: steps}
			d.run(filepath.Join(dir, file), filepath.Join(dir, f.Tools))
			took += d.took
			whole, part = append(whole, d.whole...), append(part, d.part...)
		}
		b.ReportMetric(took.Seconds(), "s/all-files")
		b.Logf("all files in %s; reads of the dashboard meanwhile: %d", took.Round(time.Millisecond), len(whole)+len(part))
		b.Logf("%-28s p50 %-10s p99 %-10s max %s", "whole dashboard over HTTP", quantile(whole, 0.5), quantile(whole, 0.99), quantile(whole, 1))
		b.Logf("%-28s p50 %-10s p99 %-10s max %s", "/metrics part over HTTP", quantile(part, 0.5), quantile(part, 0.99), quantile(part, 1))
		for _, name := range []string{"policy check", "cache read", "cache write", "durable ledger write", "propose, read or write"} {
			d := steps[name]
			b.Logf("%-28s p50 %-10s p99 %-10s of %d", name, d.quantile(0.5), d.quantile(0.99), d.count())
		}
	}
}

type replayed struct {
	b           *testing.B
	took        time.Duration
	whole, part []time.Duration
	steps       map[string]merged
}

func (r *replayed) run(file, tools string) {
	rules, err := daemon.LoadRules(tools, daemon.Observe)
	require.NoError(r.b, err)
	l := config.NewLoader([]string{"HOME=" + r.b.TempDir(), "M1_LISTEN=127.0.0.1:0", "M1_NO_AUTH=true"})
	c, err := l.Load()
	require.NoError(r.b, err)
	d, err := daemon.Open(daemon.Options{Config: c, Rules: rules, Logger: slog.New(slog.DiscardHandler), Version: "bench", Serve: true})
	require.NoError(r.b, err)
	events, err := trace.Open(file, trace.Options{})
	require.NoError(r.b, err)
	defer events.Close()
	drive := func(ctx context.Context) error {
		start := time.Now()
		_, err := replay.Drive(ctx, d.Engine(), events.Events(), replay.Options{}, new(replay.Progress))
		r.took = time.Since(start)
		return err
	}
	read := func(ctx context.Context) error {
		for i := 0; ; i++ {
			path, into := "/metrics", &r.part
			if i%2 == 0 {
				path, into = "", &r.whole
			}
			start := time.Now()
			if err := get(ctx, fmt.Sprintf("http://%s/api/m1/dashboard%s", d.Addr(), path)); err != nil {
				if ctx.Err() != nil {
					return nil //nolint:nilerr // the replay is over
				}
				return err
			}
			*into = append(*into, time.Since(start))
		}
	}
	require.NoError(r.b, d.Run(r.b.Context(), drive, read))
	m := d.Engine().Meter()
	for name, h := range map[string]*meter.Histogram{"policy check": &m.Policy, "cache read": &m.CacheRead, "cache write": &m.CacheWrite, "durable ledger write": &m.Ledger, "propose, read or write": &m.Propose} {
		r.steps[name] = append(r.steps[name], h.Read())
	}
}

// merged is one step's times in several engines.
type merged []meter.Distribution

func (m merged) count() (n int64) {
	for _, d := range m {
		n += d.Count()
	}
	return n
}

// quantile is the least time, to a microsecond, that at most 1-q of all exceed.
func (m merged) quantile(q float64) time.Duration {
	limit := sort.Search(int(time.Minute/time.Microsecond), func(us int) bool {
		var above int64
		for _, d := range m {
			above += d.Above(time.Duration(us) * time.Microsecond)
		}
		return float64(above) <= (1-q)*float64(m.count())
	})
	return time.Duration(limit) * time.Microsecond
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}

func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	return ds[min(int(float64(len(ds))*q), len(ds)-1)].Round(time.Microsecond)
}
