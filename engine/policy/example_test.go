package policy_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/policy"
)

func TestTheExampleOfTheWholeLanguageKeepsItsOwnTests(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/example.yaml")
	require.NoError(t, err)
	s, err := policy.Parse("example.yaml", src, nil)
	require.NoError(t, err)
	require.True(t, s.History())
	require.Equal(t, 15, s.Rules())
	require.Equal(t, 1, s.Shadows())
	require.Equal(t, []string{"finance", "lead", "oncall"}, s.Approvers())
	require.Equal(t, string(src), s.Source())
	results := s.Test()
	require.Len(t, results, 14)
	for _, r := range results {
		require.True(t, r.OK, r.Why)
		require.Equal(t, r.Want, r.Got)
	}
}
