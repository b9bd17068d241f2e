package cli_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"m1/app/cli"
)

// patience bounds every wait for another process.
const patience = 30 * time.Second

// raceExit keeps m1 under the race detector from sleeping a second at its end.
const raceExit = "GORACE=atexit_sleep_ms=0"

// TestMain makes the test binary the program m1 when it is called so: in scripts
// and in terminals it is a process of its own, with real arguments, signals and
// exit codes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"m1": program})
}

// program is what main does.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	code := cli.Main(ctx, cli.Env{Args: os.Args[1:], Vars: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Hangup: heard})
	stop()
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	t.Parallel()
	shared, err := sharedFolder()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "await": await, "end": end, "hangup": hangup,
			"http": request, "until": until, "ready": ready, "refused": refused, "keep": keep, "sse": sse, "ledger": readLedger,
		},
		Condition: func(cond string) (bool, error) { return cond == "shared" && shared != "", nil },
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("SHARED", shared)
			env.Vars = append(env.Vars, raceExit)
			env.Values[started{}] = map[string]*process{}
			return nil
		},
		RequireUniqueNames: true,
	})
}

// sharedFolder is where the recorded traffic lies, empty if it is not there.
func sharedFolder() (string, error) {
	dir := os.Getenv("M1_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "traces")); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return filepath.Abs(dir)
}
