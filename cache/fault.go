package cache

// fault leaves out one part of the protocol, so that the tests can show that
// they would notice.
type fault uint8

const (
	faultAcks    fault = 1 << iota // a change does not wait for the other nodes
	faultLease                     // memory is served without a lease
	faultGap                       // a lost message is not noticed
	faultLate                      // versions are read after the load
	faultFlight                    // any load under way may be joined
	faultFence                     // a fence is one bit: the first change that ends lifts it
	faultJournal                   // what Redis did not hear is not told later
)

// recapture is what faultLate does: it notes where the points stand when the
// answer is there.
func (c *Cache) recapture(hs []held, shared bool) ([]held, bool) {
	late := make([]held, len(hs))
	for i, h := range hs {
		late[i].p = h.p
	}
	if shared {
		p, err := c.o.Redis.Ask(nil, names(hs))
		if err != nil {
			return hs, false
		}
		found, err := p.Wait(c.o.Patience + afterPatience)
		if err != nil {
			return hs, false
		}
		late = c.flights.learn(nil, hs, found.Versions)
		return late, current(late)
	}
	all := true
	for i := range late {
		at, ok := late[i].p.settled()
		late[i].at, all = at, all && ok
	}
	return late, all
}
