// Package config reads flags, environment and file into one checked value. The
// three name the same settings: --cache-size, M1_CACHE_SIZE and cache_size.
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"m1/collector/snapshot"
	"m1/engine/source"
)

// Config is every setting of m1. Load returns a checked one.
type Config struct {
	File      string // the file that was read; empty if there was none
	Listen    string
	State     string
	Tools     string
	Policy    string
	NoAuth    bool
	Hosts     []string
	TokenFile string
	CacheSize Bytes
	Theme     string
	NoColor   bool
	Refresh   time.Duration
	Window    time.Duration
	LogFile   string
	LogLevel  string

	given map[string]source.Problem // where a setting came from, for those that are not default
}

// IsSet says whether a setting was given by flag, environment or file.
func (c *Config) IsSet(flag string) bool {
	_, ok := c.given[flag]
	return ok
}

// Token is the name of the environment variable with the bearer token for
// attaching. It is no flag: command lines are seen by everybody on the machine.
const Token = "M1_TOKEN"

// flags declares every setting once. Defaults are those of c.
func (c *Config) flags(env map[string]string) *pflag.FlagSet {
	fs := pflag.NewFlagSet("m1", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:7600", "address of the API: host:port")
	fs.StringVar(&c.State, "state", stateDir(env), "folder of the ledger and the tokens; made if missing")
	fs.StringVar(&c.Tools, "tools", "", "catalogue of tools: YAML, a registry in JSON, or the built-in \"claude-code\"")
	fs.StringVar(&c.Policy, "policy", "", "rules: a YAML file, or the built-in \"read-only\" or \"observe\"")
	fs.BoolVar(&c.NoAuth, "no-auth", false, "open the API to everybody on this machine; loopback addresses only")
	fs.StringSliceVar(&c.Hosts, "hosts", nil, "more names under which the API may be called, beside localhost and the address")
	fs.StringVar(&c.TokenFile, "token-file", "", "file with the bearer token for --attach; or set "+Token)
	c.CacheSize = 64 << 20
	fs.Var(&c.CacheSize, "cache-size", "memory for cached results, such as 64MiB")
	fs.StringVar(&c.Theme, "theme", "dark", "colours of the screen; t switches while it runs")
	fs.DurationVar(&c.Refresh, "refresh", time.Second, "time between two pictures on the screen")
	c.Window = snapshot.DefaultWindow
	fs.Var((*window)(&c.Window), "window", "time window of rates and charts: 1m, 5m, 15m, 1h, 6h, 24h")
	fs.StringVar(&c.LogFile, "log-file", "", "file for log lines; default m1.log in the state folder while the screen is up, else stderr")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	return fs
}

// Loader holds the flags until the command line has been read.
type Loader struct {
	c     *Config
	fs    *pflag.FlagSet
	env   map[string]string
	file  string
	flags *pflag.FlagSet
}

// NewLoader prepares reading; vars is the environment as os.Environ gives it.
func NewLoader(vars []string) *Loader {
	env := map[string]string{}
	for _, v := range vars {
		if name, value, ok := strings.Cut(v, "="); ok {
			env[name] = value
		}
	}
	c := &Config{given: map[string]source.Problem{}}
	l := &Loader{c: c, fs: c.flags(env), env: env}
	l.flags = pflag.NewFlagSet("m1", pflag.ContinueOnError)
	l.flags.SortFlags = false
	l.flags.StringVar(&l.file, "config", "", "settings file; default "+defaultFile(env)+" if it exists")
	l.flags.AddFlagSet(l.fs)
	return l
}

// Flags are to be added to a command line before it is read.
func (l *Loader) Flags() *pflag.FlagSet { return l.flags }

// Load puts the settings together: a flag wins over the environment, which wins
// over the file, which wins over the default. All mistakes come back at once as
// source.Problems.
func (l *Loader) Load() (*Config, error) {
	var ps source.Problems
	l.fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			l.c.given[f.Name] = source.Problem{File: "command line", Field: "--" + f.Name}
		}
	})
	for name, value := range l.env {
		l.fromEnv(name, value, &ps)
	}
	if err := l.fromFile(); err != nil {
		ps.Add(err)
	}
	l.c.NoColor = l.env["NO_COLOR"] != ""
	l.c.check(&ps)
	return l.c, ps.Err()
}

func (l *Loader) fromEnv(name, value string, ps *source.Problems) {
	if !strings.HasPrefix(name, "M1_") || value == "" || name == Token || name == "M1_CONFIG" || name == "M1_SHARED" {
		return
	}
	flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "M1_")), "_", "-")
	if l.fs.Lookup(flag) == nil {
		*ps = append(*ps, source.Problem{File: "environment", Field: name, Msg: "no such setting", Hint: l.nearest(flag, envName)})
		return
	}
	if l.c.IsSet(flag) {
		return
	}
	l.set(flag, value, source.Problem{File: "environment", Field: name}, ps)
}

func (l *Loader) fromFile() error {
	path, must := l.file, true
	if path == "" {
		path = l.env["M1_CONFIG"]
	}
	if path == "" {
		path, must = defaultFile(l.env), false
	}
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !must {
		return nil
	}
	if err != nil {
		return source.Problem{File: path, Msg: "cannot be read: " + plain(err), Hint: "name another file with --config"}
	}
	l.c.File = path
	if strings.TrimSpace(string(src)) == "" {
		return nil
	}
	var doc struct {
		Top source.Node
		_   source.Open
	}
	if err := source.Decode(path, src, &doc); err != nil {
		return err
	}
	var ps source.Problems
	for key, value := range doc.Top.Members() {
		flag := strings.ReplaceAll(key.Path(), "_", "-")
		if l.fs.Lookup(flag) == nil || strings.Contains(key.Path(), "-") {
			ps = append(ps, key.Problem("unknown setting", l.nearest(flag, fileName)))
			continue
		}
		if l.c.IsSet(flag) {
			continue
		}
		texts := []string{value.Text()}
		for i, item := range value.Items() {
			texts = append(texts[:i], item.Text())
		}
		l.set(flag, strings.Join(texts, ","), value.Problem("", ""), &ps)
	}
	return ps.Err()
}

// set gives a setting the value that was found at the place.
func (l *Loader) set(flag, value string, place source.Problem, ps *source.Problems) {
	l.c.given[flag] = place
	if err := l.fs.Set(flag, value); err != nil {
		place.Msg = plain(err)
		*ps = append(*ps, place)
	}
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

// check looks at what one value cannot tell by itself.
func (c *Config) check(ps *source.Problems) {
	bad := func(flag, msg, hint string) {
		p, ok := c.given[flag]
		if !ok {
			p = source.Problem{File: "default", Field: flag}
		}
		p.Msg, p.Hint = msg, hint
		*ps = append(*ps, p)
	}
	host, port, err := net.SplitHostPort(c.Listen)
	switch n, perr := strconv.Atoi(port); {
	case err != nil || perr != nil || n < 0 || n > 65535:
		bad("listen", fmt.Sprintf("%q is not host:port", c.Listen), "give an address such as 127.0.0.1:7600")
	case c.NoAuth && !loopback(host):
		bad("no-auth", fmt.Sprintf("without a token the API may only listen on a loopback address, not on %q", host), "leave out --no-auth, or listen on 127.0.0.1")
	case !loopback(host):
		bad("listen", fmt.Sprintf("%q is reachable from other machines, and this version serves no TLS", host), "listen on 127.0.0.1 and put a TLS proxy or an SSH tunnel in front")
	}
	if c.Refresh < 100*time.Millisecond || c.Refresh > time.Minute {
		bad("refresh", fmt.Sprintf("%s is out of range", c.Refresh), "give a time from 100ms to 1m")
	}
	if c.CacheSize < 1<<20 {
		bad("cache-size", fmt.Sprintf("%s is too small", &c.CacheSize), "give at least 1MiB")
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		bad("log-level", fmt.Sprintf("%q is none of debug, info, warn, error", c.LogLevel), "")
	}
	if c.State == "" {
		bad("state", "no folder is known", "give --state DIR, or set HOME")
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// defaultFile and stateDir follow the XDG base directory specification.
func defaultFile(env map[string]string) string {
	return filepath.Join(xdg(env, "XDG_CONFIG_HOME", ".config"), "m1", "config.yaml")
}

func stateDir(env map[string]string) string {
	base := xdg(env, "XDG_STATE_HOME", ".local/state")
	if base == "" {
		return ""
	}
	return filepath.Join(base, "m1")
}

func xdg(env map[string]string, name, under string) string {
	if dir := env[name]; filepath.IsAbs(dir) {
		return dir
	}
	if env["HOME"] == "" {
		return ""
	}
	return filepath.Join(env["HOME"], under)
}
