package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
)

// reportFile is where --json goes. It is opened before the replay, so that a
// wrong name is not found out after an hour, and changed only at the end.
type reportFile struct {
	out  io.Writer
	file *os.File // nil for standard output
}

// openReport returns nil if nobody asked for a report; path "-" is stdout.
func openReport(path string, stdout io.Writer) (*reportFile, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return &reportFile{out: stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--json: the report cannot be written: %w; name another file", err)
	}
	return &reportFile{out: f, file: f}, nil
}

// write puts the report in the place of what was in the file.
func (f *reportFile) write(r replay.Report) error {
	if f == nil {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil && f.file != nil {
		err = f.file.Truncate(0)
	}
	if err == nil {
		_, err = f.out.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (f *reportFile) close() error {
	if f == nil || f.file == nil {
		return nil
	}
	return f.file.Close()
}

func printReport(w io.Writer, r replay.Report, problems []*trace.LineError) {
	line := func(name, format string, a ...any) {
		fmt.Fprintln(w, safe(fmt.Sprintf("%-10s "+format, append([]any{name}, a...)...)))
	}
	if !r.Complete {
		line("stopped", "before the end of the recording: the figures cover what was replayed")
	}
	line("replayed", "%s (%s): %d events, %d runs in %s", r.File, r.Format, r.Events, r.Runs, time.Duration(r.ElapsedMS)*time.Millisecond)
	line("calls", "%d of %d tools (%d read, %d write, %d execute), %d failed, %.0f calls/s", r.ToolCalls, r.Tools, r.ReadCalls, r.WriteCalls, r.ExecuteCalls, r.Errors, r.CallsPerS)
	line("policy", "%s: %d allow, %d ask, %d deny; %d held back; %d of tools that are not listed", r.Decisions.Policy, r.Decisions.Allow, r.Decisions.Ask, r.Decisions.Deny, r.Decisions.HeldBack, r.UnknownTools)
	line("decisions", "%.1f%% from the cache; check p50 %.1fµs p99 %.1fµs", 100*r.Decisions.CacheHitRate, r.Latency.Policy.P50US, r.Latency.Policy.P99US)
	line("results", "%d of %d cacheable reads from the cache (an ideal cache: %d), %d wrong", r.Cache.Tagged.Hits, r.Cacheable, r.Cache.Ideal.Hits, r.Cache.Tagged.Stale)
	line("loops", "longest streak of one call %d; %d calls repeated in their run (%.1f%%)", r.Loops.LongestStreak, r.Repeats.InRun, 100*r.Repeats.InRunRate)
	cost := fmt.Sprintf("$%s for %d model calls", r.Cost.PricedUSD, r.LLMCalls)
	if r.Cost.RecordedUSD > 0 {
		cost += fmt.Sprintf("; the source recorded $%.4f", r.Cost.RecordedUSD)
	}
	if r.Cost.UnpricedCalls > 0 {
		cost += fmt.Sprintf("; without a price: %d calls, %d tokens of %s", r.Cost.UnpricedCalls, r.Cost.UnpricedTokens, strings.Join(r.Cost.UnpricedModels, ", "))
	}
	line("cost", "%s", cost)
	line("ledger", "durable write p50 %.0fµs p99 %.0fµs", r.Latency.Ledger.P50US, r.Latency.Ledger.P99US)
	if r.Skipped > 0 {
		line("skipped", "%d lines that could not be read; the first:", r.Skipped)
		for _, p := range problems {
			line("", "%v", p)
		}
	}
}
