// Package seal names cache entries and wraps their values so that nobody without
// the deployment's key can guess a name, read a value, change it or move it to
// another place.
//
// Who can write to the store can still delete an entry, or put back an older one
// that was sealed for the same name; the versions in the header are there to
// tell. The length of an entry shows, also through encryption, and with
// compression it shows how much the value repeats itself.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
)

// MinSecret is how many bytes a secret needs.
const MinSecret = 32

// Secret is the deployment's key. The zero Secret is no secret: keys, ids and
// checks are then public functions, which still tell accidents, but no forger,
// and nothing can be encrypted. A Secret never prints itself. It is safe for
// concurrent use; copies share their memory.
type Secret struct{ d *derived }

// derived is what comes from the bytes of a secret, which are not kept.
type derived struct {
	// expand returns n bytes for a purpose, which holds no zero byte, within scope.
	// It is a closure, as fmt prints what is in a field, but not in a function.
	expand      func(purpose, scope string, n int) ([]byte, error)
	key, id     *keyed
	fingerprint string
	public      bool
}

// salt separates these keys from those that another use, or another version of
// this package, may derive from the same bytes.
const salt = "m1 cache/seal 1"

// public stands in for the zero Secret. Its text is shorter than MinSecret, so
// that no secret can be equal to it, and long enough for FIPS 140.
var public = sync.OnceValue(func() *derived {
	d, err := derive([]byte("everybody knows this"))
	if err != nil {
		panic("seal: " + err.Error()) // depends on nothing but this build
	}
	d.public, d.fingerprint = true, "0000000000000000"
	return d
})

// NewSecret returns the secret that b stands for. Everything is derived with
// HKDF-SHA-256, so b must be hard to guess: at least MinSecret random bytes. b is
// not kept.
func NewSecret(b []byte) (Secret, error) {
	if len(b) < MinSecret {
		return Secret{}, fmt.Errorf("seal: a secret needs at least %d bytes, got %d", MinSecret, len(b))
	}
	d, err := derive(b)
	if err != nil {
		return Secret{}, fmt.Errorf("seal: derive keys: %w", err)
	}
	return Secret{d}, nil
}

func derive(b []byte) (*derived, error) {
	root, err := hkdf.Extract(sha256.New, b, []byte(salt))
	if err != nil {
		return nil, err
	}
	d := &derived{expand: func(purpose, scope string, n int) ([]byte, error) {
		return hkdf.Expand(sha256.New, root, purpose+"\x00"+scope, n)
	}}
	key, err := d.expand("key", "", 32)
	if err != nil {
		return nil, err
	}
	id, err := d.expand("id", "", 32)
	if err != nil {
		return nil, err
	}
	fingerprint, err := d.expand("fingerprint", "", 8)
	if err != nil {
		return nil, err
	}
	d.key, d.id, d.fingerprint = newKeyed(key), newKeyed(id), hex.EncodeToString(fingerprint)
	return d, nil
}

func (s Secret) derived() *derived {
	if s.d == nil {
		return public()
	}
	return s.d
}

// IsZero reports that this is no secret.
func (s Secret) IsZero() bool { return s.d == nil }

// Fingerprint returns 16 hexadecimal digits that are the same wherever the secret
// is the same, and tell nothing else about it. Those of the zero Secret are 0.
func (s Secret) Fingerprint() string { return s.derived().fingerprint }

// String returns the fingerprint, so that a secret in a log does not show itself.
func (s Secret) String() string { return "secret " + s.Fingerprint() }

// GoString is String.
func (s Secret) GoString() string { return s.String() }
