package bearer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/bearer"
)

// open makes a store in dir that gives time by clock, or by the real one.
func open(t testing.TB, dir string, clock ...func() time.Time) (*bearer.Store, bearer.First) {
	t.Helper()
	o := bearer.Options{OnError: func(err error) { t.Error(err) }}
	if len(clock) > 0 {
		o.Now = clock[0]
	}
	s, first, err := bearer.Open(dir, o)
	require.NoError(t, err)
	return s, first
}

func TestFirstStartMakesTwoTokensAndLaterStartsKnowThem(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")

	s, first := open(t, dir)
	for token, want := range map[string]bearer.Identity{
		first.Admin: {Name: "first", Role: bearer.Admin},
		first.Agent: {Name: "agent", Role: bearer.Agent},
	} {
		require.True(t, strings.HasPrefix(token, "m1_"), "got %q", token)
		bits, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "m1_"))
		require.NoError(t, err)
		require.Len(t, bits, 32)
		who, ok := s.Check(token)
		require.True(t, ok)
		require.Equal(t, want, who)
	}

	again, second := open(t, dir)
	require.Zero(t, second, "a later start must not make other tokens")
	who, ok := again.Check(first.Agent)
	require.True(t, ok)
	require.Equal(t, "agent", who.Name)
}

func TestNoOtherTokenOpensTheDoor(t *testing.T) {
	t.Parallel()
	s, made := open(t, t.TempDir())
	other, strange := open(t, t.TempDir())
	first, stranger := made.Admin, strange.Admin
	require.NotEqual(t, first, stranger)
	require.NotEqual(t, first, made.Agent)
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
	_, first := open(t, dir)
	third, err := bearer.Create(dir, bearer.Spec{Name: "ci", Role: bearer.Agent})
	require.NoError(t, err)
	path := filepath.Join(dir, bearer.File)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, token := range []string{first.Admin, first.Agent, third} {
		require.NotContains(t, string(data), strings.TrimPrefix(token, "m1_"))
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "no temporary file is left behind, only the tokens and their lock")
	for _, f := range left {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

func TestADamagedFileIsNamedAndKept(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0", 64)
	token := func(fields string) string { return `{"version":1,"tokens":[{` + fields + `}]}` }
	one := func(name, role, digest string) string {
		return `{"name":"` + name + `","role":"` + role + `","sha256":"` + digest + `"}`
	}
	cases := map[string]struct{ content, want string }{
		"empty file":     {"", "EOF"},
		"cut off":        {`{"version":1,"tok`, "unexpected EOF"},
		"not JSON":       {"m1_secret", "invalid character"},
		"trailing text":  {token(`"name":"a","role":"admin","sha256":"`+digest+`"`) + "{}", "after the end"},
		"unknown field":  {`{"version":1,"tokenz":[]}`, `unknown field "tokenz"`},
		"future version": {`{"version":3,"tokens":[]}`, "version 3"},
		"role of later":  {token(`"name":"a","role":"agent","sha256":"` + digest + `"`), `role "agent" in version 1`},
		"no token":       {`{"version":1,"tokens":[]}`, "no token"},
		"unknown role":   {token(`"name":"a","role":"root","sha256":"` + digest + `"`), `role "root"`},
		"short digest":   {token(`"name":"a","role":"admin","sha256":"00"`), "64 hexadecimal"},
		"no name":        {token(`"role":"admin","sha256":"` + digest + `"`), "name"},
		"one name twice": {`{"version":2,"tokens":[` + one("a", "agent", digest) + `,` + one("a", "agent", strings.Repeat("1", 64)) + `]}`, "used twice"},
		"one sum twice":  {`{"version":2,"tokens":[` + one("a", "agent", digest) + `,` + one("b", "admin", digest) + `]}`, "used twice"},
		"escape in name": {`{"version":2,"tokens":[` + one(`a\u001b[2J`, "agent", digest) + `]}`, "letters, digits"},
		"too large":      {strings.Repeat(" ", 1<<20+1), "larger than"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, bearer.File)
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			_, first, err := bearer.Open(dir, bearer.Options{})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "restore it from a backup", "the error must say what to do")
			require.Zero(t, first)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.content, string(data))
		})
	}
}

func TestAFileThatOthersMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	require.NoError(t, os.Chmod(filepath.Join(dir, bearer.File), 0o622))
	_, _, err := bearer.Open(dir, bearer.Options{})
	require.ErrorContains(t, err, "chmod 600")
	_, err = bearer.Create(dir, bearer.Spec{Name: "ci", Role: bearer.Agent})
	require.ErrorContains(t, err, "chmod 600")
}

// The release before this one wrote version 1.
func TestAFileOfVersionOneStillOpens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := bearer.Prefix + "kept"
	digest := sha256.Sum256([]byte(token))
	old := fmt.Sprintf(`{"version":1,"tokens":[{"name":"first","role":"admin","sha256":"%x","created":"2026-11-01T00:00:00Z"}]}`, digest)
	require.NoError(t, os.WriteFile(filepath.Join(dir, bearer.File), []byte(old), 0o600))
	s, first := open(t, dir)
	require.Zero(t, first)
	who, ok := s.Check(token)
	require.True(t, ok)
	require.Equal(t, bearer.Identity{Name: "first", Role: bearer.Admin}, who)

	_, err := bearer.Create(dir, bearer.Spec{Name: "ci", Role: bearer.Agent})
	require.NoError(t, err)
	s, _ = open(t, dir)
	_, ok = s.Check(token)
	require.True(t, ok, "the old token outlives the new format")
	data, err := os.ReadFile(filepath.Join(dir, bearer.File))
	require.NoError(t, err)
	require.Contains(t, string(data), `"version": 2`)
}

func TestWhereNoneAreToBeMadeNobodyIsKnownUntilSomebodyMakesOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := newClock()
	s, first, err := bearer.Open(dir, bearer.Options{MakeNone: true, Now: now.Now, OnError: func(err error) { t.Error(err) }})
	require.NoError(t, err)
	require.Zero(t, first)
	require.NoFileExists(t, filepath.Join(dir, bearer.File))
	_, ok := s.Check("")
	require.False(t, ok)
	token, err := bearer.Create(dir, bearer.Spec{Name: "lead", Role: bearer.Operator})
	require.NoError(t, err)
	now.add(time.Second)
	_, ok = s.Check(token)
	require.True(t, ok)
}

func BenchmarkCheck(b *testing.B) {
	s, first := open(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Check(first.Admin); !ok {
			b.Fatal("refused")
		}
	}
}
