package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"m1/app/config"
)

// settings lists every setting with two values that are not its default and what
// Config then holds. The second is spelled as in the file.
var settings = []struct {
	flag, value string
	file        string
	field       string
	want, other any
}{
	{"listen", "127.0.0.1:1", "localhost:2", "Listen", "127.0.0.1:1", "localhost:2"},
	{"state", "/a", "/b", "State", "/a", "/b"},
	{"tools", "a.yaml", "b.yaml", "Tools", "a.yaml", "b.yaml"},
	{"policy", "observe", "b.yaml", "Policy", "observe", "b.yaml"},
	{"no-auth", "true", "false", "NoAuth", true, false},
	{"hosts", "a.example,b.example", "[c.example, d.example]", "Hosts", []string{"a.example", "b.example"}, []string{"c.example", "d.example"}},
	{"token-file", "a", "b", "TokenFile", "a", "b"},
	{"cache-size", "32MiB", "1048576", "CacheSize", config.Bytes(32 << 20), config.Bytes(1 << 20)},
	{"redis", "redis://a:1", "redis://b:1", "Redis", "redis://a:1", "redis://b:1"},
	{"redis-space", "a", "b", "RedisSpace", "a", "b"},
	{"redis-timeout", "50ms", "1s", "RedisTimeout", 50 * time.Millisecond, time.Second},
	{"cache-key-file", "a", "b", "CacheKeyFile", "a", "b"},
	{"cache-encrypt", "true", "true", "CacheEncrypt", true, true},
	{"grant-secret-file", "/a/secret", "/b/secret", "GrantSecretFile", "/a/secret", "/b/secret"},
	{"theme", "light", "mono", "Theme", "light", "mono"},
	{"refresh", "250ms", "2s", "Refresh", 250 * time.Millisecond, 2 * time.Second},
	{"window", "1h", "24h", "Window", time.Hour, 24 * time.Hour},
	{"log-file", "a.log", "b.log", "LogFile", "a.log", "b.log"},
	{"log-level", "debug", "warn", "LogLevel", "debug", "warn"},
}

func TestTheTableHoldsEverySetting(t *testing.T) {
	t.Parallel()
	var have, want []string
	for _, s := range settings {
		have = append(have, s.flag)
	}
	config.NewLoader(nil).Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" {
			want = append(want, f.Name)
			require.NotEmpty(t, f.Usage, f.Name)
		}
	})
	require.ElementsMatch(t, want, have)
}

// load reads flags, variables and the content of a settings file.
func load(t *testing.T, flags, vars []string, file string) (*config.Config, error) {
	t.Helper()
	home := t.TempDir()
	if file != "" {
		require.NoError(t, os.MkdirAll(filepath.Join(home, ".config", "m1"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(home, ".config", "m1", "config.yaml"), []byte(file), 0o600))
	}
	l := config.NewLoader(append(vars, "HOME="+home))
	require.NoError(t, l.Flags().Parse(flags))
	return l.Load()
}

func TestEverySettingCanBeGivenInThreeWaysAndTheNearerOneWins(t *testing.T) {
	t.Parallel()
	for _, s := range settings {
		t.Run(s.flag, func(t *testing.T) {
			t.Parallel()
			var (
				flag = []string{"--" + s.flag + "=" + s.value}
				env  = []string{"M1_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_")) + "=" + s.value}
				file = strings.ReplaceAll(s.flag, "-", "_") + ": " + s.file + "\n"
			)
			cases := []struct {
				name   string
				flags  []string
				vars   []string
				file   string
				want   any
				origin config.Origin
			}{
				{"flag", flag, nil, "", s.want, config.CommandLine},
				{"environment", nil, env, "", s.want, config.Environment},
				{"file", nil, nil, file, s.other, config.File},
				{"flag over file", flag, nil, file, s.want, config.CommandLine},
				{"environment over file", nil, env, file, s.want, config.Environment},
			}
			for _, c := range cases {
				got, err := load(t, c.flags, c.vars, c.file)
				require.NoError(t, err, c.name)
				require.Equal(t, c.want, reflect.ValueOf(got).Elem().FieldByName(s.field).Interface(), c.name)
				require.Equal(t, c.origin, got.Origin(s.flag), c.name)
			}
			got, err := load(t, flag, []string{strings.Split(env[0], "=")[0] + "=nonsense"}, "")
			require.NoError(t, err, "what a nearer source overrules need not be right")
			require.Equal(t, config.CommandLine, got.Origin(s.flag))
			got, err = load(t, nil, nil, "")
			require.NoError(t, err)
			require.Equal(t, config.Default, got.Origin(s.flag))
		})
	}
}

func TestTheDefaultsAreSafeAndComplete(t *testing.T) {
	t.Parallel()
	l := config.NewLoader([]string{"HOME=/home/dev", "PATH=/bin", "M1_LISTEN="})
	c, err := l.Load()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7600", c.Listen, "an empty variable is none")
	require.False(t, c.NoAuth)
	require.Equal(t, "/home/dev/.local/state/m1", c.State)
	require.Equal(t, config.Bytes(64<<20), c.CacheSize)
	require.Equal(t, 5*time.Minute, c.Window)
	require.False(t, c.NoColor)
	require.Empty(t, c.File)

	c, err = config.NewLoader([]string{"HOME=/home/dev", "XDG_STATE_HOME=/var/s", "NO_COLOR=1"}).Load()
	require.NoError(t, err)
	require.Equal(t, "/var/s/m1", c.State)
	require.True(t, c.NoColor)
	c, err = config.NewLoader([]string{"HOME=/home/dev", "XDG_STATE_HOME=relative"}).Load()
	require.NoError(t, err)
	require.Equal(t, "/home/dev/.local/state/m1", c.State, "a relative folder is to be ignored")
}

func TestMistakesAreNamedWithTheirPlaceAndARemedy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		flags, vars []string
		file        string
		want        string
	}{
		"no address":            {flags: []string{"--listen=7600"}, want: `command line: --listen: "7600" is not host:port; give an address such as 127.0.0.1:7600`},
		"a port too high":       {flags: []string{"--listen=127.0.0.1:70000"}, want: `is not host:port`},
		"a name as port":        {flags: []string{"--listen=127.0.0.1:http"}, want: `is not host:port`},
		"every address":         {flags: []string{"--listen=:7600"}, want: `":7600" is reachable from other machines, and this version serves no TLS; listen on 127.0.0.1`},
		"another machine's":     {vars: []string{"M1_LISTEN=10.0.0.7:7600"}, want: `environment: M1_LISTEN: "10.0.0.7:7600" is reachable`},
		"a name for all":        {flags: []string{"--listen=localhost.example.org:7600"}, want: "is reachable"},
		"open to the world":     {flags: []string{"--listen=0.0.0.0:1"}, file: "no_auth: true\n", want: `config.yaml:1:10: no_auth: without a token the API may only listen on a loopback address, not on "0.0.0.0:1"; leave out --no-auth`},
		"too often":             {flags: []string{"--refresh=10ms"}, want: "--refresh: 10ms is out of range; give a time from 100ms to 1m"},
		"too seldom":            {flags: []string{"--refresh=2m"}, want: "out of range"},
		"hardly any memory":     {flags: []string{"--cache-size=1KiB"}, want: "--cache-size: 1KiB is out of range; give an amount from 1MiB to 1024GiB"},
		"more than there is":    {flags: []string{"--cache-size=2048GiB"}, want: "out of range"},
		"no amount":             {vars: []string{"M1_CACHE_SIZE=lots"}, want: `environment: M1_CACHE_SIZE: "lots" is not an amount of memory such as 64MiB`},
		"no scheme":             {flags: []string{"--redis=localhost:6379"}, want: "command line: --redis: the scheme of the URL must be redis or rediss (TLS); see docs/cache.md"},
		"a password unquoted":   {vars: []string{"M1_REDIS=redis://:pa#ss@h:1"}, want: "environment: M1_REDIS: the URL cannot be read; write redis://user:password@host:6379 with special characters of the password as %XX"},
		"a strange parameter":   {file: "redis: redis://h:1?pool_size=7\n", want: "config.yaml:1:8: redis: the URL has an unknown parameter"},
		"a space with braces":   {flags: []string{"--redis=redis://h:1", "--redis-space={a}"}, want: "must not contain braces"},
		"no time for Redis":     {flags: []string{"--redis=redis://h:1", "--redis-timeout=1ms"}, want: "--redis-timeout: 1ms is out of range; give a time from 5ms to 10s"},
		"no key":                {flags: []string{"--redis=redis://h:1", "--cache-encrypt"}, want: "--cache-encrypt: there is no key to encrypt with; give --cache-key-file FILE"},
		"a key file not there":  {flags: []string{"--redis=redis://h:1", "--cache-key-file=/none"}, want: "--cache-key-file: open /none: no such file or directory; make a secret with"},
		"no window":             {file: "window: 2m\n", want: `config.yaml:1:9: window: window "2m" is none of 1m, 5m, 15m, 1h, 6h, 24h`},
		"no time":               {file: "refresh: 2\n", want: `config.yaml:1:10: refresh: "2" is not a time such as 500ms or 2s`},
		"no bool":               {vars: []string{"M1_NO_AUTH=yes"}, want: `environment: M1_NO_AUTH: "yes" is not true or false`},
		"a level near another":  {flags: []string{"--log-level=wran"}, want: `"wran" is no level; did you mean "warn"?`},
		"no level":              {flags: []string{"--log-level=zzz"}, want: `"zzz" is no level; give one of debug, info, warn, error`},
		"no theme":              {file: "theme: zzz\n", want: `config.yaml:1:8: theme: "zzz" is no theme; give one of dark, `},
		"a host with a port":    {flags: []string{"--hosts=m1.example:443"}, want: `--hosts: "m1.example:443" is no name of a host; give the name alone, without scheme and port`},
		"a host with a scheme":  {flags: []string{"--hosts=https://m1.example"}, want: "is no name of a host"},
		"an unknown key":        {file: "\nlissten: x\n", want: `config.yaml:2:1: lissten: unknown setting; did you mean "listen"?`},
		"a key like no other":   {file: "zebra: x\n", want: `config.yaml:1:1: zebra: unknown setting; m1 --help lists all settings`},
		"a flag's spelling":     {file: "cache-size: 2MiB\n", want: `cache-size: unknown setting; did you mean "cache_size"?`},
		"the file in the file":  {file: "config: other.yaml\n", want: "config: unknown setting"},
		"a token in the file":   {file: "token: m1_x\n", want: "config.yaml:1:1: token: unknown setting"},
		"several values":        {file: "listen: [a, b]\n", want: "config.yaml:1:9: listen: found several values, want one"},
		"a mapping":             {file: "hosts: {a: b}\n", want: "hosts: found several values, want one"},
		"no value":              {file: "tools:\n", want: "config.yaml:1:7: tools: found no value"},
		"null":                  {file: "tools: ~\n", want: "tools: found no value"},
		"a list in a list":      {file: "hosts: [[a]]\n", want: "hosts: the list may hold names only"},
		"a key twice":           {file: "theme: dark\ntheme: mono\n", want: "config.yaml:2:1: "},
		"no mapping":            {file: "- listen\n", want: "config.yaml:1:1: "},
		"no YAML":               {file: "listen: [\n", want: "config.yaml:"},
		"an unknown variable":   {vars: []string{"M1_LISTN=x"}, want: `environment: M1_LISTN: unknown setting; did you mean "M1_LISTEN"?`},
		"a variable in small":   {vars: []string{"M1_listen=x"}, want: `environment: M1_listen: unknown setting; did you mean "M1_LISTEN"?`},
		"a file that is absent": {flags: []string{"--config=/none.yaml"}, want: "/none.yaml: the settings cannot be read: no such file or directory; name another file with --config"},
		"a folder as file":      {vars: []string{"M1_CONFIG=/"}, want: "/: the settings cannot be read: is a directory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, c.flags, c.vars, c.file)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "strconv")
			require.NotContains(t, err.Error(), "invalid argument")
		})
	}
}

func TestAllMistakesOfAllSourcesComeBackAtOnce(t *testing.T) {
	t.Parallel()
	c, err := load(t, []string{"--refresh=1ms"}, []string{"M1_THEME=zzz", "M1_TYPO=1"}, "listen: x\nwindow: 3m\n")
	require.Error(t, err)
	require.Len(t, strings.Split(err.Error(), "\n"), 5, "%v", err)
	require.NotNil(t, c, "what could be read comes with the mistakes")
}

func TestWithoutAHomeNothingIsGuessed(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("m1", 0o700))
	require.NoError(t, os.WriteFile(filepath.Join("m1", "config.yaml"), []byte("theme: zzz\n"), 0o600))
	_, err := config.NewLoader(nil).Load()
	require.EqualError(t, err, "default: state: no folder is known; give --state DIR, or set HOME")
}
