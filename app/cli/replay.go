package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"m1/app/config"
	"m1/app/daemon"
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
counted. Records go to a temporary folder unless --state is given, and the API is
served only if --listen is given; the settings file counts for neither.`,
		Example: `  m1 replay ~/.claude/projects
  m1 replay run.jsonl.gz --tools tools.json --speed 10
  m1 replay run.jsonl.gz --tools tools.json --headless --json report.json`,
		Args: oneFile,
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
	if err != nil || !(speed > 0 && speed <= 1e6) { // NaN is neither
		return o, fmt.Errorf("--speed %q: give a number above 0, such as 1 or 10, or max", f.speed)
	}
	o.Speed = speed
	return o, nil
}

func (p *program) runReplay(ctx context.Context, path string, f replayFlags) (err error) {
	pace, err := f.pace()
	if err != nil {
		return err
	}
	c, err := p.loader.Load()
	if err != nil {
		return err
	}
	reader, err := openTrace(ctx, path, trace.Options{Format: trace.Format(f.format), SkipBad: f.skipBad, Stdin: p.env.Stdin})
	if err != nil {
		return withSkipBad(err)
	}
	rules, err := replayRules(c, path, reader.Format())
	if err != nil {
		return err
	}
	out, err := openReport(f.json, p.env.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()

	screen := !f.headless && p.interactive()
	log, done, err := p.logger(c, screen, records(c))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	r := &replaying{path: path, stderr: p.env.Stderr, pace: pace, reader: reader}
	r.daemon, err = daemon.Open(daemon.Options{Config: alone(c), Rules: rules, Logger: log, Version: Version,
		Temporary: records(c) == "", Serve: asked(c, "listen"), Describe: r.describe})
	if err != nil {
		return err
	}
	human := p.env.Stdout
	if f.json == "-" {
		human = p.env.Stderr
	}
	p.announce(human, r.daemon, c)
	if screen {
		err = r.daemon.Run(ctx, r.driveAndStay, p.screen(c, r.daemon.Collector(), local{r.daemon}))
	} else {
		err = r.daemon.Run(ctx, r.drive, r.showProgress)
	}
	if err != nil {
		return withSkipBad(err)
	}
	problems := []*trace.LineError(nil)
	if ctx.Err() == nil || r.report.Complete {
		// After a stop the source may still be read: it is left to the process's end.
		problems = reader.Problems()
		_ = reader.Close() // it was only read
	}
	if err := out.write(r.report); err != nil {
		return err
	}
	if f.json != "-" {
		printReport(human, r.report, problems)
	}
	switch {
	case r.report.Cache.Tagged.Stale > 0: // a promise that is broken
		return fmt.Errorf("%w: %d answers from the cache were wrong", errCheck, r.report.Cache.Tagged.Stale)
	case !r.report.Complete && !screen:
		return errors.New("stopped before the end of the recording; the report covers what was replayed")
	}
	return nil
}

// openTrace is trace.Open until ctx ends: a pipe may never send its first line.
func openTrace(ctx context.Context, path string, o trace.Options) (*trace.Reader, error) {
	type opened struct {
		reader *trace.Reader
		err    error
	}
	done := make(chan opened, 1) // room for the answer that nobody waits for any more
	go func() {
		r, err := trace.Open(path, o)
		done <- opened{r, err}
	}()
	select {
	case o := <-done:
		return o.reader, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("stopped before anything could be read from %s", path)
	}
}

// withSkipBad names the way past a line that cannot be read.
func withSkipBad(err error) error {
	if _, ok := errors.AsType[*trace.LineError](err); ok {
		return fmt.Errorf("%w; --skip-bad counts such lines and goes on", err)
	}
	return err
}

// replayRules are what the user asks for, else observing, and for transcripts the
// catalogue of their client.
func replayRules(c *config.Config, path string, format trace.Format) (daemon.Rules, error) {
	tools, policy := c.Tools, daemon.Observe
	if format == trace.ClaudeCode && !asked(c, "tools") {
		tools = "claude-code"
	}
	if tools == "" {
		return daemon.Rules{}, fmt.Errorf("%s is a trace: say what its tools may do with --tools FILE (a catalogue or a registry; see m1 tools import --help)", path)
	}
	if asked(c, "policy") {
		policy = c.Policy
	}
	return daemon.LoadRules(tools, policy)
}
