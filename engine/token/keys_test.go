package token_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/token"
)

func (n node) reopen(t testing.TB, name string) node {
	t.Helper()
	r, err := token.Open(token.Options{Dir: n.dir, Node: name, Now: n.clock.Now})
	require.NoError(t, err)
	return node{r, n.dir, n.clock}
}

func TestARestartKnowsTheGrantsBeforeIt(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	before := sign(t, n, grant())
	_, err := n.Rotate()
	require.NoError(t, err)
	after := sign(t, n, grant())

	again := n.reopen(t, "node-a")
	for _, signed := range []string{before, after} {
		_, err := again.Verify(signed)
		require.NoError(t, err)
	}
	require.Equal(t, n.Keys(), again.Keys())
	_, err = n.Verify(sign(t, again, grant()))
	require.NoError(t, err, "both sign with the newest key")
}

func TestGrantsOfAnotherNodeNeedItsKeys(t *testing.T) {
	t.Parallel()
	a, b := newNode(t, "node-a"), newNode(t, "node-b")
	signed := sign(t, a, grant())
	_, err := b.Verify(signed)
	requireRefused(t, err, token.UnknownKid)

	require.NoError(t, b.Trust("node-a", a.Keys()))
	g, err := b.Verify(signed)
	require.NoError(t, err)
	require.Equal(t, "node-a", g.Issuer)

	// Its own key does not let a node speak for another.
	require.NoError(t, a.Trust("node-b", b.Keys()))
	_, err = b.Sign(token.Grant{Issuer: "node-a"})
	requireRefused(t, err, token.WrongIssuer)
	forged := newForger(t, b).claim("iss", `"node-a"`)
	_, err = a.Verify(forged)
	requireRefused(t, err, token.WrongIssuer)

	require.NoError(t, b.Trust("node-a", nil), "forgotten")
	_, err = b.Verify(signed)
	requireRefused(t, err, token.UnknownKid)
}

func TestTheKeysOfAnotherNodeReplaceThoseBefore(t *testing.T) {
	t.Parallel()
	a, b := newNode(t, "node-a"), newNode(t, "node-b")
	before := sign(t, a, grant())
	require.NoError(t, b.Trust("node-a", a.Keys()))
	_, err := a.Rotate()
	require.NoError(t, err)
	after := sign(t, a, grant())
	_, err = b.Verify(after)
	requireRefused(t, err, token.UnknownKid)

	offered, err := json.Marshal(a.Keys())
	require.NoError(t, err)
	var keys []token.Key
	require.NoError(t, json.Unmarshal(offered, &keys), "keys travel as JSON")
	require.NoError(t, b.Trust("node-a", keys))
	for _, signed := range []string{before, after} {
		_, err = b.Verify(signed)
		require.NoError(t, err)
	}
	_, err = b.Rotate()
	require.NoError(t, err)
	_, err = b.Verify(after)
	require.NoError(t, err, "an own rotation forgets nobody else's keys")

	// The other node's retired key ends on time here too.
	b.clock.set(noon.Add(token.DefaultMaxTTL + token.DefaultLeeway))
	_, err = b.Verify(before)
	requireRefused(t, err, token.UnknownKid)
}

func TestKeysThatCannotBeTrustedChangeNothing(t *testing.T) {
	t.Parallel()
	a, b, c := newNode(t, "node-a"), newNode(t, "node-b"), newNode(t, "node-c")
	kid, _ := b.key(t)
	keyA, keyC := a.Keys()[0], c.Keys()[0]
	with := func(k token.Key, change func(*token.Key)) token.Key { change(&k); return k }
	tests := []struct {
		name, issuer string
		keys         []token.Key
	}{
		{"this node itself", "node-b", a.Keys()},
		{"this node itself, to forget its keys", "node-b", nil},
		{"nobody", "", a.Keys()},
		{"nobody, with a key of nobody", "", []token.Key{with(keyC, func(k *token.Key) { k.Issuer = "" })}},
		{"a key of a third node", "node-d", c.Keys()},
		{"a kid of this node", "node-c", []token.Key{with(keyC, func(k *token.Key) { k.ID = kid })}},
		{"a kid of another issuer", "node-c", []token.Key{with(keyC, func(k *token.Key) { k.ID = keyA.ID })}},
		{"the key of another issuer", "node-c", []token.Key{with(keyA, func(k *token.Key) { k.ID, k.Issuer = "new", "" })}},
		{"another key under a known kid", "node-a", []token.Key{with(keyC, func(k *token.Key) { k.ID, k.Issuer = keyA.ID, "" })}},
		{"a key that says it is of another", "node-c", a.Keys()},
		{"one kid twice", "node-c", []token.Key{keyC, keyC}},
		{"no kid", "node-c", []token.Key{with(keyC, func(k *token.Key) { k.ID = "" })}},
		{"half a key", "node-c", []token.Key{with(keyC, func(k *token.Key) { k.Public = k.Public[:31] })}},
		{"a good key and a bad one", "node-c", []token.Key{keyC, with(keyC, func(k *token.Key) { k.ID, k.Public = "x", nil })}},
	}
	require.NoError(t, b.Trust("node-a", a.Keys()))
	good, strange := sign(t, a, grant()), sign(t, c, grant())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Error(t, b.Trust(tt.issuer, tt.keys))
			_, err := b.Verify(good)
			require.NoError(t, err)
			_, err = b.Verify(strange)
			requireRefused(t, err, token.UnknownKid)
		})
	}
}

func TestKeysShowNoPrivatePart(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	_, private := n.key(t)
	keys := n.Keys()
	require.Len(t, keys, 1)
	require.Equal(t, private.Public(), keys[0].Public)
	keys[0].Public[0]++ // a copy: what the caller does to it changes nothing
	_, err := n.Verify(sign(t, n, grant()))
	require.NoError(t, err)
	shown, err := json.Marshal(n.Keys())
	require.NoError(t, err)
	require.NotContains(t, string(shown), base64.StdEncoding.EncodeToString(private.Seed()))
	require.NotContains(t, string(shown), "retires", "the key signs today")
}

// A key that was rotated out checks until the last grant it can have signed is over,
// and cannot sign any more: its private half is gone.
func TestARotatedKeyChecksUntilItsOverlapEnds(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	old, private := n.key(t)
	g := grant()
	g.ExpiresAt = noon.Add(token.DefaultMaxTTL)
	longest := sign(t, n, g)

	kid, err := n.Rotate()
	require.NoError(t, err)
	require.NotEqual(t, old, kid)
	data, err := os.ReadFile(filepath.Join(n.dir, token.File))
	require.NoError(t, err)
	require.Contains(t, string(data), old)
	require.NotContains(t, string(data), base64.StdEncoding.EncodeToString(private.Seed()))
	keys := n.Keys()
	require.Equal(t, []string{old, kid}, []string{keys[0].ID, keys[1].ID})
	require.Equal(t, noon.Add(token.DefaultMaxTTL+token.DefaultLeeway), keys[0].Retires)

	n.clock.set(keys[0].Retires.Add(-1))
	_, err = n.Verify(longest)
	require.NoError(t, err, "a grant lives as long as it may")
	n.clock.set(keys[0].Retires)
	_, err = n.Verify(longest)
	requireRefused(t, err, token.UnknownKid)
	require.Len(t, n.Keys(), 1)

	_, err = n.Rotate()
	require.NoError(t, err)
	data, err = os.ReadFile(filepath.Join(n.dir, token.File))
	require.NoError(t, err)
	require.NotContains(t, string(data), old, "the next rotation forgets it")
	require.Equal(t, n.Keys(), n.reopen(t, "node-a").Keys())
}

func TestRotationsUnderLoadFailNoVerification(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	first := sign(t, n, grant())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					if i > 0 {
						return
					}
				default:
				}
				signed, err := n.Sign(grant())
				if err == nil {
					_, err = n.Verify(signed)
				}
				if err == nil {
					_, err = n.Verify(first)
				}
				if err != nil {
					t.Errorf("round %d: %v", i, err)
					return
				}
			}
		})
	}
	for range 20 {
		_, err := n.Rotate()
		require.NoError(t, err)
	}
	close(done)
	wg.Wait()
	require.Len(t, n.Keys(), 21)
	_, err := n.reopen(t, "node-a").Verify(first)
	require.NoError(t, err)
}

func TestARotationThatCannotBeKeptChangesNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	want := n.Keys()
	require.NoError(t, os.RemoveAll(n.dir))
	_, err := n.Rotate()
	require.ErrorContains(t, err, "state directory")
	require.Equal(t, want, n.Keys())
	_, err = n.Verify(sign(t, n, grant()))
	require.NoError(t, err)
}

func TestTheKeyFileIsPrivateAndNothingElseIsLeft(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	r, err := token.Open(token.Options{Dir: dir, Node: "node-a"})
	require.NoError(t, err)
	_, err = r.Rotate()
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestADamagedKeyFileIsNamedAndNeverReplaced(t *testing.T) {
	t.Parallel()
	edit := func(change func(keys []map[string]any) []map[string]any) func([]byte) []byte {
		return func(data []byte) []byte {
			var f struct {
				Version int              `json:"version"`
				Keys    []map[string]any `json:"keys"`
			}
			if err := json.Unmarshal(data, &f); err != nil {
				panic(err)
			}
			f.Keys = change(f.Keys)
			out, _ := json.Marshal(f)
			return out
		}
	}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	tests := []struct {
		name   string
		damage func([]byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return []byte{} }, "not the JSON"},
		{"cut off", func(b []byte) []byte { return b[:len(b)/2] }, "not the JSON"},
		{"text behind it", func(b []byte) []byte { return append(b, '}') }, "not the JSON"},
		{"an unknown member", func(b []byte) []byte { return bytes.Replace(b, []byte(`"version"`), []byte(`"x": 1, "version"`), 1) }, "not the JSON"},
		{"a later version", func(b []byte) []byte { return bytes.Replace(b, []byte(`"version": 1`), []byte(`"version": 2`), 1) }, "version 2"},
		{"no keys", edit(func([]map[string]any) []map[string]any { return nil }), "no key"},
		{"another kid", edit(func(k []map[string]any) []map[string]any { k[0]["kid"] = "x"; return k }), "key 1 of 2"},
		{"another public key", edit(func(k []map[string]any) []map[string]any { k[1]["public_key"] = other; return k }), "key 2 of 2"},
		{"half a public key", edit(func(k []map[string]any) []map[string]any { k[1]["public_key"] = "AAAA"; return k }), "key 2 of 2"},
		{"another seed", edit(func(k []map[string]any) []map[string]any { k[1]["seed"] = other; return k }), "seed and public_key"},
		{"half a seed", edit(func(k []map[string]any) []map[string]any { k[1]["seed"] = "AAAA"; return k }), "seed of 32 bytes"},
		{"no seed", edit(func(k []map[string]any) []map[string]any { delete(k[1], "seed"); return k }), "seed of 32 bytes"},
		{"a seed where none belongs", edit(func(k []map[string]any) []map[string]any { k[0]["seed"] = other; return k }), "seed of 32 bytes"},
		{"one key twice", edit(func(k []map[string]any) []map[string]any { return []map[string]any{k[0], k[0], k[1]} }), "key 2 of 3"},
		{"in another order", edit(func(k []map[string]any) []map[string]any { return []map[string]any{k[1], k[0]} }), "key 1 of 2"},
		{"the last key gone", edit(func(k []map[string]any) []map[string]any { return k[:1] }), "must have retires"},
		{"endless", func([]byte) []byte { return bytes.Repeat([]byte(" "), 2<<20) }, "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "node-a")
			_, err := n.Rotate()
			require.NoError(t, err)
			_, private := n.key(t)
			path := filepath.Join(n.dir, token.File)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			damaged := tt.damage(data)
			require.NoError(t, os.WriteFile(path, damaged, 0o600))

			_, err = token.Open(token.Options{Dir: n.dir, Node: "node-a"})
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, tt.want)
			if tt.name != "endless" {
				require.ErrorContains(t, err, "restore it from a backup")
			}
			require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString(private.Seed()))
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, damaged, now)
		})
	}
}

func TestFilesThatOthersCanReadOrWriteAreRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o666} {
		n := newNode(t, "node-a")
		path := filepath.Join(n.dir, token.File)
		require.NoError(t, os.Chmod(path, mode))
		_, err := token.Open(token.Options{Dir: n.dir, Node: "node-a"})
		require.ErrorContains(t, err, "chmod 600 "+path, "mode %o", mode)

		secret := filepath.Join(n.dir, "secret")
		require.NoError(t, os.WriteFile(secret, bytes.Repeat([]byte("s"), 32), 0o600))
		require.NoError(t, os.Chmod(secret, mode))
		_, err = token.Open(token.Options{Node: "node-a", SecretFile: secret})
		require.ErrorContains(t, err, "chmod 600 "+secret, "mode %o", mode)
	}
	n := newNode(t, "node-a")
	require.NoError(t, os.Chmod(filepath.Join(n.dir, token.File), 0o400))
	n.reopen(t, "node-a")
}

func TestAFolderInPlaceOfAFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, token.File), 0o700))
	_, err := token.Open(token.Options{Dir: dir, Node: "node-a"})
	require.ErrorContains(t, err, "is not a file")
}

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options token.Options
		want    string
	}{
		{token.Options{Dir: "x"}, "Node"},
		{token.Options{Node: "a"}, "Dir"},
		{token.Options{Node: "a", Dir: "x", MaxTTL: -time.Second}, "MaxTTL"},
		{token.Options{Node: "a", Dir: "x", MaxTTL: 1500 * time.Millisecond}, "MaxTTL"},
		{token.Options{Node: "a", Dir: "x", Leeway: 31 * time.Second}, "Leeway"},
		{token.Options{Node: "a", Dir: "x", Leeway: -1}, "Leeway"},
		{token.Options{Node: "a", Dir: "x", Overlap: -1}, "Overlap"},
	}
	for _, tt := range tests {
		_, err := token.Open(tt.options)
		require.ErrorContains(t, err, "token: "+tt.want)
	}
}

func secretRing(t *testing.T, secret string) (*token.Ring, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(secret), 0o600))
	return token.Open(token.Options{Node: "node-a", SecretFile: path, Now: newClock().Now})
}

func TestASharedSecretSignsAndChecksHS256Only(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0123456789", 4)
	r, err := secretRing(t, secret+"\n")
	require.NoError(t, err)
	signed, err := r.Sign(grant())
	require.NoError(t, err)
	require.JSONEq(t, `{"alg":"HS256","kid":"hs256","typ":"JWT"}`, unb64(t, strings.Split(signed, ".")[0]))
	got, err := r.Verify(signed)
	require.NoError(t, err)
	require.Equal(t, "node-a", got.Issuer)

	for _, same := range []string{secret, secret + "\r\n"} {
		again, err := secretRing(t, same)
		require.NoError(t, err)
		_, err = again.Verify(signed)
		require.NoError(t, err, "one line break at the end is none of the secret")
	}
	other, err := secretRing(t, secret+"\n\n")
	require.NoError(t, err)
	_, err = other.Verify(signed)
	requireRefused(t, err, token.BadSignature)

	pair := newNode(t, "node-a")
	_, err = r.Verify(sign(t, pair, grant()))
	requireRefused(t, err, token.UnknownKid)
	_, err = pair.Verify(signed)
	requireRefused(t, err, token.UnknownKid)
	f := newForger(t, pair)
	_, err = r.Verify(f.signed(`{"alg":"EdDSA","kid":"hs256","typ":"JWT"}`, f.body))
	requireRefused(t, err, token.BadSignature)

	require.Empty(t, r.Keys())
	require.ErrorContains(t, r.Trust("node-b", pair.Keys()), "shared secret")
	_, err = r.Rotate()
	require.ErrorContains(t, err, "shared secret")
}

// There is no default and no fallback: without a good secret nothing starts.
func TestASecretThatIsTooWeakDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "\n", "short", "a rather long one of thirty-one", "a rather long one of thirty-one\n", "a rather long one of thirty-one\r\n"} {
		_, err := secretRing(t, secret)
		require.ErrorContains(t, err, "needs at least 32", "%q", secret)
		if strings.TrimSpace(secret) != "" {
			require.NotContains(t, err.Error(), strings.TrimSpace(secret))
		}
	}
	dir := t.TempDir()
	_, err := token.Open(token.Options{Dir: dir, Node: "node-a", SecretFile: filepath.Join(dir, "missing")})
	require.ErrorIs(t, err, os.ErrNotExist)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "no key pair is made instead")
}
