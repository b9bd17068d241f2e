package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// character is a kind of agent.
type character struct {
	id    string
	model string
	does  []act
	only  Phase // works in this phase alone; empty: always
	think time.Duration
}

// act is something that an agent likes to do: weight says how much.
type act struct {
	tool   string
	weight int
	arg    string // name of the argument, if any
	values int    // how many different values it takes
}

var (
	support = []act{
		{"get_order", 30, "order_id", 6}, {"get_customer", 15, "customer_id", 4}, {"list_orders", 6, "", 0}, {"search_docs", 12, "query", 5},
		{"shipping_quote", 14, "order_id", 6}, {"update_order", 8, "order_id", 6}, {"update_address", 3, "customer_id", 4},
		{"send_mail", 5, "to", 9}, {"refund_order", 2, "order_id", 6}, {"delete_customer", 1, "customer_id", 4},
	}
	reader = []act{{"get_order", 10, "order_id", 9}, {"search_docs", 10, "query", 9}, {"list_orders", 3, "", 0}, {"update_order", 1, "order_id", 9}}
)

var crew = []character{
	{id: "support-1", model: "claude-sonnet-5-5", does: support, think: 500 * time.Millisecond},
	{id: "support-2", model: "claude-sonnet-5-5", does: support, think: 600 * time.Millisecond},
	{id: "support-3", model: "gpt-5.4-mini", does: support, think: 700 * time.Millisecond},
	{id: "support-4", model: "gemini-3.8-flash", does: support, think: 800 * time.Millisecond},
	{id: "auditor", model: "claude-haiku-4-5", does: reader, think: time.Second},
	{id: "retry-bot", model: "in-house-7b", only: Runaway, think: 250 * time.Millisecond,
		does: []act{{"update_order", 1, "order_id", 1}}},
	{id: "reporter", model: "claude-opus-5-5", only: Costly, think: 400 * time.Millisecond,
		does: []act{{"run_report", 1, "month", 12}, {"list_orders", 2, "", 0}}},
}

// agent is one of the crew at work.
type agent struct {
	w *Workload
	character
	rand  *rand.Rand
	runs  int
	shop  *shop // of the present run
	asked []asked
}

// asked is a call that waits for a person.
type asked struct {
	id       string
	proposal call.Proposal
	args     map[string]string
}

// asker is a Decider whose questions can be looked at; the engine is one.
type asker interface {
	Await(ctx context.Context, id string) (snapshot.Approval, error)
}

// answered looks once whether a person has answered the oldest question, and makes
// the call if the answer is yes.
func (a *agent) answered(ctx context.Context) error {
	desk, ok := a.w.d.(asker)
	if !ok || len(a.asked) == 0 {
		return nil
	}
	q := a.asked[0]
	look, stop := context.WithCancel(ctx)
	stop() // as it is now
	answer, err := desk.Await(look, q.id)
	if err == nil && answer.Status == snapshot.Pending {
		a.asked = append(a.asked[1:], q)
		return nil
	}
	a.asked = a.asked[1:]
	if err != nil || answer.Status != snapshot.Approved {
		return nil //nolint:nilerr // the question is gone: nobody said yes
	}
	q.proposal.Grant = answer.Grant
	d, err := a.w.d.Propose(ctx, q.proposal)
	if err != nil || d.Effect != call.Allow {
		return err
	}
	return a.execute(ctx, d, q.proposal.Tool, q.args)
}

// work does one run after the other until ctx ends or a run fails.
func (a *agent) work(ctx context.Context) error {
	for {
		if a.only != "" && a.w.Phase() != a.only {
			if err := a.pause(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := a.run(ctx); err != nil {
			return err
		}
	}
}

var goals = []string{"answer a customer", "find a lost parcel", "check an invoice", "plan the next delivery", "clean up old orders"}

func (a *agent) run(ctx context.Context) error {
	a.runs++
	a.shop = newShop()
	id := call.RunID(fmt.Sprintf("%s/%d-%04d", a.id, a.w.o.Seed, a.runs))
	if err := a.w.d.StartRun(ctx, call.Run{ID: id, Agent: call.AgentID(a.id), Goal: goals[a.rand.IntN(len(goals))], Model: a.model}); err != nil {
		return err
	}
	for range 6 + a.rand.IntN(14) {
		if a.only != "" && a.w.Phase() != a.only {
			break
		}
		think := a.think
		if a.w.Phase() == Quiet {
			think *= 8
		}
		if err := a.pause(ctx, think/2+time.Duration(a.rand.Int64N(int64(think)))); err != nil {
			return err
		}
		if err := a.step(ctx, id); err != nil {
			return err
		}
	}
	reason := "completed"
	if a.rand.IntN(20) == 0 {
		reason = "error"
	}
	return a.w.d.EndRun(ctx, id, reason)
}

// step is one model call and the tool call that came of it.
func (a *agent) step(ctx context.Context, run call.RunID) error {
	if err := a.answered(ctx); err != nil {
		return err
	}
	u := call.Usage{Provider: "demo", Model: a.model, Run: run, Agent: call.AgentID(a.id), At: a.w.o.Now(),
		Input: 200 + a.rand.Int64N(800), Output: 60 + a.rand.Int64N(400), CacheRead: 4_000 + a.rand.Int64N(12_000)}
	if a.only == Costly {
		u.Input, u.Output = 90_000+a.rand.Int64N(60_000), 4_000+a.rand.Int64N(4_000)
	}
	if _, err := a.w.d.Use(ctx, u); err != nil {
		return err
	}
	todo := a.choose()
	args := map[string]string{}
	if todo.arg != "" {
		args[todo.arg] = fmt.Sprintf("%s-%d", todo.arg[:1], a.rand.IntN(todo.values))
	}
	truth := a.shop.read(todo.tool, args)
	a.w.calls.Add(1)
	p := call.Proposal{Agent: call.AgentID(a.id), AgentType: "demo", Run: run, Tool: todo.tool, Args: encode(args), Model: a.model}
	d, err := a.w.d.Propose(ctx, p)
	if err != nil {
		return err
	}
	if d.Cache.Status == call.CacheHit {
		a.w.hits.Add(1)
		if !bytes.Equal(d.Cache.Result, truth) {
			a.w.stale.Add(1)
		}
		return nil
	}
	if d.Approval != nil {
		a.asked = append(a.asked, asked{d.Approval.ID, p, args})
	}
	if d.Effect != call.Allow {
		return nil // a well-behaved agent takes no for an answer
	}
	return a.execute(ctx, d, todo.tool, args)
}

func (a *agent) choose() act {
	sum := 0
	for _, d := range a.does {
		sum += d.weight
	}
	n := a.rand.IntN(sum)
	for _, d := range a.does {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("demo: weights do not add up")
}

// execute runs the tool and reports. Tools have good and bad times.
func (a *agent) execute(ctx context.Context, d call.Decision, tool string, args map[string]string) error {
	took := 4*time.Millisecond + time.Duration(a.rand.ExpFloat64()*float64(18*time.Millisecond))
	phase := a.w.Phase()
	if phase == Slow && tool == "search_docs" {
		took += 900*time.Millisecond + time.Duration(a.rand.Int64N(int64(900*time.Millisecond)))
	}
	if err := a.pause(ctx, took); err != nil {
		return err
	}
	r := call.Report{ID: d.ID, Outcome: call.OK, Duration: took}
	switch {
	case phase == Failing && tool == "shipping_quote" && a.rand.IntN(10) < 7:
		r.Outcome, r.ErrorType, r.Result = call.Failed, "timeout", json.RawMessage(`"the carrier does not answer"`)
	case a.rand.IntN(400) == 0:
		r.Outcome, r.ErrorType, r.Result = call.Failed, "upstream_5xx", json.RawMessage(`"internal error"`)
	case d.Scope == call.Read:
		r.Result = a.shop.read(tool, args)
	default:
		r.Result = a.shop.change(tool, args)
	}
	if err := a.w.d.Report(ctx, r); err != nil && !errors.Is(err, call.ErrUnknownCall) {
		return err
	}
	return nil
}

// pause waits for d at the demo's speed.
func (a *agent) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(time.Duration(float64(d) / a.w.o.Speed))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
