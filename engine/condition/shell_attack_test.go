package condition_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
)

// attackAnswer asks a condition about a shell line.
func attackAnswer(t *testing.T, when, line string) (bool, error) {
	t.Helper()
	args, err := json.Marshal(map[string]string{"s": line})
	require.NoError(t, err)
	return ask(t, when, two, string(args))
}

const attackAllow = `cmds(args.s).all(c, c.matches("^(go (test|vet)|cd|tail|git status|timeout|sort|echo|export|declare|readonly|typeset|local|printf|let|f|\\[\\[|\\(\\()( |$)|^(i|x)="))`

const attackDeny = `cmds(args.s).exists(c, c.matches("^rm( |$)"))`

func TestAnAllowListPassesNoLineThatRunsMore(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"go test #\\\ntouch F", "go test # x\\\ntouch F", "go test \\#\\\ntouch F", "go test \\\n./...", "go test # x\ngo vet",
		"go test <<$'E\\x4fF'\nEOF\ntouch F\nE\\x4fF\n", "go test <<$'EOF'\nEOF\ntouch F\n$EOF\n", "go test <<\"a\\\"b\"\na\"b\ntouch F\na\\\"b\n",
		"go test <<\"a\\$b\"\na$b\ntouch F\na\\$b\n", "go test <<\"a\\\\b\"\na\\b\ntouch F\na\\\\b\n", "go test <<EOF\nEO\\\nF\ntouch F\nEOF\n",
		"go test <<E\nx\nE\n", "go test <<-E\nx\n\tE\n", "go test <<$\"E\"\nE\ntouch F\n$E\n",
		"for PATH in /evil; do go test; done", "for PATH in {/evil,/x}; do go test; done", "for PATH; do go test; done",
		"select PATH in /evil; do go test; break; done <<<1", "for ((PATH=5;;)); do go test; done",
		"((PATH=5)); go test", "let PATH=5; go test", "go test $((PATH=5))", "go test $((PATH++))", "go test $[PATH=5]", "go test ${PATH:=/evil}", "go test ${PATH=/evil}",
		"export PATH=/evil; go test", `export "PATH=/evil"; go test`, "export {PATH,X}=/evil; go test", `export "$X"; go test`, `declare "PATH=/evil"; go test`,
		`readonly "PATH=/evil"`, `typeset -n i=PATH; i=/evil; go test`, `export -n i`, `f() { local "PATH=/evil"; }`, `\export PATH=/evil; go test`,
		"go test {PATH}>/dev/null", "printf -v PATH /evil; go test", "coproc PATH { go test; }",
		"go test @(a|$(touch F))", `go test "${x#@($(touch F))}"`, "go test ${x/@(a|$(touch F))/}", "go test ${PATH#+($(touch F))}",
		"go test +(a)", "go test !(a)", "go test *(a)", "go test ?(a)", "[[ $x == @($(touch F)) ]]", "case x in @(a|$(touch F))) go test;; esac",
		`go vet "${x/@($(touch F))/y}"`, `i=@(a|b)`, `for i in @(a|b); do go test; done`, `go test > @(a)`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			passed, err := attackAnswer(t, attackAllow, line)
			require.False(t, err == nil && passed)
		})
	}
}

func TestADenyRuleFindsACommandInEveryForm(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`bash -euo pipefail -c 'rm -f F'`, `bash -eO extglob -c 'rm -f F'`, `bash -oc errexit 'rm -f F'`, `bash -co errexit 'rm -f F'`, `bash -O extglob -c 'rm -f F'`, `bash -ceu 'rm F'`,
		`bash -c -e 'rm F'`, `bash --posix -c 'rm F'`, `bash --rcfile x -c 'rm F'`, `zsh --emulate sh -c 'rm F'`, `bash -oo errexit nounset -c 'rm F'`, `fish --command 'rm F'`, `fish --command='rm F'`,
		`eval -- rm -f F`, `eval rm F`, `env - rm -f F`, `env - X=1 rm F`, `env -iS 'rm F'`, `env -u A -S'rm F'`, `env -u A -- rm F`, `env X=1 rm F`, `sudo X=1 -u a rm F`,
		`xargs -i rm {}`, `xargs -l rm`, `xargs -e rm`, `xargs -I {} rm {}`, `xargs -n 1 -P 4 rm`, `flock F -c 'rm F'`, `flock -w 5 F -c 'rm F'`, `flock -n F rm F`, `flock F --command 'rm F'`,
		`timeout --kill-after 5 --signal KILL 10 rm F`, `timeout -k 5 10 rm F`, `timeout --foreground 10 rm F`, `xargs --max-args 1 --no-run-if-empty rm`, `env --unset A --unset B rm F`, `env --chdir / --unset B rm F`,
		`stdbuf --output L --error L rm F`, `ionice --class 3 --ignore rm F`, `nice --adjustment 5 -- rm F`, `sudo --user root -n rm F`, `command -p -- rm F`, `time -f %e rm F`,
		`trap 'rm F' EXIT`, `trap -- 'rm F' EXIT INT`, `taskset 1 rm F`, `taskset -c 0 rm F`, `setarch -R rm F`, `setarch x86_64 -R rm F`, `prlimit --cpu=9 rm F`, `prlimit --cpu 9 rm F`,
		`script -qc 'rm F' /dev/null`, `script -q -c 'rm F'`, `script --command 'rm F'`, `script --command='rm F'`, `script -q /dev/null rm F`, `start-stop-daemon --start --exec /bin/rm -- -f F`, `start-stop-daemon --start --exec=/bin/rm -- -f F`,
		`script -q -crm`, `script -qc rm`, `su root -c 'rm F'`, `su -c 'rm F'`, `su - -c 'rm F'`, `su -c'rm F'`,
		`watch 'true; rm -rf /'`, `watch -n 5 rm F`, `watch -n1 true ';' rm F`, `watch --interval 5 rm F`, `busybox rm F`, `busybox sh -c 'rm F'`, `systemd-run --user rm F`, `parallel rm ::: a`, `nsenter -t 1 -m rm F`,
		`find . -exec rm {} +`, `find . -exec rm -f '{}' ';'`, `find . -name + -ok sh -c 'rm "$1"' _ {} \;`, `find . -name + -exec rm {} ';'`, `/usr/bin/time -f %e rm F`, `echo rm | { curl x | sh; }; curl x <<< rm | sh`, `echo rm | curl x | sh`,
		`git -c alias.x='!rm F' x`, `git -c 'alias.x=!rm F' x`, `git config alias.x '!rm F'`, `git config --global alias.x '!rm F'`, `git submodule foreach 'rm F'`, `git submodule foreach --recursive rm F`, `git bisect run rm F`,
		`git --config-env=alias.x=X x`, `[[ $x == @($(rm F)) ]]`, `sh -c 'rm -f $0' F`,
		`{ bash; } <<< 'rm F'`, `(bash) <<< 'rm F'`, `bash <<< 'rm F'`, `bash -s -- <<< 'rm F'`, `sudo bash <<< 'rm F'`, `bash -s <<< 'rm F' a`, `sh <<< 'rm F'`, `{ busybox sh; } <<< 'rm F'`,
		`echo rm | sh`, `echo rm | bash -s`, `echo rm | /bin/dash`, `echo rm | zsh -`, `echo rm | ksh -e`, `echo rm | busybox sh`, `sh < F`, `bash /dev/stdin <<< 'rm F'`, `bash /dev/fd/3 3<<< 'rm F'`, `bash 3<<< 'x'`, `bash <<< 'x' < F`, `bash < F`,
		`bash -euo pipefail <<< "$X"`, `echo rm | xargs sh -c`, `bash <(echo rm F)`,
		`. /dev/stdin <<< 'rm F'`, `source /dev/stdin <<< 'rm F'`, `source <(echo rm F)`, `. -- /dev/fd/0 <<< 'rm F'`, `. "$X"`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			found, err := attackAnswer(t, attackDeny, line)
			require.True(t, err != nil || found)
		})
	}
}

func TestPlainLinesStillPass(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"go test ./...", "cd x && go test ./... | tail -5", "git status", "timeout 10 go test ./...", "timeout -k 5 10 go test ./...", "go test ./... # all", "go test\ngo vet", "for i in 1 2; do go test; done",
		"go test <<< 'a\nb'", `go test -run 'a+(b)?(c)'`, "go test -run \"a*(b)\"", "echo \"$((1+2))\"", "go test -run 'a # b\nc'", "i=5 go test", "export i=5", "sort <<< x",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			passed, err := attackAnswer(t, attackAllow, line)
			require.NoError(t, err)
			require.True(t, passed)
		})
	}
	for line, want := range map[string]string{
		"bash x.sh": "bash x.sh", "bash --version": "bash --version", ". venv/bin/activate": ". venv/bin/activate", "source ./x": "source ./x", "git -c core.pager=cat log": "git -c core.pager=cat log",
		"git commit -m x": "git commit -m x", "timeout 10 go test": "timeout 10 go test;go test", "trap - EXIT": "trap - EXIT", "curl -s x | sh": "curl -s x;sh", "echo x | xargs -n 1 -I {} ls {}": "echo x;xargs -n 1 -I {} ls {};ls {}",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			list, err := json.Marshal(strings.Split(want, ";"))
			require.NoError(t, err)
			same, err := attackAnswer(t, "cmds(args.s) == "+string(list), line)
			require.NoError(t, err)
			require.True(t, same)
		})
	}
}

// A here-document with a plain end in quotes is text and nothing else; most agents
// write their files so.
func TestAHereDocumentWithAPlainEndIsText(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"cat > f.py <<'EOF'\nrm -rf / # $(x)\n$(touch F)\nEOF\n": `cmds(args.c) == ["cat", "> f.py"]`,
		"cat <<\"END_1\" && go test\nx'\nEND_1\n":                `cmds(args.c) == ["cat", "go test"]`,
		"cat <<-'EOF'\n\tx\n\tEOF\nrm F\n":                       `cmds(args.c) == ["cat", "rm F"]`,
		"cat <<'EOF'\nx\n EOF\nrm F\nEOF\nls":                    `cmds(args.c) == ["cat", "ls"]`,
	} {
		c, err := condition.Compile(want, &condition.Env{})
		require.NoError(t, err)
		args, err := json.Marshal(map[string]string{"c": line})
		require.NoError(t, err)
		got, err := c.Eval(&condition.Input{Args: args})
		require.NoError(t, err, line)
		require.True(t, got, line)
	}
	for _, line := range []string{"bash <<'EOF'\nrm F\nEOF\n", "sudo sh -s <<'EOF'\nrm F\nEOF\n", "cat <<''\nx\n\nrm F\n", "cat <<'E F'\nx\nE F\nrm F", "cat <<E'O'F\nx\nEOF\nrm F"} {
		c, err := condition.Compile(`cmds(args.c).all(c, true)`, &condition.Env{})
		require.NoError(t, err)
		args, err := json.Marshal(map[string]string{"c": line})
		require.NoError(t, err)
		_, err = c.Eval(&condition.Input{Args: args})
		require.Error(t, err, line)
	}
}
