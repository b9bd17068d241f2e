package policy

import (
	"fmt"
	"strconv"
	"time"

	"m1/engine/call"
)

// runLimits hold for every run.
type runLimits = call.RunLimits

// loopGuard holds back an agent that proposes the very same call over and over.
type loopGuard struct {
	streak int // 0: off
	effect call.Effect
}

// maxStreak and maxRuntime bound what can be written under limits.
const (
	maxStreak  = 1_000_000
	maxRuntime = 366 * 24 * time.Hour
)

func (r *reader) runLimits() {
	f := &r.file.Limits
	r.loop = loopGuard{streak: 5, effect: call.Ask}
	if f.At.IsZero() {
		return
	}
	for field, n := range map[string]int64{"max_tool_calls": f.MaxToolCalls, "max_steps": f.MaxSteps} {
		if p := r.told(f.At.Field(field), new(int64)); p != nil {
			p.want("a whole number of at least 1")
		} else if f.At.Has(field) && n < 1 {
			r.ps.Add(f.At.In(field, "must be at least 1", "leave it out for no limit"))
		}
	}
	if f.At.Has("max_runtime") {
		r.within(f.At, "max_runtime", f.MaxRuntime, time.Second, maxRuntime)
	}
	r.run = runLimits{MaxToolCalls: f.MaxToolCalls, MaxSteps: f.MaxSteps, MaxRuntime: f.MaxRuntime}
	l := &f.Loop
	if l.At.IsZero() {
		return
	}
	if l.At.Has("streak") {
		r.loop.streak = r.number(l.At, "streak", l.Streak, 0, maxStreak)
		if l.Streak == 1 {
			r.ps.Add(l.At.In("streak", "would hold back every call", "write 0 to turn it off, or 2 and more"))
		}
	}
	if l.Effect != nil {
		r.loop.effect = *l.Effect
		if *l.Effect == call.Allow {
			r.ps.Add(l.At.In("effect", "must be ask or deny", "write streak: 0 to turn it off"))
		}
	}
}

// fires reports whether the call came too often in a row.
func (l loopGuard) fires(r *Request) bool { return l.streak > 0 && r.Streak >= l.streak }

func (l loopGuard) reason(r *Request) string {
	if l.effect == call.Ask {
		return "this very call was proposed " + strconv.Itoa(r.Streak) + " times in a row, so a person decides; do something else meanwhile"
	}
	return "this very call was proposed " + strconv.Itoa(r.Streak) + " times in a row; its answer will not change, do something else"
}

// stricter is the smaller of two limits of which 0 is none.
func stricter[N int64 | time.Duration](a, b N) N {
	if a <= 0 || b > 0 && b < a {
		return max(b, 0)
	}
	return a
}

// overRun names the limit that the run of a call has passed; empty if none.
func (s *Set) overRun(r *Request) string {
	if m := stricter(s.run.MaxToolCalls, r.Limits.MaxToolCalls); m > 0 && r.Calls > m {
		return fmt.Sprintf("this run has made its %d tool calls (max_tool_calls); finish with what you have", m)
	}
	if m := stricter(s.run.MaxSteps, r.Limits.MaxSteps); m > 0 && r.Steps > m {
		return fmt.Sprintf("this run has made its %d steps (max_steps); finish with what you have", m)
	}
	if m := stricter(s.run.MaxRuntime, r.Limits.MaxRuntime); m > 0 && !r.Started.IsZero() && r.Now.Sub(r.Started) > m {
		return fmt.Sprintf("this run has lasted longer than its %s (max_runtime); finish with what you have", short(m))
	}
	return ""
}
