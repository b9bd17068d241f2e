package seal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// An entry is, with numbers in little endian:
//
//	 0  2  magic, which begins no text and no JSON
//	 2  1  format
//	 3  1  flags
//	 4  4  length of the payload, so that a cut is not taken for a forgery
//	 8  8  created, in milliseconds since 1970
//	16  1  count of versions
//	17 8n  versions
//	   12  nonce, if encrypted
//	       payload: the value, compressed, encrypted
//	   16  tag
//
// The tag covers the tenant, the name and all of the entry. Any change of this
// layout, new flags too, is a new format.
const (
	magic0, magic1 = 0xC1, 'S'
	format         = 1

	fixedSize = 17
	nonceSize = 12
	tagSize   = 16
)

const (
	flagEncrypted = 1 << iota
	flagCompressed
	flagNegative
	knownFlags = 1<<iota - 1
)

// Bounds of an entry.
const (
	MaxVersions = 255
	MaxValue    = 1 << 30 // bytes
)

// Header is what an entry says beside its value. It is authenticated, never
// encrypted.
type Header struct {
	Created  time.Time // to the millisecond, in UTC when it comes from Open
	Negative bool      // the answer is that there is none
	Versions []uint64  // of the tags that the answer depends on; at most MaxVersions
}

// appendTo appends the header of an entry with a payload of size bytes.
func (h Header) appendTo(b []byte, flags byte, size int) []byte {
	b = append(b, magic0, magic1, format, flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Created.UnixMilli()))
	b = append(b, byte(len(h.Versions)))
	for _, v := range h.Versions {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// layout is where the parts of an entry are.
type layout struct {
	flags byte
	head  int // length of the header
	size  int // length of the payload
}

func (l layout) has(flag byte) bool { return l.flags&flag != 0 }

// parse finds the parts of an entry. It believes nothing but the lengths, and
// those only once they fit.
func parse(entry []byte) (layout, error) {
	for i, want := range [...]byte{magic0, magic1, format} {
		if i == len(entry) {
			return layout{}, ErrTruncated
		}
		if entry[i] != want {
			return layout{}, ErrForeign
		}
	}
	if len(entry) < fixedSize {
		return layout{}, ErrTruncated
	}
	l := layout{flags: entry[3], head: fixedSize + 8*int(entry[16])}
	if l.flags&^knownFlags != 0 {
		return layout{}, ErrForeign
	}
	size := binary.LittleEndian.Uint32(entry[4:])
	around := l.head + tagSize
	if l.has(flagEncrypted) {
		around += nonceSize
	}
	switch have, want := uint64(len(entry)), uint64(around)+uint64(size); {
	case have < want:
		return layout{}, ErrTruncated
	case have > want:
		return layout{}, fmt.Errorf("%w: %d bytes after its end", ErrForged, have-want)
	}
	l.size = int(size)
	return l, nil
}

// header reads the header of an entry that parse has found sound.
func (l layout) header(entry []byte) Header {
	h := Header{
		Created:  time.UnixMilli(int64(binary.LittleEndian.Uint64(entry[8:]))).UTC(),
		Negative: l.has(flagNegative),
	}
	if n := (l.head - fixedSize) / 8; n > 0 {
		h.Versions = make([]uint64, n)
		for i := range h.Versions {
			h.Versions[i] = version(entry, i)
		}
	}
	return h
}

func version(entry []byte, i int) uint64 { return binary.LittleEndian.Uint64(entry[fixedSize+8*i:]) }

// Versions returns the versions that entry claims, and false if it is no whole
// entry. Nothing is authenticated: the answer is good for dropping an entry
// early, never for using it.
func Versions(entry []byte) ([]uint64, bool) {
	l, err := parse(entry)
	if err != nil {
		return nil, false
	}
	return l.header(entry).Versions, true
}

// Matches reports whether entry claims exactly these versions in this order. Like
// Versions it authenticates nothing. It does not allocate.
func Matches(entry []byte, versions []uint64) bool {
	l, err := parse(entry)
	if err != nil || l.head != fixedSize+8*len(versions) {
		return false
	}
	for i, v := range versions {
		if version(entry, i) != v {
			return false
		}
	}
	return true
}
