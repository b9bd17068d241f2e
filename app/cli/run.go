package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"m1/app"
	"m1/app/config"
	"m1/app/daemon"
	"m1/collector/dashboard"
	"m1/engine/bearer"
)

var errNoTerminal = errors.New("this is no terminal, so there is no place for the dashboard; use --engine-only (m1), --headless (replay, demo) or m1 snapshot")

// engineOnly is the flag for an engine without a screen.
const engineOnly = "engine-only"

func (p *program) run() *cobra.Command {
	var headless bool
	var attach string
	cmd := &cobra.Command{
		Use:   "m1",
		Short: "The control layer between AI agents and their tools, with a live dashboard",
		Long: `M1 stands between AI agents and their tools: it decides every proposed call,
answers repeated reads from its cache, prices tokens, records everything and
shows it live. Agents propose, policy decides, a person approves, and authority
to execute stays outside the agent.

Without a command m1 starts the engine, serves its API and opens the dashboard.
Without --policy the built-in read-only policy decides: reads are allowed, write
and execute are denied. Tools that are in no catalogue are denied.

Every setting is a flag, an environment variable (--cache-size, M1_CACHE_SIZE)
and a key of the settings file (cache_size).`,
		Example: `  m1 demo                                  watch simulated agents
  m1 replay ~/.claude/projects             watch your own past sessions
  m1 --tools tools.yaml --policy rules.yaml
  m1 --engine-only --listen 127.0.0.1:7600
  m1 --attach http://127.0.0.1:7600        the dashboard of a running engine`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case headless && attach != "":
				return errors.New("--engine-only starts an engine and --attach watches another: give one of them")
			case attach != "":
				return p.runAttached(cmd.Context(), attach)
			default:
				return p.runEngine(cmd.Context(), headless)
			}
		},
	}
	cmd.Flags().BoolVar(&headless, engineOnly, false, "no screen: engine and API alone; SIGHUP reads the rules again")
	cmd.Flags().StringVar(&attach, "attach", "", "show the dashboard of the engine at this URL; the token comes from "+config.Token+" or --token-file")
	return cmd
}

func (p *program) runEngine(ctx context.Context, headless bool) (err error) {
	c, rules, err := p.load()
	if err != nil {
		return err
	}
	if !headless && !p.interactive() {
		return errNoTerminal
	}
	log, done, err := p.logger(c, !headless, c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	d, err := daemon.Open(daemon.Options{Config: c, Rules: rules, Logger: log, Version: Version, Serve: true, Reload: p.reload(headless)})
	if err != nil {
		return err
	}
	p.announce(p.env.Stdout, d, c)
	if headless {
		return d.Run(ctx)
	}
	return d.Run(ctx, p.screen(c, d.Collector(), local{d}))
}

// reload is what asks a headless engine to read its rules again. With a screen a
// hangup means that the terminal is gone.
func (p *program) reload(headless bool) <-chan os.Signal {
	if !headless {
		return nil
	}
	return p.env.Hangup
}

// announce says where the API is, and the first tokens: they are never shown again.
func (p *program) announce(out io.Writer, d *daemon.Daemon, c *config.Config) {
	if d.Addr() == nil {
		return
	}
	fmt.Fprintf(out, "m1 %s: API on http://%s, records in %s\n", Version, d.Addr(), d.State())
	if t := d.FirstTokens(); t != (bearer.First{}) {
		fmt.Fprintln(out, "two tokens, shown this once and kept as digests")
		fmt.Fprintf(out, "admin token, for you: reads, approves, changes the policy and makes tokens:\n%s\n", t.Admin)
		fmt.Fprintf(out, "agent token, for agents: proposes calls and can never approve one:\n%s\n", t.Agent)
	}
	if c.NoAuth {
		fmt.Fprintln(out, "WARNING: --no-auth: everybody on this machine may propose calls and read the dashboard")
	}
}

func (p *program) runAttached(ctx context.Context, url string) error {
	c, err := p.loader.Load()
	if err != nil {
		return err
	}
	client, err := p.dial(ctx, c, url)
	if err != nil {
		return err
	}
	defer client.Close()
	if !p.interactive() {
		return errNoTerminal
	}
	bearer, err := c.Bearer()
	if err != nil {
		return err
	}
	operator, done, err := p.remote(url, bearer)
	if err != nil {
		return err
	}
	defer done()
	return p.screen(c, client, operator)(ctx)
}

// dial reaches the engine at url and makes sure that it answers.
func (p *program) dial(ctx context.Context, c *config.Config, url string) (*dashboard.Client, error) {
	token, err := c.Bearer()
	if err != nil {
		return nil, err
	}
	client, err := dashboard.Dial(url, token)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Check(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// screen is the dashboard as a part of a daemon: it ends when the user quits.
func (p *program) screen(c *config.Config, feed app.Feed, operator app.Operator) func(context.Context) error {
	return func(ctx context.Context) error {
		return app.Run(ctx, app.Options{
			Feed: feed, Operator: operator, Refresh: c.Refresh, Theme: c.Theme, NoColor: c.NoColor, Window: c.Window,
			Input: p.env.Stdin, Output: p.env.Stdout,
		})
	}
}

// interactive says whether a person can see and answer a screen here.
func (p *program) interactive() bool {
	in, out := file(p.env.Stdin), file(p.env.Stdout)
	if slices.Contains(p.env.Vars, "TERM=dumb") { // a terminal that can place no cursor
		return false
	}
	return in != nil && out != nil && term.IsTerminal(in.Fd()) && term.IsTerminal(out.Fd())
}

// logger writes to the log file, or to stderr where no screen would be torn by
// it. With a screen and no --log-file it writes to m1.log in folder, or nowhere if
// folder is empty or not writable. The second result closes the file.
func (p *program) logger(c *config.Config, screen bool, folder string) (*slog.Logger, func() error, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	none := func() error { return nil }
	path := c.LogFile
	if path == "" {
		switch {
		case !screen:
			return slog.New(slog.NewTextHandler(p.env.Stderr, options)), none, nil
		case folder == "" || os.MkdirAll(folder, 0o700) != nil:
			return slog.New(slog.DiscardHandler), none, nil
		}
		path = filepath.Join(folder, "m1.log")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	switch {
	case err == nil:
		return slog.New(slog.NewTextHandler(f, options)), f.Close, nil
	case c.LogFile == "":
		return slog.New(slog.DiscardHandler), none, nil // the daemon says what is wrong with its folder
	default:
		return nil, nil, fmt.Errorf("open the log: %w; name another with --log-file", err)
	}
}

// asked says whether the user asked for a setting here and now. The settings file
// describes the real engine: a replay or a demo must neither write into its
// records, nor take its address, nor join its cache.
func asked(c *config.Config, flag string) bool { return c.Origin(flag) >= config.Environment }

// alone leaves Redis to those who asked for it.
func alone(c *config.Config) *config.Config {
	if !asked(c, "redis") {
		c.Redis = ""
	}
	return c
}

// records is the folder that the user asked for, or empty for a temporary one.
func records(c *config.Config) string {
	if asked(c, "state") {
		return c.State
	}
	return ""
}
