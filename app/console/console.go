//go:build unix

// Package console is a real pseudo-terminal with a program in it and a terminal
// emulator at its other end, for tests.
package console

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// The size that a console opens with.
const cols, rows = 120, 40

const patience = 30 * time.Second // for a loaded machine; nothing is asserted about time

// Console is a terminal with one program in it. Its methods end the test when
// what they ask for does not come; call them in the goroutine of the test.
type Console struct {
	Terminal *vt.SafeEmulator // what a person would see

	t        testing.TB
	cmd      *exec.Cmd
	ptm, pts *os.File
	before   *term.State
	raw      record
	ended    chan struct{}
}

// Open starts cmd in a terminal of 120x40 and in a session of its own, and kills
// it when the test ends. Its stderr is the terminal too, unless cmd says otherwise.
func Open(t testing.TB, cmd *exec.Cmd) *Console {
	t.Helper()
	ptm, pts, err := pty.Open()
	require.NoError(t, err)
	c := &Console{t: t, cmd: cmd, ptm: ptm, pts: pts, Terminal: newTerminal(), ended: make(chan struct{})}
	t.Cleanup(func() {
		_ = c.Terminal.InputPipe().(io.Closer).Close() // Close of the emulator races with Read
		_ = pts.Close()
		_ = ptm.Close()
	})
	require.NoError(t, pty.Setsize(ptm, &pty.Winsize{Cols: cols, Rows: rows}))
	c.before = c.settings()

	cmd.Stdin, cmd.Stdout = pts, pts
	if cmd.Stderr == nil {
		cmd.Stderr = pts
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	go func() { _, _ = io.Copy(io.MultiWriter(&c.raw, c.Terminal), ptm) }() // ends when ptm is closed
	go func() { _, _ = io.Copy(ptm, c.Terminal) }()                         // ends when the emulator's input is closed
	go func() { _ = cmd.Wait(); close(c.ended) }()                          // ends with the program
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.ended
		if _, below, left := c.parts(); left && t.Failed() {
			t.Logf("after it left the screen it wrote\n%s", below) // such as a race report
		}
	})
	return c
}

// newTerminal gives an emulator that bears what is drawn for a larger screen.
func newTerminal() *vt.SafeEmulator {
	e := vt.NewSafeEmulator(cols, rows)
	e.RegisterCsiHandler('r', func(p ansi.Params) bool {
		// The emulator takes margins below its screen at their word and panics when it
		// scrolls between them. They come from a program that was drawing for the larger
		// size when Resize came, and that draws anew for the smaller one at once, so they
		// are dropped. The height is the inner one's: Write holds the lock of the outer.
		bottom, _, _ := p.Param(1, 0)
		return bottom > e.Emulator.Height()
	})
	return e
}

// Sees waits until the screen shows every text at once.
func (c *Console) Sees(texts ...string) {
	c.t.Helper()
	if !eventually(func() bool { return containsAll(c.Screen(), texts...) }) {
		require.Fail(c.t, "waiting for "+strings.Join(texts, " and "), "the screen shows\n%s", c.Screen())
	}
}

// Loses waits until the screen shows text no more.
func (c *Console) Loses(text string) {
	c.t.Helper()
	if !eventually(func() bool { return !strings.Contains(c.Screen(), text) }) {
		require.Fail(c.t, "waiting for the end of "+text, "the screen shows\n%s", c.Screen())
	}
}

// Screen is the screen as plain text.
func (c *Console) Screen() string { return ansi.Strip(c.Terminal.Render()) }

// Types presses keys.
func (c *Console) Types(keys string) {
	c.t.Helper()
	_, err := io.WriteString(c.ptm, keys)
	require.NoError(c.t, err)
}

// Signals sends the program a signal.
func (c *Console) Signals(s os.Signal) {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(s))
}

// Resize gives the terminal another size. What the program drew for the old one
// may still arrive.
func (c *Console) Resize(cols, rows int) {
	c.t.Helper()
	c.Terminal.Resize(cols, rows)
	require.NoError(c.t, pty.Setsize(c.ptm, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}))
}

// AsBefore is whether the terminal's settings are those of before the program.
func (c *Console) AsBefore() bool {
	c.t.Helper()
	return *c.settings() == *c.before
}

// Ends waits for the end of the program. It checks the exit code and that the
// terminal's settings are as before. The last of what was written may still be
// on its way to the screen.
func (c *Console) Ends(code int) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.Fail(c.t, "the program did not end", "the screen shows\n%s", c.Screen())
	}
	require.Equal(c.t, code, c.cmd.ProcessState.ExitCode(), "the exit code")
	require.Equal(c.t, c.before, c.settings(), "the terminal's settings are as before")
}

// Leaves is Ends for a program that was on the alternate screen. It checks too
// that the screen was left with the cursor shown and pasting as before, and that
// the screen from before it shows words then.
func (c *Console) Leaves(code int, words string) {
	c.t.Helper()
	c.Ends(code)
	c.Sees(words)
	var below string
	if !eventually(func() bool {
		_, below, _ = c.parts()
		return !c.Terminal.IsAltScreen() && containsAll(below, ansi.SetModeTextCursorEnable, ansi.ResetModeBracketedPaste)
	}) {
		require.Fail(c.t, "waiting for the screen to be left", "it wrote %q", c.Written())
	}
	require.NotContains(c.t, below, ansi.ResetModeTextCursorEnable, "the cursor stays")
}

// Written is all that the program wrote to the terminal so far.
func (c *Console) Written() string { return c.raw.all() }

// Above is what the program wrote until it left the alternate screen last.
func (c *Console) Above() string {
	above, _, _ := c.parts()
	return above
}

// parts cuts what was written where the alternate screen was left last.
func (c *Console) parts() (above, below string, left bool) {
	raw := c.raw.all()
	at := strings.LastIndex(raw, ansi.ResetModeAltScreenSaveCursor)
	if at < 0 {
		return raw, "", false
	}
	return raw[:at], raw[at:], true
}

func (c *Console) settings() *term.State {
	c.t.Helper()
	s, err := term.GetState(c.pts.Fd())
	require.NoError(c.t, err)
	return s
}

// eventually waits until what holds; false if it never does.
func eventually(what func() bool) bool {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if what() {
			return true
		}
	}
	return false
}

func containsAll(s string, texts ...string) bool {
	for _, text := range texts {
		if !strings.Contains(s, text) {
			return false
		}
	}
	return true
}

// record keeps what was written. It is safe for concurrent use.
type record struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
