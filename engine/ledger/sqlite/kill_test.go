//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

// childEnv names the folder of the ledger to a test binary that is to append
// until it is killed.
const childEnv = "M1_TEST_LEDGER_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver prints each seq once it is acknowledged, and the call it went to.
func appendForEver(dir string) {
	s, err := sqlite.Open(sqlite.Options{Path: file(dir)})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	const writers = 8
	var wg sync.WaitGroup
	var out sync.Mutex
	for w := range writers {
		run := call.RunID(fmt.Sprintf("%d-%d", os.Getpid(), w))
		wg.Go(func() {
			for i := 0; ; i++ {
				_ = s.Enqueue(ledgertest.Event(run, 2*i)) // full only if the appends below fail
				ev := ledgertest.Event(run, 2*i+1)
				seq, err := s.Append(context.Background(), ev)
				out.Lock()
				if err != nil {
					fmt.Println("error:", err)
					os.Exit(1)
				}
				fmt.Println(seq, ev.Call)
				out.Unlock()
				if i%50 == 49 {
					_ = s.Checkpoint(context.Background()) // so that it is killed in one, too
				}
			}
		})
	}
	wg.Wait()
}

func TestAfterKillNothingAcknowledgedIsMissing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	acked := map[uint64]call.ID{}
	for round := range 4 {
		before := len(acked)
		killOnce(t, dir, acked, 1+rnd.IntN(400))
		require.Greater(t, len(acked), before)

		s, err := sqlite.Open(sqlite.Options{Path: file(dir)})
		require.NoError(t, err, "round %d", round)
		all := ledgertest.All(t, s, ledger.Query{})
		ledgertest.RequireChain(t, all)
		require.NoError(t, s.Verify(t.Context()))
		for seq, id := range acked {
			require.LessOrEqual(t, seq, uint64(len(all)), "round %d: an acknowledged record is missing", round)
			require.Equal(t, id, all[seq-1].Call, "round %d: record %d", round, seq)
		}
		run := all[len(all)-1].Run
		require.NotEmpty(t, ledgertest.All(t, s, ledger.Query{Run: run}), "the index of runs goes on too")
		require.NoError(t, s.Close())
	}
	t.Logf("%d acknowledged", len(acked))
}

// killOnce runs a child, kills it after it acknowledged n events, and adds to
// acked what it acknowledged until its end.
func killOnce(t *testing.T, dir string, acked map[uint64]call.ID, n int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	seen := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var seqText, id string
		if _, err := fmt.Sscan(lines.Text(), &seqText, &id); err != nil {
			break // the line that the kill cut off
		}
		seq, err := strconv.ParseUint(seqText, 10, 64)
		require.NoError(t, err, lines.Text())
		acked[seq] = call.ID(id)
		if seen++; seen == n {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait(), "the child ended by the kill")
}
