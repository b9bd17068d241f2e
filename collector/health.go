package collector

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"m1/cache"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/meter"
)

// States of a check, and of the whole but for disabled.
const (
	healthy  = "healthy"
	degraded = "degraded"
	critical = "critical"
	disabled = "disabled"
)

// Levels from which a check is no longer healthy.
const (
	memoryDegraded     = 0.80 // of the limit
	memoryCritical     = 0.95
	goroutinesDegraded = 10_000
	failedMin          = 100 // calls; of fewer, what could not be served says little
)

// facts are what judge looks at.
type facts struct {
	at      time.Time
	status  engine.Status
	record  *record
	lately  meter.Deltas // the default window, whatever a viewer has chosen
	process reading
	models  []snapshot.ModelCost
}

// judge says how things stand. It remembers since when.
type judge struct {
	started time.Time
	clock   clock
	checks  map[string]snapshot.Check
	alerts  map[string]time.Time
}

func newJudge(started time.Time) judge {
	return judge{started: started, checks: map[string]snapshot.Check{}, alerts: map[string]time.Time{}}
}

func (j *judge) judge(f facts) (snapshot.Health, []snapshot.Alert) {
	h := snapshot.Health{
		Status:  healthy,
		UptimeS: max(int64(f.at.Sub(j.started).Seconds()), 0),
		Checks:  map[string]snapshot.Check{},
		Memory:  snapshot.Memory{HeapBytes: f.process.heap, LimitBytes: f.process.limit},
		Process: snapshot.Process{CPURatio: f.process.cpu, Goroutines: f.process.goroutines},
	}
	set := func(name string, c snapshot.Check) {
		if c.Since.IsZero() {
			c.Since = j.since(name, c.Status, f.at)
		}
		c.Since = c.Since.UTC()
		h.Checks[name] = c
		if c.Status == critical || c.Status == degraded && h.Status == healthy {
			h.Status = c.Status
		}
	}
	set("engine", engineCheck(f))
	set("policy", policyCheck(f.status.Policy))
	set("cache", cacheCheck(f))
	set("redis", redisCheck(f.status.Cache.Redis))
	set("ledger", ledgerCheck(f))
	set("cluster", snapshot.Check{Status: disabled, Message: "not configured"})
	set("clock", j.clock.check(f.at))
	set("memory", memoryCheck(f.process))
	set("goroutines", goroutineCheck(f.process))
	j.checks = h.Checks
	return h, j.alert(f, h)
}

// since is when the check took this status.
func (j *judge) since(name, status string, now time.Time) time.Time {
	before, known := j.checks[name]
	switch {
	case before.Status == status:
		return before.Since
	case !known && (status == healthy || status == disabled):
		return j.started
	}
	return now
}

// engineCheck looks back, so it is never critical: readiness follows what is, and
// an engine that serves again must be used again. A ledger that does not record
// now is critical by its own check.
func engineCheck(f facts) snapshot.Check {
	m := f.record.meter
	failed, calls := f.lately.Count(&m.M1Errors), f.lately.Count(&m.Calls)
	if failed > 0 && calls >= failedMin {
		return snapshot.Check{Status: degraded, Message: fmt.Sprintf("%s of %s calls could not be served in the last 5 minutes", grouped(failed), grouped(calls))}
	}
	return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s calls wait for their report, %s tools known", grouped(int64(f.status.OpenCalls)), grouped(int64(f.status.Tools)))}
}

func policyCheck(p engine.PolicyStatus) snapshot.Check {
	switch {
	case p.Version == "":
		return snapshot.Check{Status: critical, Message: "no policy is loaded: every call is denied"}
	case p.Failure != nil:
		return snapshot.Check{Status: degraded, Message: fmt.Sprintf("%s was refused; %.15s goes on deciding", p.Failure.Name, p.Version)}
	case p.Observe:
		return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s observes: decisions are counted, nothing is held back", p.Name)}
	}
	return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s decides by %d rules", p.Name, p.Rules)}
}

func cacheCheck(f facts) snapshot.Check {
	c := f.status.Cache.Local
	return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s entries, %s of %s", grouped(c.Entries), mebibytes(c.Bytes), mebibytes(c.MaxBytes))}
}

// redisCheck is never critical: without Redis M1 goes on deciding, and what it
// answers from memory is right or not answered from there.
func redisCheck(r cache.RedisStats) snapshot.Check {
	switch {
	case !r.Configured:
		return snapshot.Check{Status: disabled, Message: "not configured"}
	case r.BreakerOpen:
		return snapshot.Check{Status: degraded, Message: "not used until it answers again: " + cmp.Or(r.LastError, "no answer yet"), Since: r.Since}
	case !r.Coherent && r.State != "connected":
		return snapshot.Check{Status: degraded, Message: "does not answer: " + cmp.Or(r.LastError, "no answer yet"), Since: r.Since}
	case !r.Coherent:
		return snapshot.Check{Status: degraded, Message: "answers, but this node has no lease yet: memory is not served"}
	case r.Journal > 0:
		return snapshot.Check{Status: degraded, Message: fmt.Sprintf("%s changes wait to be told to the other nodes", grouped(int64(r.Journal)))}
	}
	if r.ForeignSecret {
		return snapshot.Check{Status: degraded, Message: "a node of this space uses another cache key, so its answers are not shared: give all nodes the same --cache-key-file, or the same password in the URL"}
	}
	return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s nodes, acknowledged in %.1f ms (p99)", grouped(int64(r.Nodes)), micros(r.AckP99)/1000)}
}

func ledgerCheck(f facts) snapshot.Check {
	l := f.status.Ledger
	if l.Err != "" {
		return snapshot.Check{Status: critical, Message: l.Err, Since: l.Since}
	}
	return snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s records are durable, %s wait for the disk", grouped(int64(l.Events)), grouped(int64(l.Queue)))}
}

func memoryCheck(r reading) snapshot.Check {
	if r.limit == 0 {
		return snapshot.Check{Status: healthy, Message: mebibytes(r.heap) + " of heap, no limit is set"}
	}
	c := snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s of heap, the limit is %s", mebibytes(r.heap), mebibytes(r.limit))}
	switch used := ratio(r.heap, r.limit); {
	case used >= memoryCritical:
		c.Status = critical
	case used >= memoryDegraded:
		c.Status = degraded
	}
	return c
}

func goroutineCheck(r reading) snapshot.Check {
	c := snapshot.Check{Status: healthy, Message: fmt.Sprintf("%s goroutines", grouped(int64(r.goroutines)))}
	if r.goroutines >= goroutinesDegraded {
		c.Status = degraded
	}
	return c
}

// grouped writes n as people read it: 764,368.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
