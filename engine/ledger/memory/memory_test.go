package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/memory"
)

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, ledgertest.Backend{
		Open: func(t testing.TB, _ string, o ledgertest.Options) ledger.Store {
			s, err := memory.New(memory.Options{MaxQueue: o.MaxQueue, Now: o.Now})
			require.NoError(t, err)
			return s
		},
		Tamper: func(_ testing.TB, _ string, s ledger.Store, change func([]event.Event) []event.Event) {
			s.(*memory.Store).Rewrite(change)
		},
	})
}

func TestANegativeBoundIsRefusedByName(t *testing.T) {
	t.Parallel()
	_, err := memory.New(memory.Options{MaxQueue: -1})
	require.ErrorContains(t, err, "MaxQueue is -1")
}
