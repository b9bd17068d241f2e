package approval

import (
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// Stats counts the questions of a desk since it was made.
type Stats struct {
	Pending    int64
	Approved   int64
	Rejected   int64
	Expired    int64
	MedianWait time.Duration // from question to answer, of the kept answers; 0: none yet
}

// Stats returns the counts as they are now.
func (d *Desk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(d.now())
	s := Stats{Pending: int64(len(d.pending)), Approved: d.approved, Rejected: d.rejected, Expired: d.expired}
	waits := make([]time.Duration, 0, len(d.closed))
	for _, it := range d.closed {
		if it.a.AnsweredAt != nil {
			waits = append(waits, it.a.AnsweredAt.Sub(it.a.AskedAt))
		}
	}
	if n := len(waits); n > 0 {
		slices.Sort(waits)
		s.MedianWait = (waits[(n-1)/2] + waits[n/2]) / 2
	}
	return s
}

// List returns the questions with this status, or all with an empty one, the newest
// first. Grants are left out.
func (d *Desk) List(status string) []snapshot.Approval {
	return d.pick(func(a *snapshot.Approval) bool { return status == "" || a.Status == status })
}

// Similar returns the other open questions of the same agent, tool and rule, the newest
// first, for an answer to all of them.
func (d *Desk) Similar(to snapshot.Approval) []snapshot.Approval {
	return d.pick(func(a *snapshot.Approval) bool {
		return a.Status == snapshot.Pending && a.ID != to.ID && a.Agent == to.Agent && a.Tool == to.Tool && a.Rule == to.Rule
	})
}

// History says how the kept questions of this agent, tool and rule were answered, and
// which was the last; nil if there was none.
func (d *Desk) History(agent call.AgentID, tool, rule string) (approved, rejected, expired int, last *snapshot.Approval) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(d.now())
	for _, it := range d.closed {
		a := &it.a
		if a.Agent != agent || a.Tool != tool || a.Rule != rule {
			continue
		}
		switch a.Status {
		case snapshot.Approved:
			approved++
		case snapshot.Rejected:
			rejected++
		case snapshot.Expired:
			expired++
		}
		if last == nil || !ended(*a).Before(ended(*last)) {
			last = a
		}
	}
	if last != nil {
		out := shown(*last)
		last = &out
	}
	return approved, rejected, expired, last
}

// ended is when a closed question ended.
func ended(a snapshot.Approval) time.Time {
	if a.AnsweredAt != nil {
		return *a.AnsweredAt
	}
	return a.ExpiresAt
}

// pick returns copies of the questions that match, the newest first.
func (d *Desk) pick(match func(*snapshot.Approval) bool) []snapshot.Approval {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(d.now())
	var found []*item
	for _, it := range d.items {
		if match(&it.a) {
			found = append(found, it)
		}
	}
	slices.SortFunc(found, newest)
	out := make([]snapshot.Approval, len(found))
	for i, it := range found {
		out[i] = shown(it.a)
	}
	return out
}
