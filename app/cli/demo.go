package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"m1/app/config"
	"m1/app/daemon"
	"m1/collector/snapshot"
	"m1/engine/gateway/demo"
	"m1/engine/policy"
	"m1/engine/tool"
)

type demoFlags struct {
	seed     uint64
	speed    float64
	headless bool
	duration time.Duration
}

func (p *program) demo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch simulated agents work in a shop",
		Long: `Seven simulated agents work in a shop that exists in memory only. Busy times, a
slow tool, a failing tool, a runaway loop, a costly agent and a quiet time follow
each other in two minutes. The screen says DEMO; nothing of it is real traffic.
Records go to a temporary folder unless --state is given, and the API is served
only if --listen is given; the settings file counts for neither.`,
		Example: "  m1 demo\n  m1 demo --seed 7 --speed 3\n  m1 demo --headless --duration 30s --listen 127.0.0.1:7600",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runDemo(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.Uint64Var(&f.seed, "seed", 1, "the same seed makes the same agents do the same things")
	fl.Float64Var(&f.speed, "speed", 1, "how many times faster than usual")
	fl.BoolVar(&f.headless, "headless", false, "no screen, for example with --listen")
	fl.DurationVar(&f.duration, "duration", 0, "stop after this time; 0 goes on until it is stopped")
	return cmd
}

func (p *program) runDemo(ctx context.Context, f demoFlags) (err error) {
	if !(f.speed > 0 && f.speed <= 1000) { // NaN is neither
		return fmt.Errorf("--speed %v: give a number above 0, at most 1000", f.speed)
	}
	if f.duration < 0 {
		return fmt.Errorf("--duration %s: give a time, or 0 to go on", f.duration)
	}
	c, err := p.loader.Load()
	if err != nil {
		return err
	}
	if c.Origin("window") == config.Default {
		c.Window = time.Minute // a demo is watched for minutes; a longer window stays empty
	}
	rules, err := demoRules(c)
	if err != nil {
		return err
	}
	screen := !f.headless && p.interactive()
	if !screen && !f.headless {
		return errNoTerminal
	}
	log, done, err := p.logger(c, screen, records(c))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	var w *demo.Workload
	d, err := daemon.Open(daemon.Options{Config: alone(c), Rules: rules, Logger: log, Version: Version,
		Temporary: records(c) == "", Serve: asked(c, "listen"), Describe: func() snapshot.Source {
			s := snapshot.Source{Mode: "demo"}
			if w != nil {
				s.Title = string(w.Phase())
			}
			return s
		}})
	if err != nil {
		return err
	}
	p.announce(p.env.Stdout, d, c)
	w = demo.New(d.Engine(), demo.Options{Seed: f.seed, Speed: f.speed})
	front := []func(context.Context) error{w.Run}
	if screen {
		front = append(front, p.screen(c, d.Collector(), local{d}))
	}
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	if err := d.Run(ctx, front...); err != nil {
		return err
	}
	s := w.Stats()
	fmt.Fprintf(p.env.Stdout, "demo: %d calls, %d answered from the cache, %d of those wrong\n", s.Calls, s.Hits, s.Stale)
	if s.Stale > 0 {
		return fmt.Errorf("%w: the cache gave wrong answers", errCheck)
	}
	return nil
}

// demoRules are the shop's own, but for what the user asks for. Tools of the
// user's own need a policy that knows them, and then both are used.
func demoRules(c *config.Config) (daemon.Rules, error) {
	tools, rules := asked(c, "tools"), asked(c, "policy")
	switch {
	case tools && rules:
		return daemon.LoadRules(c.Tools, c.Policy)
	case tools:
		return daemon.Rules{}, errors.New("the demo has tools of its own: leave out --tools, or give --policy for yours too")
	}
	shop, err := tool.Parse("the demo's tools", demo.Tools)
	if err != nil {
		return daemon.Rules{}, err
	}
	if rules {
		given, err := daemon.LoadRules("", c.Policy)
		return daemon.Rules{Tools: shop, Policy: given.Policy}, err
	}
	set, err := policy.Parse("the demo's policy", demo.Policy, shop)
	return daemon.Rules{Tools: shop, Policy: set}, err
}
