// Package gateway is what every way into the engine has in common.
package gateway

import (
	"context"

	"m1/engine/call"
)

// Decider is the part of the engine that agents use. Every method is safe for
// concurrent use.
type Decider interface {
	// Propose decides one call. With an error the Decision denies too.
	Propose(context.Context, call.Proposal) (call.Decision, error)
	// Report tells what came of a released call; call.ErrUnknownCall if M1 never
	// released it or was told already.
	Report(context.Context, call.Report) error
	// Use records what a model call consumed and prices it.
	Use(context.Context, call.Usage) (call.Charge, error)
	// StartRun and EndRun frame an agent run. Both may be left out: a run begins
	// with its first call. EndRun drops the run's cached results. A call or usage
	// that comes after it is still decided and counted, but the run stays ended;
	// only StartRun begins it again, as one more run.
	StartRun(context.Context, call.Run) error
	EndRun(ctx context.Context, run call.RunID, stopReason string) error
}
