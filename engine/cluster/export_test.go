package cluster

import (
	"time"

	"m1/engine/token"
)

// Nonce names a request.
type Nonce = nonce

// Up reports whether Run has begun.
func Up(c *Cluster) bool { return c.up.Load() }

// Request is a message that from asks to to spend a use with, dated at.
func Request(c *Cluster, from, to string, n Nonce, grant string, at time.Time) []byte {
	sealed, err := c.seal(about{asking, from, to, n}, request{Spend: &wireCall{Scope: 1}, Grant: grant}, at)
	if err != nil {
		panic(err)
	}
	return frame(n, from, sealed)
}

// Answer is a message with which from lets to spend a use.
func Answer(c *Cluster, from, to string, n Nonce) []byte {
	sealed, err := c.seal(about{answering, from, to, n}, answer{Done: true}, time.Now())
	if err != nil {
		panic(err)
	}
	return frame(n, from, sealed)
}

// Publication is what node publishes.
func Publication(c *Cluster, node string, keys []token.Key, at time.Time) []byte {
	sealed, err := c.seal(about{kind: keeping, from: node}, published{keys}, at)
	if err != nil {
		panic(err)
	}
	return sealed
}

// Reframed is message under another nonce.
func Reframed(message []byte, n Nonce) []byte {
	_, from, sealed, err := unframe(message)
	if err != nil {
		panic(err)
	}
	return frame(n, from, sealed)
}
