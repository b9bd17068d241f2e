package cache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"m1/cache/seal"
)

// Class is a kind of answer and how it is kept. Zero fields take the default
// named beside them.
type Class struct {
	Name   string // needed; part of every key, the same on all nodes
	Schema string // of the encoded value: another one is another key

	TTL      time.Duration // how old an answer may get; 15 min
	StaleTTL time.Duration // how much longer it is served while one load renews it; 0. Not for Linear
	NegTTL   time.Duration // how long ErrNotFound of a load is remembered; 0 is not
	FailTTL  time.Duration // how long another error of a load is remembered by this node; 200 ms, negative is not
	Jitter   float64       // share of TTL that is taken off at random, so that answers do not all end at once; 0 to 0.5

	Fresh    Fresh         // AckFresh
	Scope    Scope         // who shares an answer; Principal
	Isolated time.Duration // how long own loads are served from memory while Redis is out of reach; 0 is not. Not for Linear

	LoadTimeout time.Duration // of a load, which runs apart from its callers; 30 s
	Wait        time.Duration // how long to wait for another node that loads the same; 0 is not

	MaxValue int  // bytes of an encoded answer; 1 MiB
	Compress int  // bytes from which the copy in Redis is compressed; 0 is never
	Encrypt  bool // the copy in Redis; needs Options.Secret
}

// Scope says who shares an answer.
type Scope uint8

// Scopes of a class.
const (
	Principal Scope = iota // who may ask for the same: tenant, principal and session
	Tenant                 // everybody of the tenant
	Public                 // everybody
)

// ErrNotFound is what a load returns where there is nothing, and Get where that
// is remembered.
var ErrNotFound = errors.New("cache: not found")

// ErrNoPrincipal is returned by Key of a class whose answers depend on who asks.
var ErrNoPrincipal = errors.New("cache: the question names no principal, and answers of this class are not shared")

// ErrNoKey is returned to who asks with the zero Key, which a Key that failed
// returns too.
var ErrNoKey = errors.New("cache: the zero Key names no question")

func (k *Class) fill(secret bool) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("cache: class %q: %s", k.Name, fmt.Sprintf(format, a...))
	}
	for _, n := range []struct {
		name string
		v    int64
	}{{"TTL", int64(k.TTL)}, {"StaleTTL", int64(k.StaleTTL)}, {"NegTTL", int64(k.NegTTL)}, {"Isolated", int64(k.Isolated)},
		{"LoadTimeout", int64(k.LoadTimeout)}, {"Wait", int64(k.Wait)}, {"MaxValue", int64(k.MaxValue)}, {"Compress", int64(k.Compress)}} {
		if n.v < 0 {
			return bad("%s must not be negative", n.name)
		}
	}
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&k.TTL, 15*time.Minute)
	set(&k.FailTTL, 200*time.Millisecond)
	set(&k.LoadTimeout, 30*time.Second)
	if k.MaxValue == 0 {
		k.MaxValue = 1 << 20
	}
	if k.Fresh.kind == "" {
		k.Fresh = AckFresh
	}
	switch {
	case k.Name == "":
		return errors.New("cache: a class needs a Name")
	case !(k.Jitter >= 0 && k.Jitter <= 0.5): // NaN too
		return bad("Jitter must be between 0 and 0.5, got %g", k.Jitter)
	case k.Fresh == Linear && (k.StaleTTL > 0 || k.Isolated > 0):
		return bad("a Linear class can have neither StaleTTL nor Isolated")
	case k.Fresh.bound < 0:
		return bad("the bound of Bounded must not be negative")
	case k.Scope > Public:
		return bad("there is no Scope %d", k.Scope)
	case k.Encrypt && !secret:
		return bad("Encrypt needs Options.Secret")
	}
	return nil
}

// class is a registered Class and its counters.
type class struct {
	Class

	localHits, redisHits, misses, staleServed, ownServed     atomic.Int64
	prevented, bypassed, refused, joined, loadErrors, inLoad atomic.Int64
	entries, bytes                                           atomic.Int64

	mu     sync.Mutex // guards broken
	broken map[string]int64
}

// served counts an answer from memory that was used.
func (k *class) served(why Why) {
	switch why {
	case Isolated:
		k.ownServed.Add(1)
		return
	case Renewing:
		k.staleServed.Add(1)
	}
	k.localHits.Add(1)
}

func (k *class) foundBroken(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken == nil {
		k.broken = map[string]int64{}
	}
	k.broken[seal.Reason(err)]++
}

// age is how long an answer computed now is good.
func (k *class) age(none bool) time.Duration {
	d := k.TTL
	if none {
		d = k.NegTTL
	}
	if k.Jitter > 0 {
		d -= time.Duration(rand.Float64() * k.Jitter * float64(d)) //nolint:gosec // spreads load, keeps no secret
	}
	return d
}

// Of is a class whose answers are of type V. Its methods are safe for concurrent
// use.
type Of[V any] struct {
	c     *Cache
	k     *class
	codec Codec[V]
}

// Register adds a class to c. It is for the start: a name can be used once.
func Register[V any](c *Cache, k Class, codec Codec[V]) (*Of[V], error) {
	if err := k.fill(!c.o.Secret.IsZero()); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, have := range c.classes {
		if have.Name == k.Name {
			return nil, fmt.Errorf("cache: class %q is registered already", k.Name)
		}
	}
	reg := &class{Class: k}
	c.classes = append(c.classes, reg)
	return &Of[V]{c: c, k: reg, codec: codec}, nil
}

// Question is all that an answer may depend on. Equal questions have equal
// answers; Args are compared byte by byte, so give them in canonical form.
type Question = seal.Question

// Key names a question within a class.
type Key struct {
	sum    seal.Key
	tenant *tenant
}

// Key returns the key of q. The fields that Class.Scope shares are left out.
func (o *Of[V]) Key(q Question) (Key, error) {
	switch o.k.Scope {
	case Principal:
		if q.Principal == "" {
			return Key{}, ErrNoPrincipal
		}
	case Tenant:
		q.Principal, q.Session = "", ""
	case Public:
		q.Tenant, q.Principal, q.Session = "", "", ""
	}
	t, err := o.c.tenant(q.Tenant)
	if err != nil {
		return Key{}, err
	}
	return Key{sum: o.c.o.Secret.Key(o.k.Name+"\x00"+o.k.Schema, q), tenant: t}, nil
}
