//go:build unix

package sqlite_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

// Somebody removed the state folder of a running M1: SQLite wrote on into files
// without a name and every write was acknowledged as durable, while a second M1
// could begin another ledger at the same path.
func TestALedgerWhoseFileIsGoneAcknowledgesNothingMore(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(t *testing.T, state string){
		"the file removed":   func(t *testing.T, state string) { require.NoError(t, os.Remove(file(state))) },
		"the folder removed": func(t *testing.T, state string) { require.NoError(t, os.RemoveAll(state)) },
		"the folder moved":   func(t *testing.T, state string) { require.NoError(t, os.Rename(state, state+".old")) },
		"a file instead of the folder": func(t *testing.T, state string) {
			require.NoError(t, os.RemoveAll(state))
			require.NoError(t, os.WriteFile(state, nil, 0o600))
		},
		"a second ledger at the path": func(t *testing.T, state string) {
			require.NoError(t, os.RemoveAll(state))
			require.NoError(t, os.Mkdir(state, 0o700))
			open(t, state)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			require.NoError(t, os.Mkdir(state, 0o700))
			s := open(t, state)
			_, err := s.Append(t.Context(), ledgertest.Event("r", 0))
			require.NoError(t, err)

			attack(t, state)
			for range 2 { // it does not pass
				_, err = s.Append(t.Context(), ledgertest.Event("r", 1))
				require.ErrorIs(t, err, ledger.ErrUnavailable)
				require.ErrorContains(t, err, "the ledger file was removed or replaced while M1 runs; restart M1")
			}
			require.ErrorIs(t, s.Enqueue(ledgertest.Event("r", 1)), ledger.ErrUnavailable)
			require.ErrorIs(t, s.Flush(t.Context()), ledger.ErrUnavailable)
			require.Contains(t, s.Status().Err, "removed or replaced")
			require.False(t, s.Status().Since.IsZero())
			require.Equal(t, uint64(1), s.Status().Events)
			require.ErrorContains(t, s.Close(), "removed or replaced")
		})
	}
}

func TestAnIdleLedgerNoticesThatItsFileIsGoneAndSaysSoForGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log bytes.Buffer
	s, err := sqlite.Open(sqlite.Options{Path: file(dir), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Checkpoint(t.Context()))
	require.NoError(t, os.Rename(file(dir), file(dir)+".old"))
	require.ErrorIs(t, s.Checkpoint(t.Context()), ledger.ErrUnavailable)
	require.Contains(t, s.Status().Err, "removed or replaced")
	require.ErrorIs(t, s.Enqueue(ledgertest.Event("r", 0)), ledger.ErrUnavailable)
	require.Contains(t, log.String(), "ledger cannot write")

	// Others may have written into it meanwhile.
	require.NoError(t, os.Rename(file(dir)+".old", file(dir)))
	_, err = s.Append(t.Context(), ledgertest.Event("r", 0))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorIs(t, s.Checkpoint(t.Context()), ledger.ErrUnavailable)
	require.NoError(t, s.Verify(t.Context()), "what was acknowledged before can be read")
}
