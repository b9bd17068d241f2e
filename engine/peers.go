package engine

import (
	"context"
	"errors"

	"m1/engine/token"
)

// Peers reach the other nodes that trust this one. What a node issued, it alone
// spends: it keeps the one durable record of the uses.
type Peers interface {
	// Spend asks the node that issued g to record one use of it. It blocks until
	// that node has answered, for a second at most. A *token.Refusal is its answer;
	// ErrIssuer means that there was none, and nobody knows whether the use counts.
	Spend(ctx context.Context, g token.Grant, c token.Call) error
	// Revoke asks the node issuer to revoke a grant.
	Revoke(ctx context.Context, issuer, id, by string) error
}

// ErrIssuer means that the node which issued a grant did not answer.
var ErrIssuer = errors.New("engine: the node that issued the grant does not answer")
