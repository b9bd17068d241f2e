package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/config"
)

func TestAmountsOfMemoryReadBackAsWritten(t *testing.T) {
	t.Parallel()
	cases := map[string]config.Bytes{
		"0": 0, "1": 1, "1023": 1023, "1KiB": 1 << 10, "1536": 1536, "64MiB": 64 << 20, "1GiB": 1 << 30, "3 GiB": 3 << 30,
	}
	for text, want := range cases {
		var b config.Bytes
		require.NoError(t, b.Set(text), text)
		require.Equal(t, want, b, text)
		var again config.Bytes
		require.NoError(t, again.Set(b.String()), b.String())
		require.Equal(t, b, again, text)
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "64MB", "9223372036854775808", "9007199254740993KiB", "0x10", "1_000"} {
		var b config.Bytes
		require.ErrorContains(t, b.Set(text), "is not an amount of memory such as 64MiB", text)
	}
}

func TestTheTokenComesFromTheNearestSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(file, []byte("\n m1_file \nsecond line\n"), 0o600))
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	cases := map[string]struct {
		flags, vars []string
		file        string
		want, err   string
	}{
		"nowhere":             {},
		"variable":            {vars: []string{"M1_TOKEN=m1_env\n"}, want: "m1_env"},
		"flag":                {flags: []string{"--token-file=" + file}, want: "m1_file"},
		"flag over variable":  {flags: []string{"--token-file=" + file}, vars: []string{"M1_TOKEN=m1_env"}, want: "m1_file"},
		"settings file":       {file: "token_file: " + file + "\n", want: "m1_file"},
		"variable over that":  {file: "token_file: " + file + "\n", vars: []string{"M1_TOKEN=m1_env"}, want: "m1_env"},
		"no file":             {flags: []string{"--token-file=/none"}, err: "the token file /none cannot be read: no such file or directory; name another with --token-file, or set M1_TOKEN"},
		"a file with nothing": {flags: []string{"--token-file=" + empty}, err: "is empty; write the token into it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings, err := load(t, c.flags, c.vars, c.file)
			require.NoError(t, err)
			token, err := settings.Bearer()
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, token)
		})
	}
}
