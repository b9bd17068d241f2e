package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// keyed is HMAC-SHA-256 under one key. Its states are used again: to key a new
// one costs more than to authenticate a short message.
type keyed struct{ states sync.Pool }

// state is one HMAC at work, and the room in which its message is laid out.
type state struct {
	mac hash.Hash
	buf []byte
}

// maxRoom bounds what a state at rest holds, in bytes.
const maxRoom = 64 << 10

func newKeyed(key []byte) *keyed {
	k := &keyed{}
	k.states.New = func() any { return &state{mac: hmac.New(sha256.New, key), buf: make([]byte, 0, 512)} }
	return k
}

// get returns a state that has seen nothing.
func (k *keyed) get() *state {
	st := k.states.Get().(*state)
	st.buf = st.buf[:0]
	return st
}

func (k *keyed) put(st *state) {
	if cap(st.buf) <= maxRoom {
		k.states.Put(st)
	}
}

// appendField appends s and first its length, so that no two lists of fields read
// the same.
func appendField[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// sum authenticates the fields so far and after them rest. The sum is valid until
// the state is used again or put back.
func (st *state) sum(rest []byte) []byte {
	st.mac.Reset()
	st.mac.Write(st.buf)
	st.mac.Write(rest)
	st.buf = st.mac.Sum(st.buf[:0])
	return st.buf
}
