package cli_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/cli"
)

// run is one command in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{Args: args, Vars: []string{"HOME=" + t.TempDir()}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err})
	return code, out.String(), err.String()
}

var listed = regexp.MustCompile(`(?m)^  ([a-z]+) +\S`)

// commands are all there are, found as a person finds them: by asking for help.
func commands(t *testing.T, at ...string) [][]string {
	t.Helper()
	code, help, _ := run(t, append(at, "--help")...)
	require.Zero(t, code, "%v --help", at)
	all := [][]string{at}
	_, list, ok := strings.Cut(help, "Available Commands:\n")
	if !ok {
		return all
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range listed.FindAllStringSubmatch(list, -1) {
		all = append(all, commands(t, append(append([]string{}, at...), m[1])...)...)
	}
	return all
}

func TestEveryCommandHelpsWithAnExample(t *testing.T) {
	t.Parallel()
	all := commands(t)
	require.GreaterOrEqual(t, len(all), 12, "%v", all)
	for _, c := range all {
		code, help, stderr := run(t, append(c, "--help")...)
		require.Zero(t, code, "%v", c)
		require.Empty(t, stderr, "%v", c)
		require.Contains(t, help, "Examples:\n  ", "%v", c)
		require.Contains(t, help, "Usage:\n  m1", "%v", c)
		for _, line := range strings.Split(help, "\n") {
			require.NotRegexp(t, `^ +--\S+( \S+)?$`, line, "%v: a flag without a word about it", c)
		}
	}
}

func TestEveryGroupOfCommandsShowsItsHelpAndTakesNothingElse(t *testing.T) {
	t.Parallel()
	for _, group := range []string{"config", "tools", "token", "policy", "grant", "approval", "completion"} {
		code, out, _ := run(t, group)
		require.Zero(t, code, group)
		require.Contains(t, out, "Available Commands:", group)
		code, _, stderr := run(t, group, "frobnicate")
		require.Equal(t, 2, code, group)
		require.Contains(t, stderr, "see m1 "+group+" --help")
	}
}

// A writer that fails, such as a full disk or a closed pipe, is told by the exit
// code where the output was all that was asked for.
func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"config", "check"}} {
		var stderr bytes.Buffer
		code := cli.Main(context.Background(), cli.Env{Args: args, Vars: []string{"HOME=" + t.TempDir()}, Stdout: broken{}, Stderr: &stderr})
		require.Equal(t, 2, code, "%v", args)
		require.Equal(t, "m1: broken pipe\n", stderr.String(), "%v", args)
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
