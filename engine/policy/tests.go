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
	GotRule  string
	OK       bool
	Why      string // empty if OK

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
		t.call = testCall{tool: f.Call, args: r.testArgs(f.Args)}
		for j := range f.After {
			c := &f.After[j]
			if c.At.IsZero() {
				continue
			}
			r.must(c.At, "call")
			r.oneOf(c.Outcome, string(call.OK), string(call.Failed), string(call.Cancelled))
			outcome := call.OK
			if !c.Outcome.IsZero() {
				outcome = call.Outcome(c.Outcome.Text())
			}
			t.after = append(t.after, testCall{tool: c.Call, args: r.testArgs(c.Args), outcome: outcome})
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
	book := limit.New(limit.Options{})
	var last call.Digest
	streak := 0
	propose := func(i int, c testCall) (*Request, error) {
		r := &Request{
			Agent: t.agent, Run: t.run, Tool: c.tool, Args: c.args, Digest: call.DigestOf(c.tool, c.args),
			Now: testTime.Add(time.Duration(i) * time.Second), Facts: book,
		}
		var err error
		if e, ok := s.all.Lookup(c.tool); ok {
			r.Known, r.Scope = true, e.Use(c.args).Scope
			err = e.Args.Check(c.args)
		}
		if streak++; r.Digest != last {
			streak, last = 1, r.Digest
		}
		r.RunState = RunState{Calls: int64(i + 1), Started: testTime, Streak: streak}
		book.Propose(r.who(), r.Digest, r.Now)
		return r, err
	}
	for i, c := range t.after {
		r, _ := propose(i, c)
		s.Decide(r)
		for _, p := range s.Past(r, nil) {
			if !p.OK || c.outcome == call.OK {
				book.Remember(p, r.who(), r.Now)
			}
		}
	}
	r, err := propose(len(t.after), t.call)
	res := TestResult{Line: t.at.Line, Agent: t.agent, Tool: t.call.tool, Want: t.want, WantRule: t.rule}
	var why string
	if err != nil {
		res.Got, res.GotRule, why = call.Deny, BadArguments, err.Error()
	} else {
		r.Dry = true
		v := s.Decide(r)
		res.Got, res.GotRule, why = v.Effect, v.Rule, v.Reason
	}
	res.OK = res.Got == t.want && (t.rule == "" || t.rule == res.GotRule)
	if res.OK {
		return res
	}
	if err == nil {
		if miss := s.Explain(r).NearestMiss; miss != "" {
			why += "; " + miss
		}
	}
	res.Why = fmt.Sprintf("%s by %s: %s", res.Got, res.GotRule, why)
	want := t.want.String()
	if t.rule != "" {
		want += " by " + t.rule
	}
	res.problem = t.at
	res.problem.Msg = "the test fails: want " + want + ", got " + res.Why
	return res
}
