// Package token owns signed grants: it makes, checks and rotates what proves that
// a call was approved. No other package knows the form of a token.
package token

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"m1/engine/call"
)

// Grant is a permission to run calls that the policy asks about. An empty Run,
// Digest or Narrow binds nothing; everything else must be that of the call.
type Grant struct {
	ID        string // of the token (jti), as NewID makes it
	Agent     call.AgentID
	Run       call.RunID // empty: any run of the agent
	Tool      string
	Scope     call.Scope      // the most that the call may reach
	Digest    string          // of the exact call, as call.DigestOf gives it; empty: not exact
	Narrow    json.RawMessage // an object: the arguments must have each member with this very value; nil: none
	Schema    string          // digest of the tool's entry in the catalogue; empty: the tool has none
	Rule      string          // that asked; empty when nobody asked
	Version   string          // of the policy
	Uses      int             // how many calls; at least 1
	By        string          // who gave it
	Approval  string          // the question that it answers; empty when nobody asked
	Issuer    string          // the node that signed it and counts its uses
	IssuedAt  time.Time       // whole seconds
	ExpiresAt time.Time       // whole seconds; from then on, plus the leeway, it opens nothing
}

// NewID returns an id for a Grant that nobody can guess.
func NewID() string { return prefix + rand.Text() }
