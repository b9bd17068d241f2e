package bearer_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/bearer"
)

func TestFirstStartMakesOneTokenAndLaterStartsKnowIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")

	s, first, err := bearer.Open(dir)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(first, "m1_"), "got %q", first)
	bits, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(first, "m1_"))
	require.NoError(t, err)
	require.Len(t, bits, 32)
	who, ok := s.Check(first)
	require.True(t, ok)
	require.Equal(t, bearer.Identity{Name: "first", Role: bearer.Admin}, who)

	again, second, err := bearer.Open(dir)
	require.NoError(t, err)
	require.Empty(t, second, "a later start must not make another token")
	who, ok = again.Check(first)
	require.True(t, ok)
	require.Equal(t, "first", who.Name)
}

func TestNoOtherTokenOpensTheDoor(t *testing.T) {
	t.Parallel()
	s, first, err := bearer.Open(t.TempDir())
	require.NoError(t, err)
	other, stranger, err := bearer.Open(t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, first, stranger)
	_, ok := other.Check(first)
	require.False(t, ok)

	for _, token := range []string{"", "m1_", first[:len(first)-1], first + "A", strings.ToUpper(first), strings.TrimPrefix(first, "m1_"), " " + first, stranger} {
		who, ok := s.Check(token)
		require.False(t, ok, "token %q", token)
		require.Zero(t, who)
	}
}

func TestTheFileHoldsNoTokenAndIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, first, err := bearer.Open(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, bearer.File)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(data), first)
	require.NotContains(t, string(data), strings.TrimPrefix(first, "m1_"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file is left behind")
}

func TestADamagedFileIsNamedAndKept(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0", 64)
	token := func(fields string) string { return `{"version":1,"tokens":[{` + fields + `}]}` }
	cases := map[string]struct{ content, want string }{
		"empty file":     {"", "EOF"},
		"cut off":        {`{"version":1,"tok`, "unexpected EOF"},
		"not JSON":       {"m1_secret", "invalid character"},
		"trailing text":  {token(`"name":"a","role":"admin","sha256":"`+digest+`"`) + "{}", "after the end"},
		"unknown field":  {`{"version":1,"tokenz":[]}`, `unknown field "tokenz"`},
		"future version": {`{"version":2,"tokens":[]}`, "version 2"},
		"no token":       {`{"version":1,"tokens":[]}`, "no token"},
		"unknown role":   {token(`"name":"a","role":"root","sha256":"` + digest + `"`), `role "root"`},
		"short digest":   {token(`"name":"a","role":"admin","sha256":"00"`), "64 hexadecimal"},
		"no name":        {token(`"role":"admin","sha256":"` + digest + `"`), "name"},
		"too large":      {strings.Repeat(" ", 1<<20+1), "larger than"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, bearer.File)
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			_, first, err := bearer.Open(dir)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "restore it from a backup", "the error must say what to do")
			require.Empty(t, first)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.content, string(data))
		})
	}
}

func TestAFileThatOthersMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, _, err := bearer.Open(dir)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Join(dir, bearer.File), 0o622))
	_, _, err = bearer.Open(dir)
	require.ErrorContains(t, err, "chmod 600")
}

func BenchmarkCheck(b *testing.B) {
	s, first, err := bearer.Open(b.TempDir())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Check(first); !ok {
			b.Fatal("refused")
		}
	}
}
