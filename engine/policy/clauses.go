package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/source"
)

// The bounds of what the parts of a rule can say.
const (
	maxRate      = 10_000
	maxTotal     = 1e12
	maxWithin    = 31 * 24 * time.Hour
	maxTimes     = 1_000
	maxApprovals = 10
	maxUses      = 1_000
)

// clauses reads what a rule says beside its effect, agents, tools and condition.
func (r *reader) clauses(out *rule, f *fileRule) {
	said := f.At.Field("effect").Text() == f.Effect.String() // else it is told, and what follows may be right
	if f.Effect == call.Deny && said {
		for _, w := range weakening {
			if f.At.Has(w.field) {
				r.ps.Add(f.At.In(w.field, "stands on a deny rule, which it would weaken", w.instead))
			}
		}
	}
	if f.Effect != call.Ask && said {
		for _, field := range asking {
			if f.At.Has(field) {
				r.ps.Add(f.At.In(field, "stands on a rule that does not ask", "write effect: ask, or remove it"))
			}
		}
	}
	r.counters(out, f)
	if p := f.Requires; p != nil && !p.At.IsZero() {
		r.oneOf(p.Outcome, string(call.OK))
		out.requires = r.past(p, true, false)
	}
	if p := f.After; p != nil && !p.At.IsZero() {
		if !p.Outcome.IsZero() {
			r.ps.Add(p.Outcome.Problem("after counts every call that was let through", "use requires for calls that ended well"))
		}
		// A piece of history that could not be asked counts against the agent.
		out.after = r.past(p, false, f.Effect != call.Allow)
	}
	if p := f.Repeated; p != nil && !p.At.IsZero() {
		r.must(p.At, "times", "within")
		r.oneOf(p.Same, "args")
		if p.At.Has("times") {
			r.number(p.At, "times", p.Times, 2, maxTimes)
		}
		if p.At.Has("within") {
			r.within(p.At, "within", p.Within, time.Second, maxWithin)
		}
		out.repeated = &repeated{times: p.Times, within: p.Within}
	}
	if !f.Expires.IsZero() {
		t, err := time.Parse(time.RFC3339, f.Expires.Text())
		if err != nil || t.IsZero() {
			r.ps.Add(f.Expires.Problem("want a moment such as 2026-12-31T00:00:00Z", ""))
		}
		out.expires = t
		p := f.Expires.Problem("has passed: the rule matches nothing any more", "remove the rule")
		out.expired = &p
	}
	if f.Effect == call.Ask {
		out.ask = r.asks(f)
	}
}

var (
	weakening = []struct{ field, instead string }{
		{"limit", "write it on the rule that allows"},
		{"total", "write it on the rule that allows"},
		{"requires", "use after to deny what follows a call"},
	}
	asking = []string{"approvers", "approvals", "grant"}
)

// must tells fields that are absent.
func (r *reader) must(at source.Node, fields ...string) {
	for _, field := range fields {
		if !at.Has(field) {
			r.ps.Add(at.In(field, "missing", ""))
		}
	}
}

func (r *reader) asks(f *fileRule) *AskRule {
	if len(f.Approvers) == 0 && f.Approvals == 0 && f.Grant == nil && !f.At.Has("approvals") {
		return r.ask
	}
	a := *r.ask
	a.Approvers = slices.Compact(slices.Sorted(slices.Values(f.Approvers)))
	for i, at := range f.At.Field("approvers").Items() {
		if name := f.Approvers[i]; at.IsText() && (name == "" || strings.TrimSpace(name) != name) {
			r.ps.Add(at.Problem("want the name of an operator or of a group", ""))
		}
	}
	if at := f.At.Field("approvers"); at.IsList() && len(f.Approvers) == 0 {
		r.ps.Add(at.Problem("names nobody", "leave it out for every operator"))
	}
	if f.At.Has("approvals") {
		a.Approvals = r.number(f.At, "approvals", f.Approvals, 1, maxApprovals)
	}
	if g := f.Grant; g != nil && !g.At.IsZero() {
		if g.At.Has("max") {
			a.MaxTTL = r.within(g.At, "max", g.Max, minTTL, maxTTL)
		}
		if g.At.Has("uses") {
			a.MaxUses = r.number(g.At, "uses", g.Uses, 1, maxUses)
		}
	}
	return &a
}

func (r *reader) counters(out *rule, f *fileRule) {
	if f.Limit.IsZero() && (f.Total == nil || f.Total.At.IsZero()) {
		return
	}
	out.counted = &limit.Rule{ID: f.ID + " " + fingerprint(f.At)}
	if !f.Limit.IsZero() {
		out.counted.Rate = r.rate(f.Limit)
	}
	t := f.Total
	if t == nil || t.At.IsZero() {
		return
	}
	r.must(t.At, "of", "max", "per")
	total := &limit.Total{For: r.key(t.Key)}
	if t.At.Has("max") {
		if !(t.Max > 0 && t.Max <= maxTotal) && r.told(t.At.Field("max"), new(float64)) == nil {
			r.ps.Add(t.At.In("max", "must be more than 0 and at most 1000000000000", ""))
		}
		total.Max = int64(math.Round(t.Max * 1e6))
	}
	if !t.Per.IsZero() {
		r.oneOf(t.Per, periods...)
		total.Period = limit.Period(max(0, slices.Index(periods, t.Per.Text())))
	}
	if total.Period == limit.Run {
		if !t.Key.IsZero() && t.Key.Text() != "run" {
			r.ps.Add(t.Key.Problem("a total per run counts for the run", "write key: run, or leave it out"))
		}
		total.For = limit.PerRun
	}
	if !t.Of.IsZero() {
		out.amount = r.amount(t.Of, out.tools)
	}
	out.counted.Total = total
}

var (
	periods = []string{limit.Minute: "minute", limit.Hour: "hour", limit.Day: "day", limit.Week: "week", limit.Month: "month", limit.Run: "run"}
	keys    = []string{limit.PerAgent: "agent", limit.PerRun: "run", limit.PerRule: "all"}
)

func (r *reader) key(at source.Node) limit.Scope {
	r.oneOf(at, keys...)
	return limit.Scope(max(0, slices.Index(keys, at.Text())))
}

// rate reads 120/m, or a mapping that says so at length.
func (r *reader) rate(at source.Node) *limit.Rate {
	var f fileRate
	if at.IsMapping() {
		r.ps.Add(at.Decode(&f))
		r.must(at, "n", "per")
		if at.Has("n") {
			r.number(at, "n", f.N, 1, maxRate)
		}
		per, ok := window(f.Per.Text())
		if !ok && !f.Per.IsZero() {
			r.ps.Add(f.Per.Problem("want s, m, h, d, or a duration such as 10m", ""))
		}
		return &limit.Rate{N: f.N, Per: per, For: r.key(f.Key)}
	}
	n, unit, ok := strings.Cut(at.Text(), "/")
	count, err := strconv.Atoi(n)
	per, good := window(unit)
	if !ok || err != nil || !good || count < 1 || count > maxRate || !at.IsText() {
		r.ps.Add(at.Problem("want a number of calls, 1 to 10000, and a time, such as 120/m", "the times are s, m, h and d"))
	}
	return &limit.Rate{N: count, Per: per}
}

// window is the length of a rate's window.
func window(unit string) (time.Duration, bool) {
	switch unit {
	case "s":
		return time.Second, true
	case "m":
		return time.Minute, true
	case "h":
		return time.Hour, true
	case "d":
		return 24 * time.Hour, true
	}
	d, err := time.ParseDuration(unit)
	return d, err == nil && d >= time.Second && d <= maxWithin
}

// fingerprint names the text of a rule. Two rules that say the same in another
// order of fields are told apart; that errs on the side of starting anew.
func fingerprint(at source.Node) string {
	var text json.RawMessage
	if err := at.Decode(&text); err != nil {
		return fmt.Sprint(err) // told before
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
