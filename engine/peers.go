package engine

import (
	"context"

	"m1/engine/token"
)

// Peers reach the other nodes that trust this one. What a node issued, it alone
// spends: it keeps the one durable record of the uses.
type Peers interface {
	// Spend asks the node that issued g to record one use of it. It blocks until
	// that node has answered, for a second at most. A *token.Refusal is its answer;
	// any other error means that there was none, and nobody knows whether the use counts.
	Spend(ctx context.Context, g token.Grant, c token.Call) error
	// Learn asks for the keys of the other nodes now, and gives them to the ring.
	Learn(ctx context.Context) error
}
