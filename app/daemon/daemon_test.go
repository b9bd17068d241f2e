package daemon_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/config"
	"m1/app/daemon"
	"m1/engine/bearer"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/sqlite"
)

const (
	tools  = "version: 1\ntools:\n  get_order: { scope: read, cacheable: true, reads: [orders] }\n  ship: { scope: write, changes: [orders] }\n  make: { scope: execute }\n"
	policy = "version: 1\nlimits: { loop: { streak: 0 } } # tests repeat themselves\nrules:\n  - { id: all, effect: allow, tools: [\"*\"] }\n"
)

// options are those of a daemon with records in state, whose rules allow all.
func options(t testing.TB, state string, vars ...string) daemon.Options {
	t.Helper()
	c, err := config.NewLoader(append(vars, "M1_STATE="+state, "M1_LISTEN=127.0.0.1:0")).Load()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tools.yaml"), []byte(tools), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policy), 0o600))
	rules, err := daemon.LoadRules(filepath.Join(dir, "tools.yaml"), filepath.Join(dir, "policy.yaml"))
	require.NoError(t, err)
	return daemon.Options{Config: c, Rules: rules, Logger: slog.New(slog.DiscardHandler), Version: "test"}
}

func open(t *testing.T, o daemon.Options) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// records checks the chain in state and returns its events.
func records(t *testing.T, state string) []event.Event {
	t.Helper()
	s, err := sqlite.Open(sqlite.Options{Path: filepath.Join(state, daemon.LedgerFile)})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Verify(t.Context()))
	var all []event.Event
	for e, err := range s.Events(t.Context(), ledger.Query{}) {
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func kinds(all []event.Event) []event.Kind {
	var out []event.Kind
	for _, e := range all {
		out = append(out, e.Kind)
	}
	return out
}

func ship(d *daemon.Daemon) (call.Decision, error) {
	return d.Engine().Propose(context.Background(), call.Proposal{Agent: "a", Run: "r", Tool: "ship", Args: []byte(`{}`)})
}

func TestTheEngineOutlivesWhatIsInFrontAndItsStopIsTheLastRecord(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d := open(t, options(t, state))
	ctx, cancel := context.WithCancel(t.Context())
	front := func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // an engine that does not wait for us would stop meanwhile
		decision, err := ship(d)
		require.NoError(t, err)
		require.Equal(t, call.Allow, decision.Effect)
		return nil
	}
	require.NoError(t, d.Run(ctx, front))
	all := records(t, state)
	require.Contains(t, kinds(all), event.EngineStarted)
	require.Contains(t, kinds(all), event.Decided)
	require.Equal(t, event.EngineStopped, all[len(all)-1].Kind)
	_, err := ship(d)
	require.ErrorIs(t, err, ledger.ErrClosed, "nothing may be released once the ledger is closed")
}

func TestTheFirstToReturnStopsAll(t *testing.T) {
	t.Parallel()
	kaputt := errors.New("kaputt")
	for name, want := range map[string]error{"with an error": kaputt, "without": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			o := options(t, state)
			o.Serve = true
			d := open(t, o)
			other := make(chan struct{})
			err := d.Run(t.Context(),
				func(context.Context) error { return want },
				func(ctx context.Context) error { <-ctx.Done(); close(other); return nil })
			require.ErrorIs(t, err, want)
			<-other
			_, err = net.Dial("tcp", d.Addr().String())
			require.Error(t, err, "the API is closed")
			all := records(t, state)
			require.Equal(t, event.EngineStopped, all[len(all)-1].Kind)
		})
	}
}

func TestAnEngineThatCannotRecordItsStartStopsAll(t *testing.T) {
	t.Parallel()
	d := open(t, options(t, t.TempDir()))
	require.NoError(t, d.Close()) // its ledger takes nothing any more
	err := d.Run(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return nil })
	require.ErrorIs(t, err, ledger.ErrClosed)
	require.ErrorContains(t, err, "record the engine's start")
}

func TestAStateFolderThatIsInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	open(t, options(t, state))
	_, err := daemon.Open(options(t, state))
	require.ErrorContains(t, err, "it is in use by another m1 process")
}

// Tokens can be shown only once: a start that fails must make none.
func TestAStartThatFailsMakesNoToken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	state := t.TempDir()
	o := options(t, state)
	o.Serve, o.Config.Listen = true, l.Addr().String()
	_, err = daemon.Open(o)
	require.ErrorContains(t, err, "is in use; if that is M1, watch it with m1 --attach http://"+l.Addr().String())
	require.NoFileExists(t, filepath.Join(state, bearer.File))

	require.NoError(t, l.Close())
	d := open(t, o)
	require.NotEmpty(t, d.FirstTokens().Admin)
	require.NotEmpty(t, d.FirstTokens().Agent)
	require.NoError(t, d.Close())
	require.Zero(t, open(t, o).FirstTokens(), "the second start shows none")
}

func TestATemporaryFolderIsRemovedAndTheRealOneIsNotTouched(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	live := t.TempDir()
	o := options(t, live)
	o.Temporary = true
	d, err := daemon.Open(o)
	require.NoError(t, err)
	require.DirExists(t, d.State())
	require.NotEqual(t, live, d.State())
	require.NoError(t, d.Run(t.Context(), func(context.Context) error { return nil }))
	require.NoDirExists(t, d.State())

	// Where no temporary folder can be made, nothing else may be removed for it.
	t.Setenv("TMPDIR", filepath.Join(live, "none"))
	require.NoError(t, os.WriteFile(filepath.Join(live, "keep"), nil, 0o600))
	_, err = daemon.Open(o)
	require.ErrorContains(t, err, "no temporary folder for the records can be made")
	require.ErrorContains(t, err, "--state DIR")
	require.FileExists(t, filepath.Join(live, "keep"))
}

func TestAFolderThatCannotHoldRecordsIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, state := range []string{file, filepath.Join(file, "under")} {
		_, err := daemon.Open(options(t, state))
		require.EqualError(t, err, "the state folder "+state+" cannot be made: not a directory; give another with --state DIR")
	}
}

const patience = 20 * time.Second

// A part that panicked took the process down at once: the screen stayed raw and
// the ledger open.
func TestAPanicStopsAllInOrderAndComesBackAsAnError(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d := open(t, options(t, state))
	left := make(chan struct{})
	err := d.Run(t.Context(),
		func(context.Context) error { panic("kaputt") },
		func(ctx context.Context) error { <-ctx.Done(); close(left); return nil })
	require.ErrorContains(t, err, "a defect in M1: kaputt")
	<-left
	all := records(t, state)
	require.Equal(t, event.EngineStopped, all[len(all)-1].Kind)
}
