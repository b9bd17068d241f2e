package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Digest is "sha256:…" of what the type lets through. Equal types have equal
// digests, also in other versions of M1 and on other machines.
func (t *Type) Digest() string {
	h := sha256.New()
	t.hash(h)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// hash writes the type so that no two types write the same: every list begins with
// its length.
func (t *Type) hash(h hash.Hash) {
	if t == nil {
		t = &Type{}
	}
	flags := byte(0)
	for i, set := range []bool{t.Nullable, t.Open && t.Kind == Object, t.Enum != nil} {
		if set {
			flags |= 1 << i
		}
	}
	h.Write([]byte{byte(t.Kind), flags})
	if t.Kind == List || t.Kind == Map {
		t.Elem.hash(h)
	}
	if t.Kind == Object {
		length(h, len(t.Fields))
		for _, f := range t.Fields {
			text(h, f.Name)
			optional := byte(0)
			if f.Optional {
				optional = 1
			}
			h.Write([]byte{optional})
			f.Type.hash(h)
		}
	}
	length(h, len(t.Enum))
	for _, v := range t.Enum {
		text(h, v)
	}
}

func length(h hash.Hash, n int) {
	h.Write(binary.AppendUvarint(nil, uint64(n)))
}

func text(h hash.Hash, s string) {
	length(h, len(s))
	h.Write([]byte(s))
}
