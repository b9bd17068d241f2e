package daemon_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/daemon"
	"m1/engine/source"
)

func TestTheBuiltInRulesNeedNoFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{daemon.ReadOnly, daemon.Observe} {
		r, err := daemon.LoadRules("", name)
		require.NoError(t, err)
		require.Equal(t, name, r.Policy.Name())
		require.Zero(t, r.Tools.Len(), "no tools were given")
	}
	r, err := daemon.LoadRules("claude-code", daemon.Observe)
	require.NoError(t, err)
	require.NotZero(t, r.Tools.Len())
}

func TestMistakesOfBothFilesComeBackAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "tools.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("version: 1\ntools:\n  a: { scop: read }\n"), 0o600))
	none := filepath.Join(dir, "none.yaml")
	r, err := daemon.LoadRules(bad, none)
	ps, ok := err.(source.Problems) //nolint:errorlint // the type is promised
	require.True(t, ok, "%T", err)
	require.GreaterOrEqual(t, len(ps), 2)
	require.ErrorContains(t, err, bad+":3:")
	require.ErrorContains(t, err, none+": --policy cannot be read: no such file or directory; name a policy file")
	require.Nil(t, r.Policy)
}
