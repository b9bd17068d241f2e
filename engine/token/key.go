package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Key is the public half of a key: what another node needs to check grants.
type Key struct {
	ID      string            `json:"kid"`
	Issuer  string            `json:"issuer"`
	Public  ed25519.PublicKey `json:"public_key"`
	Created time.Time         `json:"created"`
	Retires time.Time         `json:"retires,omitzero"` // from then on it checks nothing; zero: it signs today
}

// key is one key that signatures are checked with.
type key struct {
	id               string
	issuer           string
	method           jwt.SigningMethod // fixed by the key, never by a token
	check            any               // what method.Verify takes
	created, retires time.Time
}

func (k *key) retired(now time.Time) bool { return !k.retires.IsZero() && !now.Before(k.retires) }

// public returns the public half of a key that has one.
func (k *key) public() Key {
	pub, _ := k.check.(ed25519.PublicKey)
	return Key{ID: k.id, Issuer: k.issuer, Public: append(ed25519.PublicKey(nil), pub...), Created: k.created, Retires: k.retires}
}

// newKey checks the public half of a key.
func newKey(k Key) (*key, error) {
	if len(k.Public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("key %q: the public key must be %d bytes, not %d", shortened(k.ID), ed25519.PublicKeySize, len(k.Public))
	}
	return &key{
		id: k.ID, issuer: k.Issuer, method: jwt.SigningMethodEdDSA,
		check:   append(ed25519.PublicKey(nil), k.Public...),
		created: k.Created, retires: k.Retires,
	}, nil
}

// generate makes a key pair for this node.
func generate(issuer string, now time.Time) (*key, ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("token: make a key: %w", err)
	}
	k, err := newKey(Key{ID: kidOf(public), Issuer: issuer, Public: public, Created: now.UTC().Truncate(time.Second)})
	return k, private, err
}

// kidOf names a key by its public half, so that a file with the wrong half is found.
func kidOf(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:12])
}
