// Package app is the terminal program: the one owner of what the screen shows
// and of what a key does. It draws through views and never touches the engine:
// pictures come from a Feed, and what a person decides goes to an Operator.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"m1/collector/snapshot"
	"m1/themes"
	"m1/views"
)

// Feed hands out pictures of the engine. The channel holds one picture and the
// newest wins, so that a slow screen holds nobody up. It is closed when the
// engine has ended or ctx is done. Subscribe may be called again with another
// window after ctx of the former subscription was cancelled.
type Feed interface {
	Subscribe(ctx context.Context, window time.Duration) <-chan *snapshot.Dashboard
}

// Options configure Run. Only Feed must be set.
type Options struct {
	Feed     Feed
	Operator Operator          // default nil: the screen only watches, and its keys say so
	Refresh  time.Duration     // time between two pictures; default 1 s
	Theme    string            // a name of themes.Names; default themes.Default
	NoColor  bool              // no colour at all, whatever the theme says
	Window   time.Duration     // one of snapshot.Windows; default snapshot.DefaultWindow
	Clock    func() time.Time  // default time.Now
	Self     func() views.Self // what watching costs; default: this process and Output
	Input    io.Reader         // default os.Stdin
	Output   io.Writer         // default os.Stdout
}

const (
	frames = 10              // drawings per second at most; more is not read by anybody
	grace  = 4 * time.Second // for the terminal to take the last bytes once ctx is done
)

// ErrStalled is returned when ctx ended and the terminal took no output for four
// seconds. The goroutine that waits for the terminal stays behind.
var ErrStalled = errors.New("app: the terminal takes no output; its screen could not be restored, type reset in it")

// Run shows the program until the user quits or ctx ends; both are no error. It
// does not handle signals: the caller cancels ctx for them. When Run returns,
// the terminal is as before, also after a panic of the program, which comes
// back as a *Fault. Until then nothing else may write to the terminal.
func Run(ctx context.Context, o Options, opts ...tea.ProgramOption) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	out := newOutput(o.Output)
	if o.Self == nil {
		o.Self = newSelf(o.Clock, out.written.Load).read
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := newModel(ctx, o)
	m.dropImpossible()
	return show(ctx, cancel, m, o, append([]tea.ProgramOption{tea.WithOutput(out.writer())}, opts...))
}

// show runs any model under the same protection: Run's own, or one that
// misbehaves in a test.
func show(ctx context.Context, cancel context.CancelCauseFunc, m tea.Model, o Options, opts []tea.ProgramOption) error {
	base := []tea.ProgramOption{tea.WithFPS(frames), tea.WithoutSignalHandler()}
	if o.Input != nil {
		base = append(base, tea.WithInput(o.Input))
	}
	if o.NoColor {
		// The library reads NO_COLOR as a boolean word; any value must count.
		base = append(base, tea.WithColorProfile(colorprofile.ASCII))
	}
	restore := terminalState(o.Input)
	p := tea.NewProgram(&guard{model: m, fail: cancel}, append(base, opts...)...)
	done := make(chan error, 1) // room for one, so that a late end waits for nobody
	go func() {
		_, err := p.Run()
		done <- err
	}()

	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// Not tea.WithContext: a killed program closes the keyboard while it is
		// still being read. Quit waits for the terminal, so nobody waits for it.
		go p.Quit()
		select {
		case err = <-done:
		case <-time.After(grace):
			restore()
			err = ErrStalled
		}
	}
	var fault *Fault
	switch {
	case errors.As(context.Cause(ctx), &fault):
		return fault
	case errors.Is(err, ErrStalled):
		return err
	case ctx.Err() != nil:
		return nil //nolint:nilerr // the caller wanted the end, whatever the library makes of it
	case err != nil:
		return fmt.Errorf("app: %w", err)
	}
	return nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Refresh == 0 {
		o.Refresh = time.Second
	}
	if o.Theme == "" {
		o.Theme = themes.Default
	}
	if o.Window == 0 {
		o.Window = snapshot.DefaultWindow
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	var bad []error
	if o.Feed == nil {
		bad = append(bad, errors.New("app: Feed must be set"))
	}
	if o.Refresh < 0 {
		bad = append(bad, fmt.Errorf("app: Refresh is %s and must be above 0", o.Refresh))
	}
	if !slices.Contains(themes.Names(), o.Theme) {
		bad = append(bad, fmt.Errorf("app: theme %q is none of %s", o.Theme, strings.Join(themes.Names(), ", ")))
	}
	if !slices.Contains(snapshot.Windows, o.Window) {
		bad = append(bad, fmt.Errorf("app: window %s is none of %v", o.Window, snapshot.Windows))
	}
	return o, errors.Join(bad...)
}

// terminalState remembers how the terminal behind in is set and returns what
// sets it so again. It is for the case that the library cannot do it any more.
func terminalState(in io.Reader) func() {
	if in == nil {
		in = os.Stdin
	}
	f, ok := in.(term.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return func() {}
	}
	state, err := term.GetState(f.Fd())
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(f.Fd(), state) }
}
