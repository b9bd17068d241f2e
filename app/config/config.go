// Package config reads flags, environment and file into one checked value. The
// three name the same settings: --cache-size, M1_CACHE_SIZE and cache_size.
package config

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"m1/collector/snapshot"
	"m1/engine/source"
	"m1/themes"
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

	Redis        string // a URL; may hold a password
	RedisSpace   string
	RedisTimeout time.Duration
	CacheKeyFile string
	CacheEncrypt bool

	GrantSecretFile string

	Theme    string
	NoColor  bool // from NO_COLOR alone
	Refresh  time.Duration
	Window   time.Duration
	LogFile  string
	LogLevel string

	given map[string]given // those that are not default
	token string           // from the environment
}

// Origin is where a setting came from. A greater one wins over a smaller one.
type Origin uint8

// The origins. Default is the zero value.
const (
	Default Origin = iota
	File
	Environment
	CommandLine
)

// given is the origin of one setting and its place, for problems with it.
type given struct {
	origin Origin
	place  source.Problem
	wrong  bool // it could not be read; that is told already
}

// Origin says where the setting with this flag came from.
func (c *Config) Origin(flag string) Origin { return c.given[flag].origin }

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
	fs.StringVar(&c.TokenFile, "token-file", "", "file with the bearer token for --attach and snapshot; or set "+Token)
	c.CacheSize = 64 << 20
	fs.Var(&c.CacheSize, "cache-size", "memory for cached results, such as 64MiB")
	fs.StringVar(&c.Redis, "redis", "", "URL of a Redis 7 that nodes share their cache through, such as redis://127.0.0.1:6379; with a password better as M1_REDIS")
	fs.StringVar(&c.RedisSpace, "redis-space", "m1", "name of the group of nodes that share one cache in that Redis")
	fs.DurationVar(&c.RedisTimeout, "redis-timeout", 25*time.Millisecond, "time for one exchange with Redis; after an eighth of it the tool is asked instead")
	fs.StringVar(&c.CacheKeyFile, "cache-key-file", "", "file with 64 hex digits that names and seals what is cached in Redis, the same on every node")
	fs.BoolVar(&c.CacheEncrypt, "cache-encrypt", false, "encrypt what is cached in Redis; needs --cache-key-file")
	fs.StringVar(&c.GrantSecretFile, "grant-secret-file", "", "sign approvals with the secret in this file (HS256, at least 32 bytes) instead of a key pair of this node")
	fs.StringVar(&c.Theme, "theme", themes.Default, "colours of the screen: "+strings.Join(themes.Names(), ", ")+"; t switches while it runs")
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
	env   map[string]string
	file  string         // --config
	fs    *pflag.FlagSet // the settings
	flags *pflag.FlagSet // the settings and --config
}

// NewLoader prepares reading; vars is the environment as os.Environ gives it.
func NewLoader(vars []string) *Loader {
	env := map[string]string{}
	for _, v := range vars {
		if name, value, ok := strings.Cut(v, "="); ok {
			env[name] = value
		}
	}
	c := &Config{given: map[string]given{}, token: env[Token]}
	l := &Loader{c: c, fs: c.flags(env), env: env}
	l.flags = pflag.NewFlagSet("m1", pflag.ContinueOnError)
	l.flags.SortFlags = false
	about := "settings file; or set M1_CONFIG"
	if file := defaultFile(env); file != "" {
		about += "; default " + file + " if it exists"
	}
	l.flags.StringVar(&l.file, "config", "", about)
	l.flags.AddFlagSet(l.fs)
	return l
}

// Flags are to be added to a command line before it is read.
func (l *Loader) Flags() *pflag.FlagSet { return l.flags }

// Load puts the settings together: a flag wins over the environment, which wins
// over the file, which wins over the default. All mistakes come back at once as
// source.Problems, beside what could be read. It is for one call.
func (l *Loader) Load() (*Config, error) {
	var ps source.Problems
	l.fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			l.c.given[f.Name] = given{origin: CommandLine, place: source.Problem{File: "command line", Field: "--" + f.Name}}
		}
	})
	l.fromEnvironment(&ps)
	l.fromFile(&ps)
	l.c.NoColor = l.env["NO_COLOR"] != ""
	l.c.check(&ps)
	return l.c, ps.Err()
}
