package seal_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

// FuzzOpen feeds entries that an attacker with the whole store, but not the
// secret, may make: nothing may open but what Seal made, where it made it. The
// same bytes as an authentic payload, as one who has the secret or where there is
// none can make them, may open to anything within the bound.
func FuzzOpen(f *testing.F) {
	s := secret(f, 1)
	box, free := boxOf(f, s, "acme"), boxOf(f, seal.Secret{}, "acme")
	var made [][]byte
	for _, golden := range []string{goldenPlain, goldenCompressed, goldenEncrypted, goldenBoth} {
		made = append(made, fromHex(f, golden))
	}
	for _, entry := range made {
		f.Add(name, entry, plenty, false)
		f.Add(name, entry, 0, true)
		f.Add([]byte("other"), entry, plenty, false)
		f.Add(name, entry[:len(entry)-1], plenty, false)
		f.Add(name, entry[:len(entry)-20], plenty, false)
		f.Add(name, entry[33:len(entry)-16], plenty, false) // the payload alone
	}
	f.Add(name, s2.Encode(nil, make([]byte, 1000)), 100, false)
	f.Fuzz(func(t *testing.T, at, entry []byte, limit int, encrypt bool) {
		o := seal.Options{Encrypt: encrypt}
		before := slices.Clone(entry)
		h, value, err := box.Open(at, entry, limit, o)
		require.Equal(t, before, entry)
		original := slices.ContainsFunc(made, func(e []byte) bool { return bytes.Equal(e, entry) }) && bytes.Equal(at, name)
		if err == nil {
			require.True(t, original, "opened what Seal did not make")
			require.Equal(t, goldenHeader, h)
			require.Equal(t, goldenValue, value)
			require.LessOrEqual(t, len(value), limit)
		} else {
			require.Nil(t, value)
			require.Zero(t, h)
			require.False(t, original && limit >= len(goldenValue) && !encrypt, "refused what Seal made: %v", err)
			require.NotEqual(t, "other", seal.Reason(err))
		}
		versions, ok := seal.Versions(entry)
		require.Equal(t, ok, seal.Matches(entry, versions))

		_, _, _ = free.Open(at, entry, limit, seal.Options{})
		bound := limit & 0xffff
		for _, compressed := range []bool{false, true} {
			_, value, err := free.Open(at, free.Forge(at, entry, compressed, encrypt), bound, seal.Options{})
			if err == nil {
				require.LessOrEqual(t, len(value), bound)
			}
		}
	})
}

// FuzzRoundTrip seals anything in every way: it must come back as it was, and one
// changed bit, or another name or tenant, must not.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("name"), "acme", int64(0), false, []byte{}, []byte("value"), 0, uint32(0))
	f.Add([]byte{}, "", int64(-1), true, []byte("12345678abcdefgh"), text(500), 1, uint32(99))
	s := secret(f, 1)
	f.Fuzz(func(t *testing.T, at []byte, tenant string, ms int64, negative bool, versions, value []byte, from int, bit uint32) {
		ms %= 1 << 50
		h := seal.Header{Created: time.UnixMilli(ms).UTC(), Negative: negative}
		for i := 0; i+8 <= len(versions) && len(h.Versions) < seal.MaxVersions; i++ {
			h.Versions = append(h.Versions, uint64(versions[i])<<56|uint64(versions[i+7]))
		}
		box := boxOf(t, s, tenant)
		for _, encrypt := range []bool{false, true} {
			o := seal.Options{Encrypt: encrypt, CompressFrom: from}
			entry, err := box.Seal(at, h, value, o)
			require.NoError(t, err)
			require.True(t, seal.Matches(entry, h.Versions))
			got, back, err := box.Open(at, entry, len(value), o)
			require.NoError(t, err)
			require.Equal(t, h, got)
			require.True(t, bytes.Equal(value, back))
			if len(value) > 0 {
				_, _, err = box.Open(at, entry, len(value)-1, o)
				require.ErrorIs(t, err, seal.ErrTooLarge)
			}
			_, _, err = box.Open(append(slices.Clone(at), 0), entry, len(value), o)
			require.ErrorIs(t, err, seal.ErrForged)
			_, _, err = boxOf(t, s, tenant+"\x00").Open(at, entry, len(value), o)
			require.ErrorIs(t, err, seal.ErrForged)
			flipped := int(bit) % (8 * len(entry))
			entry[flipped/8] ^= 1 << (flipped % 8)
			_, _, err = box.Open(at, entry, plenty, seal.Options{})
			require.Error(t, err)
		}
	})
}
