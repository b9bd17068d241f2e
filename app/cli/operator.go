package cli

import (
	"context"
	"os/user"

	"m1/app"
	"m1/app/daemon"
	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
)

// local is the person at the terminal of the engine's own process. Who can start
// the engine owns its records and its keys, and may answer for every approver.
type local struct{ d *daemon.Daemon }

var (
	_ app.Operator = local{}
	_ app.Operator = (*operate.Client)(nil)
)

func (l local) Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error) {
	a.By = approval.Person{Name: "terminal:" + login(), Owner: true}
	return l.d.Engine().Answer(ctx, a)
}

func (l local) Explain(ctx context.Context, p call.Proposal) (snapshot.Explanation, error) {
	return l.d.Engine().Explain(ctx, p)
}

// login is the name of the person in this system.
func login() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// remote reaches the operators' way in of the engine at url.
func (p *program) remote(url, token string) (*operate.Client, func(), error) {
	conn, err := guard.Dial(url, token)
	if err != nil {
		return nil, nil, err
	}
	return operate.NewClient(conn), conn.Close, nil
}
