package cache

import (
	"time"

	"m1/cache/seal"
)

// entry is an answer in memory. Nobody changes it.
type entry struct {
	class  *class
	tenant *tenant
	value  []byte
	none   bool  // the answer is that there is none
	err    error // of a load that failed; remembered for a moment
	text   int   // its length in bytes

	since   time.Duration // computed; on the clock of Cache.now
	until   time.Duration // good by age
	renewed time.Duration // after until: still served while it is renewed
	own     time.Duration // loaded without Redis: may be served until then; 0 is never

	held []held
}

// Bytes of table and bookkeeping that an entry and each of its points take, as
// measured by BenchmarkEntrySize; of heldBytes 8 are for the version beside a value
// that came from Redis.
const (
	entryBytes = 200
	heldBytes  = 48
)

func (e *entry) weight() int64 {
	return int64(len(e.value)+e.text) + 32 + entryBytes + heldBytes*int64(len(e.held))
}

func weigh[K any](_ K, e *entry) uint32 { return uint32(e.weight()) }

// keep holds e for key unless its tenant has used up its quota.
func (c *Cache) keep(key Key, e *entry) bool {
	if e.err != nil {
		e.text = len(e.err.Error())
	}
	w := e.weight()
	if w > c.o.MaxBytes {
		return false
	}
	if e.tenant.bytes.Add(w); c.o.TenantBytes > 0 && c.overQuota(key, e.tenant) {
		c.sweep()
		if c.overQuota(key, e.tenant) {
			e.tenant.bytes.Add(-w)
			return false
		}
	}
	e.class.bytes.Add(w)
	e.class.entries.Add(1)
	c.store.Set(key.sum, e)
	return true
}

// overQuota says whether t has more in memory than it may, once what is held for
// key is replaced.
func (c *Cache) overQuota(key Key, t *tenant) bool {
	used := t.bytes.Load()
	if have, ok := c.store.Get(key.sum); ok && have.tenant == t {
		used -= have.weight()
	}
	return used > c.o.TenantBytes
}

// sweep drops what will never be served again, which otherwise stays until it is
// asked for or evicted, and so could hold a tenant's quota for ever. It looks at
// all entries, so once a second must do.
func (c *Cache) sweep() {
	now, last := c.now(), c.swept.Load()
	if now-time.Duration(last) < time.Second || !c.swept.CompareAndSwap(last, int64(now)) {
		return
	}
	c.store.RemoveAllIf(func(e *entry) bool { return !current(e.held) || now > max(e.renewed, e.own) })
}

// left is told of every entry that is in memory no more.
func (c *Cache) left(_ seal.Key, e *entry, evicted bool) {
	w := e.weight()
	e.tenant.bytes.Add(-w)
	e.class.bytes.Add(-w)
	e.class.entries.Add(-1)
	if evicted {
		c.evictions.Add(1)
	}
}
