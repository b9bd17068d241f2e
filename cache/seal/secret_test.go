package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

// secretBytes returns the 32 bytes that the tests call secret n.
func secretBytes(n byte) []byte {
	b := make([]byte, seal.MinSecret)
	for i := range b {
		b[i] = n + byte(i)
	}
	return b
}

func secret(t testing.TB, n byte) seal.Secret {
	t.Helper()
	s, err := seal.NewSecret(secretBytes(n))
	require.NoError(t, err)
	return s
}

func boxOf(t testing.TB, s seal.Secret, tenant string) *seal.Box {
	t.Helper()
	b, err := s.Box(tenant)
	require.NoError(t, err)
	return b
}

// random returns a source whose seed a failing test shows.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestASecretNeeds32Bytes(t *testing.T) {
	t.Parallel()
	for n := range seal.MinSecret {
		s, err := seal.NewSecret(make([]byte, n))
		require.EqualError(t, err, fmt.Sprintf("seal: a secret needs at least 32 bytes, got %d", n))
		require.True(t, s.IsZero())
	}
	b := bytes.Repeat([]byte{7}, 100)
	s, err := seal.NewSecret(b)
	require.NoError(t, err)
	require.False(t, s.IsZero())
	before := s.Key("c", short)
	b[99] = 8
	require.Equal(t, before, s.Key("c", short), "the caller's bytes are not used after NewSecret")
	other, err := seal.NewSecret(b)
	require.NoError(t, err)
	require.NotEqual(t, before, other.Key("c", short), "every byte counts, beyond 32 too")
}

func TestTheFingerprintTellsSecretsApartAndNothingMore(t *testing.T) {
	t.Parallel()
	one, again, two := secret(t, 1), secret(t, 1), secret(t, 2)
	require.Regexp(t, "^[0-9a-f]{16}$", one.Fingerprint())
	require.Equal(t, one.Fingerprint(), again.Fingerprint())
	require.NotEqual(t, one.Fingerprint(), two.Fingerprint())
	require.NotContains(t, hex.EncodeToString(secretBytes(1)), one.Fingerprint())
	require.Equal(t, "0000000000000000", seal.Secret{}.Fingerprint())
	require.True(t, seal.Secret{}.IsZero())
}

// What fmt prints of a field that is not exported is up to fmt, and %s goes
// deeper than %v. What it shows must be the same for two secrets, but for
// addresses and the fingerprint.
func TestASecretDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`\b((0x)?[0-9a-f]{9,12}|[0-9]{13,15})\b`)
	one, two := secret(t, 1), secret(t, 2)
	shown := func(verb string, v any, s seal.Secret) string {
		return address.ReplaceAllString(strings.ReplaceAll(fmt.Sprintf(verb, v), s.Fingerprint(), "F"), "*")
	}
	type hidden struct {
		s seal.Secret
		b *seal.Box
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		a, b := hidden{one, boxOf(t, one, "acme")}, hidden{two, boxOf(t, two, "acme")}
		require.Equal(t, shown(verb, a, one), shown(verb, b, two), verb)
		require.Equal(t, shown(verb, a.b, one), shown(verb, b.b, two), verb)
		if verb == "%x" { // the digits of the text
			continue
		}
		require.Equal(t, shown(verb, a.s, one), shown(verb, b.s, two), verb)
		require.Equal(t, shown(verb, struct{ S seal.Secret }{one}, one), shown(verb, struct{ S seal.Secret }{two}, two), verb)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "secret "+one.Fingerprint(), fmt.Sprintf(verb, one), verb)
	}
	out, err := json.Marshal(struct{ S seal.Secret }{one})
	require.NoError(t, err)
	require.JSONEq(t, `{"S":{}}`, string(out))
}

func TestASecretIsReadFromAFile(t *testing.T) {
	t.Parallel()
	want := secret(t, 1).Fingerprint()
	inHex, inBase64 := hex.EncodeToString(secretBytes(1)), base64.StdEncoding.EncodeToString(secretBytes(1))
	for name, content := range map[string]string{
		"hex": inHex, "hex with line end": inHex + "\n", "upper case": strings.ToUpper(inHex), "space around": " \t" + inHex + "\r\n\n",
		"base64": inBase64, "base64 with line end": inBase64 + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := seal.ReadSecret(file(t, content, 0o600))
			require.NoError(t, err)
			require.Equal(t, want, s.Fingerprint())
		})
	}
}

func TestABadSecretFileIsNamedWithTheRemedy(t *testing.T) {
	t.Parallel()
	inHex := hex.EncodeToString(secretBytes(1))
	const shape = "must hold 64 hexadecimal digits, or 32 bytes in base64; make one with: (umask 077; openssl rand -hex 32 > "
	for name, c := range map[string]struct{ content, want string }{
		"empty":            {"", shape},
		"short hex":        {inHex[:62], shape},
		"long hex":         {inHex + "00", shape},
		"no hex":           {inHex[:63] + "g", shape},
		"two lines":        {inHex + "\n" + inHex, shape},
		"16 bytes base64":  {base64.StdEncoding.EncodeToString(secretBytes(1)[:16]), shape},
		"33 bytes base64":  {base64.StdEncoding.EncodeToString(append(secretBytes(1), 1)), shape},
		"base64, bits set": {base64.StdEncoding.EncodeToString(secretBytes(1))[:42] + "B=", shape},
		"too long":         {inHex + strings.Repeat(" ", 5000) + inHex, shape},
		"a placeholder":    {strings.Repeat("0", 64), "holds one byte 32 times, which is no secret; make one with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, c.content, 0o600)
			s, err := seal.ReadSecret(path)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.want)
			require.True(t, s.IsZero())
			if len(c.content) > 4 {
				require.NotContains(t, err.Error(), c.content[:4], "the content is secret, even if it is wrong")
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "none")
	_, err := seal.ReadSecret(missing)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "openssl rand -hex 32 > "+missing)
	folder := t.TempDir()
	_, err = seal.ReadSecret(folder)
	require.ErrorContains(t, err, folder+" is a folder")
}

func TestASecretFileThatOthersMayOpenIsRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no such bits there")
	}
	content := hex.EncodeToString(secretBytes(1))
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601} {
		path := file(t, content, mode)
		_, err := seal.ReadSecret(path)
		require.EqualError(t, err, fmt.Sprintf("seal: %s is open to other users (mode %04o); run: chmod 600 %s", path, mode, path))
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o700} {
		_, err := seal.ReadSecret(file(t, content, mode))
		require.NoError(t, err)
	}
}

func file(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode)) // past the umask
	return path
}
