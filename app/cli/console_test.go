//go:build unix

package cli_test

import (
	"bytes"
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

// console is a pseudo-terminal with m1 in it and a terminal emulator at its
// other end.
type console struct {
	t        *testing.T
	ptm, pts *os.File
	vt       *vt.SafeEmulator
	cmd      *exec.Cmd
	before   *term.State
	stderr   bytes.Buffer // complete once ended is closed
	ended    chan struct{}

	mu  sync.Mutex // guards raw
	raw strings.Builder
}

// openConsole starts m1 with args in a terminal of 120x40 and its home in home.
func openConsole(t *testing.T, home string, args ...string) *console {
	t.Helper()
	ptm, pts, err := pty.Open()
	require.NoError(t, err)
	c := &console{t: t, ptm: ptm, pts: pts, vt: vt.NewSafeEmulator(120, 40), ended: make(chan struct{})}
	require.NoError(t, pty.Setsize(ptm, &pty.Winsize{Cols: 120, Rows: 40}))
	c.before, err = term.GetState(pts.Fd())
	require.NoError(t, err)

	c.cmd = exec.Command("m1", args...)
	c.cmd.Dir = home
	c.cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", raceExit}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = pts, pts, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, c.cmd.Start())
	go func() { _, _ = io.Copy(c, ptm) }()           // ends when ptm is closed
	go func() { _, _ = io.Copy(ptm, c.vt) }()        // ends when the emulator's input is closed
	go func() { _ = c.cmd.Wait(); close(c.ended) }() // ends with m1
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
		_ = c.vt.InputPipe().(io.Closer).Close()
		_ = pts.Close()
		_ = ptm.Close()
	})
	return c
}

// Write takes what m1 wrote.
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

func (c *console) screen() string { return ansi.Strip(c.vt.Render()) }

// sees waits until the screen shows every text at once.
func (c *console) sees(texts ...string) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		screen, all := c.screen(), true
		for _, text := range texts {
			all = all && strings.Contains(screen, text)
		}
		if all {
			return
		}
	}
	require.Fail(c.t, "waiting for "+strings.Join(texts, " and "), "the screen shows\n%s", c.screen())
}

// loses waits until the screen shows text no more.
func (c *console) loses(text string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return !strings.Contains(c.screen(), text) }, patience, 10*time.Millisecond, "the screen shows\n%s", c.screen())
}

func (c *console) types(keys string) {
	c.t.Helper()
	_, err := io.WriteString(c.ptm, keys)
	require.NoError(c.t, err)
}

func (c *console) resize(cols, rows int) {
	c.t.Helper()
	c.vt.Resize(cols, rows)
	require.NoError(c.t, pty.Setsize(c.ptm, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}))
}

// leaves waits for the end: exit code 0, nothing on stderr, and the terminal as
// before, with words written below what was there.
func (c *console) leaves(words string) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.Fail(c.t, "m1 did not end", "the screen shows\n%s", c.screen())
	}
	require.Equal(c.t, 0, c.cmd.ProcessState.ExitCode(), "%s", &c.stderr)
	require.Empty(c.t, c.stderr.String())
	c.sees(words)
	after, err := term.GetState(c.pts.Fd())
	require.NoError(c.t, err)
	require.Equal(c.t, c.before, after, "the terminal's settings are as before")
	var tail string // the last bytes may still be on their way through the terminal
	require.Eventually(c.t, func() bool {
		raw := c.written()
		tail = raw[max(strings.LastIndex(raw, ansi.ResetModeAltScreenSaveCursor), 0):]
		return !c.vt.IsAltScreen() && strings.Contains(tail, ansi.SetModeTextCursorEnable)
	}, patience, 10*time.Millisecond, "the alternate screen was left and the cursor is shown; it wrote %q", c.written())
	require.NotContains(c.t, tail, ansi.ResetModeTextCursorEnable)
}
