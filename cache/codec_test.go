package cache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/seal"
)

type order struct {
	ID    string
	Lines []string
	Notes map[string]string
}

func TestJSONGivesEveryCallerAValueOfItsOwn(t *testing.T) {
	t.Parallel()
	of, err := cache.Register(alone(t, cache.Options{}), cache.Class{Name: "orders"}, cache.JSON[*order]{})
	require.NoError(t, err)
	k := key(t, of, "5")
	loaded := &order{ID: "5", Lines: []string{"tea"}, Notes: map[string]string{"a": "b"}}
	want := order{ID: "5", Lines: []string{"tea"}, Notes: map[string]string{"a": "b"}}
	load := func(context.Context) (*order, error) { return loaded, nil }
	for range 3 {
		got, _, err := of.Get(t.Context(), k, nil, load)
		require.NoError(t, err)
		require.Equal(t, want, *got)
		got.Lines[0], got.Notes["a"] = "coffee", "c"
	}
	require.Equal(t, want, *loaded, "also the one that was loaded")
	loaded.Lines[0] = "milk"
	got, _, _, hit := of.Lookup(t.Context(), k, nil)
	require.True(t, hit)
	require.Equal(t, want, *got)
}

func TestAValueThatIsNoJSONIsAnError(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of, err := cache.Register(c, cache.Class{Name: "x"}, cache.JSON[any]{})
	require.NoError(t, err)
	k := key(t, of, "1")
	_, _, err = of.Get(t.Context(), k, nil, func(context.Context) (any, error) { return make(chan int), nil })
	var unsupported *json.UnsupportedTypeError
	require.ErrorAs(t, err, &unsupported)
	require.ErrorContains(t, err, "cache: class x: encode")
	_, _, ticket, _ := of.Lookup(t.Context(), k, nil)
	require.False(t, of.Keep(ticket, make(chan int)))
	_, err = cache.JSON[int]{}.Decode([]byte(`"text"`))
	require.Error(t, err)
}

// odd encodes what it cannot decode.
type odd struct{ cache.JSON[int] }

func (odd) Encode(int) ([]byte, error) { return []byte("{"), nil }

func TestAnAnswerThatCannotBeDecodedIsAnError(t *testing.T) {
	t.Parallel()
	of, err := cache.Register(alone(t, cache.Options{}), cache.Class{Name: "x"}, odd{})
	require.NoError(t, err)
	_, _, err = of.Get(t.Context(), key(t, of, "1"), nil, func(context.Context) (int, error) { return 1, nil })
	require.ErrorContains(t, err, "cache: class x: decode")
}

func testSecret(t testing.TB) seal.Secret {
	t.Helper()
	s, err := seal.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	return s
}

// stored waits for the one entry in Redis that have does not list, and returns
// its name and bytes.
func stored(t testing.TB, s *redistest.Server, have ...string) (string, string) {
	t.Helper()
	var name, raw string
	await(t, func() bool {
		for _, n := range named(t, s, "e:") {
			known := false
			for _, h := range have {
				known = known || h == n
			}
			if v, ok := s.Do(t, "GET", n).(string); ok && !known {
				name, raw = n, v
			}
		}
		return name != ""
	})
	return name, raw
}

// filled asks until Redis has an entry for it: on a busy machine Redis may be slow,
// and then nothing is kept.
func filled(t testing.TB, s *redistest.Server, of *cache.Of[[]byte], k cache.Key, tags []cache.Tag, v string, have ...string) (string, string) {
	t.Helper()
	await(t, func() bool {
		_, info, err := of.Get(t.Context(), k, tags, gives(v))
		require.NoError(t, err)
		return info.Tier == cache.Local
	})
	return stored(t, s, have...)
}

// Whoever can write to Redis may put anything there. It must cost a miss and
// never a wrong answer.
func TestABadEntryInRedisIsAMissAndCounted(t *testing.T) {
	t.Parallel()
	for _, secret := range []seal.Secret{{}, testSecret(t)} {
		name := "without a secret"
		if !secret.IsZero() {
			name = "with a secret"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			writer := beside(t, s, "writer", cache.Options{Secret: secret})
			// The reader's memory keeps nothing, so that it must ask Redis.
			reader := beside(t, s, "reader", cache.Options{Secret: secret, MaxBytes: 1})
			wt, rt := kind(t, writer, cache.Class{}), kind(t, reader, cache.Class{MaxValue: 100})
			wo := kind(t, writer, cache.Class{Name: "other"})
			tags := []cache.Tag{item(1)}
			entry, raw := filled(t, s, wt, key(t, wt, "1"), tags, "the answer")
			byClass, ofClass := filled(t, s, wo, key(t, wo, "1"), tags, "of another class", entry)
			k, err := wt.Key(cache.Question{Tenant: "rival", Principal: "ann", Tool: "1"})
			require.NoError(t, err)
			byTenant, ofTenant := filled(t, s, wt, k, tags, "of another tenant", entry, byClass)
			byKey, ofKey := filled(t, s, wt, key(t, wt, "2"), tags, "of another question", entry, byClass, byTenant)
			_, tooLarge := filled(t, s, wt, key(t, wt, "3"), tags, strings.Repeat("x", 101), entry, byClass, byTenant, byKey)
			flipped := func(at int) string {
				b := []byte(raw)
				b[(at+len(b))%len(b)] ^= 1
				return string(b)
			}
			for _, tt := range []struct{ name, value, reason string }{
				{"the value is forged", strings.Replace(raw, "the answer", "THE ANSWER", 1), "forged"},
				{"the tag is forged", flipped(-1), "forged"},
				{"the time is forged", flipped(9), "forged"},
				{"the flags are forged", flipped(3), "truncated"}, // as encrypted it would be longer
				{"cut off", raw[:len(raw)-1], "truncated"},
				{"cut in the header", raw[:10], "truncated"},
				{"longer", raw + "x", "forged"},
				{"of another class", ofClass, "forged"},
				{"of another tenant", ofTenant, "forged"},
				{"of another question", ofKey, "forged"},
				{"too large", tooLarge, "too_large"},
				{"nothing of ours", "hello", "foreign"},
				{"JSON", `{"a":1}`, "foreign"},
				{"empty", "", "truncated"},
			} {
				count := func() int64 { return classOf(reader, "answers").Broken[tt.reason] }
				before := count()
				await(t, func() bool {
					s.Do(t, "SET", entry, tt.value, "PX", 60_000)
					v, _, err := rt.Get(t.Context(), key(t, rt, "1"), tags, gives("right"))
					require.NoError(t, err)
					require.Equal(t, "right", string(v), tt.name)
					return count() > before
				}, "%s: not counted as %s: %v", tt.name, tt.reason, classOf(reader, "answers").Broken)
			}
			s.Do(t, "DEL", entry)
			s.Do(t, "LPUSH", entry, "a list")
			v, _, err := rt.Get(t.Context(), key(t, rt, "1"), tags, gives("right"))
			require.NoError(t, err)
			require.Equal(t, "right", string(v))

			// One from before a change is no forgery, and no answer either.
			change(t, writer, tags...)
			await(t, func() bool {
				s.Do(t, "SET", entry, raw, "PX", 60_000)
				v, _, err := rt.Get(t.Context(), key(t, rt, "1"), tags, gives("new"))
				require.NoError(t, err)
				require.Equal(t, "new", string(v))
				return classOf(reader, "answers").StalePrevented > 0
			})
		})
	}
}

func TestEncryptedAnswersCannotBeReadInRedis(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a := beside(t, s, "a", cache.Options{Secret: testSecret(t)})
	b := beside(t, s, "b", cache.Options{Secret: testSecret(t), MaxBytes: 1})
	hidden, open := kind(t, a, cache.Class{Encrypt: true}), kind(t, a, cache.Class{Name: "open"})
	const text = "the password is swordfish"
	name, raw := filled(t, s, hidden, key(t, hidden, "tool-name"), []cache.Tag{item("file-name")}, text)
	plainName, plain := filled(t, s, open, key(t, open, "tool-name"), []cache.Tag{item("file-name")}, text, name)
	require.NotContains(t, raw, "swordfish")
	require.Contains(t, plain, "swordfish", "the test would see it")
	for _, sort := range []string{"", "e:", "v:", "f:"} {
		for _, n := range named(t, s, sort) {
			for _, word := range []string{"swordfish", "acme", "ann", "tool-name", "file-name", "files", "answers"} {
				require.NotContains(t, strings.TrimPrefix(n, "m1:{m1}:"), word, "names tell nothing")
			}
		}
	}
	bt := kind(t, b, cache.Class{Encrypt: true})
	await(t, func() bool {
		v, info, err := bt.Get(t.Context(), key(t, bt, "tool-name"), []cache.Tag{item("file-name")}, gives(text))
		require.NoError(t, err)
		require.Equal(t, text, string(v))
		return info.Tier == cache.Redis
	})

	// A plain entry, though authentic, is not taken where it must be encrypted.
	c := beside(t, s, "c", cache.Options{Secret: testSecret(t), MaxBytes: 1})
	strict := kind(t, c, cache.Class{Name: "open", Encrypt: true})
	await(t, func() bool {
		s.Do(t, "SET", plainName, plain, "PX", 60_000)
		v, _, err := strict.Get(t.Context(), key(t, strict, "tool-name"), []cache.Tag{item("file-name")}, gives("right"))
		require.NoError(t, err)
		require.Equal(t, "right", string(v))
		return classOf(c, "open").Broken["unencrypted"] > 0
	})
}

func TestLargeAnswersAreCompressedInRedis(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := beside(t, s, "a", cache.Options{}), beside(t, s, "b", cache.Options{MaxBytes: 1})
	class := cache.Class{Compress: 4096}
	at, bt := kind(t, a, class), kind(t, b, class)
	large, small := strings.Repeat("a line of a file\n", 1000), strings.Repeat("x", 4095)
	name, raw := filled(t, s, at, key(t, at, "large"), nil, large)
	require.Less(t, len(raw), len(large)/4)
	_, raw = filled(t, s, at, key(t, at, "small"), nil, small, name)
	require.True(t, bytes.Contains([]byte(raw), []byte(small)), "below the bound it is stored as it is")
	await(t, func() bool {
		v, info, err := bt.Get(t.Context(), key(t, bt, "large"), nil, gives(large))
		require.NoError(t, err)
		require.Equal(t, large, string(v))
		return info.Tier == cache.Redis
	})
}
