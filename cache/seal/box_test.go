package seal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

var name = []byte("result/1/key")

const plenty = 1 << 20

func sealed(t testing.TB, b *seal.Box, h seal.Header, value []byte, o seal.Options) []byte {
	t.Helper()
	entry, err := b.Seal(name, h, value, o)
	require.NoError(t, err)
	return entry
}

// refused says that box takes nothing from entry.
func refused(t testing.TB, box *seal.Box, name, entry []byte, msg ...any) error {
	t.Helper()
	h, value, err := box.Open(name, entry, plenty, seal.Options{})
	require.Error(t, err, msg...)
	require.Zero(t, h)
	require.Nil(t, value)
	require.NotEqual(t, "other", seal.Reason(err))
	return err
}

func TestWhatWasSealedComesBack(t *testing.T) {
	t.Parallel()
	r := random(t)
	values := [][]byte{{}, {0}, []byte("null"), text(255), text(4096), make([]byte, 70_000), make([]byte, 1000)}
	for i := range values[6] {
		values[6][i] = byte(r.Uint32()) // does not get smaller
	}
	versions := make([]uint64, seal.MaxVersions)
	for i := range versions {
		versions[i] = r.Uint64()
	}
	for _, how := range sealings {
		for _, from := range []int{how.o.CompressFrom, how.o.CompressFrom * 256} {
			o := how.o
			o.CompressFrom = from
			for _, s := range []seal.Secret{secret(t, 1), {}} {
				if s.IsZero() && o.Encrypt {
					continue
				}
				box := boxOf(t, s, "acme")
				for _, value := range values {
					for _, n := range []int{0, 1, 2, 255} {
						for _, negative := range []bool{false, true} {
							h := seal.Header{Created: now, Negative: negative, Versions: slices.Clone(versions[:n])}
							before := slices.Clone(value)
							entry := sealed(t, box, h, value, o)
							require.Equal(t, before, value, "Seal must not write to the value")
							whole := slices.Clone(entry)
							got, back, err := boxOf(t, s, "acme").Open(name, entry, len(value), o)
							require.NoError(t, err, how.name)
							require.Equal(t, whole, entry, "Open must not write to the entry")
							require.True(t, bytes.Equal(value, back))
							require.Equal(t, now, got.Created)
							require.Equal(t, negative, got.Negative)
							require.True(t, slices.Equal(h.Versions, got.Versions))
							claimed, ok := seal.Versions(entry)
							require.True(t, ok)
							require.True(t, slices.Equal(h.Versions, claimed))
							require.True(t, seal.Matches(entry, h.Versions))
						}
					}
				}
			}
		}
	}
}

func TestTimesAreKeptToTheMillisecond(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, created := range []time.Time{{}, time.Unix(0, 0), time.Unix(0, -1), now.Add(999_999), now.In(time.FixedZone("", 3600)), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)} {
		h, _, err := box.Open(name, sealed(t, box, seal.Header{Created: created}, nil, seal.Options{}), 0, seal.Options{})
		require.NoError(t, err)
		require.Equal(t, created.UTC().Truncate(time.Millisecond), h.Created)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, how := range sealings {
		entry := sealed(t, box, seal.Header{Created: now, Versions: []uint64{1, 2}}, text(300), how.o)
		for bit := range 8 * len(entry) {
			entry[bit/8] ^= 1 << (bit % 8)
			refused(t, box, name, entry, "%s, bit %d", how.name, bit)
			entry[bit/8] ^= 1 << (bit % 8)
		}
		_, _, err := box.Open(name, entry, plenty, how.o)
		require.NoError(t, err)
	}
}

func TestACutIsToldFromAForgery(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, how := range sealings {
		versions := []uint64{1, 2}
		entry := sealed(t, box, seal.Header{Created: now, Versions: versions}, text(300), how.o)
		for n := range entry {
			require.ErrorIs(t, refused(t, box, name, entry[:n]), seal.ErrTruncated, "%s, %d of %d bytes", how.name, n, len(entry))
			require.False(t, seal.Matches(entry[:n], versions))
			_, ok := seal.Versions(entry[:n])
			require.False(t, ok)
		}
		longer := append(slices.Clone(entry), 0)
		require.ErrorIs(t, refused(t, box, name, longer), seal.ErrForged)
		require.False(t, seal.Matches(longer, versions))
		require.ErrorIs(t, refused(t, box, name, append(slices.Clone(entry), entry...)), seal.ErrForged, "twice")
		require.ErrorIs(t, refused(t, box, name, entry[1:]), seal.ErrForeign, "the beginning is missing")
	}
}

func TestAnEntryOpensInItsPlaceAlone(t *testing.T) {
	t.Parallel()
	s := secret(t, 1)
	box := boxOf(t, s, "acme")
	for _, how := range sealings {
		entry := sealed(t, box, seal.Header{Created: now}, text(300), how.o)
		for _, other := range []string{"", "result/1/kez", "result/1/key ", "result/1/ke", "decision/1/key", "result/2/key"} {
			require.ErrorIs(t, refused(t, box, []byte(other), entry), seal.ErrForged, "%s, name %q", how.name, other)
		}
		for _, tenant := range []string{"", "acme2", "acm", "Acme", "acme\x00"} {
			require.ErrorIs(t, refused(t, boxOf(t, s, tenant), name, entry), seal.ErrForged, "%s, tenant %q", how.name, tenant)
		}
		require.ErrorIs(t, refused(t, boxOf(t, secret(t, 2), "acme"), name, entry), seal.ErrForged, "another secret")
		require.ErrorIs(t, refused(t, boxOf(t, seal.Secret{}, "acme"), name, entry), seal.ErrForged, "no secret")
	}
	// Who has no secret must not make what one with a secret takes.
	forged := sealed(t, boxOf(t, seal.Secret{}, "acme"), seal.Header{Created: now}, text(300), seal.Options{})
	require.ErrorIs(t, refused(t, box, name, forged), seal.ErrForged)
}

// Bytes shifted between tenant and name, with keys that are the same: the tag
// itself must tell them apart, not only the keys.
func TestHeaderAndPayloadDoNotRunIntoEachOther(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, encrypt := range []bool{false, true} {
		o := seal.Options{Encrypt: encrypt}
		one, err := box.Seal([]byte("a"), seal.Header{}, []byte("b"), o)
		require.NoError(t, err)
		_, _, err = box.Open(append([]byte("a"), one[:1]...), one, plenty, o)
		require.ErrorIs(t, err, seal.ErrForged)
		entry := sealed(t, box, seal.Header{Versions: []uint64{7}}, bytes.Repeat([]byte{9}, 16), o)
		entry[16] = 2 // a version more,
		entry[4] = 8  // and the payload shorter by it
		refused(t, box, name, entry)
		entry[16], entry[4] = 0, 24
		refused(t, box, name, entry)
	}
}

func TestOtherFormatsAreForeign(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, foreign := range []string{`{"value":1}`, "m1", "\x00", "\xc1", strings.Repeat("x", 100)} {
		want := seal.ErrForeign
		if foreign == "\xc1" {
			want = seal.ErrTruncated
		}
		require.ErrorIs(t, refused(t, box, name, []byte(foreign)), want, "%q", foreign)
	}
	require.ErrorIs(t, refused(t, box, name, nil), seal.ErrTruncated)
	for at, value := range map[int]byte{0: 'm', 1: '1', 2: 2, 3: 8} { // magic, format, a flag of the future
		entry := sealed(t, box, seal.Header{}, text(10), seal.Options{})
		entry[at] = value
		require.ErrorIs(t, refused(t, box, name, entry), seal.ErrForeign)
	}
}

func TestWhoEncryptsTakesNothingElse(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	encrypted := seal.Options{Encrypt: true}
	_, value, err := box.Open(name, sealed(t, box, seal.Header{}, text(100), seal.Options{}), plenty, encrypted)
	require.ErrorIs(t, err, seal.ErrEncrypted)
	require.Nil(t, value)
	_, value, err = box.Open(name, sealed(t, box, seal.Header{}, text(100), encrypted), plenty, seal.Options{})
	require.NoError(t, err, "while nodes are set to encrypt one by one, the others read on")
	require.Equal(t, text(100), value)
}

func TestNothingIsEncryptedWithoutASecret(t *testing.T) {
	t.Parallel()
	box := boxOf(t, seal.Secret{}, "acme")
	entry, err := box.Seal(name, seal.Header{}, text(10), seal.Options{Encrypt: true})
	require.ErrorIs(t, err, seal.ErrNoSecret)
	require.Nil(t, entry)
	_, _, err = box.Open(name, sealed(t, boxOf(t, secret(t, 1), "acme"), seal.Header{}, nil, seal.Options{Encrypt: true}), plenty, seal.Options{Encrypt: true})
	require.ErrorIs(t, err, seal.ErrNoSecret)
}

func TestAnEncryptedEntryShowsNothingOfTheValue(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	value := text(300)
	for _, how := range sealings {
		one, two := sealed(t, box, seal.Header{}, value, how.o), sealed(t, box, seal.Header{}, value, how.o)
		require.Equal(t, !how.o.Encrypt, bytes.Contains(one, value[:8]), how.name)
		require.Equal(t, how.o.Encrypt, !bytes.Equal(one, two), "%s: the same value twice must not show", how.name)
		require.False(t, bytes.Contains(one, name), "the name is not stored")
	}
}

func TestOnlyWhatGetsSmallerIsCompressed(t *testing.T) {
	t.Parallel()
	r := random(t)
	box := boxOf(t, secret(t, 1), "acme")
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	length := func(value []byte, from int) int {
		return len(sealed(t, box, seal.Header{}, value, seal.Options{CompressFrom: from}))
	}
	require.Equal(t, length(noise, 0), length(noise, 1))
	require.Less(t, length(text(4096), 4096), 2048)
	require.Equal(t, length(text(4095), 0), length(text(4095), 4096), "below the length from which")
	require.Equal(t, length(text(4096), 0), length(text(4096), -1))
	for n := range 64 {
		require.LessOrEqual(t, length(text(n), 1), length(text(n), 0))
	}
	entry := sealed(t, box, seal.Header{}, text(1<<20), seal.Options{CompressFrom: 1})
	require.Less(t, cap(entry), len(entry)+len(entry)/2, "no room of the uncompressed value hangs on the entry")
}

func TestAValueAboveTheBoundIsRefused(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for _, how := range sealings {
		value := text(1000)
		entry := sealed(t, box, seal.Header{}, value, how.o)
		for _, max := range []int{-1, 0, 1, 100, 999} {
			h, got, err := box.Open(name, entry, max, how.o)
			require.ErrorIs(t, err, seal.ErrTooLarge, "%s, %d", how.name, max)
			require.Nil(t, got)
			require.Zero(t, h)
		}
		_, _, err := box.Open(name, entry, 1000, how.o)
		require.NoError(t, err)
	}
	if !raced { // the race detector would touch all of it
		_, err := box.Seal(name, seal.Header{}, make([]byte, seal.MaxValue+1), seal.Options{})
		require.ErrorIs(t, err, seal.ErrTooLarge)
	}
	_, err := box.Seal(name, seal.Header{Versions: make([]uint64, 256)}, nil, seal.Options{})
	require.EqualError(t, err, "seal: an entry has room for 255 versions, got 256")
}

// A small entry that says it is 4 GiB, and one that really holds 64 MiB. Both are
// authentic: without a secret anybody can make them.
func TestABombTakesNoMemory(t *testing.T) {
	if raced {
		t.Skip("measures memory")
	}
	claim := binary.AppendUvarint(nil, 1<<32-1)
	bomb := s2.Encode(nil, make([]byte, 64<<20))
	require.Less(t, len(bomb), plenty)
	for _, s := range []seal.Secret{secret(t, 1), {}} {
		box := boxOf(t, s, "acme")
		for _, encrypted := range []bool{false, true} {
			for _, payload := range [][]byte{append(claim, "abc"...), bomb} {
				entry := box.Forge(name, payload, true, encrypted)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range 10 {
					_, _, err := box.Open(name, entry, plenty, seal.Options{})
					require.ErrorIs(t, err, seal.ErrTooLarge)
				}
				runtime.ReadMemStats(&after)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*2*len(entry)+plenty))
			}
		}
	}
}

func TestAnAuthenticPayloadThatDoesNotDecompressIsRefused(t *testing.T) {
	t.Parallel()
	r := random(t)
	box := boxOf(t, seal.Secret{}, "acme")
	good := s2.Encode(nil, text(1000))
	for range 5000 {
		payload := slices.Clone(good[:r.IntN(len(good)+1)])
		for range r.IntN(4) {
			if len(payload) > 0 {
				payload[r.IntN(len(payload))] = byte(r.Uint32())
			}
		}
		_, value, err := box.Open(name, box.Forge(name, payload, true, false), 2000, seal.Options{})
		n, bad := s2.DecodedLen(payload)
		if bad == nil && n > 2000 {
			require.ErrorIs(t, err, seal.ErrTooLarge, "%x", payload)
			continue
		}
		want, bad := s2.Decode(nil, payload)
		if bad != nil {
			require.ErrorIs(t, err, seal.ErrForged, "%x", payload)
			continue
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, value))
	}
}

func TestMatchesLooksAtEveryVersion(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	entry := sealed(t, box, seal.Header{Versions: []uint64{1, 2, 1 << 63}}, text(10), seal.Options{})
	require.True(t, seal.Matches(entry, []uint64{1, 2, 1 << 63}))
	for _, other := range [][]uint64{nil, {1}, {1, 2}, {2, 1, 1 << 63}, {1, 2, 0}, {1, 2, 1<<63 + 1}, {0, 2, 1 << 63}, {1, 2, 1 << 63, 4}, make([]uint64, 1000)} {
		require.False(t, seal.Matches(entry, other), "%v", other)
	}
	require.False(t, seal.Matches(nil, nil))
	require.False(t, seal.Matches([]byte("foreign"), nil))
}

func TestReasonsAreClassesForACounter(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		nil: "", seal.ErrForeign: "foreign", seal.ErrTruncated: "truncated", seal.ErrForged: "forged", seal.ErrTooLarge: "too_large",
		seal.ErrEncrypted: "unencrypted", seal.ErrNoSecret: "no_secret", errors.New("x"): "other",
	} {
		require.Equal(t, want, seal.Reason(err))
		if err != nil {
			require.Equal(t, want, seal.Reason(fmt.Errorf("wrapped: %w", err)))
		}
	}
}

// The value that Open returns may be a part of the entry. To append to it must
// not write over the tag.
func TestToAppendToAValueLeavesTheEntryAsItIs(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	entry := sealed(t, box, seal.Header{}, text(10), seal.Options{})
	_, value, err := box.Open(name, entry, plenty, seal.Options{})
	require.NoError(t, err)
	_ = append(value, "xxxxxxxxxxxxxxxx"...)
	_, _, err = box.Open(name, entry, plenty, seal.Options{})
	require.NoError(t, err)
}
