package daemon_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/config"
	"m1/app/daemon"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/call"
)

// policyOf allows ship, or denies it.
func policyOf(effect string) string {
	return fmt.Sprintf("version: 1\ntools: { ship: { scope: write } }\nrules:\n  - { id: ship, effect: %s, tools: [ship] }\n", effect)
}

// ruled is a daemon whose policy is in a file of its own.
func ruled(t *testing.T, state string, reload <-chan os.Signal) (*daemon.Daemon, string) {
	t.Helper()
	file := filepath.Join(state, "..", "policy.yaml")
	if _, err := os.Stat(file); err != nil {
		require.NoError(t, os.WriteFile(file, []byte(policyOf("allow")), 0o600))
	}
	c, err := config.NewLoader([]string{"M1_STATE=" + state}).Load()
	require.NoError(t, err)
	rules, err := daemon.LoadRules("", file)
	require.NoError(t, err)
	o := options(t, state)
	o.Config, o.Rules, o.Reload = c, rules, reload
	return open(t, o), file
}

// started runs d until the returned function is called.
func started(t *testing.T, d *daemon.Daemon) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func effect(t *testing.T, e *engine.Engine) call.Effect {
	t.Helper()
	d, err := e.Propose(t.Context(), call.Proposal{Agent: "bot", Tool: "ship"})
	require.NoError(t, err)
	return d.Effect
}

func TestAChangedPolicyFileDecidesWithinSeconds(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	d, file := ruled(t, state, nil)
	defer started(t, d)()
	require.Equal(t, call.Allow, effect(t, d.Engine()))

	require.NoError(t, os.WriteFile(file, []byte(policyOf("deny")), 0o600))
	require.Eventually(t, func() bool { return effect(t, d.Engine()) == call.Deny }, 20*time.Second, 50*time.Millisecond)
	require.Equal(t, "file", d.Engine().Status().Policy.Versions[0].By)

	require.NoError(t, os.WriteFile(file, []byte(policyOf("nonsense")), 0o600))
	require.Eventually(t, func() bool { return d.Engine().Status().Policy.Failure != nil }, 20*time.Second, 50*time.Millisecond)
	require.Equal(t, call.Deny, effect(t, d.Engine()), "the one before goes on deciding")
	require.Contains(t, d.Engine().Status().Policy.Failure.Problems[0], `policy.yaml:4:25: rules[0].effect`)
	require.Eventually(t, func() bool { return d.Collector().Latest().Policy.Failure != nil }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, "Policy not loaded", d.Collector().Latest().Alerts[0].Title)

	require.NoError(t, os.WriteFile(file, []byte(policyOf("allow")), 0o600))
	require.Eventually(t, func() bool { return effect(t, d.Engine()) == call.Allow }, 20*time.Second, 50*time.Millisecond)
	require.Nil(t, d.Engine().Status().Policy.Failure)
}

func TestAHangupReadsTheRulesAgainIfTheyHaveChanged(t *testing.T) {
	t.Parallel()
	hangup := make(chan os.Signal) // taken by the watch, so that it has been heard when sent
	d, file := ruled(t, filepath.Join(t.TempDir(), "state"), hangup)
	defer started(t, d)()
	_, _, err := d.Engine().LoadPolicy(t.Context(), engine.Load{Name: "put by anna", Source: []byte(policyOf("deny")), By: "operator anna"})
	require.NoError(t, err)
	hangup <- syscall.SIGHUP
	hangup <- syscall.SIGHUP // the first one is done now
	require.Equal(t, call.Deny, effect(t, d.Engine()), "the file has not changed: what an operator put in force stays")

	require.NoError(t, os.WriteFile(file, []byte(policyOf("allow")+"# edited\n"), 0o600))
	hangup <- syscall.SIGHUP
	require.Eventually(t, func() bool { return effect(t, d.Engine()) == call.Allow }, 20*time.Second, 20*time.Millisecond)
}

// The last change wins over a restart too: that of an operator until the file
// changes, then the file.
func TestARestartKeepsThePolicyThatWasPutLast(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	d, file := ruled(t, state, nil)
	stop := started(t, d)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(state, daemon.ShelfFile)); return err == nil }, 10*time.Second, 10*time.Millisecond)
	_, _, err := d.Engine().LoadPolicy(t.Context(), engine.Load{Name: "put by anna", Source: []byte(policyOf("deny")), By: "operator anna"})
	require.NoError(t, err)
	stop()

	d, _ = ruled(t, state, nil)
	stop = started(t, d)
	require.Equal(t, call.Deny, effect(t, d.Engine()))
	var by []string
	for _, v := range d.Engine().Status().Policy.Versions {
		by = append(by, v.By)
	}
	require.Equal(t, []string{"operator anna", "start"}, by)
	require.Equal(t, []bool{true, false}, lives(d.Engine().Status().Policy.Versions))
	stop()

	require.NoError(t, os.WriteFile(file, []byte(policyOf("allow")+"# edited\n"), 0o600))
	d, _ = ruled(t, state, nil)
	stop = started(t, d)
	require.Equal(t, call.Allow, effect(t, d.Engine()))
	stop()
}

func lives(vs []snapshot.PolicyVersion) (out []bool) {
	for _, v := range vs {
		out = append(out, v.Live)
	}
	return out
}
