//go:build unix

package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"m1/app"
)

// The test binary runs itself as the program under this variable.
const childEnv = "M1_TEST_APP_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		os.Exit(child(how))
	}
	os.Exit(m.Run())
}

// child is what main does around Run: signals end the context, and an error is
// printed when the screen is gone.
func child(how string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch how {
	case "watch-idle", "watch-replay":
		return watch(how)
	case "run":
		err = app.Run(ctx, app.Options{Feed: newFeed(board(1, someCalls(60, 1)...)), Refresh: 50 * time.Millisecond})
	case "library":
		// A panic where only the library can catch it.
		err = app.Run(ctx, app.Options{Feed: newFeed(board(1, someCalls(9, 1)...)), Refresh: 50 * time.Millisecond},
			tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
				if k, ok := msg.(tea.KeyPressMsg); ok && k.Text == "x" {
					panic("kaputt in the library")
				}
				return msg
			}))
	default:
		err = app.Show(ctx, broken{how}, app.Options{})
	}
	var fault *app.Fault
	if errors.As(err, &fault) {
		fmt.Fprintf(os.Stderr, "child: fault: %v\n", err)
		return 3
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "child: %v\n", err)
		return 4
	}
	fmt.Fprintln(os.Stderr, "child: fine")
	return 0
}

// console is a real pseudo-terminal with the child in it and a terminal
// emulator at the other end.
type console struct {
	t        *testing.T
	ptm, pts *os.File
	vt       *vt.SafeEmulator
	cmd      *exec.Cmd
	before   *term.State
	ended    chan struct{}

	mu  sync.Mutex // guards raw
	raw strings.Builder
}

func openConsole(t *testing.T, how string) *console {
	t.Helper()
	ptm, pts, err := pty.Open()
	require.NoError(t, err)
	c := &console{t: t, ptm: ptm, pts: pts, vt: vt.NewSafeEmulator(120, 40), ended: make(chan struct{})}
	require.NoError(t, pty.Setsize(ptm, &pty.Winsize{Cols: 120, Rows: 40}))
	c.before, err = term.GetState(pts.Fd())
	require.NoError(t, err)

	exe, err := os.Executable()
	require.NoError(t, err)
	c.cmd = exec.Command(exe)
	c.cmd.Env = append(os.Environ(), childEnv+"="+how, "TERM=xterm-256color", "NO_COLOR=")
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = pts, pts, pts
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, c.cmd.Start())
	go func() { _, _ = io.Copy(c, ptm) }()
	go func() { _, _ = io.Copy(ptm, c.vt) }()
	go func() { _ = c.cmd.Wait(); close(c.ended) }()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
		_ = c.vt.InputPipe().(io.Closer).Close()
		_ = pts.Close()
		_ = ptm.Close()
	})
	return c
}

// Write takes what the child wrote.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.raw.Write(p)
	c.mu.Unlock()
	return c.vt.Write(p)
}

func (c *console) written() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

func (c *console) sees(text string) {
	c.t.Helper()
	if !eventually(func() bool { return strings.Contains(ansi.Strip(c.vt.Render()), text) }) {
		require.Fail(c.t, "waiting for "+text, "the screen shows\n%s", ansi.Strip(c.vt.Render()))
	}
}

func (c *console) types(keys string) {
	c.t.Helper()
	_, err := io.WriteString(c.ptm, keys)
	require.NoError(c.t, err)
}

// leaves waits for the end and checks that the terminal is as before, and that
// the last words of the child came after the screen was left.
func (c *console) leaves(code int, words string) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.Fail(c.t, "the program did not end")
	}
	c.sees(words)
	require.Equal(c.t, code, c.cmd.ProcessState.ExitCode(), "%s", lastWords(c.written()))
	after, err := term.GetState(c.pts.Fd())
	require.NoError(c.t, err)
	require.Equal(c.t, c.before, after, "the terminal's settings are as before")
	require.False(c.t, c.vt.IsAltScreen())
	raw := c.written()
	left := strings.LastIndex(raw, ansi.ResetModeAltScreenSaveCursor)
	require.Positive(c.t, left, "the alternate screen was left")
	require.Greater(c.t, strings.Index(raw, words), left, "nothing is written over the screen")
	require.Contains(c.t, raw[left:], ansi.SetModeTextCursorEnable)
	require.Contains(c.t, raw[left:], ansi.ResetModeBracketedPaste)
}

// lastWords is what came after the screen was left, such as a race report.
func lastWords(raw string) string {
	return raw[max(strings.LastIndex(raw, ansi.ResetModeAltScreenSaveCursor), 0):]
}

func TestQuittingLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.sees("get_order")
	raw, err := term.GetState(c.pts.Fd())
	require.NoError(t, err)
	require.NotEqual(t, c.before, raw, "while it runs the terminal is raw; else this test shows nothing")
	c.types("q")
	c.leaves(0, "child: fine")
}

func TestSIGTERMLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.sees("get_order")
	c.types("m") // with the mouse on, too
	c.sees("the wheel scrolls")
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
	c.leaves(0, "child: fine")
	require.Contains(t, c.written(), ansi.ResetModeMouseExtSgr)
}

func TestAPanicLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"update", "view", "cmd"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := openConsole(t, where)
			c.leavesEarly(3, "child: fault: app: the screen stopped on a fault: kaputt in "+where)
		})
	}
}

// leavesEarly is leaves for a program that may end before it entered the screen.
func (c *console) leavesEarly(code int, words string) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.Fail(c.t, "the program did not end")
	}
	c.sees(words)
	require.Equal(c.t, code, c.cmd.ProcessState.ExitCode(), "%s", lastWords(c.written()))
	after, err := term.GetState(c.pts.Fd())
	require.NoError(c.t, err)
	require.Equal(c.t, c.before, after)
	require.False(c.t, c.vt.IsAltScreen())
}

func TestAPanicThatOnlyTheLibraryCanCatchLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the library closes the keyboard while it is read when it is killed by a panic")
	}
	c := openConsole(t, "library")
	c.sees("get_order")
	c.types("x")
	c.leaves(4, "child: app: program was killed: program experienced a panic")
}

func TestAResizeChangesTheLayout(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.sees("get_order")
	for _, size := range []pty.Winsize{{Cols: 80, Rows: 24}, {Cols: 160, Rows: 50}, {Cols: 20, Rows: 5}, {Cols: 120, Rows: 40}} {
		c.mu.Lock()
		c.raw.Reset()
		c.mu.Unlock()
		c.vt.Resize(int(size.Cols), int(size.Rows))
		require.NoError(t, pty.Setsize(c.ptm, &size))
		require.Eventually(t, func() bool { return c.written() != "" }, patience, 10*time.Millisecond)
		if size.Cols >= 80 {
			c.sees("get_order")
		}
	}
	c.types("q")
	c.leaves(0, "child: fine")
}

func TestSuspendIsOffWhereNoShellCouldContinueUs(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run") // in a session of its own, as under ssh -t or docker run
	c.sees("get_order")
	c.types("\x1a?")
	c.sees("freeze the picture")
	require.NotContains(t, ansi.Strip(c.vt.Render()), "suspend, fg continues")
	c.types("q")
	c.leaves(0, "child: fine")
}

func TestSuspendAndContinueUnderAShell(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash for job control")
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), "PS1=$ ", "LC_ALL=C", "TERM=xterm-256color", "HISTFILE=")
	ptm, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 120, Rows: 40})
	require.NoError(t, err)
	c := &console{t: t, ptm: ptm, vt: vt.NewSafeEmulator(120, 40), cmd: cmd, ended: make(chan struct{})}
	go func() { _, _ = io.Copy(c, ptm) }()
	go func() { _, _ = io.Copy(ptm, c.vt) }()
	go func() { _ = cmd.Wait(); close(c.ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.ended
		_ = c.vt.InputPipe().(io.Closer).Close()
		_ = ptm.Close()
	})
	c.types(childEnv + "=run " + exe + "\n")
	c.sees("get_order")
	require.True(t, c.vt.IsAltScreen())
	c.types("\x1a")
	c.sees("Stopped")
	require.False(t, c.vt.IsAltScreen())
	c.types("fg\n")
	c.sees("get_order")
	require.True(t, c.vt.IsAltScreen())
	c.types("2")
	c.types("q")
	c.sees("child: fine")
	c.types("exit\n")
	<-c.ended
}
