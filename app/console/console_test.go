//go:build unix

package console_test

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/console"
)

// The emulator panicked in a test that made its terminal smaller: index out of
// range [36] with length 24.
func TestWhatWasDrawnForTheLargerScreenMayArriveAfterResize(t *testing.T) {
	t.Parallel()
	c := console.Open(t, exec.Command("cat"))
	c.Resize(80, 24)
	require.NotPanics(t, func() {
		_, err := io.WriteString(c.Terminal, "\x1b[1;37r\x1bM\x1b[rstill here")
		require.NoError(t, err)
	})
	c.Sees("still here")
}

func TestMarginsOnTheScreenHold(t *testing.T) {
	t.Parallel()
	c := console.Open(t, exec.Command("cat"))
	c.Resize(80, 24)
	for _, margins := range []string{"\x1b[1;2r", "\x1b[;2r"} {
		_, err := io.WriteString(c.Terminal, "\x1b[r\x1b[2J\x1b[Hone\r\ntwo\r\nthree"+margins+"\x1b[H\x1bM")
		require.NoError(t, err)
		require.Equal(t, []string{"one", "three"}, strings.Fields(c.Screen()), "only what is between the margins %q moves", margins)
	}
}
