package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/app/config"
	"m1/engine/source"
)

// Whatever stands in the file: it is read, or every problem names the file and a
// line; and what was read without a problem is within its bounds.
func FuzzFile(f *testing.F) {
	for _, s := range settings {
		f.Add([]byte(strings.ReplaceAll(s.flag, "-", "_") + ": " + s.file))
	}
	for _, seed := range []string{
		"listen: localhost:7700\ncache_size: 32MiB\nhosts: [m1.example.org]\n", "listen: [a]\n", "theme: &a [*a]\n", "hosts: [~, 1, {}]\n",
		"? [a]\n: b\n", "<<: {listen: x}\n", "a: &a [b]\nhosts: *a\n", "{", "\x00", "---\n---\n", `{"listen": "127.0.0.1:1", "no_auth": true}`, "no_auth: !!str true\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "m1.yaml")
	f.Fuzz(func(t *testing.T, src []byte) {
		require.NoError(t, os.WriteFile(path, src, 0o600))
		c, err := config.NewLoader([]string{"HOME=/home/dev", "M1_CONFIG=" + path}).Load()
		require.NotNil(t, c)
		if err != nil {
			ps, ok := errors.AsType[source.Problems](err)
			require.True(t, ok, "%T", err)
			for _, p := range ps {
				require.Equal(t, path, p.File, "%v", p)
				require.Positive(t, p.Line, "%v", p)
				require.NotEmpty(t, p.Msg, "%v", p)
			}
			return
		}
		require.GreaterOrEqual(t, c.CacheSize, config.Bytes(1<<20))
		require.NotEmpty(t, c.Listen)
		require.NotEmpty(t, c.State)
	})
}
