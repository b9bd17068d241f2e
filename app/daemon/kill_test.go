//go:build unix

package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/config"
	"m1/app/daemon"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/gateway"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
)

// childEnv names the state folder to a test binary that is to replay into it
// until it is killed.
const childEnv = "M1_TEST_DAEMON_CHILD"

func TestMain(m *testing.M) {
	if state := os.Getenv(childEnv); state != "" {
		fmt.Println("error:", replayForEver(state))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// replayForEver is what m1 replay --speed max --state does with a recording that
// never ends.
func replayForEver(state string) error {
	c, err := config.NewLoader([]string{"M1_STATE=" + state}).Load()
	if err != nil {
		return err
	}
	rules, err := daemon.LoadRules("", daemon.Observe)
	if err != nil {
		return err
	}
	d, err := daemon.Open(daemon.Options{Config: c, Rules: rules, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Version: "test"})
	if err != nil {
		return err
	}
	return d.Run(context.Background(), func(ctx context.Context) error {
		_, err := replay.Drive(ctx, witness{d.Engine()}, endless(fmt.Sprint(os.Getpid())), replay.Options{}, new(replay.Progress))
		return err
	})
}

// witness prints the call of each decision that let something through, after it
// was given.
type witness struct{ gateway.Decider }

func (w witness) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	d, err := w.Decider.Propose(ctx, p)
	if err == nil && d.Effect == call.Allow && d.Scope != call.Read {
		fmt.Println(d.ID, "acknowledged")
	}
	return d, err
}

// endless is runs of ten calls each, one after the other.
func endless(name string) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		for n := 0; ; n++ {
			run, result := call.RunID(fmt.Sprintf("%s-%d", name, n)), "done"
			events := []trace.Event{{Type: trace.RunStart, Run: run, Agent: "builder"}}
			for i := range 10 {
				events = append(events, trace.Event{Type: trace.ToolCall, Run: run, Agent: "builder", Tool: "make", Args: fmt.Appendf(nil, `{"n":%d}`, i), Result: &result})
			}
			events = append(events, trace.Event{Type: trace.RunEnd, Run: run, Agent: "builder"})
			for _, ev := range events {
				if !yield(ev, nil) {
					return
				}
			}
		}
	}
}

func TestAfterKillNoAcknowledgedCallIsMissingAndM1StartsAgain(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	state := t.TempDir()
	var acked []call.ID
	for round := range 3 {
		before := len(acked)
		acked = append(acked, killOnce(t, state, 1+rnd.IntN(200))...)
		require.Greater(t, len(acked), before)

		decided, starts := map[call.ID]bool{}, 0
		for _, e := range records(t, state) {
			switch e.Kind {
			case event.Decided:
				decided[e.Call] = true
			case event.EngineStarted:
				starts++
			}
		}
		require.Equal(t, round+1, starts, "each start continues the chain of the one before")
		for _, id := range acked {
			require.True(t, decided[id], "round %d: call %s was acknowledged and is missing", round, id)
		}
	}
	t.Logf("%d acknowledged", len(acked))

	d := open(t, options(t, state))
	decision, err := ship(d)
	require.NoError(t, err)
	require.Equal(t, call.Allow, decision.Effect)
	require.NoError(t, d.Run(t.Context(), func(context.Context) error { return nil }))
	all := records(t, state)
	require.Equal(t, event.EngineStopped, all[len(all)-1].Kind)
}

// killOnce runs a child, kills it after it acknowledged n calls, and returns all
// that it acknowledged until its end.
func killOnce(t *testing.T, state string, n int) (acked []call.ID) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+state)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // a line without its end was cut off by the kill
		}
		require.NoError(t, err)
		id, ok := strings.CutSuffix(line, " acknowledged\n")
		require.True(t, ok, "%s%s", line, &stderr)
		acked = append(acked, call.ID(id))
		if len(acked) == n {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait(), "the child ended by the kill")
	return acked
}
