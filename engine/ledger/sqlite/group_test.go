package sqlite_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

// inBubble runs test on an open store under synctest, where a wait for all
// writers to stand still needs no sleep.
func inBubble(t *testing.T, test func(t *testing.T, s *sqlite.Store)) {
	inBubbleOpen(t, func(t *testing.T, s *sqlite.Store) {
		test(t, s)
		require.NoError(t, s.Close())
	})
}

// inBubbleOpen is inBubble for a test that closes the store itself.
func inBubbleOpen(t *testing.T, test func(t *testing.T, s *sqlite.Store)) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(sqlite.Options{Path: path})
		require.NoError(t, err)
		test(t, s)
	})
}

func TestManyWaitersShareOneCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sqlite.Store) {
		release := s.HoldLead()
		const writers = 64
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				if _, err := s.Append(context.Background(), ledgertest.Event("r", w)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		require.Equal(t, writers, s.Status().Queue)
		release()
		wg.Wait()
		require.Equal(t, uint64(1), s.Status().Commits)
		require.Equal(t, uint64(writers), s.Status().Events)
	})
}

func TestAFailedWriteIsTheErrorOfAllWhoWaitedForIt(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sqlite.Store) {
		require.NoError(t, s.Squeeze(t.Context(), 0))
		release := s.HoldLead()
		const writers = 8
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { _, errs[w] = s.Append(context.Background(), big(w)) })
		}
		synctest.Wait()
		release()
		wg.Wait()
		for _, err := range errs {
			require.ErrorIs(t, err, ledger.ErrUnavailable)
		}
		st := s.Status()
		require.Zero(t, st.Events)
		require.Zero(t, st.Queue)
		require.Equal(t, uint64(1), st.Commits, "one write for all of them")
	})
}

func TestAnAppendThatStillWaitsCanBeTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, s *sqlite.Store) {
		require.NoError(t, s.Enqueue(ledgertest.Event("r", 0)))
		release := s.HoldLead()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Append(ctx, ledgertest.Event("r", 1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, s.Flush(ctx), context.DeadlineExceeded)
		require.ErrorIs(t, s.Verify(ctx), context.DeadlineExceeded)
		require.Equal(t, 1, s.Status().Queue, "what was enqueued stays")
		release()
		require.NoError(t, s.Flush(t.Context()))
		all := ledgertest.All(t, s, ledger.Query{})
		require.Len(t, all, 1)
		require.Equal(t, ledgertest.Event("r", 0).Call, all[0].Call)
	})
}

func TestCloseWaitsForTheWriteInProgressAndTakesTheWaitersAlong(t *testing.T) {
	inBubbleOpen(t, func(t *testing.T, s *sqlite.Store) {
		release := s.HoldLead()
		var wg sync.WaitGroup
		var appended, closed error
		wg.Go(func() { _, appended = s.Append(context.Background(), ledgertest.Event("r", 0)) })
		synctest.Wait()
		wg.Go(func() { closed = s.Close() })
		synctest.Wait()
		_, err := s.Append(context.Background(), ledgertest.Event("r", 1))
		require.ErrorIs(t, err, ledger.ErrClosed, "nothing new is accepted meanwhile")
		release()
		wg.Wait()
		require.NoError(t, appended)
		require.NoError(t, closed)
		require.Equal(t, uint64(1), s.Status().Events)
	})
}

// While appends never pause, the first look of a checkpoint never sees the whole
// log in the file. A foreign reader has the same effect here, but on demand.
func TestACheckpointThatFellBehindCatchesUpBetweenTwoWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	reader := raw(t, path)
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(sqlite.Options{Path: path})
		require.NoError(t, err)
		var wg sync.WaitGroup
		held := holdSnapshot(t, reader)
		for i := range 250 { // 10 MB of log that the reader keeps from the file
			require.NoError(t, s.Enqueue(big(i)))
		}
		require.NoError(t, s.Flush(t.Context()))
		release := s.HoldLead()
		var done error
		wg.Go(func() { done = s.Checkpoint(context.Background()) })
		synctest.Wait()
		held()
		release()
		wg.Wait()
		require.NoError(t, done)
		before := sqlite.LogBytes(s)
		_, err = s.Append(t.Context(), big(250))
		require.NoError(t, err)
		require.Equal(t, before, sqlite.LogBytes(s), "the log began anew")
		require.NoError(t, s.Close())
	})
}
