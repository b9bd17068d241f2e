package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"m1/app/daemon"
	"m1/engine/ledger"
	"m1/engine/ledger/sqlite"
)

// exits CODE PROGRAM ARGS…: like exec, and the exit code must be CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code: want %s, got %d", args[0], code)
	}
}

// process is one that start left running.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed after its end
}

var signals = map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}

// started is where Setup puts what a script leaves running.
type started struct{}

func processOf(ts *testscript.TestScript, name string) *process {
	p := ts.Value(started{}).(map[string]*process)[name]
	if p == nil {
		ts.Fatalf("nothing named %q was started", name)
	}
	return p
}

// start NAME PROGRAM ARGS…: runs it until end; it writes to NAME.out and NAME.err.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS…")
	}
	name := args[0]
	exe, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(exe, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var files [2]*os.File
	for i, ext := range []string{".out", ".err"} {
		files[i], err = os.Create(ts.MkAbs(name + ext))
		ts.Check(err)
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	err = cmd.Start()
	_, _ = files[0].Close(), files[1].Close()
	ts.Check(err)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.ended) }()
	ts.Defer(func() { _ = cmd.Process.Kill(); <-p.ended })
	ts.Value(started{}).(map[string]*process)[name] = p
}

// await NAME REGEXP [VARIABLE]: waits until the output of NAME has the text, and
// keeps its first group.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await NAME REGEXP [VARIABLE]")
	}
	p := processOf(ts, args[0])
	want := regexp.MustCompile("(?m)" + args[1])
	var seen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		over := false
		select {
		case <-p.ended:
			over = true // what it wrote is all there: look once more
		default:
		}
		seen = ts.ReadFile(args[0]+".out") + ts.ReadFile(args[0]+".err")
		if m := want.FindStringSubmatch(seen); m != nil {
			if len(args) == 3 {
				ts.Setenv(args[2], m[1])
			}
			return
		}
		if over {
			break
		}
	}
	ts.Fatalf("%s never wrote %s; it wrote:\n%s", args[0], args[1], seen)
}

// end NAME SIGNAL CODE: sends the signal, waits, and the exit code must be CODE.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || signals[args[1]] == nil {
		ts.Fatalf("usage: end NAME TERM|HUP|INT|KILL CODE")
	}
	p := processOf(ts, args[0])
	ts.Check(p.cmd.Process.Signal(signals[args[1]]))
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	if code := strconv.Itoa(p.cmd.ProcessState.ExitCode()); code != args[2] {
		ts.Fatalf("exit code: want %s, got %s; it wrote:\n%s", args[2], code, ts.ReadFile(args[0]+".out")+ts.ReadFile(args[0]+".err"))
	}
}

// hangup NAME: sends SIGHUP, which asks a headless engine to read its rules again.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(syscall.SIGHUP))
}

// http STATUS METHOD PATH [BODY]: asks the M1 at $URL with $M1_TOKEN. The answer
// is the output, its headers the error output.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: http STATUS METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) == 4 {
		body = strings.NewReader(args[3])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp := ask(ctx, ts, args[1], args[2], body)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, _ = ts.Stdout().Write(answer)
	_ = resp.Header.Write(ts.Stderr())
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("%s %s: want %s, got %s\n%s", args[1], args[2], args[0], resp.Status, answer)
	}
}

// until REGEXP PATH: asks until the answer has the text.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until REGEXP PATH")
	}
	want := regexp.MustCompile(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		resp := ask(ctx, ts, http.MethodGet, args[1], nil)
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		ts.Check(err)
		if resp.StatusCode == http.StatusOK && want.Match(answer) {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			ts.Fatalf("%s never had %s; it is %s\n%s", args[1], args[0], resp.Status, answer)
		}
	}
}

// refused PATH: asks until $M1_TOKEN is refused, for at most a second.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused PATH")
	}
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(20 * time.Millisecond) {
		resp := ask(context.Background(), ts, http.MethodGet, args[0], nil)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized {
			return
		}
	}
	ts.Fatalf("the token still opens %s", args[0])
}

// ready: waits until the M1 at $URL takes calls.
func ready(ts *testscript.TestScript, neg bool, _ []string) {
	until(ts, neg, []string{`"ready"`, "/readyz"})
}

// keep REGEXP VARIABLE: keeps the first group found in the last output.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep REGEXP VARIABLE")
	}
	m := regexp.MustCompile(args[0]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("the output has no %s", args[0])
	}
	ts.Setenv(args[1], m[1])
}

// sse PATH REGEXP: reads a stream until it has the text.
func sse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sse PATH REGEXP")
	}
	want := regexp.MustCompile(args[1])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp := ask(ctx, ts, http.MethodGet, args[0], nil)
	defer resp.Body.Close()
	var seen strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if want.Match(lines.Bytes()) {
			return
		}
		seen.WriteString(lines.Text() + "\n")
	}
	ts.Fatalf("the stream never had %s; it had:\n%s", args[1], seen.String())
}

func ask(ctx context.Context, ts *testscript.TestScript, method, path string, body io.Reader) *http.Response {
	req, err := http.NewRequestWithContext(ctx, method, ts.Getenv("URL")+path, body)
	ts.Check(err)
	if token := ts.Getenv("M1_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	return resp
}

// ledger DIR: checks the chain of the records in DIR and lists their kinds.
func readLedger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ledger DIR")
	}
	s, err := sqlite.Open(sqlite.Options{Path: filepath.Join(ts.MkAbs(args[0]), daemon.LedgerFile)})
	ts.Check(err)
	defer s.Close()
	ts.Check(s.Verify(context.Background()))
	for e, err := range s.Events(context.Background(), ledger.Query{}) {
		ts.Check(err)
		_, _ = io.WriteString(ts.Stdout(), string(e.Kind)+"\n")
	}
}
