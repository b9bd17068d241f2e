package call

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrArgs is wrapped by every error about arguments that are not one JSON
// object in an unambiguous form.
var ErrArgs = errors.New("call: arguments")

// Canonical returns args in the canonical form of RFC 8785: members sorted, no
// white space, one spelling per string and number. Integers keep their digits,
// where RFC 8785 would round beyond 2^53, so that two ids never become one key.
// Empty args are {}. It fails on anything but a single JSON object, on duplicate
// member names, on invalid UTF-8, and on a number with a fraction or an exponent
// that a float64 does not reach, or from 2^53 on does not hold to the digit.
func Canonical(args json.RawMessage) (json.RawMessage, error) {
	if len(args) == 0 {
		return json.RawMessage("{}"), nil
	}
	v := jsontext.Value(bytes.Clone(args))
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgs, err)
	}
	if v.Kind() != '{' {
		return nil, fmt.Errorf("%w: want a JSON object, got %s", ErrArgs, v.Kind())
	}
	if err := checkNumbers(args); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgs, err)
	}
	return json.RawMessage(v), nil
}

// Digest names one exact call: a tool with canonical arguments.
type Digest [sha256.Size]byte

// DigestOf returns the digest of tool with arguments that Canonical returned.
func DigestOf(tool string, canonical json.RawMessage) Digest {
	h := sha256.New()
	// The length keeps tool and arguments apart: no two pairs share a preimage.
	fmt.Fprintf(h, "%d:%s", len(tool), tool)
	h.Write(canonical)
	return Digest(h.Sum(nil))
}

// String is the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }
