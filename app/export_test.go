package app

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/views"
)

// The room behind the door, for tests that drive the model without a program.

func NewModel(ctx context.Context, o Options) tea.Model {
	if o.Self == nil {
		o.Self = func() views.Self { return views.Self{} }
	}
	o, err := o.withDefaults()
	if err != nil {
		panic(err)
	}
	return newModel(ctx, o)
}

// AsRun leaves m the keys that Run leaves it: here they depend on whether the
// tests run under a shell with job control.
func AsRun(m tea.Model) { m.(*model).dropImpossible() }

// FrameOf is what the model would have drawn.
func FrameOf(m tea.Model) views.Frame { return m.(*model).frame() }

// PictureFor is the message of the pump that carries d to m.
func PictureFor(m tea.Model, d *snapshot.Dashboard, at time.Time) tea.Msg {
	return picture{gen: m.(*model).gen, snap: d, at: at}
}

// LateFor and EndFor are the other messages of the pump.
func LateFor(m tea.Model, at time.Time) tea.Msg { return late{gen: m.(*model).gen, at: at} }
func EndFor(m tea.Model) tea.Msg                { return ended{gen: m.(*model).gen} }

// Show runs any model as Run runs its own.
func Show(ctx context.Context, m tea.Model, o Options, opts ...tea.ProgramOption) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return show(ctx, cancel, m, o, opts)
}

// Key is one line of the table of actions.
type Key struct {
	ID, Shown, Title, Group      string
	Keys                         []string
	Pages                        []views.Page
	List, Detail, Help, InFilter bool
	Confirm, Entry               bool
}

func Keys() []Key {
	var out []Key
	for _, a := range actions() {
		out = append(out, Key{
			ID: a.id, Shown: a.keysShown(), Title: a.title + a.more, Group: a.group, Keys: a.keys, Pages: a.pages,
			List: a.in&inList != 0, Detail: a.in&inDetail != 0, Help: a.in&inHelp != 0, InFilter: a.in&inFilter != 0,
			Confirm: a.in&inConfirm != 0, Entry: a.in&inEntry != 0,
		})
	}
	return out
}

// Drawn makes m draw and returns the text; the second time it costs nothing.
func Drawn(m tea.Model) string { return m.View().Content }

var (
	EditLine = editLine
	NewSelf  = func(clock func() time.Time, written func() int64) func() views.Self {
		return newSelf(clock, written).read
	}
)

// Later makes m hand out what it wants brought later instead of waiting, and
// returns how long it wanted to wait.
func Later(m tea.Model, take func(d time.Duration, msg tea.Msg)) {
	m.(*model).after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		take(d, msg)
		return nil
	}
}

// QuietTime is how long keys do not answer what has just appeared.
const QuietTime = quietTime

// IsOutcome and IsExplanation tell the messages of an Operator from others.
func IsOutcome(msg tea.Msg) bool     { _, is := msg.(answered); return is }
func IsExplanation(msg tea.Msg) bool { _, is := msg.(explained); return is }
