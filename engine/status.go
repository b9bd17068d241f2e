// Package engine is the facade of M1: it decides proposed tool calls, answers
// repeated reads from the cache, prices usage and records everything. It works
// without any screen; see ExampleEngine.
package engine

import (
	"time"

	"m1/cache"
	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/ledger"
)

// Status is what the engine says of itself, beside its meter. Nobody may change
// what its slices hold; the engine does not either.
type Status struct {
	Started      time.Time
	Policy       PolicyStatus
	PriceVersion string
	Tools        int // entries of the catalogue
	OpenCalls    int // released and not yet reported
	Cache        cache.Stats
	Ledger       ledger.Status
	Runs         []snapshot.Run   // last moved first
	Loops        []snapshot.Loop  // open ones first, then by streak
	Calls        []*snapshot.Call // newest first

	Approvals []snapshot.Approval // pending by their end, then the 50 answered last
	Asked     snapshot.Approvals  // how many there were
}

// PolicyStatus describes the policy that decides now.
type PolicyStatus struct {
	Name     string // file, or name of the built-in policy
	Version  string // "sha256:…"
	Observe  bool   // decisions are counted, nothing is held back
	Rules    int
	LoadedAt time.Time
	Versions []snapshot.PolicyVersion // newest first
	Failure  *snapshot.PolicyFailure  // of the last load; nil if it went well
}

// Status returns what the engine says of itself at this moment. It waits for
// memory only.
func (e *Engine) Status() Status {
	r := e.ruling.Load()
	views, loops := e.runs.views()
	versions, failure := e.rules.versions()
	return Status{
		Started: e.started,
		Policy: PolicyStatus{
			Name: r.set.Name(), Version: r.set.Version(), Observe: r.set.Observe(), Rules: r.set.Rules(), LoadedAt: r.loaded,
			Versions: versions, Failure: failure,
		},
		PriceVersion: e.o.Prices.Version(),
		Tools:        r.tools.Len(),
		OpenCalls:    e.open.len(),
		Cache:        e.o.Cache.Stats(),
		Ledger:       e.o.Ledger.Status(),
		Runs:         views,
		Loops:        loops,
		Calls:        e.recent.newest(),
		Approvals:    e.desk.Shown(),
		Asked:        countsOf(e.desk.Stats()),
	}
}

func countsOf(s approval.Stats) snapshot.Approvals {
	return snapshot.Approvals{
		Pending: s.Pending, Approved: s.Approved, Rejected: s.Rejected, Expired: s.Expired,
		MedianWaitMS: micros(s.MedianWait) / 1000,
	}
}
