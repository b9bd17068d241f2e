package app_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"github.com/charmbracelet/x/vt"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/views"
)

const patience = 10 * time.Second // for a loaded machine; nothing is asserted about time

// eventually waits until what holds; false if it never does.
func eventually(what func() bool) bool {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if what() {
			return true
		}
	}
	return false
}

// terminal is the whole program written into a virtual terminal.
type terminal struct {
	t     *testing.T
	vt    *vt.SafeEmulator
	feed  *feed
	raw   *record
	keys  *io.PipeWriter
	ended chan error
	stop  context.CancelFunc
}

// record keeps what was written. It ends lines as a terminal does whose input is
// not raw: the library counts on that where the input is no terminal.
type record struct {
	to   io.Writer
	text atomic.Pointer[string]
}

func (r *record) Write(p []byte) (int, error) {
	all := r.all() + string(p)
	r.text.Store(&all)
	if _, err := r.to.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (r *record) all() string {
	if s := r.text.Load(); s != nil {
		return *s
	}
	return ""
}

func openTerminal(t *testing.T, o app.Options) *terminal {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, keys := io.Pipe()
	term := &terminal{t: t, vt: vt.NewSafeEmulator(120, 40), keys: keys, ended: make(chan error, 1), stop: cancel}
	term.raw = &record{to: term.vt}
	term.feed = newFeed(board(1, someCalls(30, 1)...))
	o.Feed, o.Input, o.Output = term.feed, in, term.raw
	if o.Refresh == 0 {
		o.Refresh = 20 * time.Millisecond
	}
	go answer(keys, term.vt)
	go func() {
		term.ended <- app.Run(ctx, o, tea.WithWindowSize(120, 40), tea.WithEnvironment([]string{"TERM=xterm-256color", "COLORTERM=truecolor", "TTY_FORCE=1"}))
	}()
	t.Cleanup(func() {
		cancel()
		_ = keys.Close()
		_ = term.vt.InputPipe().(io.Closer).Close() // ends the copy; Close of the emulator races with Read
	})
	return term
}

// answer types what a terminal answers to questions. It never holds the terminal
// up: at the end nobody reads keys any more.
func answer(keys io.Writer, terminal io.Reader) {
	queue := make(chan []byte, 1000)
	go func() {
		for b := range queue {
			_, _ = keys.Write(b)
		}
	}()
	defer close(queue)
	for buf := make([]byte, 1024); ; {
		n, err := terminal.Read(buf)
		if err != nil {
			return
		}
		queue <- bytes.Clone(buf[:n])
	}
}

func (term *terminal) sees(text string) {
	term.t.Helper()
	if !eventually(func() bool { return strings.Contains(ansi.Strip(term.vt.Render()), text) }) {
		require.Fail(term.t, "waiting for "+text, "the screen shows\n%s", ansi.Strip(term.vt.Render()))
	}
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	_, err := io.WriteString(term.keys, keys)
	require.NoError(term.t, err)
}

func (term *terminal) end() error {
	term.t.Helper()
	select {
	case err := <-term.ended:
		return err
	case <-time.After(patience):
		require.Fail(term.t, "the program did not end")
		return nil
	}
}

func TestTheWholeProgramInAVirtualTerminal(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, app.Options{})
	term.sees("get_order")
	require.True(t, term.vt.IsAltScreen())
	term.feed.send(board(2, aCall(99, "brand_new")))
	term.sees("brand_new")
	term.types("?")
	term.sees("next row or line")
	term.types("\x1b[27;1;27~") // Esc of xterm with modifyOtherKeys
	term.sees("brand_new")
	term.types("/bra\x1b[113u") // b r a, then q as Kitty sends it
	term.sees("braq")
	term.types("\x15brand\r")
	term.sees("brand_new")
	term.types("\x1b[1089::99;5u") // Ctrl+C of Kitty, on a Cyrillic keyboard
	require.NoError(t, term.end())
	require.False(t, term.vt.IsAltScreen())
	require.Contains(t, term.raw.all(), ansi.SetModeTextCursorEnable, "the cursor is back")
	require.Contains(t, term.raw.all(), ansi.PopKittyKeyboard(1), "the keyboard is as before")
}

// What the library wrote piece by piece must add up to what views drew.
func TestTheTerminalShowsWhatWasDrawn(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, app.Options{Clock: func() time.Time { return start }, Self: func() views.Self { return views.Self{} }})
	s := newScreen(t, app.Options{}).show(board(1, someCalls(30, 1)...))
	app.AsRun(s.m)
	s.now = start.Add(-time.Second) // so that the next picture arrives at start
	s.show(board(1, someCalls(30, 1)...))
	for _, k := range []string{"2", "j", "?", "?", "s", "7", "1"} {
		term.types(k)
		want := strings.Split(ansi.Strip(app.Drawn(s.press(k).m)), "\n")
		var have []string
		if !eventually(func() bool {
			have = strings.Split(ansi.Strip(term.vt.Render()), "\n")
			for i := range have {
				have[i] = strings.TrimRight(have[i], " \r")
			}
			for i := range want {
				want[i] = strings.TrimRight(want[i], " ")
			}
			return slices.Equal(want, have)
		}) {
			require.Equal(t, want, have, "after %s", k)
		}
	}
}

func TestTheEndOfTheContextEndsTheProgram(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, app.Options{})
	term.sees("get_order")
	term.stop()
	require.NoError(t, term.end())
	require.False(t, term.vt.IsAltScreen())
	require.Eventually(t, func() bool { _, open := term.feed.asked(); return open == 0 }, patience, time.Millisecond)
}

func TestNoColourMeansNoColour(t *testing.T) {
	t.Parallel()
	colours := func(o app.Options) bool {
		term := openTerminal(t, o)
		term.sees("get_order")
		term.types("tt")
		term.types("j")
		term.sees("get_order")
		term.types("q")
		require.NoError(t, term.end())
		return strings.Contains(term.raw.all(), "38;2;") || strings.Contains(term.raw.all(), "48;2;")
	}
	require.True(t, colours(app.Options{}), "the test sees colours where there are any")
	require.False(t, colours(app.Options{NoColor: true}))
}

func TestNoColourIsForcedOnTheLibraryToo(t *testing.T) {
	t.Parallel()
	for _, noColor := range []bool{false, true} {
		out := &record{to: io.Discard}
		drawnFirst := func(_ tea.Model, msg tea.Msg) tea.Msg {
			if msg == "go" { // breaks the model: not before it was seen
				eventually(func() bool { return strings.Contains(out.all(), "fine so far") })
			}
			return msg
		}
		err := app.Show(t.Context(), broken{"update"}, app.Options{NoColor: noColor}, tea.WithInput(nil), tea.WithOutput(out),
			tea.WithWindowSize(80, 24), tea.WithEnvironment([]string{"TERM=xterm-256color", "TTY_FORCE=1"}), tea.WithFilter(drawnFirst))
		require.Error(t, err)
		require.Contains(t, out.all(), "fine so far")
		require.Equal(t, !noColor, strings.Contains(out.all(), "\x1b[31m"), "NoColor %t", noColor)
	}
}

func TestNoColourHoldsEvenIfTheLibrarySaysOtherwise(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{NoColor: true}).show(board(1, someCalls(3, 1)...))
	s.send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	require.NotContains(t, app.Drawn(s.m), "38;")
}

func TestMessagesFlowThroughTheLibrary(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newFeed(board(1, someCalls(9, 1)...))
	tm := teatest.NewTestModel(t, app.NewModel(ctx, app.Options{Feed: f, Refresh: 10 * time.Millisecond}), teatest.WithInitialTermSize(120, 40))
	teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte("get_order")) }, teatest.WithDuration(patience))
	tm.Type("2/refund")
	tm.Send(tea.KeyPressMsg{Code: tea.KeyEnter})
	tm.Send(tea.KeyPressMsg{Code: tea.KeyDown})
	tm.Send(tea.KeyPressMsg{Code: tea.KeyEnter})
	tm.Type("y")
	teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(ansi.SetSystemClipboard("tc_0007"))) }, teatest.WithDuration(patience))
	tm.Type("q")
	m := tm.FinalModel(t, teatest.WithFinalTimeout(patience))
	frame := app.FrameOf(m)
	require.Equal(t, views.Calls, frame.Page)
	require.EqualValues(t, "tc_0007", frame.Detail.Call)
	require.Equal(t, "refund", frame.Calls.Filter)
}

// stuck is a terminal that takes no output until it is let go.
type stuck struct {
	writing chan struct{} // closed at the first byte
	let     chan struct{}
	first   atomic.Bool
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.first.CompareAndSwap(false, true) {
		close(s.writing)
	}
	<-s.let
	return len(p), nil
}

func TestAStalledTerminalHoldsNeitherTheFeedNorTheEndUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newFeed(board(1))
	out := &stuck{writing: make(chan struct{}), let: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, app.Options{Feed: f, Refresh: time.Millisecond, Output: out}, tea.WithInput(nil), tea.WithWindowSize(120, 40))
	}()
	<-out.writing
	for i := range 1000 {
		f.send(board(int64(i))) // would block for ever if anybody waited for the screen
	}
	cancel()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, app.ErrStalled)
	case <-time.After(patience):
		require.Fail(t, "Run waits for a terminal that takes nothing")
	}
	close(out.let)
}

// broken panics where it is told to.
type broken struct{ where string }

func (b broken) Init() tea.Cmd {
	if b.where == "init" {
		panic("kaputt in init")
	}
	if b.where == "cmd" {
		return func() tea.Msg { panic("kaputt in cmd") }
	}
	return func() tea.Msg { return "go" }
}

func (b broken) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if b.where == "update" && msg == "go" {
		panic("kaputt in update")
	}
	if msg == "go" {
		return broken{"drawn " + b.where}, nil
	}
	return b, nil
}

func (b broken) View() tea.View {
	if b.where == "drawn view" {
		panic("kaputt in view")
	}
	v := tea.NewView("\x1b[31mfine so far\x1b[m")
	v.AltScreen = true
	return v
}

func TestAPanicComesBackAsAFaultWithTheScreenLeft(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"init", "update", "view", "cmd"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			screen := vt.NewSafeEmulator(80, 24)
			err := app.Show(t.Context(), broken{where}, app.Options{}, tea.WithInput(nil), tea.WithOutput(screen), tea.WithWindowSize(80, 24))
			var fault *app.Fault
			require.ErrorAs(t, err, &fault)
			require.Equal(t, "kaputt in "+where, fault.Value)
			require.Contains(t, string(fault.Stack), "broken")
			require.False(t, screen.IsAltScreen())
		})
	}
}

func TestSnapshotIsTheScreenAsPlainText(t *testing.T) {
	t.Parallel()
	text := app.Snapshot(board(1, someCalls(30, 1)...), app.Still{Page: views.Calls})
	require.Equal(t, ansi.Strip(text), text)
	require.Contains(t, text, "get_order")
	require.Equal(t, 40, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, ansi.StringWidth(line), 121)
	}
	for _, word := range []string{"self ", "? help"} {
		require.NotContains(t, text, word, "that means something only on a screen")
	}
	require.NotEmpty(t, app.Snapshot(nil, app.Still{Width: 80, Height: 24}))
}
