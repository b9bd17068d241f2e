package seal_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

// What format 1 makes of secret 1, tenant acme and name. Nodes of two releases
// share one store: a change here needs a new format, or they take each other's
// entries for forgeries. The value is goldenValue.
const (
	goldenKey         = "30be1356c9af017d2b279b3018b276723675fa69a8c5ef35fdeaf719b370e8b9"
	goldenID          = "915b2f32dadc2f46fd02d43fbab6151f"
	goldenFingerprint = "fbe9eaa85fad6cf9"
	goldenPlain       = "c1530104780000007bd81a4da001000002010000000000000000000000000000807b226964223a22235732333738313536222c22737461747573223a2264656c697665726564222c227072696365223a302e39392c2275736572223a22757365725f30227d2c7b226964223a22235732333836303735222c22737461747573223a2264656c697665726564222c227072696365223a33312e39faf61e21dab5d4fdfa7ecadfa7a75d91"
	goldenCompressed  = "c1530106550000007bd81a4da0010000020100000000000000000000000000008078e87b226964223a22235732333738313536222c22737461747573223a2264656c697665726564222c227072696365223a302e39392c2275736572223a0507105f30227d2c1d451038363037351500170c33312e39447cef0f997273666881a6e06b591e28"
	goldenEncrypted   = "c1530105780000007bd81a4da0010000020100000000000000000000000000008026f5f71c4ef6b6bd1fadb30cc2783be8a59f9f21c81b6f58836b0e47f0730fecbcf6190ab9a8e95e08e701aeacba8dd637cb29fb4f3a8f39d54017551afc8b0cd922ab11deda2f996145114519c6c8e9c069ecb70bb675e82a28bf168d0eec72d24feb483300cbc6063595c83a85e4767d7430c450d19bc522635db69b0c24cc541d9ae4725fb9e275e791db79221172c36fc341"
	goldenBoth        = "c1530107550000007bd81a4da00100000201000000000000000000000000000080a982ec323af9f2cfa5651aa2ceca759df16cae407e4a2bc5066253f6cd43b7efda9c1e3cc6a2417c73a65d73cda302d53d0710c5f87eda4ac4db15bbed588b1ed3ff51b79dd147f565597be3ad3edda4d3d742e3c485ed7e9b5aa9cb42843d88e45cd62372331640a119c22f13562a7fac"
)

var (
	goldenValue  = text(120)
	goldenHeader = seal.Header{Created: now, Negative: true, Versions: []uint64{1, 1 << 63}}
)

func fromHex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return b
}

func TestNamesStayTheSameFromReleaseToRelease(t *testing.T) {
	t.Parallel()
	s := secret(t, 1)
	key, id := s.Key("result", short), s.ID('t', "acme", "orders")
	require.Equal(t, goldenKey, hex.EncodeToString(key[:]))
	require.Equal(t, goldenID, hex.EncodeToString(id[:]))
	require.Equal(t, goldenFingerprint, s.Fingerprint())
}

func TestEntriesOfEarlierReleasesOpen(t *testing.T) {
	t.Parallel()
	box := boxOf(t, secret(t, 1), "acme")
	for i, golden := range []string{goldenPlain, goldenCompressed, goldenEncrypted, goldenBoth} {
		o := sealings[i].o
		h, value, err := box.Open(name, fromHex(t, golden), plenty, o)
		require.NoError(t, err, "%s: now it is %x", sealings[i].name, sealed(t, box, goldenHeader, goldenValue, o))
		require.Equal(t, goldenHeader, h)
		require.Equal(t, goldenValue, value)
	}
	// Without a nonce the bytes are the same too.
	require.Equal(t, goldenPlain, hex.EncodeToString(sealed(t, box, goldenHeader, goldenValue, seal.Options{})))
}
