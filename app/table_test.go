package app_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/views"
)

func TestTheSelectionStaysWithItsCallWhenRowsMove(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(20, 1)...)).press("j", "j", "j")
	require.EqualValues(t, "tc_0018", s.frame().Calls.Selected)
	s.show(board(2, someCalls(33, 10)...))
	require.EqualValues(t, "tc_0018", s.frame().Calls.Selected)
	s.press("s")
	require.EqualValues(t, "tc_0018", s.frame().Calls.Selected)
	require.Contains(t, s.frame().Notice, "sorted")
}

func TestAVanishedSelectionMovesToItsNeighbourAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(20, 1)...)).press("G")
	s.show(board(2, someCalls(30, 11)...))
	require.EqualValues(t, "tc_0011", s.frame().Calls.Selected)
	require.Contains(t, s.frame().Notice, "tc_0001")
	s.press("j").show(board(3))
	require.Empty(t, s.frame().Calls.Selected)
	require.Contains(t, s.frame().Notice, "left the list")
}

func TestWithoutASelectionTheTableFollowsTheNewest(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(20, 1)...)).show(board(2, someCalls(40, 21)...))
	require.Empty(t, s.frame().Calls.Selected)
	require.Empty(t, s.frame().Notice)
	s.press("enter")
	require.EqualValues(t, "tc_0040", s.frame().Detail.Call)
}

// Whatever happens, the selection is a row of the table, and it changes without
// a key only when its row is gone.
func TestSelectionPropertiesUnderRandomUse(t *testing.T) {
	t.Parallel()
	keys := []string{"j", "k", "G", "g", "pgdown", "pgup", "ctrl+d", "ctrl+u", "s", "S", "2", "1", "tab", "enter", "esc", "f", "/", "d", "backspace"}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newScreen(t, app.Options{})
		newest := 20
		for range 150 {
			before := s.frame()
			if rnd.IntN(3) == 0 {
				newest += rnd.IntN(30)
				s.show(board(int64(newest), someCalls(newest, max(newest-rnd.IntN(40), 1))...))
				after := s.frame()
				if id := before.Calls.Selected; id != "" && !before.Frozen {
					for _, c := range views.VisibleCalls(after) {
						if c.ID == id {
							require.Equal(t, id, after.Calls.Selected, "seed %d", seed)
						}
					}
				}
			} else {
				s.press(keys[rnd.IntN(len(keys))])
			}
			f := s.frame()
			if id := f.Calls.Selected; id != "" {
				found := false
				for _, c := range views.VisibleCalls(f) {
					found = found || c.ID == id
				}
				require.True(t, found || f.Page == views.Runs, "seed %d: %s is selected and not in the table", seed, id)
			}
			app.Drawn(s.m) // draws without a panic in every state
		}
	}
}

func TestAnOpenRecordIsKeptWhenTheEngineMovesOn(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...)).press("enter")
	newer := someCalls(9, 1)
	newer[0].Outcome = "ok"
	s.show(board(2, newer...))
	require.EqualValues(t, "ok", s.frame().Detail.KeptCall.Outcome, "while it is there it is renewed")
	s.show(board(3, someCalls(900, 800)...))
	require.EqualValues(t, "tc_0009", s.frame().Detail.Call)
	require.EqualValues(t, "tc_0009", s.frame().Detail.KeptCall.ID)
	s.press("7").show(withRuns(board(4), "run_a")).press("enter").show(withRuns(board(5), "run_b"))
	require.EqualValues(t, "run_a", s.frame().Detail.Run)
	require.EqualValues(t, "run_a", s.frame().Detail.KeptRun.ID)
}
