package seal

import "encoding/binary"

// scheme is the version of how keys and ids are made. It comes first in both, so
// that a new way never meets an old name.
const scheme = 1

// Question is all that an answer may depend on. Args is canonical: equal
// arguments must be equal bytes, and different ones different.
type Question struct {
	Tenant, Principal, Session, Server, Tool, Schema, Policy string

	Args []byte
}

// Key names the answer to one question. It tells nothing about the question to
// who does not know the secret.
type Key [32]byte

// Key returns the name of the answer to q in a class of answers. Two questions
// that differ in one byte of one field have different keys. It is HMAC-SHA-256
// and safe for concurrent use.
func (s Secret) Key(class string, q Question) Key {
	k := s.derived().key
	st := k.get()
	st.buf = append(st.buf, scheme)
	for _, f := range [...]string{class, q.Tenant, q.Principal, q.Session, q.Server, q.Tool, q.Schema, q.Policy} {
		st.buf = appendField(st.buf, f)
	}
	key := Key(st.sum(q.Args)) // the last field needs no length
	k.put(st)
	return key
}

// ID returns the name of a tag: parts in their order, within a kind. Ids and keys
// are made with different keys, so one never tells of the other. It is
// HMAC-SHA-256 cut to 128 bits and safe for concurrent use.
func (s Secret) ID(kind byte, parts ...string) [16]byte {
	k := s.derived().id
	st := k.get()
	st.buf = append(st.buf, scheme, kind)
	st.buf = binary.AppendUvarint(st.buf, uint64(len(parts)))
	for _, p := range parts {
		st.buf = appendField(st.buf, p)
	}
	id := [16]byte(st.sum(nil))
	k.put(st)
	return id
}
