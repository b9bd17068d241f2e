package seal_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/seal"
)

var short = seal.Question{
	Tenant: "acme", Principal: "agent-17", Session: "run-20260901-4711", Server: "shop", Tool: "get_order_details",
	Schema: "9f86d081884c7d65", Policy: "v42", Args: []byte(`{"order_id":"#W2378156"}`),
}

// sealings are the ways a value is stored.
var sealings = []struct {
	name string
	o    seal.Options
}{
	{"plain", seal.Options{}},
	{"compressed", seal.Options{CompressFrom: 1}},
	{"encrypted", seal.Options{Encrypt: true}},
	{"compressed and encrypted", seal.Options{Encrypt: true, CompressFrom: 1}},
}

// text returns n bytes that read like the answer of a tool.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":"#W%d","status":"delivered","price":%d.99,"user":"user_%d"},`, 2378156+i*7919, i*31%997, i*i%1013)
	}
	return b.Bytes()[:n]
}

var now = time.UnixMilli(1_788_000_000_123).UTC()

func TestNamesAndEntriesStayWithinTheirAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	s := secret(t, 1)
	most := func(n float64, name string, f func()) {
		t.Helper()
		require.LessOrEqual(t, testing.AllocsPerRun(1000, f), n, name)
	}
	var zero seal.Secret
	most(0, "Key", func() { s.Key("result", short) })
	most(0, "Key without a secret", func() { zero.Key("result", short) })
	most(0, "ID", func() { s.ID('t', "acme", "shop", "orders", "#W2378156") })
	box := boxOf(t, s, "acme")
	name := []byte("result/1/0123456789abcdef0123456789abcdef")
	h := seal.Header{Created: now, Versions: []uint64{1, 2, 3}}
	for _, how := range sealings {
		entry, err := box.Seal(name, h, text(4096), how.o)
		require.NoError(t, err)
		value := text(4096)
		// The entry; its versions and, unless it is a part of the entry, the value.
		most(1, "Seal "+how.name, func() { _, _ = box.Seal(name, h, value, how.o) })
		most(3, "Open "+how.name, func() { _, _, _ = box.Open(name, entry, 4096, how.o) })
		most(0, "Matches", func() { seal.Matches(entry, h.Versions) })
	}
	entry, err := box.Seal(name, h, text(4096), seal.Options{})
	require.NoError(t, err)
	most(1, "Open of a part of the entry", func() { _, _, _ = box.Open(name, entry, 4096, seal.Options{}) })
}

func BenchmarkKey(b *testing.B) {
	s := secret(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.Key("result", short)
	}
}

func BenchmarkKeyOf4KiB(b *testing.B) {
	s := secret(b, 1)
	q := short
	q.Args = text(4096)
	b.ReportAllocs()
	for b.Loop() {
		s.Key("result", q)
	}
}

func BenchmarkID(b *testing.B) {
	s := secret(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.ID('t', "acme", "shop", "orders", "#W2378156")
	}
}

func BenchmarkMatches(b *testing.B) {
	versions := []uint64{1, 2, 3}
	entry, err := boxOf(b, secret(b, 1), "acme").Seal(nil, seal.Header{Versions: versions}, text(256), seal.Options{})
	require.NoError(b, err)
	for b.Loop() {
		seal.Matches(entry, versions)
	}
}

func BenchmarkBoxOfATenant(b *testing.B) {
	s := secret(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Box("acme")
	}
}

// benchmarkSizes runs f for every size and way; each reports bytes of value.
func benchmarkSizes(b *testing.B, f func(b *testing.B, box *seal.Box, value []byte, o seal.Options)) {
	for _, size := range []int{256, 4096, 16384} {
		for _, how := range sealings {
			b.Run(fmt.Sprintf("%d/%s", size, how.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				f(b, boxOf(b, secret(b, 1), "acme"), text(size), how.o)
			})
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	name, h := make([]byte, 40), seal.Header{Created: now, Versions: []uint64{1, 2, 3}}
	benchmarkSizes(b, func(b *testing.B, box *seal.Box, value []byte, o seal.Options) {
		var entry []byte
		for b.Loop() {
			entry, _ = box.Seal(name, h, value, o)
		}
		b.ReportMetric(float64(len(entry)), "bytes/entry")
	})
}

func BenchmarkOpen(b *testing.B) {
	name, h := make([]byte, 40), seal.Header{Created: now, Versions: []uint64{1, 2, 3}}
	benchmarkSizes(b, func(b *testing.B, box *seal.Box, value []byte, o seal.Options) {
		entry, err := box.Seal(name, h, value, o)
		require.NoError(b, err)
		for b.Loop() {
			if _, _, err := box.Open(name, entry, len(value), o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
