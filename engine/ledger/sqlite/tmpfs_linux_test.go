package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
)

// The real thing beside the page limit of the other tests: the kernel refuses
// the write to the log in the middle of a commit.
func TestARealFullDiskIsSurvived(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("m1-ledger", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 300_000), 0o600))
	s := open(t, dir)

	acked := 0
	var err error
	for ; err == nil; acked++ {
		require.Less(t, acked, 1000, "1 MiB never fills up")
		_, err = s.Append(t.Context(), big(acked))
	}
	acked--
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorIs(t, s.Enqueue(big(acked)), ledger.ErrUnavailable)
	_, err = s.Append(t.Context(), big(acked))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.NotEmpty(t, s.Status().Err)
	require.Len(t, ledgertest.All(t, s, ledger.Query{}), acked, "readers go on")

	require.NoError(t, os.Remove(ballast))
	seq, err := s.Append(t.Context(), big(acked+1))
	require.NoError(t, err, "writing goes on by itself")
	require.Equal(t, uint64(acked+1), seq)
	require.Empty(t, s.Status().Err)
	ledgertest.RequireChain(t, ledgertest.All(t, s, ledger.Query{}))
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, s.Close())
}
