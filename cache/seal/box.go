package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Box seals values of one tenant. It is safe for concurrent use. To make one
// costs several times what sealing costs, so keep it.
//
// Encryption is AES-256-GCM with a random nonce of 96 bits and a key of this
// tenant. Seal at most 2^32 encrypted values per tenant, over all nodes together,
// then change the secret: beyond that a nonce may come twice, which would show
// two values and let entries be forged. At 100 values a second that is 16 months.
type Box struct {
	tenant string
	public bool
	mac    *keyed
	aead   cipher.AEAD // writes and reads its nonce itself
}

// Box returns the box of a tenant. Its keys are of this tenant alone: no entry of
// another opens in it.
func (s Secret) Box(tenant string) (*Box, error) {
	d := s.derived()
	macKey, err := d.expand("box mac", tenant, 32)
	if err != nil {
		return nil, fmt.Errorf("seal: derive keys of tenant: %w", err)
	}
	aesKey, err := d.expand("box aes", tenant, 32)
	if err != nil {
		return nil, fmt.Errorf("seal: derive keys of tenant: %w", err)
	}
	block, err := aes.NewCipher(aesKey)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Box{tenant: tenant, public: d.public, mac: newKeyed(macKey), aead: aead}, nil
}

// String returns whose box it is, so that a box in a log does not show its keys.
func (b *Box) String() string { return fmt.Sprintf("box of tenant %q", b.tenant) }

// Options say how a value is sealed and what Open takes. The zero Options
// authenticate only.
type Options struct {
	// Encrypt hides the value. Seal and Open then return ErrNoSecret without a
	// secret, and Open refuses what is not encrypted with ErrEncrypted. Without it
	// Open takes encrypted entries too.
	Encrypt bool
	// CompressFrom is the length in bytes from which Seal compresses a value, if
	// that makes it smaller; 0 is never. Open reads both.
	CompressFrom int
}

// Seal returns the entry for value under name, which binds it to its place: the
// class, the schema of the value and the key, say. The name is authenticated, not
// stored. A value above MaxValue is ErrTooLarge; more than MaxVersions versions
// are an error. value is only read.
func (b *Box) Seal(name []byte, h Header, value []byte, o Options) ([]byte, error) {
	switch {
	case o.Encrypt && b.public:
		return nil, ErrNoSecret
	case len(h.Versions) > MaxVersions:
		return nil, fmt.Errorf("seal: an entry has room for %d versions, got %d", MaxVersions, len(h.Versions))
	case len(value) > MaxValue:
		return nil, fmt.Errorf("%w: %d bytes, an entry takes %d", ErrTooLarge, len(value), MaxValue)
	}
	var flags byte
	if o.Encrypt {
		flags |= flagEncrypted
	}
	if h.Negative {
		flags |= flagNegative
	}
	if o.CompressFrom > 0 && len(value) >= o.CompressFrom {
		room := rooms.Get().(*[]byte)
		defer giveBack(room)
		*room = slices.Grow((*room)[:0], s2.MaxEncodedLen(len(value)))
		if small := s2.Encode((*room)[:cap(*room)], value); len(small) < len(value) {
			value, flags = small, flags|flagCompressed
		}
	}
	return b.wrap(name, h, value, flags), nil
}

// wrap makes the entry of a payload that is compressed already if flags say so.
func (b *Box) wrap(name []byte, h Header, payload []byte, flags byte) []byte {
	head := fixedSize + 8*len(h.Versions)
	entry := make([]byte, 0, head+nonceSize+len(payload)+tagSize)
	entry = h.appendTo(entry, flags, len(payload))
	st := b.place(name, entry)
	defer b.mac.put(st)
	if flags&flagEncrypted != 0 {
		return b.aead.Seal(entry, nil, payload, st.buf)
	}
	entry = append(entry, payload...)
	return append(entry, st.sum(payload)[:tagSize]...)
}

// place lays out what the tag covers beside the payload.
func (b *Box) place(name, head []byte) *state {
	st := b.mac.get()
	st.buf = appendField(st.buf, b.tenant)
	st.buf = appendField(st.buf, name)
	st.buf = append(st.buf, head...)
	return st
}

// Open returns what Seal put into entry under the same name, tenant and secret,
// and an error of this package for anything else, never a part of it. A value
// above limit bytes is ErrTooLarge before any room is made for it. The value may be
// a part of entry, which must then stay as it is; entry is only read.
func (b *Box) Open(name, entry []byte, limit int, o Options) (Header, []byte, error) {
	if o.Encrypt && b.public {
		return Header{}, nil, ErrNoSecret
	}
	l, err := parse(entry)
	if err != nil {
		return Header{}, nil, err
	}
	if o.Encrypt && !l.has(flagEncrypted) {
		return Header{}, nil, ErrEncrypted
	}
	if l.size > limit { // compressed too: Seal keeps only what got smaller
		return Header{}, nil, fmt.Errorf("%w: at least %d bytes, at most %d are taken", ErrTooLarge, l.size, limit)
	}
	value, err := b.unwrap(name, entry, l)
	if err == nil && l.has(flagCompressed) {
		value, err = decompress(value, limit)
	}
	if err != nil {
		return Header{}, nil, err
	}
	return l.header(entry), value, nil
}

// unwrap returns the payload of entry if its tag is right.
func (b *Box) unwrap(name, entry []byte, l layout) ([]byte, error) {
	st := b.place(name, entry[:l.head])
	defer b.mac.put(st)
	if l.has(flagEncrypted) {
		payload, err := b.aead.Open(nil, nil, entry[l.head:], st.buf)
		if err != nil {
			return nil, ErrForged
		}
		return payload, nil
	}
	end := l.head + l.size
	payload := entry[l.head:end:end]
	if !hmac.Equal(st.sum(payload)[:tagSize], entry[end:]) {
		return nil, ErrForged
	}
	return payload, nil
}

// decompress reads an authentic payload. Without a secret anybody can make one,
// so it is not trusted either.
func decompress(payload []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	if n > limit {
		return nil, fmt.Errorf("%w: %d bytes decompressed, at most %d are taken", ErrTooLarge, n, limit)
	}
	value, err := s2.Decode(nil, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	return value, nil
}

// rooms are where values are compressed, so that an entry gets no more memory
// than it needs.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

func giveBack(room *[]byte) {
	if cap(*room) <= 1<<20 {
		rooms.Put(room)
	}
}
