//go:build unix

package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/app/console"
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

// openConsole starts the child in a terminal.
func openConsole(t *testing.T, how string) *console.Console {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+how, "TERM=xterm-256color", "NO_COLOR=")
	return console.Open(t, cmd)
}

// leaves is Leaves with a child whose words come after the screen only.
func leaves(t *testing.T, c *console.Console, code int, words string) {
	t.Helper()
	c.Leaves(code, words)
	require.NotContains(t, c.Above(), words, "nothing is written over the screen")
}

func TestQuittingLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.Sees("get_order")
	require.False(t, c.AsBefore(), "while it runs the terminal is raw; else this test shows nothing")
	c.Types("q")
	leaves(t, c, 0, "child: fine")
}

func TestSIGTERMLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.Sees("get_order")
	c.Types("m") // with the mouse on, too
	c.Sees("the wheel scrolls")
	c.Signals(syscall.SIGTERM)
	leaves(t, c, 0, "child: fine")
	require.Contains(t, c.Written(), ansi.ResetModeMouseExtSgr)
}

func TestAPanicLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"update", "view", "cmd"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := openConsole(t, where)
			c.Ends(3) // it may end before it entered the screen
			c.Sees("child: fault: app: the screen stopped on a fault: kaputt in " + where)
			require.False(t, c.Terminal.IsAltScreen())
		})
	}
}

func TestAPanicThatOnlyTheLibraryCanCatchLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the library closes the keyboard while it is read when it is killed by a panic")
	}
	c := openConsole(t, "library")
	c.Sees("get_order")
	c.Types("x")
	leaves(t, c, 4, "child: app: program was killed: program experienced a panic")
}

func TestAResizeChangesTheLayout(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run")
	c.Sees("get_order")
	for _, size := range []struct{ cols, rows int }{{80, 24}, {160, 50}, {20, 5}, {120, 40}} {
		before := len(c.Written())
		c.Resize(size.cols, size.rows)
		require.Eventually(t, func() bool { return len(c.Written()) > before }, patience, 10*time.Millisecond)
		if size.cols >= 80 {
			c.Sees("get_order")
		}
	}
	c.Types("q")
	leaves(t, c, 0, "child: fine")
}

func TestSuspendIsOffWhereNoShellCouldContinueUs(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "run") // in a session of its own, as under ssh -t or docker run
	c.Sees("get_order")
	c.Types("\x1a?")
	c.Sees("next row or line")
	c.Types("\x1b[6~") // PgDn
	c.Sees("draw the screen anew")
	require.NotContains(t, c.Screen(), "suspend, fg continues")
	c.Types("q")
	leaves(t, c, 0, "child: fine")
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
	c := console.Open(t, cmd)
	c.Types(childEnv + "=run " + exe + "\n")
	c.Sees("get_order")
	require.True(t, c.Terminal.IsAltScreen())
	c.Types("\x1a")
	c.Sees("Stopped")
	require.False(t, c.Terminal.IsAltScreen())
	c.Types("fg\n")
	c.Sees("get_order")
	require.True(t, c.Terminal.IsAltScreen())
	c.Types("2")
	c.Types("q")
	c.Sees("child: fine")
	c.Types("exit\n")
	c.Ends(0)
}
