package token

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// File is the name of the key file in the state directory.
const File = "grant-keys.json"

// The limits of Options.
const (
	DefaultMaxTTL = 24 * time.Hour
	DefaultLeeway = 5 * time.Second
	MaxLeeway     = 30 * time.Second
)

// maxKeys bounds the keys of one node.
const maxKeys = 1000

// hsKid names the one key there is when a shared secret signs.
const hsKid = "hs256"

// Options are how a Ring is opened. Zero fields mean the default.
type Options struct {
	Dir     string        // the state directory; made if it is missing
	Node    string        // the name of this node: the issuer of what it signs; needed
	MaxTTL  time.Duration // the longest life of a grant in whole seconds; default 24 h
	Leeway  time.Duration // how far the clocks of two nodes may differ; default 5 s, at most 30 s
	Overlap time.Duration // how long a key goes on checking after a rotation; default MaxTTL + Leeway
	// SecretFile makes the Ring sign and accept HS256 with the secret in this file, and
	// nothing else: for those who cannot have key pairs. The secret has at least 32
	// bytes, without one line break at the end. There is then no key file, no rotation
	// and no trust in other nodes.
	SecretFile string
	Now        func() time.Time // default time.Now
}

// Ring holds the keys of this node and the public keys of others. It is safe for
// concurrent use. A nil Ring refuses everything.
type Ring struct {
	node    string
	path    string // of the key file; empty with a shared secret, or alone
	alone   bool   // the keys are kept nowhere
	maxTTL  time.Duration
	leeway  time.Duration
	overlap time.Duration
	now     func() time.Time

	mu    sync.Mutex // one change at a time; readers take state only
	state atomic.Pointer[state]
}

// state never changes once it is stored.
type state struct {
	signer  *key            // signs, and is one of keys
	private any             // what signer.method.Sign takes
	own     []*key          // of this node with a public half, the one that signs last
	keys    map[string]*key // own and those of other nodes, by kid
}

// Open reads the keys of the state directory; where no key file is, it makes one key
// and writes it durably. A key file that is damaged, or that others may read or
// write, is an error that says what to do; it is never replaced.
func Open(o Options) (*Ring, error) {
	r, err := o.ring()
	if err != nil {
		return nil, err
	}
	if o.SecretFile != "" {
		secret, err := readSecret(o.SecretFile)
		if err != nil {
			return nil, err
		}
		k := &key{id: hsKid, issuer: r.node, method: jwt.SigningMethodHS256, check: secret}
		r.state.Store(&state{signer: k, private: secret, keys: map[string]*key{k.id: k}})
		return r, nil
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("token: make state directory: %w", err)
	}
	r.path = filepath.Join(o.Dir, File)
	own, private, err := readKeys(r.path, r.node)
	if errors.Is(err, os.ErrNotExist) {
		var k *key
		if k, private, err = generate(r.node, r.now()); err != nil {
			return nil, err
		}
		own = []*key{k}
		err = writeKeys(r.path, own, private)
	}
	if err != nil {
		return nil, err
	}
	r.state.Store(newState(own, private, nil))
	return r, nil
}

// ring checks o and fills in the defaults.
func (o Options) ring() (*Ring, error) {
	r := &Ring{
		node:   o.Node,
		maxTTL: cmp.Or(o.MaxTTL, DefaultMaxTTL),
		leeway: cmp.Or(o.Leeway, DefaultLeeway),
		now:    o.Now,
	}
	r.overlap = cmp.Or(o.Overlap, r.maxTTL+r.leeway)
	if r.now == nil {
		r.now = time.Now
	}
	switch {
	case o.Node == "" || !utf8.ValidString(o.Node):
		return nil, errors.New("token: Node must be the name of this node")
	case o.Dir == "" && o.SecretFile == "":
		return nil, errors.New("token: Dir must be the state directory, or SecretFile a file with a secret")
	case r.maxTTL < time.Second || r.maxTTL%time.Second != 0:
		return nil, fmt.Errorf("token: MaxTTL must be whole seconds and at least 1s, not %s", o.MaxTTL)
	case r.leeway < 0 || r.leeway > MaxLeeway:
		return nil, fmt.Errorf("token: Leeway must be from 0s to %s, not %s", MaxLeeway, o.Leeway)
	case r.overlap < 0:
		return nil, fmt.Errorf("token: Overlap must not be negative, but is %s", o.Overlap)
	}
	return r, nil
}

// newState builds the index. The newest key of own signs; others are by kid.
func newState(own []*key, private ed25519.PrivateKey, others map[string]*key) *state {
	s := &state{signer: own[len(own)-1], private: private, own: own, keys: maps.Clone(others)}
	if s.keys == nil {
		s.keys = map[string]*key{}
	}
	for _, k := range own {
		s.keys[k.id] = k
	}
	return s
}

// others returns the keys of other nodes, by kid.
func (s *state) others(node string) map[string]*key {
	out := maps.Clone(s.keys)
	maps.DeleteFunc(out, func(_ string, k *key) bool { return k.issuer == node })
	return out
}

// Sign returns the token of g, signed by this node. Issuer may be empty; an empty
// IssuedAt is now. Fractions of seconds are cut off. The error is a *Refusal that
// names what no grant may be.
func (r *Ring) Sign(g Grant) (string, error) {
	if r == nil {
		return "", refuse(NoKey, "there is no key to sign a grant with")
	}
	if g.Issuer != "" && g.Issuer != r.node {
		return "", refuse(WrongIssuer, "this node signs for itself only")
	}
	g.Issuer = r.node
	now := r.now()
	if g.IssuedAt.IsZero() {
		g.IssuedAt = now
	}
	g, err := settle(g)
	if err != nil {
		return "", err
	}
	s := r.state.Load()
	c := claimsOf(g)
	if err := r.judge(c, s.signer, now); err != nil {
		return "", err
	}
	head, err := jsonv2.Marshal(header{Alg: s.signer.method.Alg(), Kid: s.signer.id, Typ: typ})
	if err != nil {
		return "", refuse(Malformed, "the header cannot be written")
	}
	body, err := jsonv2.Marshal(c)
	if err != nil {
		return "", refuse(Malformed, "the grant cannot be written")
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	signature, err := s.signer.method.Sign(signed, s.private)
	if err != nil {
		return "", refuse(NoKey, "the key %s does not sign", s.signer.id)
	}
	token := signed + "." + base64.RawURLEncoding.EncodeToString(signature)
	if len(token) > maxToken {
		return "", refuse(Malformed, "the token would be longer than %d bytes; narrow the grant by fewer or shorter arguments", maxToken)
	}
	return token, nil
}

// ErrShared means that a secret from a file signs.
var ErrShared = errors.New("token: a shared secret cannot be rotated; write another one into its file and start again")

// Rotate makes a new key, which signs from now on. The keys before it go on checking
// until their overlap ends, so that no grant fails because of a rotation. Rotate
// blocks until the key file is durable; if that fails, the old key goes on signing.
// ErrShared with a shared secret.
func (r *Ring) Rotate() (kid string, err error) {
	if r == nil || r.path == "" && !r.alone {
		return "", ErrShared
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	now := r.now()
	fresh, private, err := generate(r.node, now)
	if err != nil {
		return "", err
	}
	own := make([]*key, 0, len(s.own)+1)
	for _, k := range s.own {
		old := *k
		if old.retires.IsZero() {
			old.retires = now.UTC().Add(r.overlap)
		}
		if !old.retired(now) {
			own = append(own, &old)
		}
	}
	own = append(own, fresh)
	if len(own) > maxKeys {
		return "", fmt.Errorf("token: %d keys still check grants; wait until the overlap of the oldest ends", len(s.own))
	}
	if !r.alone {
		if err := writeKeys(r.path, own, private); err != nil {
			return "", err
		}
	}
	r.state.Store(newState(own, private, s.others(r.node)))
	return fresh.id, nil
}

// Keys returns the public halves of the keys of this node that check today, the one
// that signs last: what other nodes Trust. It is empty with a shared secret.
func (r *Ring) Keys() []Key {
	if r == nil {
		return nil
	}
	now := r.now()
	var out []Key
	for _, k := range r.state.Load().own {
		if !k.retired(now) {
			out = append(out, k.public())
		}
	}
	return out
}

// Trust replaces the public keys of another node; no keys forget the node. They are
// kept in memory only. A kid or a public key that belongs to another issuer, and a
// kid that stands for another key than before, are errors, and nothing changes.
func (r *Ring) Trust(issuer string, keys []Key) error {
	switch {
	case r == nil || r.path == "":
		return errors.New("token: a shared secret knows no keys of other nodes")
	case issuer == "" || issuer == r.node:
		return fmt.Errorf("token: trust %q: name another node than this one", shortened(issuer))
	case len(keys) > maxKeys:
		return fmt.Errorf("token: trust %q: more than %d keys", shortened(issuer), maxKeys)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	next := maps.Clone(s.keys)
	maps.DeleteFunc(next, func(_ string, k *key) bool { return k.issuer == issuer })
	for _, offered := range keys {
		k, err := offered.of(issuer)
		if err == nil {
			err = k.fits(next, s.keys[k.id])
		}
		if err != nil {
			return fmt.Errorf("token: trust %q: %w", shortened(issuer), err)
		}
		next[k.id] = k
	}
	r.state.Store(&state{signer: s.signer, private: s.private, own: s.own, keys: next})
	return nil
}

// of checks that k is a key that issuer may offer.
func (k Key) of(issuer string) (*key, error) {
	switch {
	case k.ID == "" || len(k.ID) > maxID || !utf8.ValidString(k.ID):
		return nil, fmt.Errorf("a kid must have 1 to %d bytes", maxID)
	case k.Issuer != "" && k.Issuer != issuer:
		return nil, fmt.Errorf("key %q says that it is of %q", k.ID, shortened(k.Issuer))
	}
	k.Issuer = issuer
	return newKey(k)
}

// fits checks a key against those that are kept and the one that had its kid before.
func (k *key) fits(kept map[string]*key, before *key) error {
	public := k.public().Public
	if before != nil && !bytes.Equal(before.public().Public, public) {
		return fmt.Errorf("the kid %q is known already, and stands for another key", k.id)
	}
	for _, other := range kept {
		if other.id == k.id || bytes.Equal(other.public().Public, public) {
			return fmt.Errorf("key %q: its kid or its public key is there already", k.id)
		}
	}
	return nil
}
