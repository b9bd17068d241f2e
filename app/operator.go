package app

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
)

// Operator carries out what a person decides on the screen. Both methods may
// block until ctx ends, and are safe for concurrent use.
type Operator interface {
	// Answer gives a person's answer to a question. Who the person is, By, is
	// filled in by the implementation. The error is a sentence for that person.
	Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error)
	// Explain says how p would be decided now. It decides and counts nothing.
	Explain(ctx context.Context, p call.Proposal) (snapshot.Explanation, error)
}

// patient is how long the engine has for an answer or an explanation.
const patient = 15 * time.Second

// operations make commands of what an Operator does: Update waits for nobody.
type operations struct {
	answer  func(a approval.Answer) tea.Cmd
	explain func(gen int, p call.Proposal) tea.Cmd
}

// The messages that come back.
type (
	answered struct {
		sent approval.Answer
		now  snapshot.Approval
		err  error
	}
	explained struct {
		gen         int
		explanation snapshot.Explanation
		err         error
	}
)

// newOperations makes commands that end with ctx; nil where nobody operates.
func newOperations(ctx context.Context, o Operator) *operations {
	if o == nil {
		return nil
	}
	return &operations{
		answer: func(a approval.Answer) tea.Cmd {
			return func() tea.Msg {
				ctx, cancel := context.WithTimeout(ctx, patient)
				defer cancel()
				now, err := o.Answer(ctx, a)
				return answered{sent: a, now: now, err: err}
			}
		},
		explain: func(gen int, p call.Proposal) tea.Cmd {
			return func() tea.Msg {
				ctx, cancel := context.WithTimeout(ctx, patient)
				defer cancel()
				e, err := o.Explain(ctx, p)
				return explained{gen: gen, explanation: e, err: err}
			}
		},
	}
}
