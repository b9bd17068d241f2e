package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

func file(dir string) string { return filepath.Join(dir, "ledger.db") }

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(sqlite.Options{Path: file(dir)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, ledgertest.Backend{
		Survives: true,
		Break: func(t testing.TB, s ledger.Store) {
			require.NoError(t, s.(*sqlite.Store).Squeeze(t.Context(), 0))
		},
		Open: func(t testing.TB, dir string, o ledgertest.Options) ledger.Store {
			s, err := sqlite.Open(sqlite.Options{Path: file(dir), MaxQueue: o.MaxQueue, Now: o.Now})
			require.NoError(t, err)
			return s
		},
		Tamper: func(t testing.TB, dir string, s ledger.Store, change func([]event.Event) []event.Event) {
			rewrite(t, file(dir), change(ledgertest.All(t, s, ledger.Query{})))
		},
	})
}
