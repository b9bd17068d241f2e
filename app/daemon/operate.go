package daemon

import (
	"context"
	"errors"
	"fmt"

	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/approval"
	"m1/engine/gateway/operate"
	"m1/engine/token"
)

// operators is the engine as the operators' way in wants it.
type operators struct{ *engine.Engine }

var (
	_ operate.Desk  = operators{}
	_ operate.Rules = operators{}
)

// meaning is err as the operators' way in knows it.
func meaning(err error) error {
	for _, m := range []struct{ from, to error }{
		{engine.ErrDenied, operate.ErrDenied},
		{engine.ErrUnrecorded, operate.ErrUnrecorded},
		{engine.ErrUnknownGrant, operate.ErrUnknownGrant},
		{engine.ErrUnknownPolicy, operate.ErrUnknownVersion},
		{token.ErrShared, operate.ErrCannotRotate},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	if bad, is := errors.AsType[*engine.BadOrder](err); is {
		return &operate.BadOrder{Field: bad.Field, Message: bad.Msg, Hint: bad.Hint}
	}
	return err
}

func (o operators) Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error) {
	out, err := o.Engine.Answer(ctx, a)
	return out, meaning(err)
}

func (o operators) RotateKeys(ctx context.Context, by approval.Person) (string, error) {
	kid, err := o.Engine.RotateKeys(ctx, by)
	return kid, meaning(err)
}

func (o operators) IssueGrant(ctx context.Context, order operate.GrantOrder, by approval.Person) (snapshot.Grant, string, error) {
	g, signed, err := o.Engine.IssueGrant(ctx, engine.Order(order), by)
	return g, signed, meaning(err)
}

func (o operators) RevokeGrant(ctx context.Context, id string, by approval.Person) error {
	return meaning(o.Engine.RevokeGrant(ctx, id, by))
}

func (o operators) Policy() operate.PolicyState {
	src, kept, failure := o.Policies()
	return operate.PolicyState{Current: kept[0], Source: string(src), Versions: kept, Failure: failure}
}

func (o operators) PutPolicy(ctx context.Context, source, comment string, by approval.Person, dryRun bool) (snapshot.PolicyVersion, snapshot.PolicyDiff, error) {
	v, diff, err := o.LoadPolicy(ctx, engine.Load{Name: "put by " + by.Name, Source: []byte(source), By: "operator " + by.Name, Comment: comment, DryRun: dryRun})
	return v, diff, meaning(err)
}

func (o operators) Rollback(ctx context.Context, to, comment string, by approval.Person) (snapshot.PolicyVersion, error) {
	v, err := o.Engine.Rollback(ctx, to, comment, "operator "+by.Name)
	return v, meaning(err)
}
