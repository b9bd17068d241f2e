// Package cli holds the commands of m1, one file each.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"m1/app/config"
	"m1/engine/source"
	"m1/views"
)

// Version of this program.
const Version = "0.1.0"

// Exit codes.
const (
	exitDone  = 0 // done
	exitCheck = 1 // a promised check failed
	exitInput = 2 // wrong input or set-up
)

// Env is the world of one command.
type Env struct {
	Args           []string // without the program's name
	Vars           []string // as os.Environ
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Hangup is SIGHUP. It ends a command, but a headless engine reads its rules
	// again. Nil: nobody hangs up.
	Hangup <-chan os.Signal
}

// errCheck is wrapped by errors that mean: the command worked, and what it
// checked does not hold.
var errCheck = errors.New("check failed")

// Main runs one command and returns its exit code. It blocks until the command
// is done; ctx ends it early.
func Main(ctx context.Context, e Env) int {
	ctx, end := context.WithCancel(ctx)
	defer end()
	root := newRoot(e)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if headless, err := cmd.Flags().GetBool(engineOnly); err != nil || !headless {
			go endAtHangup(ctx, e.Hangup, end) // ends with ctx
		}
	}
	root.SetArgs(e.Args)
	root.SetIn(e.Stdin)
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if many, ok := errors.AsType[source.Problems](err); ok {
		count := "1 problem"
		if len(many) > 1 {
			count = fmt.Sprintf("%d problems", len(many))
		}
		fmt.Fprintln(e.Stderr, safe(fmt.Sprintf("m1: %s, nothing was started:\n%s", count, many)))
		return exitInput
	}
	fmt.Fprintln(e.Stderr, safe(fmt.Sprintf("m1: %v", err)))
	if errors.Is(err, errCheck) {
		return exitCheck
	}
	return exitInput
}

// endAtHangup ends a command whose terminal is gone.
func endAtHangup(ctx context.Context, hangup <-chan os.Signal, end func()) {
	select {
	case <-hangup:
		end()
	case <-ctx.Done():
	}
}

// safe is text for a terminal that may quote what came from outside, such as a
// recording, a file name or another server: what would act is shown instead.
func safe(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = views.MakeSafe(l).String()
	}
	return strings.Join(lines, "\n")
}

// program is what the commands share.
type program struct {
	env    Env
	loader *config.Loader
}

func newRoot(e Env) *cobra.Command {
	p := &program{env: e, loader: config.NewLoader(e.Vars)}
	root := p.run()
	root.Version = Version
	root.SetVersionTemplate("m1 {{.Version}}\n")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.PersistentFlags().AddFlagSet(p.loader.Flags())
	root.AddCommand(p.replay(), p.demo(), p.snapshot(), p.tools(), p.token(), p.policy(), p.grant(), p.approval(), p.config(), p.version())
	root.SetFlagErrorFunc(badFlag)
	polish(root)
	return root
}

// file is e's stream as a file, or nil if it is something else, as in tests.
func file(stream any) *os.File {
	f, _ := stream.(*os.File)
	return f
}

// revision is the commit that the binary was built from, as far as it is known.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			rev = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	return rev + dirty
}
