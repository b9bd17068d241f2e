package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors lists every package, bottom floor first. A package imports lower floors
// only; packages on one floor do not know each other. docs/architecture.md says
// why; a new package gets its floor here.
var floors = [][]string{
	0: {"engine/call", "engine/meter", "engine/source", "engine/statefile", "engine/args", "cache/local", "themes"},
	1: {"cache/remote", "cache/seal", "engine/event", "engine/schema", "engine/limit", "engine/pricing", "engine/bearer", "engine/token", "engine/gateway", "engine/gateway/guard", "engine/gateway/trace", "collector/snapshot"},
	2: {"cache", "engine/tool", "engine/condition", "engine/approval", "engine/cluster", "engine/ledger", "engine/gateway/api", "views", "app/config"},
	3: {"engine/policy", "engine/permission", "engine/gateway/operate", "engine/gateway/replay", "engine/gateway/demo", "engine/ledger/memory", "engine/ledger/sqlite", "engine/ledger/ledgertest", "collector/dashboard", "app"},
	4: {"engine"},
	5: {"collector"},
	6: {"app/daemon"},
	7: {"app/cli"},
	8: {".", "app/console", "cache/redistest"}, // for tests: up here nothing that ships can import it
}

// only says which packages may import an outside module, and why.
var only = map[string]struct {
	by  []string
	why string
}{
	"charm.land/bubbletea":               {[]string{"app"}, "app owns the state of the screen"},
	"charm.land/bubbles":                 {[]string{"app"}, "bubbles hold state; views are pure"},
	"charm.land/lipgloss":                {[]string{"themes", "views", "app"}, "colour and measure belong to the screen"},
	"github.com/guptarohit/asciigraph":   {[]string{"views"}, "charts are drawn in views"},
	"github.com/maypok86/otter":          {[]string{"cache/local"}, "the memory tier is replaceable"},
	"github.com/redis/go-redis":          {[]string{"cache/remote", "engine/cluster", "cache/redistest"}, "Redis is replaceable"},
	"github.com/klauspost/compress":      {[]string{"cache/seal"}, "one place knows the form of an entry"},
	"github.com/Shopify/toxiproxy":       {[]string{"cache/redistest"}, "tests only"},
	"github.com/anishathalye/porcupine":  {nil, "tests only"},
	"modernc.org/sqlite":                 {[]string{"engine/ledger/sqlite"}, "the store is replaceable"},
	"database/sql":                       {[]string{"engine/ledger/sqlite"}, "the store is replaceable"},
	"github.com/prometheus":              {[]string{"collector/dashboard"}, "one place speaks Prometheus"},
	"github.com/spf13/cobra":             {[]string{"app/cli"}, "commands live in cli"},
	"gopkg.in/yaml.v3":                   {[]string{"engine/source"}, "one parser decides what a document says"},
	"cel.dev/cel-go":                     {[]string{"engine/condition"}, "one place knows the language of conditions"},
	"mvdan.cc/sh":                        {[]string{"engine/condition"}, "one place reads shell lines"},
	"github.com/golang-jwt/jwt":          {[]string{"engine/token"}, "one strict verifier"},
	"net/http/pprof":                     {nil, "nobody serves it yet"},
	"github.com/stretchr/testify":        {[]string{"engine/ledger/ledgertest", "app/console", "cache/redistest"}, "tests only"},
	"testing":                            {[]string{"engine/ledger/ledgertest", "app/console", "cache/redistest"}, "tests only"},
	"github.com/charmbracelet/x/vt":      {[]string{"app/console"}, "tests only"},
	"github.com/charmbracelet/x/exp":     {nil, "tests only"},
	"github.com/rogpeppe/go-internal":    {nil, "tests only"},
	"github.com/creack/pty":              {[]string{"app/console"}, "tests only"},
	"github.com/charmbracelet/lipgloss":  {nil, "today's major version lives at charm.land"},
	"github.com/charmbracelet/bubbletea": {nil, "today's major version lives at charm.land"},
}

// pure packages compute; they import none of impure.
var (
	pure   = []string{"views", "engine/policy", "collector/snapshot", "engine/call", "engine/event"}
	impure = []string{"os", "net", "net/http", "context", "sync", "log/slog"}
)

// grabBags are names that own nothing.
var grabBags = []string{"util", "utils", "common", "helpers", "misc", "shared", "types", "base", "lib", "core"}

type listed struct {
	ImportPath, Doc string
	Imports, Deps   []string
	Module          struct{ Path string }
}

// violations checks the packages of the module in dir.
func violations(dir string) ([]string, error) {
	cmd := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps,Doc,Module", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, &stderr)
	}
	floor := map[string]int{}
	for n, ps := range floors {
		for _, p := range ps {
			floor[p] = n
		}
	}
	var bad []string
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		me := inside(p.Module.Path, p.ImportPath)
		seen[me] = true
		bad = append(bad, check(p, me, floor)...)
	}
	for p := range floor {
		if !seen[p] {
			bad = append(bad, p+" has a floor but does not exist")
		}
	}
	slices.Sort(bad)
	return bad, nil
}

func inside(module, importPath string) string {
	me := strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
	if me == "" {
		return "."
	}
	return me
}

func check(p listed, me string, floor map[string]int) (bad []string) {
	say := func(format string, a ...any) { bad = append(bad, me+" "+fmt.Sprintf(format, a...)) }
	mine, ok := floor[me]
	if !ok {
		say("has no floor in arch_test.go")
	}
	if p.Doc == "" {
		say("has no package comment")
	}
	if slices.Contains(grabBags, path.Base(me)) {
		say("must be named for what it owns")
	}
	for _, imp := range p.Imports {
		if imp == p.Module.Path || strings.HasPrefix(imp, p.Module.Path+"/") {
			if theirs := inside(p.Module.Path, imp); ok && floor[theirs] >= mine {
				say("(floor %d) imports %s (floor %d)", mine, theirs, floor[theirs])
			}
		}
		if slices.Contains(pure, me) && slices.Contains(impure, imp) {
			say("must stay pure but imports %s", imp)
		}
		for prefix, rule := range only {
			if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && !slices.Contains(rule.by, me) {
				say("imports %s: %s", imp, rule.why)
			}
		}
	}
	if me == "engine" {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "charm.land/") || strings.HasPrefix(dep, "github.com/charmbracelet/") {
				say("must work without a screen but depends on %s", dep)
			}
		}
	}
	return bad
}

// Run it with -count=1: a cached ok hides a new package.
func TestPackagesKeepTheirFloors(t *testing.T) {
	bad, err := violations(".")
	require.NoError(t, err)
	require.Empty(t, bad)
}

// The check is worth something only if it fails: each kind of violation is
// planted in a copy of the tree's shape and must be found.
func TestEveryKindOfViolationIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, source, want string }{
		{"a package without a floor", "engine/extra/extra.go", "// Package extra owns nothing.\npackage extra\n", "engine/extra has no floor in arch_test.go"},
		{"no package comment", "engine/call/call.go", "package call\n", "engine/call has no package comment"},
		{"a grab-bag", "engine/util/util.go", "// Package util holds things.\npackage util\n", "engine/util must be named for what it owns"},
		{"an import upwards", "engine/call/call.go", "// Package call.\npackage call\nimport _ \"m1/engine/tool\"\n", "engine/call (floor 0) imports engine/tool (floor 2)"},
		{"an import sideways", "engine/call/call.go", "// Package call.\npackage call\nimport _ \"m1/engine/meter\"\n", "engine/call (floor 0) imports engine/meter (floor 0)"},
		{"an impure pure package", "engine/call/call.go", "// Package call.\npackage call\nimport _ \"os\"\n", "engine/call must stay pure but imports os"},
		{"an outside module in the wrong place", "engine/call/call.go", "// Package call.\npackage call\nimport _ \"testing\"\n", "engine/call imports testing: tests only"},
		{"a floor without a package", "", "", "views has a floor but does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(name, source string) {
				full := filepath.Join(dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
				require.NoError(t, os.WriteFile(full, []byte(source), 0o644))
			}
			write("go.mod", "module m1\n\ngo 1.26\n")
			for _, ps := range floors {
				for _, p := range ps {
					if p == "views" && tt.file == "" {
						continue
					}
					name := path.Base(p)
					if p == "." {
						name = "main"
					}
					write(filepath.Join(p, "x.go"), "// Package "+name+" stands in.\npackage "+name+"\n")
				}
			}
			if tt.file != "" {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, filepath.Dir(tt.file), "x.go")))
				write(tt.file, tt.source)
			}
			bad, err := violations(dir)
			require.NoError(t, err)
			require.Contains(t, bad, tt.want)
		})
	}
}
