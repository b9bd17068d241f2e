//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/console"
)

// session is m1 in a terminal, with its stderr elsewhere.
type session struct {
	*console.Console
	t      *testing.T
	stderr bytes.Buffer // complete once m1 has ended
}

// openConsole starts m1 with args in a terminal of 120x40 and its home in home.
func openConsole(t *testing.T, home string, args ...string) *session {
	t.Helper()
	s := &session{t: t}
	t.Cleanup(func() { // after the console's own: m1 has ended
		if t.Failed() {
			t.Logf("stderr of m1: %s", &s.stderr)
		}
	})
	cmd := exec.Command("m1", args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", raceExit}
	cmd.Stderr = &s.stderr
	s.Console = console.Open(t, cmd)
	return s
}

// leaves waits for the end: exit code 0, nothing on stderr, and the terminal as
// before, with words written below what was there.
func (s *session) leaves(words string) {
	s.t.Helper()
	s.Leaves(0, words)
	require.Empty(s.t, s.stderr.String())
}
