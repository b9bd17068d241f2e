package approval

import (
	"cmp"
	"slices"

	"m1/collector/snapshot"
)

// mostClosed is how many closed questions a screen lists.
const mostClosed = 50

// Shown returns what a screen lists: the open questions, the first to expire first,
// then the 50 that ended last, newest first. Grants are left out.
func (d *Desk) Shown() []snapshot.Approval {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(d.now())
	out := make([]snapshot.Approval, 0, len(d.pending)+min(len(d.closed), mostClosed))
	for _, it := range d.pending {
		out = append(out, shown(it.a))
	}
	slices.SortFunc(out, func(a, b snapshot.Approval) int {
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.ID, b.ID))
	})
	for i := range min(len(d.closed), mostClosed) {
		out = append(out, shown(d.closed[len(d.closed)-1-i].a))
	}
	return out
}

// Withdraw takes back a question that could not be recorded, as if it had never been
// asked. Who waits for it already sees it expire.
func (d *Desk) Withdraw(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it, open := d.pending[id]
	if !open || it.granting {
		return
	}
	it.a.Status = snapshot.Expired // who waits must not go on
	d.end(it)
	d.expired--
	d.closed = slices.DeleteFunc(d.closed, func(o *item) bool { return o == it })
	delete(d.items, id)
}
