package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"m1/app/daemon"
	"m1/collector/snapshot"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
)

type replayFlags struct {
	speed    string
	headless bool
	json     string
	skipBad  bool
	format   string
	maxGap   time.Duration
}

func (p *program) replay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Drive recorded agent traffic through the engine, live on the screen",
		Long: `Reads recorded agent traffic and drives it through the engine as if it were
happening now: every call is decided, cached, priced and recorded.

FILE is a trace (JSON lines, plain or gzip, "-" for standard input), a transcript
of Claude Code, or a folder of them such as ~/.claude/projects. The format is
detected. Transcripts use the built-in catalogue of that client; a trace needs
--tools. Without --policy nothing is held back: what the rules would say is
counted. Records go to a temporary folder unless --state is given.`,
		Example: `  m1 replay ~/.claude/projects
  m1 replay run.jsonl.gz --tools tools.json --speed 10
  m1 replay run.jsonl.gz --tools tools.json --headless --json report.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runReplay(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.speed, "speed", "max", "1 as recorded, 10 ten times faster, any number, or max")
	fl.BoolVar(&f.headless, "headless", false, "no screen: a progress line, and the report at the end")
	fl.StringVar(&f.json, "json", "", "write the report as JSON to this file, - for standard output")
	fl.BoolVar(&f.skipBad, "skip-bad", false, "count lines that cannot be read and go on")
	fl.StringVar(&f.format, "format", "auto", "auto, trace or claude-code")
	fl.DurationVar(&f.maxGap, "max-gap", 5*time.Second, "longest recorded pause that is waited out, before --speed shortens it")
	return cmd
}

func (f replayFlags) pace() (replay.Options, error) {
	o := replay.Options{MaxGap: f.maxGap}
	if f.maxGap <= 0 {
		return o, fmt.Errorf("--max-gap %s: give a time above 0", f.maxGap)
	}
	if f.speed == "max" {
		return o, nil
	}
	speed, err := strconv.ParseFloat(f.speed, 64)
	if err != nil || speed <= 0 || speed > 1e6 {
		return o, fmt.Errorf("--speed %q: give a number above 0, such as 1 or 10, or max", f.speed)
	}
	o.Speed = speed
	return o, nil
}

// replaying is one replay on its way.
type replaying struct {
	p        *program
	f        replayFlags
	path     string
	pace     replay.Options
	reader   *trace.Reader
	daemon   *daemon.Daemon
	rules    daemon.Rules
	progress replay.Progress
	ended    atomic.Bool
	report   replay.Report
}

func (p *program) runReplay(ctx context.Context, path string, f replayFlags) error {
	pace, err := f.pace()
	if err != nil {
		return err
	}
	reader, err := trace.Open(path, trace.Options{Format: trace.Format(f.format), SkipBad: f.skipBad, Stdin: p.env.Stdin})
	if err != nil {
		return err
	}
	defer reader.Close()
	r := &replaying{p: p, f: f, path: path, pace: pace, reader: reader}

	c, err := p.settings()
	if err != nil {
		return err
	}
	tools, policy := c.Tools, c.Policy
	if tools == "" && reader.Format() == trace.ClaudeCode {
		tools = "claude-code"
	}
	if tools == "" {
		return fmt.Errorf("%s is a trace: say what its tools may do with --tools FILE (a catalogue or a registry; see m1 tools --help)", path)
	}
	if policy == "" {
		policy = daemon.Observe
	}
	if r.rules, err = daemon.LoadRules(tools, policy); err != nil {
		return err
	}
	screen := !f.headless && p.interactive()
	log, done, err := p.logger(c, screen, records(c))
	if err != nil {
		return err
	}
	defer done()
	r.daemon, err = daemon.Open(daemon.Options{Config: c, Rules: r.rules, Logger: log, Version: Version,
		Temporary: records(c) == "", Serve: c.IsSet("listen"), Describe: r.describe})
	if err != nil {
		return err
	}
	if screen {
		err = r.daemon.Run(ctx, r.driveAndStay, p.screen(c, r.daemon.Collector()))
	} else {
		err = r.daemon.Run(ctx, r.drive, r.showProgress)
	}
	if err != nil {
		return err
	}
	return r.finish(ctx, screen)
}

func (r *replaying) describe() snapshot.Source {
	read, total := r.reader.Progress()
	return snapshot.Source{Mode: "replay", Title: r.path, Done: read, Total: total, Ended: r.ended.Load()}
}

// driveAndStay leaves the screen open after the last event.
func (r *replaying) driveAndStay(ctx context.Context) error {
	if err := r.drive(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// drive replays and reports. That ctx ends is no failure: the report then says
// that it is not complete.
func (r *replaying) drive(ctx context.Context) error {
	start := time.Now()
	tally, err := replay.Drive(ctx, r.daemon.Engine(), r.reader.Events(), r.pace, &r.progress)
	r.ended.Store(true)
	stopped := ctx.Err() != nil && errors.Is(err, ctx.Err())
	status := r.daemon.Engine().Status()
	r.report = tally.Report(r.daemon.Engine().Meter(), replay.Meta{
		File: r.path, Format: string(r.reader.Format()), Policy: status.Policy.Name, PriceVersion: status.PriceVersion,
		Observe: status.Policy.Observe, Complete: err == nil, Events: r.progress.Events(), Skipped: r.reader.Bad(), Elapsed: time.Since(start),
	})
	if stopped {
		return nil
	}
	return err
}

// showProgress keeps one line on a terminal and writes a line now and then
// elsewhere.
func (r *replaying) showProgress(ctx context.Context) error {
	every, end := 5*time.Second, "\n"
	if f := file(r.p.env.Stderr); f != nil && term.IsTerminal(f.Fd()) {
		every, end = 200*time.Millisecond, "\r"
		defer fmt.Fprintln(r.p.env.Stderr)
	}
	t := time.NewTicker(every)
	defer t.Stop()
	start := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			read, total := r.reader.Progress()
			share := "  ?"
			if total > 0 {
				share = fmt.Sprintf("%3d", 100*read/total)
			}
			fmt.Fprintf(r.p.env.Stderr, "replay %s%%  %d events  %d calls  %.0f calls/s%s",
				share, r.progress.Events(), r.progress.Calls(), float64(r.progress.Calls())/time.Since(start).Seconds(), end)
		}
	}
}

// finish writes the report. A wrong answer from the cache is a broken promise.
func (r *replaying) finish(ctx context.Context, screen bool) error {
	if r.f.json != "" {
		if err := r.writeJSON(); err != nil {
			return err
		}
	}
	if r.f.json != "-" {
		printReport(r.p.env.Stdout, r.report, r.reader.Problems())
	}
	switch {
	case r.report.Cache.Tagged.Stale > 0:
		return fmt.Errorf("%w: %d answers from the cache were wrong", errCheck, r.report.Cache.Tagged.Stale)
	case !r.report.Complete && !screen && ctx.Err() != nil:
		return errors.New("stopped before the end of the recording; the report covers what was replayed")
	}
	return nil
}

func (r *replaying) writeJSON() error {
	b, err := json.MarshalIndent(r.report, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	b = append(b, '\n')
	if r.f.json == "-" {
		_, err = r.p.env.Stdout.Write(b)
		return err
	}
	if err := os.WriteFile(r.f.json, b, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func printReport(w io.Writer, r replay.Report, problems []*trace.LineError) {
	line := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-10s "+format+"\n", append([]any{name}, a...)...)
	}
	line("replayed", "%s (%s): %d events, %d runs in %s", r.File, r.Format, r.Events, r.Runs, time.Duration(r.ElapsedMS)*time.Millisecond)
	line("calls", "%d of %d tools (%d read, %d write, %d execute), %d failed, %.0f calls/s", r.ToolCalls, r.Tools, r.ReadCalls, r.WriteCalls, r.ExecuteCalls, r.Errors, r.CallsPerS)
	line("policy", "%s: %d allow, %d ask, %d deny; %d held back; %d of tools that are not listed", r.Decisions.Policy, r.Decisions.Allow, r.Decisions.Ask, r.Decisions.Deny, r.Decisions.HeldBack, r.UnknownTools)
	line("decisions", "%.1f%% from the cache; check p50 %.1fµs p99 %.1fµs", 100*r.Decisions.CacheHitRate, r.Latency.Policy.P50US, r.Latency.Policy.P99US)
	line("results", "%d of %d cacheable reads from the cache (an ideal cache: %d), %d wrong", r.Cache.Tagged.Hits, r.Cacheable, r.Cache.Ideal.Hits, r.Cache.Tagged.Stale)
	line("loops", "longest streak of one call %d; %d calls repeated in their run (%.1f%%)", r.Loops.LongestStreak, r.Repeats.InRun, 100*r.Repeats.InRunRate)
	line("cost", "$%s for %d model calls; recorded $%.4f; without a price %d calls, %d tokens %v", r.Cost.PricedUSD, r.LLMCalls, r.Cost.RecordedUSD, r.Cost.UnpricedCalls, r.Cost.UnpricedTokens, r.Cost.UnpricedModels)
	line("ledger", "durable write p50 %.0fµs p99 %.0fµs", r.Latency.Ledger.P50US, r.Latency.Ledger.P99US)
	if r.Skipped > 0 {
		line("skipped", "%d lines that could not be read; the first:", r.Skipped)
		for _, p := range problems {
			fmt.Fprintf(w, "           %v\n", p)
		}
	}
}
