package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"m1/cache/seal"
	"m1/engine/call"
	"m1/engine/token"
)

// kind is what a message is for.
type kind string

const (
	asking    kind = "request"
	answering kind = "answer"
	keeping   kind = "keys"
)

// nonce is random and names one request, and the answer to it.
type nonce [16]byte

// maxMessage bounds a message in bytes. Arguments of calls are smaller.
const maxMessage = 4 << 20

// about is what a message is bound to. It is not in the value that is sealed, but
// whoever opens that must name the same.
type about struct {
	kind     kind
	from, to string // nodes
	nonce    nonce
}

func (a about) name() []byte {
	var b []byte
	for _, s := range []string{string(a.kind), a.from, a.to} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, a.nonce[:]...)
}

// seal returns body, sealed and dated.
func (c *Cluster) seal(a about, body any, at time.Time) ([]byte, error) {
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("cluster: write the %s: %w", a.kind, err)
	}
	sealed, err := c.box.Seal(a.name(), seal.Header{Created: at}, plain, seal.Options{Encrypt: true, CompressFrom: 1 << 10})
	if err != nil {
		return nil, fmt.Errorf("cluster: seal the %s: %w", a.kind, err)
	}
	if len(sealed) > maxMessage {
		return nil, fmt.Errorf("cluster: the %s has %d bytes, at most %d are sent", a.kind, len(sealed), maxMessage)
	}
	return sealed, nil
}

// open reads into body what seal made for the same a, and returns its date.
func (c *Cluster) open(a about, sealed []byte, body any) (time.Time, error) {
	head, plain, err := c.box.Open(a.name(), sealed, maxMessage, seal.Options{Encrypt: true})
	if err != nil {
		return time.Time{}, err
	}
	if err := json.Unmarshal(plain, body); err != nil {
		return time.Time{}, fmt.Errorf("cluster: read the %s: %w", a.kind, err)
	}
	return head.Created, nil
}

// A message in a list is its nonce, the length of the sender's name in a byte, that
// name, and the sealed body.
func frame(n nonce, from string, sealed []byte) []byte {
	b := make([]byte, 0, len(n)+1+len(from)+len(sealed))
	b = append(b, n[:]...)
	b = append(b, byte(len(from)))
	b = append(b, from...)
	return append(b, sealed...)
}

var errFrame = errors.New("cluster: not a message")

func unframe(b []byte) (n nonce, from string, sealed []byte, err error) {
	if len(b) <= len(n) {
		return n, "", nil, errFrame
	}
	copy(n[:], b)
	length, rest := int(b[len(n)]), b[len(n)+1:]
	if length == 0 || length > len(rest) {
		return n, "", nil, errFrame
	}
	return n, string(rest[:length]), rest[length:], nil
}

// request is the body of what the issuer is asked.
type request struct {
	Spend  *wireCall `json:"spend,omitempty"` // nil: revoke
	Grant  string    `json:"grant"`
	Revoke string    `json:"revoked_by,omitempty"`
}

// wireCall is a token.Call. Args are bytes here, as an encoder may rewrite JSON.
type wireCall struct {
	Agent   call.AgentID `json:"agent"`
	Run     call.RunID   `json:"run"`
	Tool    string       `json:"tool"`
	Scope   call.Scope   `json:"scope"`
	Digest  string       `json:"digest"`
	Args    []byte       `json:"args"`
	Schema  string       `json:"schema"`
	Version string       `json:"version"`
}

func (w *wireCall) call() token.Call {
	return token.Call{
		Agent: w.Agent, Run: w.Run, Tool: w.Tool, Scope: w.Scope,
		Digest: w.Digest, Args: w.Args, Schema: w.Schema, Version: w.Version,
	}
}

func wireOf(c token.Call) *wireCall {
	return &wireCall{
		Agent: c.Agent, Run: c.Run, Tool: c.Tool, Scope: c.Scope,
		Digest: c.Digest, Args: c.Args, Schema: c.Schema, Version: c.Version,
	}
}

// answer is the verdict of the issuer. The zero answer is no permission.
type answer struct {
	Done   bool         `json:"done"`
	Reason token.Reason `json:"reason,omitempty"` // of a *token.Refusal
	Detail string       `json:"detail,omitempty"`
}

// err is the verdict as who asked gets it.
func (a answer) err() error {
	switch {
	case a.Reason != "":
		return &token.Refusal{Reason: a.Reason, Detail: a.Detail}
	case a.Done:
		return nil
	}
	return fmt.Errorf("%w as it should: %s", ErrIssuer, a.Detail)
}
