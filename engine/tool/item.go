package tool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json/jsontext"
)

// longestID is how many bytes of an id are kept as they are.
const longestID = 64

// itemID is the id of the item that the JSON value v names, and false if it names
// none. The text alone counts, because tools take 7 and "7" for the same order,
// and "7.0" for 7.0: that two values share an id can only cost cache hits, that
// one item has two ids would leave a stale answer standing. An id longer than
// longestID is "sha256:" and the digest of it, so that nobody can fill the
// memory with ids; no shorter id can look like one.
func itemID(v []byte) (string, bool) {
	if !scalar(v) {
		return "", false
	}
	if v[0] == '"' {
		if bytes.IndexByte(v, '\\') < 0 {
			v = v[1 : len(v)-1]
		} else if text, err := jsontext.AppendUnquote(nil, v); err == nil {
			v = text
		} else {
			return "", false // not canonical JSON
		}
	}
	if v = number(v); len(v) > longestID {
		sum := sha256.Sum256(v)
		return "sha256:" + hex.EncodeToString(sum[:]), true
	}
	return string(v), true
}

// number brings a text that spells a JSON number to its one spelling, and leaves
// any other as it is.
func number(v []byte) []byte {
	if len(v) == 0 || len(v) > longestID || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return v
	}
	if v[0] != '-' && !bytes.ContainsAny(v, ".eE") {
		return v // whole numbers have one spelling already
	}
	n := jsontext.Value(bytes.Clone(v))
	if n.Canonicalize(jsontext.CanonicalizeRawInts(false)) != nil || n.Kind() != '0' {
		return v
	}
	if string(n) == "-0" {
		return []byte("0")
	}
	return n
}
