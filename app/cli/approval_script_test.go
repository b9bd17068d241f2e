//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examples is where what docs/approvals.md points to lies.
var examples = filepath.Join("..", "..", "docs", "examples")

// runApproval runs the example script against this m1, with a policy beside it in
// which old is replaced, and returns what it said. Its temporary files must be gone.
func runApproval(t *testing.T, old, now string) (said string, err error) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here, and the script is made of it")
	}
	dir, tmp := t.TempDir(), t.TempDir()
	for _, name := range []string{"approval.sh", "approval.yaml"} {
		b, err := os.ReadFile(filepath.Join(examples, name))
		require.NoError(t, err)
		text := string(b)
		if name == "approval.yaml" && old != "" {
			require.Contains(t, text, old)
			text = strings.ReplaceAll(text, old, now)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "approval.sh"))
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH"), raceExit}
	out, err := cmd.CombinedOutput()
	left, readErr := os.ReadDir(tmp)
	require.NoError(t, readErr)
	require.Empty(t, left, "the script removes what it made")
	return string(out), err
}

func TestTheApprovalScriptMeetsNoSurprise(t *testing.T) {
	t.Parallel()
	said, err := runApproval(t, "", "")
	require.NoError(t, err, said)
	require.NotContains(t, said, "m1_", "tokens are secrets")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	require.Equal(t, "ok   done: no surprise", lines[len(lines)-1])
	for _, line := range lines {
		require.Regexp(t, "^ok   ", line)
	}
}

// A script that cannot fail shows nothing. These policies take away what it
// is about.
func TestTheApprovalScriptStopsAtASurprise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, now, want string }{
		{"everybody may approve", "    approvers: [finance]\n", "", "expected status 403"},
		{"one person is enough", "approvals: 2", "approvals: 1", "expected status=pending"},
		{"the policy is wrong", "version: 1", "version: 2", "the engine did not start"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said, err := runApproval(t, tt.old, tt.now)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, said)
			require.Equal(t, 1, exit.ExitCode(), said)
			require.Contains(t, said, "FAIL "+tt.want)
			require.NotContains(t, said, "no surprise")
		})
	}
}
