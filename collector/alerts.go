package collector

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"m1/collector/snapshot"
)

const (
	mostAlerts  = 20
	loopStreak  = 5 // identical calls in a row, in recorded traffic always a runaway agent
	failingMin  = 5 // failed reports of one tool; fewer are chance
	failingRate = 0.5
)

// alert lists what wants a person's eyes, most severe first, then newest. An
// alert keeps its id, and the time since when it stands, until it is gone.
func (j *judge) alert(f facts, h snapshot.Health) []snapshot.Alert {
	out := []snapshot.Alert{}
	standing := map[string]time.Time{}
	raise := func(a snapshot.Alert) {
		if a.Since.IsZero() {
			a.Since = cmp.Or(j.alerts[a.ID], f.at)
		}
		a.Since = a.Since.UTC()
		standing[a.ID] = a.Since
		out = append(out, a)
	}

	if l := f.status.Ledger; l.Err != "" {
		raise(snapshot.Alert{
			ID: "ledger", Severity: "P1", Title: "Ledger unavailable", Since: l.Since,
			Detail: l.Err + ". Calls that write or execute are denied until records are durable again: look at the disk of the state directory.",
		})
	}
	if c := h.Checks["policy"]; c.Status == critical {
		raise(snapshot.Alert{ID: "policy", Severity: "P1", Title: "No policy", Detail: c.Message + ". Load one with --policy."})
	}
	if p := f.status.Policy.Failure; p != nil {
		raise(snapshot.Alert{
			ID: snapshot.AlertPolicyLoad, Severity: "P2", Title: "Policy not loaded", Since: p.At,
			Detail: fmt.Sprintf("%s (%s) has problems and %.15s goes on deciding: %s", p.Name, p.By, f.status.Policy.Version, firstOf(p.Problems)),
		})
	}
	if c := h.Checks["engine"]; c.Status != healthy {
		raise(snapshot.Alert{ID: "m1_errors", Severity: "P1", Title: "M1 could not serve calls", Detail: c.Message + ". They were blocked; the log tells why."})
	}
	for _, l := range f.status.Loops {
		if !l.Open || l.Streak < loopStreak {
			continue
		}
		raise(snapshot.Alert{
			ID: fmt.Sprintf("loop/%s/%s", l.Run, l.Tool), Severity: "P2", Title: "Runaway loop", Since: l.Since,
			Detail: fmt.Sprintf("%s repeats %s unchanged, %s times in a row, in run %s", l.Agent, l.Tool, grouped(int64(l.Streak)), l.Run),
		})
	}
	if c := h.Checks["memory"]; c.Status != healthy {
		raise(snapshot.Alert{ID: "memory", Severity: "P2", Title: "Memory is nearly used up", Detail: c.Message})
	}
	for _, t := range f.record.tools {
		failed, reports := f.lately.Count(&t.Errors), f.lately.Count(&t.Reports)
		if failed < failingMin || ratio(failed, reports) < failingRate {
			continue
		}
		raise(snapshot.Alert{
			ID: "failing/" + t.name, Severity: "P3", Title: "Tool fails",
			Detail: fmt.Sprintf("%s: %s of %s calls failed in the last 5 minutes", t.name, grouped(failed), grouped(reports)),
		})
	}
	if c := h.Checks["clock"]; c.Status != healthy {
		raise(snapshot.Alert{ID: "clock", Severity: "P3", Title: "Clock jumped", Detail: "The clock " + c.Message, Since: c.Since})
	}
	for _, m := range f.models {
		if m.Priced {
			continue
		}
		raise(snapshot.Alert{
			ID: "unpriced/" + m.Model, Severity: "P4", Title: "Model without a price",
			Detail: fmt.Sprintf("No price is known for %s: its %s tokens are not in the costs", m.Model, grouped(m.Tokens)),
		})
	}

	j.alerts = standing
	slices.SortFunc(out, func(a, b snapshot.Alert) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID))
	})
	return first(mostAlerts, out)
}

func firstOf(texts []string) string {
	if len(texts) == 0 {
		return "no reason is known"
	}
	return texts[0]
}
