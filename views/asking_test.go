package views_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/views"
)

// asking is the engine of dashboard while people are asked: three questions wait,
// some are answered, and a new policy could not be loaded.
func asking(f *views.Frame) {
	f.Answers = true
	question := func(n int, tool string, scope call.Scope, agent, args, rule, reason string, asked, left time.Duration) snapshot.Approval {
		return snapshot.Approval{
			ID: fmt.Sprintf("ap_%02d", n), Status: snapshot.Pending, Agent: call.AgentID(agent), AgentType: "claude-code", Run: "run_4711", Call: call.ID(fmt.Sprintf("tc_%05d", 400-n)),
			Tool: tool, Scope: scope, Args: json.RawMessage(args), ArgsSHA256: "b1946ac92492d2347c6235b4d2611184f1c3b0a7", Schema: "5891b5b522d5df08",
			Rule: rule, Reason: reason, Version: "sha256:9f3c21ab77d0", Needed: 1, Asked: 1, MaxTTLS: 300, MaxUses: 1, AskedAt: at.Add(-asked), ExpiresAt: at.Add(left),
		}
	}
	refund := question(1, "refund_order", call.Execute, "billing-bot", `{"amount":312,"note":"goodwill, as agreed","order_id":"ord_8812","to":"u_77"}`, "refunds-over-100", "refunds over $100 need a person", 8*time.Second, 4*time.Minute+12*time.Second)
	refund.Approvers, refund.Needed, refund.MaxUses, refund.MaxTTLS, refund.Asked = []string{"finance", "oncall"}, 2, 10, 900, 3
	refund.Votes = []snapshot.Vote{{By: "ann", At: at.Add(-3 * time.Second), Approve: true, Note: "the customer called twice"}}
	script, _ := json.Marshal("set -eu\nfor host in $(cat hosts); do\n\tssh \"$host\" 'rm -rf /var/cache/app'\ndone\n" + strings.Repeat("echo still going on and on; ", 12))
	shell := question(2, "shell", call.Execute, "build-bot", `{"command":`+string(script)+`,"timeout":600,"why\u202e":"cleanup\u200b"}`, "shell-ask", "command outside the safe list", 40*time.Second, 51*time.Second)
	edit := question(3, "Edit", call.Write, "research", `{"path":"/workspace/notes/日本語.md","text":""}`, "notes", "notes are shared", time.Minute, 9*time.Minute)
	f.Snap.Approvals = []snapshot.Approval{shell, refund, edit}
	for i, end := range []struct{ status, by, note string }{
		{snapshot.Approved, "ann", ""}, {snapshot.Rejected, "bob", "ask the customer first"}, {snapshot.Expired, "", ""},
	} {
		a := question(4+i, "refund_order", call.Execute, "billing-bot", `{"amount":120,"order_id":"ord_8790"}`, "refunds-over-100", "refunds over $100 need a person", time.Duration(10+i)*time.Minute, -time.Duration(5+i)*time.Minute)
		when := at.Add(-time.Duration(6+i) * time.Minute)
		a.Status, a.By, a.Note, a.AnsweredAt = end.status, end.by, end.note, &when
		if end.by != "" {
			a.Votes = []snapshot.Vote{{By: end.by, At: when, Approve: end.status == snapshot.Approved, Note: end.note}}
		}
		if end.status == snapshot.Approved {
			a.GrantID, a.Grant = "gr_7", "eyJ.the.token"
		}
		f.Snap.Approvals = append(f.Snap.Approvals, a)
	}
	p := &f.Snap.Policy
	p.LoadedAt, p.Allowed, p.Denied, p.Asked, p.AllowRate = at.Add(-3*time.Hour), 91_002, 2_601, 38, 0.972
	p.Scopes = snapshot.ScopeCounts{Read: 80_112, Write: 9_001, Execute: 4_528}
	p.Approvals = snapshot.Approvals{Pending: 3, Approved: 21, Rejected: 9, Expired: 5, MedianWaitMS: 48_000}
	p.Grants = snapshot.Grants{Issued: 23, Used: 25, Revoked: 1, Refused: map[string]int64{"expired": 2, "wrong_binding": 1}}
	for i, t := range tools {
		effect := call.Allow
		if t.name == "refund_order" {
			effect = call.Ask
		}
		p.ByRule = append(p.ByRule, snapshot.RuleCount{Rule: t.rule, Effect: effect, Count: int64(30_000 / (i + 1))})
	}
	p.ByRule = append(p.ByRule, snapshot.RuleCount{Rule: "no-secrets", Effect: call.Deny, Count: 2_201}, snapshot.RuleCount{Rule: "default", Effect: call.Deny, Count: 400})
	p.TopDeniedTools = []snapshot.ToolCount{{Tool: "Read", Count: 1_804}, {Tool: "shell", Count: 611}, {Tool: "web.fetch", Count: 186}}
	p.ShadowRules = []snapshot.ShadowFlip{{Rule: "no-exfil", Matched: 311, Would: 12}, {Rule: "nights", Matched: 0, Would: 0}}
	p.Failure = &snapshot.PolicyFailure{At: at.Add(-90 * time.Second), By: "file", Name: "prod.yaml", Problems: []string{
		`12:5: unknown field "efect"; did you mean "effect"?`, "31:18: undefined field 'ammount' in args of refund_order; it has amount, note, order_id, to",
		"44:3: the test wants allow and got deny by no-secrets", "50:1: a", "51:1: b", "52:1: c", "53:1: d",
	}}
	for i := range 4 {
		p.Versions = append(p.Versions, snapshot.PolicyVersion{
			Version: fmt.Sprintf("sha256:%02x3c21ab77d0aa12", 0x9f-i), Name: "prod.yaml", LoadedAt: at.Add(-time.Duration(3+i*i*20) * time.Hour), By: []string{"file", "ann", "signal", "start"}[i],
			Comment: []string{"", "refunds up to 1000", "", ""}[i], Rules: 214 - i, Live: i == 0,
		})
	}
}

// dialog opens the record of a question and an answer to it.
func dialog(f *views.Frame, id string, kind views.DialogKind) {
	f.Page, f.Detail.Approval = views.Approvals, id
	for _, a := range f.Snap.Approvals {
		if a.ID == id {
			f.Dialog = &views.Dialog{
				Kind: kind, Approval: id, Digest: a.ArgsSHA256, Tool: a.Tool, Agent: a.Agent, Scope: a.Scope, Expires: a.ExpiresAt,
				Uses: "10", Minutes: "15", MaxUses: a.MaxUses, MaxTTL: time.Duration(a.MaxTTLS) * time.Second,
			}
		}
	}
}

// explained opens a call with the explanation of its decision.
func explained(f *views.Frame) {
	i := 0
	for f.Snap.Calls[i].Tool != "refund_order" {
		i++
	}
	c := f.Snap.Calls[i]
	f.Detail.Call, f.Detail.KeptCall = c.ID, c
	f.Detail.Why = &views.Why{Explanation: &snapshot.Explanation{
		Effect: call.Ask, Rule: "refunds-over-100", Reason: "refunds over $100 need a person", Version: "sha256:9f3c21ab77d0", Agent: c.Agent, Entry: "support", MaxScope: call.Execute,
		Tool: c.Tool, Known: true, Scope: call.Execute, Args: json.RawMessage(`{"amount":312,"order_id":"ord_8812"}`),
		NearestMiss: "would be allowed by refunds-small if args.amount < 100.0; it is 312",
		ForPerson:   "refunds-over-100 asks, because args.amount >= 100.0", ForModel: "This refund waits for a person. Do not repeat it.", TookUS: 14.2,
		Candidates: []snapshot.Candidate{
			{Rule: "no-force", Effect: call.Deny, Line: 31, Agents: "*", Tools: "*", Why: "its condition is false", When: `mentions(call, ["**/.env"])`, Terms: []snapshot.Term{{Text: `mentions(call, ["**/.env"])`, Value: "false", Inputs: "2 strings"}}},
			{Rule: "refunds-over-100", Effect: call.Ask, Line: 44, Agents: "support", Tools: "refund_order", Matched: true, Decides: true, Why: "its condition is true", When: "args.amount >= 100.0 && args.amount <= 1000.0", Terms: []snapshot.Term{
				{Text: "args.amount >= 100.0", Value: "true", Inputs: "args.amount = 312"}, {Text: "args.amount <= 1000.0", Value: "true", Inputs: "args.amount = 312"},
			}},
			{Rule: "refunds-small", Effect: call.Allow, Line: 40, Agents: "support", Tools: "refund_order", Why: "its condition is false", Terms: []snapshot.Term{{Text: "args.note.size() > 3", Value: "error: no such key: note"}}, Counters: []snapshot.Counter{
				{Text: "at most 500 in a day per agent", Used: 412.5, Max: 500, Holds: true}, {Text: "at most 20 in 1h per agent", Used: 20, Max: 20, Retry: "2m10s"},
			}},
			{Rule: "nights", Effect: call.Deny, Shadow: true, Line: 60, Agents: "*", Tools: "refund_*", Matched: true, Why: "it has no condition"},
		},
	}}
}
