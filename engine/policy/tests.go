package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/source"
)

// test is a call that the file says the answer of.
type test struct {
	at    source.Problem // without a message
	agent call.AgentID
	run   call.RunID
	call  testCall
	after []testCall
	want  call.Effect
	rule  string // empty: any
}

type testCall struct {
	line    int
	tool    string
	args    json.RawMessage // canonical
	outcome call.Outcome
}

// TestResult is what came of one test of the file.
type TestResult struct {
	Line     int
	Agent    call.AgentID
	Tool     string
	Want     call.Effect
	WantRule string // empty: any
	Got      call.Effect
	GotRule  string // empty: a call before it could not have run
	OK       bool
	Why      string // "want …, got …", or what is wrong with a call before it; empty if OK

	problem source.Problem
}

// testTime is when the tests of a file happen: before any rule expires.
var testTime = time.Date(2001, 1, 1, 12, 0, 0, 0, time.UTC)

func (r *reader) tests() []test {
	var out []test
	for i := range r.file.Tests {
		f := &r.file.Tests[i]
		if f.At.IsZero() {
			continue
		}
		r.must(f.At, "agent", "call", "want")
		t := test{at: f.At.Problem("", ""), agent: call.AgentID(f.Agent), run: call.RunID(f.Run), want: f.Want, rule: f.Rule}
		if t.run == "" {
			t.run = "test"
		}
		t.call = testCall{line: f.At.Line(), tool: f.Call, args: r.testArgs(f.Args)}
		if f.Want != call.Deny || f.Rule != UnknownTool {
			r.listed(f.At, f.Call, "to test that it is denied, write want: deny and rule: "+UnknownTool)
		}
		for j := range f.After {
			c := &f.After[j]
			if c.At.IsZero() {
				continue
			}
			r.must(c.At, "call")
			r.listed(c.At, c.Call, "a call that is denied never runs before another")
			r.oneOf(c.Outcome, string(call.OK), string(call.Failed), string(call.Cancelled))
			outcome := call.OK
			if !c.Outcome.IsZero() {
				outcome = call.Outcome(c.Outcome.Text())
			}
			t.after = append(t.after, testCall{line: c.At.Line(), tool: c.Call, args: r.testArgs(c.Args), outcome: outcome})
		}
		if _, ok := r.ids[f.Rule]; f.Rule != "" && !ok && !isReserved(f.Rule) {
			ids := append([]string{}, reserved...)
			for id := range r.ids {
				ids = append(ids, id)
			}
			r.ps.Add(f.At.In("rule", "no rule has this id", source.DidYouMean(f.Rule, ids)))
		}
		out = append(out, t)
	}
	return out
}

// listed tells a call of a tool that every such test would be denied for.
func (r *reader) listed(at source.Node, name, hint string) {
	if name == "" || !r.deniesUnlisted() {
		return
	}
	if _, ok := r.tools.all.Lookup(name); ok {
		return
	}
	if near := source.DidYouMean(name, r.tools.names); near != "" {
		hint = near + " (" + hint + ")"
	}
	r.ps.Add(at.In("call", "no tool of the catalogue has this name", hint))
}

func isReserved(id string) bool {
	for _, r := range reserved {
		if r == id {
			return true
		}
	}
	return false
}

func (r *reader) testArgs(at source.Node) json.RawMessage {
	if at.IsZero() {
		return noArgs
	}
	var raw json.RawMessage
	if err := at.Decode(&raw); err != nil {
		r.ps.Add(err)
		return noArgs
	}
	args, err := call.Canonical(raw)
	if err != nil {
		r.ps.Add(at.Problem("want the arguments of a call: "+strings.TrimPrefix(err.Error(), "call: "), ""))
		return noArgs
	}
	return args
}

// Test runs the tests of the file, each as if nothing had happened before but the
// calls that it names. A Set exists only if all were good: the results say so
// again, for people.
func (s *Set) Test() []TestResult {
	out := make([]TestResult, len(s.cases))
	for i := range s.cases {
		out[i] = s.test(&s.cases[i])
	}
	return out
}

func (s *Set) test(t *test) TestResult {
	w := world{s: s, t: t, book: limit.New(limit.Options{})}
	res := TestResult{Line: t.at.Line, Agent: t.agent, Tool: t.call.tool, Want: t.want, WantRule: t.rule}
	for i := range t.after {
		if why := w.happen(&t.after[i]); why != "" {
			return res.failed(t, fmt.Sprintf("after[%d] in line %d could not have run: %s", i, t.after[i].line, why))
		}
	}
	r, v := w.propose(&t.call, true)
	res.Got, res.GotRule = v.Effect, v.Rule
	// A call with bad arguments meets no rule, so it proves something only where its
	// author says so.
	res.OK = v.Effect == t.want && (t.rule == v.Rule || t.rule == "" && v.Rule != BadArguments)
	if res.OK {
		return res
	}
	want := t.want.String()
	if t.rule != "" {
		want += " by " + t.rule
	}
	return res.failed(t, "want "+want+", got "+s.answered(r, v))
}

// failed is the result with what to tell.
func (res TestResult) failed(t *test, why string) TestResult {
	res.Why = why
	res.problem = t.at
	res.problem.Msg = "the test fails: " + why
	return res
}

// answered says in words what a verdict is.
func (s *Set) answered(r *Request, v Verdict) string {
	why := fmt.Sprintf("%s by %s: %s", v.Effect, v.Rule, v.Reason)
	if v.Rule == BadArguments {
		return why + "; correct them, or write want: deny and rule: " + BadArguments
	}
	if miss := s.Explain(r).NearestMiss; miss != "" {
		why += "; " + miss
	}
	return why
}

// world is where one test happens: nothing has happened there before.
type world struct {
	s      *Set
	t      *test
	book   *limit.Book
	calls  int
	last   call.Digest
	streak int
}

// propose decides the next call, as an engine does: arguments that are not those of
// the tool are denied before any rule.
func (w *world) propose(c *testCall, dry bool) (*Request, Verdict) {
	r := &Request{
		Agent: w.t.agent, Run: w.t.run, Tool: c.tool, Args: c.args, Digest: call.DigestOf(c.tool, c.args),
		Now: testTime.Add(time.Duration(w.calls) * time.Second), Facts: w.book, Dry: dry,
	}
	w.calls++
	if w.streak++; r.Digest != w.last {
		w.streak, w.last = 1, r.Digest
	}
	r.RunState = RunState{Calls: int64(w.calls), Started: testTime, Streak: w.streak}
	w.book.Propose(r.who(), r.Digest, r.Now)
	if e, ok := w.s.all.Lookup(c.tool); ok {
		if err := e.Check(c.args); err != nil {
			return r, Verdict{Rule: BadArguments, Code: BadArguments, Reason: strings.TrimPrefix(err.Error(), "schema: ")}
		}
		r.Known, r.Scope = true, e.Use(c.args).Scope
	}
	return r, w.s.Decide(r)
}

// happen lets an earlier call run, or says why it cannot have run. Where a person is
// asked, the answer was yes.
func (w *world) happen(c *testCall) (why string) {
	r, v := w.propose(c, false)
	switch {
	case v.Rule == BadArguments:
		return v.Reason
	case v.Effect == call.Deny:
		return w.s.answered(r, v)
	case v.Effect == call.Ask && v.Counted != nil:
		w.book.Take(v.Counted, r.who(), v.Amount, r.Now)
	}
	for _, p := range w.s.Past(r, nil) {
		if !p.OK || c.outcome == call.OK {
			w.book.Remember(p, r.who(), r.Now)
		}
	}
	return ""
}
