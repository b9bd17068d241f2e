package seal_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

// fieldsOf returns class and q in the order in which Key reads them.
func fieldsOf(class string, q seal.Question) []string {
	return []string{class, q.Tenant, q.Principal, q.Session, q.Server, q.Tool, q.Schema, q.Policy, string(q.Args)}
}

func keyOf(s seal.Secret, f []string) seal.Key {
	return s.Key(f[0], seal.Question{
		Tenant: f[1], Principal: f[2], Session: f[3], Server: f[4], Tool: f[5], Schema: f[6], Policy: f[7], Args: []byte(f[8]),
	})
}

// anyField returns a field that is often empty, often like another one, and
// sometimes looks like the length of what follows or needs two bytes for its own:
// 256 zeros would pass for none if a length were one byte.
func anyField(r *rand.Rand) string {
	switch r.IntN(10) {
	case 0:
		return ""
	case 1:
		return string(byte(r.IntN(4)))
	case 2:
		return strings.Repeat("a", 126+r.IntN(4))
	case 3:
		return strings.Repeat("\x00", 256)
	}
	b := make([]byte, 1+r.IntN(3))
	for i := range b {
		b[i] = "ab\x00\x01\x02\xff"[r.IntN(6)]
	}
	return string(b)
}

// Few different fields, so that questions are near each other, and many
// questions: keys are equal exactly when questions are.
func TestTwoQuestionsNeverShareAKey(t *testing.T) {
	t.Parallel()
	r := random(t)
	for _, s := range []seal.Secret{secret(t, 1), {}} {
		seen := map[seal.Key]string{}
		for range 15_000 {
			f := make([]string, 9)
			for i := range f {
				f[i] = anyField(r)
			}
			question := fmt.Sprintf("%q", f)
			key := keyOf(s, f)
			if other, ok := seen[key]; ok {
				require.Equal(t, other, question, "one key for two questions")
			}
			seen[key] = question
		}
	}
}

func TestBytesThatMoveToTheNeighbouringFieldMakeAnotherKey(t *testing.T) {
	t.Parallel()
	r := random(t)
	s := secret(t, 1)
	for range 150 {
		f := make([]string, 9)
		for i := range f {
			f[i] = anyField(r)
		}
		key := keyOf(s, f)
		require.Equal(t, key, keyOf(s, f))
		for i := range len(f) - 1 {
			joined := f[i] + f[i+1]
			for cut := range len(joined) + 1 {
				g := append([]string(nil), f...)
				g[i], g[i+1] = joined[:cut], joined[cut:]
				require.Equal(t, cut == len(f[i]), keyOf(s, g) == key, "%q and %q", f, g)
			}
			g := append([]string(nil), f...)
			g[i], g[i+1] = g[i+1], g[i]
			require.Equal(t, f[i] == f[i+1], keyOf(s, g) == key, "%q and %q", f, g)
		}
	}
}

func TestEveryFieldOfAQuestionMakesAnotherKey(t *testing.T) {
	t.Parallel()
	r := random(t)
	s := secret(t, 1)
	for i, field := range []string{"class", "tenant", "principal", "session", "server", "tool", "schema", "policy", "arguments"} {
		t.Run(field, func(t *testing.T) {
			f := fieldsOf("result", short)
			key := keyOf(s, f)
			was := f[i]
			for range 2000 {
				f[i] = anyField(r)
				require.NotEqual(t, key, keyOf(s, f), "%q", f[i])
			}
			for j := range was {
				f[i] = was[:j] + string(was[j]^1) + was[j+1:]
				require.NotEqual(t, key, keyOf(s, f), "%q", f[i])
			}
		})
	}
}

// 9007199254740993 has no float64: who compares numbers takes it for the other.
func TestNumbersBeyondAFloatStayApart(t *testing.T) {
	t.Parallel()
	odd, even := short, short
	odd.Args, even.Args = []byte(`{"id":9007199254740993}`), []byte(`{"id":9007199254740992}`)
	s := secret(t, 1)
	require.NotEqual(t, s.Key("result", odd), s.Key("result", even))
}

func TestNoArgumentsAreNoArguments(t *testing.T) {
	t.Parallel()
	none, empty := short, short
	none.Args, empty.Args = nil, []byte{}
	s := secret(t, 1)
	require.Equal(t, s.Key("result", none), s.Key("result", empty))
}

func TestAnotherSecretMakesOtherNames(t *testing.T) {
	t.Parallel()
	one, two := secret(t, 1), secret(t, 2)
	require.Equal(t, one.Key("c", short), secret(t, 1).Key("c", short), "every node finds what another one kept")
	require.NotEqual(t, one.Key("c", short), two.Key("c", short))
	require.NotEqual(t, one.Key("c", short), seal.Secret{}.Key("c", short))
	require.NotEqual(t, one.ID(1, "a"), two.ID(1, "a"))
	require.NotEqual(t, one.ID(1, "a"), seal.Secret{}.ID(1, "a"))
}

func TestIDsOfDifferentTagsNeverCollide(t *testing.T) {
	t.Parallel()
	r := random(t)
	for _, s := range []seal.Secret{secret(t, 1), {}} {
		seen := map[[16]byte]string{}
		for range 15_000 {
			kind := byte(r.IntN(4))
			parts := make([]string, r.IntN(5))
			for i := range parts {
				parts[i] = anyField(r)
			}
			tag := fmt.Sprintf("%d %q", kind, parts)
			id := s.ID(kind, parts...)
			if other, ok := seen[id]; ok {
				require.Equal(t, other, tag, "one id for two tags")
			}
			seen[id] = tag
		}
		kinds := map[[16]byte]bool{}
		for kind := range 256 {
			kinds[s.ID(byte(kind), "a", "b")] = true
		}
		require.Len(t, kinds, 256)
	}
}

// The same bytes given to Key and to ID: one must not tell of the other.
func TestAnIDIsNeverAPartOfAKey(t *testing.T) {
	t.Parallel()
	s := secret(t, 1)
	for kind := range 256 {
		for n := range 16 {
			id := s.ID(byte(kind), make([]string, n)...)
			for class := range 16 {
				key := s.Key(strings.Repeat("\x00", class), seal.Question{})
				require.NotEqual(t, id[:], key[:16])
			}
		}
	}
}

// Key is what its comment says, made here anew with other means.
func TestAKeyIsHMACOverItsFields(t *testing.T) {
	t.Parallel()
	under, err := hkdf.Key(sha256.New, secretBytes(1), []byte("m1 cache/seal 1"), "key\x00", 32)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, under)
	mac.Write([]byte{1})
	f := fieldsOf("result", short)
	for _, s := range f[:8] {
		mac.Write(binary.AppendUvarint(nil, uint64(len(s))))
		mac.Write([]byte(s))
	}
	mac.Write(short.Args)
	key := secret(t, 1).Key("result", short)
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), hex.EncodeToString(key[:]))
}

func TestNamesAreTheSameFromEveryGoroutine(t *testing.T) {
	t.Parallel()
	s := secret(t, 1)
	key, id := s.Key("c", short), s.ID(1, "a", "b")
	large := short
	large.Args = make([]byte, 1<<20)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if s.Key("c", short) != key || s.ID(1, "a", "b") != id {
					t.Error("a name changed")
				}
			}
			s.Key("c", large)
		})
	}
	wg.Wait()
}
