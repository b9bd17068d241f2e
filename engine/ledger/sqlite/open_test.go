package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

func TestAPathThatCannotBeALedgerIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"a folder", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
			"it is a folder; name a file or choose another --state"},
		{"a text file", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("Dear diary. ", 100)), 0o600))
		}, "it is not a ledger of m1; move it away or choose another --state"},
		{"another database", func(t *testing.T, path string) { run(t, raw(t, path), "CREATE TABLE t (x)") },
			"it is not a ledger of m1; move it away or choose another --state"},
		{"a newer ledger", func(t *testing.T, path string) {
			require.NoError(t, open(t, filepath.Dir(path)).Close())
			run(t, raw(t, path), "PRAGMA user_version = 7")
		}, "written by a newer m1 (format 7, this one knows 1); use that m1, or choose another --state"},
		{"a last record that was changed", func(t *testing.T, path string) {
			fillAndClose(t, path)
			run(t, raw(t, path), "UPDATE events SET tool = 'x' WHERE seq = 3")
		}, "record 3: it does not continue the chain"},
		{"records cut off that the index knows", func(t *testing.T, path string) {
			fillAndClose(t, path)
			run(t, raw(t, path), "UPDATE marks SET seq = 9")
		}, "record 4: it is missing; the index knows 9 records; move the file away and restore"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := file(t.TempDir())
			c.make(t, path)
			_, err := sqlite.Open(sqlite.Options{Path: path})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, fmt.Sprintf("open ledger %q", path))
			_, again := sqlite.Open(sqlite.Options{Path: path})
			require.EqualError(t, again, err.Error(), "a failed open lets go of the lock")
		})
	}
}

func fillAndClose(t *testing.T, path string) {
	t.Helper()
	s := open(t, filepath.Dir(path))
	_, err := s.Append(t.Context(), ledgertest.Event("r", 0), ledgertest.Event("r", 1), ledgertest.Event("r", 2))
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestAMissingFolderIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := sqlite.Open(sqlite.Options{Path: file(dir)})
	require.ErrorContains(t, err, "the folder "+dir+" does not exist; create it or choose another --state")
}

func TestWrongOptionsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := sqlite.Open(sqlite.Options{})
	require.ErrorContains(t, err, "Path is empty")
	_, err = sqlite.Open(sqlite.Options{Path: "x", MaxQueue: -1})
	require.ErrorContains(t, err, "MaxQueue is -1")
	_, err = sqlite.Open(sqlite.Options{Path: "x", MaxQueueBytes: -1})
	require.ErrorContains(t, err, "MaxQueueBytes is -1")
}

func TestAnUnwritableFileIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write every file")
	}
	path := file(t.TempDir())
	fillAndClose(t, path)
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := sqlite.Open(sqlite.Options{Path: path})
	require.ErrorContains(t, err, "give this user write permission")
}

func TestASecondStoreIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := sqlite.Open(sqlite.Options{Path: file(dir)})
	require.ErrorContains(t, err, fmt.Sprintf("it is in use by another m1 process (pid %d); stop it or choose another --state", os.Getpid()))
	_, err = s.Append(t.Context(), ledgertest.Event("r", 0))
	require.NoError(t, err, "the first is not disturbed")
	require.NoError(t, s.Close())
	require.Equal(t, uint64(1), open(t, dir).Status().Events)
}

func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Append(t.Context(), ledgertest.Event("r", 0))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 4, "the file, its log, the log's index, the lock")
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
	}
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=memory#c%20d&é'\".db")
	for n := range 2 {
		s, err := sqlite.Open(sqlite.Options{Path: path})
		require.NoError(t, err)
		require.Equal(t, uint64(n), s.Status().Events)
		_, err = s.Append(t.Context(), ledgertest.Event("r", n))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	_, err := os.Stat(path)
	require.NoError(t, err)
}

// A foreign record at the next number must stop the writing, not be built upon.
func TestAForeignRecordStopsTheWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Append(t.Context(), ledgertest.Event("r", 0))
	require.NoError(t, err)
	run(t, raw(t, file(dir)), "INSERT INTO events SELECT 2, at, kind, run, call, agent, tool, data, hash FROM events")
	_, err = s.Append(t.Context(), ledgertest.Event("r", 1))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorContains(t, err, "another program wrote into")
}
