package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"m1/engine/source"
)

// notSettings are variables that begin like settings and are none. M1_SHARED
// belongs to the tests.
var notSettings = []string{Token, "M1_CONFIG", "M1_SHARED"}

func (l *Loader) fromEnvironment(ps *source.Problems) {
	for name, value := range l.env {
		if strings.HasPrefix(name, "M1_") && value != "" && !slices.Contains(notSettings, name) {
			l.fromVariable(name, value, ps)
		}
	}
}

func (l *Loader) fromVariable(name, value string, ps *source.Problems) {
	place := source.Problem{File: "environment", Field: name}
	flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "M1_")), "_", "-")
	switch {
	case l.fs.Lookup(flag) == nil || name != envName(flag):
		place.Msg, place.Hint = "unknown setting", l.nearest(flag, envName)
		*ps = append(*ps, place)
	case l.c.Origin(flag) < Environment:
		l.set(flag, value, given{origin: Environment, place: place}, ps)
	}
}

// fromFile reads the settings file. That there is none is a mistake only if one
// was named.
func (l *Loader) fromFile(ps *source.Problems) {
	path, named := l.file, true
	if path == "" {
		path = l.env["M1_CONFIG"]
	}
	if path == "" {
		path, named = defaultFile(l.env), false
	}
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !named {
		return
	}
	if err != nil {
		ps.Add(source.Problem{File: path, Msg: "the settings cannot be read: " + plain(err), Hint: "name another file with --config"})
		return
	}
	l.c.File = path
	l.fromDocument(path, src, ps)
}

func (l *Loader) fromDocument(path string, src []byte, ps *source.Problems) {
	if strings.TrimSpace(string(src)) == "" {
		return
	}
	var doc struct {
		Top source.Node
		_   source.Open
	}
	if err := source.Decode(path, src, &doc); err != nil {
		ps.Add(err) // keys that are given twice, or no mapping at all: nothing in it is trusted
		return
	}
	for key, value := range doc.Top.Members() {
		flag := strings.ReplaceAll(key.Path(), "_", "-")
		f := l.fs.Lookup(flag)
		if f == nil || key.Path() != fileName(flag) {
			*ps = append(*ps, key.Problem("unknown setting", l.nearest(flag, fileName)))
			continue
		}
		text, problem := textOf(f, value)
		if problem != "" {
			*ps = append(*ps, value.Problem(problem, ""))
			continue
		}
		if l.c.Origin(flag) < File {
			l.set(flag, text, given{origin: File, place: value.Problem("", "")}, ps)
		}
	}
}

// textOf is a value of the file as the flag would be given it.
func textOf(f *pflag.Flag, value source.Node) (text, problem string) {
	_, many := f.Value.(pflag.SliceValue)
	switch {
	case many && value.IsList():
		var items []string
		for _, item := range value.Items() {
			if item.IsList() || item.IsMapping() || item.Text() == "" {
				return "", "the list may hold names only"
			}
			items = append(items, item.Text())
		}
		return strings.Join(items, ","), ""
	case value.IsList(), value.IsMapping():
		return "", "found several values, want one"
	case isNull(value):
		return "", "found no value"
	default:
		return value.Text(), ""
	}
}

func isNull(value source.Node) bool {
	var v *json.RawMessage
	return value.Decode(&v) == nil && v == nil
}

// wants says what values look like whose own errors speak of Go.
var wants = map[string]string{"bool": "true or false", "duration": "a time such as 500ms or 2s"}

// set gives a setting the value that was found at the place.
func (l *Loader) set(flag, value string, g given, ps *source.Problems) {
	if err := l.fs.Set(flag, value); err != nil {
		g.wrong = true
		g.place.Msg = plain(err)
		if want := wants[l.fs.Lookup(flag).Value.Type()]; want != "" {
			g.place.Msg = fmt.Sprintf("%q is not %s", value, want)
		}
		*ps = append(*ps, g.place)
	}
	l.c.given[flag] = g
}

func envName(flag string) string { return "M1_" + strings.ToUpper(fileName(flag)) }

func fileName(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// nearest names the setting that was probably meant, spelled as its place wants it.
func (l *Loader) nearest(flag string, spell func(string) string) string {
	var names []string
	l.fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if n, ok := source.Nearest(flag, names); ok {
		return fmt.Sprintf("did you mean %q?", spell(n))
	}
	return "m1 --help lists all settings"
}

// plain is an error of the flag package or the system without its preamble.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	msg := err.Error()
	if i := strings.LastIndex(msg, " flag: "); i >= 0 {
		msg = msg[i+len(" flag: "):]
	}
	return msg
}

// defaultFile and stateDir follow the XDG base directory specification. Both are
// empty where neither it nor HOME says anything.
func defaultFile(env map[string]string) string {
	return below(env, "XDG_CONFIG_HOME", ".config", "m1", "config.yaml")
}

func stateDir(env map[string]string) string {
	return below(env, "XDG_STATE_HOME", ".local/state", "m1")
}

func below(env map[string]string, name, home string, path ...string) string {
	base := env[name]
	if !filepath.IsAbs(base) { // the specification: a relative one is to be ignored
		if env["HOME"] == "" {
			return ""
		}
		base = filepath.Join(env["HOME"], home)
	}
	return filepath.Join(append([]string{base}, path...)...)
}
