package statefile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/statefile"
)

func TestAFileIsReplacedAsAWholeAndForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	require.NoError(t, os.WriteFile(path, []byte("a longer text from before"), 0o644))
	require.NoError(t, statefile.Replace(path, []byte("new")))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else stays behind")
}

func TestAFailureLeavesTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.ErrorContains(t, statefile.Replace(filepath.Join(dir, "none", "f"), []byte("x")), "choose a state directory")

	path := filepath.Join(dir, "taken") // a folder cannot be replaced by a file
	require.NoError(t, os.MkdirAll(filepath.Join(path, "full"), 0o700))
	require.ErrorContains(t, statefile.Replace(path, []byte("x")), "write "+path)
	require.DirExists(t, filepath.Join(path, "full"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
