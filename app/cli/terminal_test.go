//go:build unix

package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheDemoInATerminal(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	c := openConsole(t, home, "demo", "--speed", "5", "--refresh", "100ms")
	c.Sees("DEMO", "[1 Overview]", "LIVE 1m", "Needs you", "Latency", "Cost")
	require.False(t, c.AsBefore(), "while it runs the terminal is raw; else the test of leaving shows nothing")

	c.Types("2")
	c.Sees("[2 Calls]", "DEMO")
	c.Types("/tool:nothing-is-called-so\r")
	c.Sees("tool:nothing-is-called-so", "0 of")
	c.Types("/")
	c.Sees("Enter keep")
	c.Types("\x1b")
	c.Loses("Enter keep") // else the next key and the escape are one
	c.Types("7")
	c.Sees("[7 Runs]", "active")
	c.Types("?")
	c.Sees("freeze the picture")
	c.Types("\x1b")
	c.Loses("freeze the picture")
	c.Types("f")
	c.Sees("FROZEN", "HELD")
	c.Types("f")
	c.Sees("LIVE")
	before := c.Terminal.Render()
	c.Types("t")
	require.Eventually(t, func() bool { return c.Terminal.Render() != before }, patience, 10*time.Millisecond)

	c.Types("1")
	c.Resize(80, 24)
	c.Sees("[1 Overview]", "DEMO")
	c.Resize(30, 8)
	c.Sees("Needs ", ", has 30x8.", "DEMO")
	c.Resize(200, 60)
	c.Sees("[1 Overview]", "Latency")
	c.Types("q")
	c.leaves("answered from the cache, 0 of those wrong")
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Empty(t, left, "neither records nor logs are left behind")
}

func TestEveryWayOutOfTheScreenLeavesTheTerminalAsBefore(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*session){
		"q":       func(c *session) { c.Types("q") },
		"ctrl+c":  func(c *session) { c.Types("\x03") },
		"SIGINT":  func(c *session) { c.Signals(syscall.SIGINT) },
		"SIGTERM": func(c *session) { c.Signals(syscall.SIGTERM) },
		"SIGHUP":  func(c *session) { c.Signals(syscall.SIGHUP) },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := openConsole(t, t.TempDir(), "demo")
			c.Sees("DEMO", "[1 Overview]")
			way(c)
			c.leaves("answered from the cache")
		})
	}
}

const twoRuns = `{"ts":null,"run":"r1","agent":"support","seq":0,"type":"run_start","task":"ship order 7"}
{"ts":null,"run":"r1","agent":"support","seq":1,"type":"tool_call","tool":"get_order","args":{"order_id":"7"},"result":"paid"}
{"ts":null,"run":"r1","agent":"support","seq":2,"type":"tool_call","tool":"get_order","args":{"order_id":"7"},"result":"paid"}
{"ts":null,"run":"r1","agent":"support","seq":3,"type":"run_end","outcome":"solved"}
`

const shop = "version: 1\ntools:\n  get_order: { scope: read, cacheable: true, reads: [orders] }\n"

func TestAReplayInATerminalStaysOpenAndReportsAfterwards(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "trace.jsonl"), []byte(twoRuns), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "tools.yaml"), []byte(shop), 0o600))
	c := openConsole(t, home, "replay", "trace.jsonl", "--tools", "tools.yaml", "--json", "report.json")
	c.Sees("REPLAY", "OBSERVE", "100%", "ended", "get_order")
	c.Types("7")
	c.Sees("[7 Runs]", "1 completed")
	c.Types("q")
	c.leaves("replayed   trace.jsonl (trace): 4 events, 1 runs in")
	report, err := os.ReadFile(filepath.Join(home, "report.json"))
	require.NoError(t, err)
	require.Contains(t, string(report), `"complete": true`)
}

func TestAReplayThatFailsInATerminalSaysSoBelowTheScreen(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "trace.jsonl"), []byte(twoRuns+"no json\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "tools.yaml"), []byte(shop), 0o600))
	c := openConsole(t, home, "replay", "trace.jsonl", "--tools", "tools.yaml")
	c.Ends(2)
	require.Contains(t, c.stderr.String(), "m1: trace.jsonl:5: not JSON")
}

// The engine with its screen shows where its API is before the screen opens and
// after it was left, and the tokens with it.
func TestTheFirstTokensCanBeReadAfterTheScreenWasLeft(t *testing.T) {
	t.Parallel()
	c := openConsole(t, t.TempDir(), "--listen", "127.0.0.1:0")
	c.Sees("[1 Overview]", "No calls yet.")
	c.Types("q")
	c.leaves("admin token, for you: reads, approves, changes the policy and makes tokens:")
	require.Regexp(t, `(?m)^m1_\S{43}`, c.Screen())
}

func TestAnAttachedScreenShowsTheEngineAndLivesThroughItsRestart(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "tools.yaml"), []byte(shop), 0o600))
	address := freeAddress(t)
	stop := startEngine(t, home, address)
	propose(t, address, 3)

	c := openConsole(t, t.TempDir(), "--attach", "http://"+address, "--refresh", "100ms")
	c.Sees("ATTACHED", "HEALTHY", "get_order", "Attached to http://"+address)
	c.Types("7")
	c.Sees("[7 Runs]", "1 active", "1 in all")

	stop()
	c.Sees("No new data for", "M1 cannot be reached at http://"+address)
	startEngine(t, home, address)
	propose(t, address, 1)
	c.Loses("No new data for")
	c.Types("2")
	c.Sees("[2 Calls]", "get_order")
	c.Types("q")
	c.leaves("")
}

// freeAddress is one that was free a moment ago, so that an engine can be
// started on it twice.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// startEngine runs m1 --engine-only on address until the test ends or stop is called.
func startEngine(t *testing.T, home, address string) (stop func()) {
	t.Helper()
	cmd := exec.Command("m1", "--engine-only", "--no-auth", "--listen", address, "--tools", "tools.yaml", "--state", filepath.Join(home, "records"))
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), raceExit}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(syscall.SIGTERM)
			require.NoError(t, cmd.Wait(), "%s", &out)
		}
	}
	t.Cleanup(stop)
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, patience, 20*time.Millisecond)
	return stop
}

// propose proposes n reads of one run to the engine at address.
func propose(t *testing.T, address string, n int) {
	t.Helper()
	for i := range n {
		body := fmt.Sprintf(`{"agent":{"id":"support"},"run_id":"r1","tool_name":"get_order","tool_input":{"order_id":%d}}`, i)
		resp, err := http.Post("http://"+address+"/v1/tool_calls", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
}
