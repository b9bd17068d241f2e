package tool

import (
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// Use is what one call does, by its tool and its arguments. The slices belong to
// the catalogue and must not be changed.
type Use struct {
	Scope      call.Scope
	Cacheable  bool
	Reads      []Item
	Changes    []Item
	ChangesAll bool // everything of the run
}

// Item is a collection, or one thing in it.
type Item struct {
	Collection string // may be Everything, which is always Whole
	ID         string // text of the argument that names the item, at most 71 bytes; see itemID
	Whole      bool   // all of the collection; ID is empty
}

// Overlaps reports whether a change of one item can be seen in the other: the
// collection is the same (or one is everything), and either is whole or the items
// are equal.
func (i Item) Overlaps(o Item) bool {
	if i.Collection == Everything || o.Collection == Everything {
		return true
	}
	return i.Collection == o.Collection && (i.Whole || o.Whole || i.ID == o.ID)
}

// Use resolves the entry for arguments that call.Canonical returned. An argument
// that should narrow a collection and is absent, null, a list or an object leaves
// the whole collection. Arguments that are not canonical JSON never narrow wrongly
// nor choose a laxer case than the entry states for unknown values, but may miss
// a value. It is safe for concurrent use; it allocates only to narrow.
func (e *Entry) Use(canonicalArgs json.RawMessage) Use {
	p := e.plan
	if p == nil {
		p = newPlan(e)
	}
	s := &p.base
	if p.arg != nil {
		if otherwise := p.otherwise; otherwise != nil {
			s = otherwise
		}
		if v, ok := p.values[string(member(canonicalArgs, p.arg))]; ok {
			s = v
		}
	}
	u := s.use
	if s.narrowReads {
		u.Reads = narrow(s.reads, canonicalArgs)
	}
	if s.narrowChanges {
		u.Changes = narrow(s.changes, canonicalArgs)
	}
	return u
}

// plan is an entry made ready for Use.
type plan struct {
	base      step
	arg       []byte // of ByArg, as canonical JSON text; nil without one
	values    map[string]*step
	otherwise *step
	digest    string
}

// step is a Case made ready: use is the whole answer unless something narrows.
type step struct {
	use                        Use
	reads, changes             []target
	narrowReads, narrowChanges bool
}

type target struct {
	collection string
	arg        []byte // as canonical JSON text; nil if not narrowed
}

func newPlan(e *Entry) *plan {
	p := &plan{base: *newStep(e.base()), digest: e.digest()}
	if e.ByArg == nil {
		return p
	}
	p.arg = quote(e.ByArg.Arg)
	p.values = make(map[string]*step, len(e.ByArg.Values))
	for v, c := range e.ByArg.Values {
		p.values[v] = newStep(c)
	}
	if e.ByArg.Otherwise != nil {
		p.otherwise = newStep(*e.ByArg.Otherwise)
	}
	return p
}

func newStep(c Case) *step {
	s := &step{use: Use{Scope: c.Scope, Cacheable: c.Cacheable, ChangesAll: c.ChangesAll}}
	s.reads, s.use.Reads, s.narrowReads = targets(c.Reads)
	s.changes, s.use.Changes, s.narrowChanges = targets(c.Changes)
	return s
}

func targets(cs []Collection) (ts []target, whole []Item, narrows bool) {
	for _, c := range cs {
		t := target{collection: c.Name}
		if c.Arg != "" {
			t.arg, narrows = quote(c.Arg), true
		}
		ts = append(ts, t)
		whole = append(whole, Item{Collection: c.Name, Whole: true})
	}
	return ts, slices.Clip(whole), narrows
}

func narrow(ts []target, args []byte) []Item {
	items := make([]Item, len(ts))
	for i, t := range ts {
		items[i] = Item{Collection: t.collection, Whole: true}
		if t.arg == nil {
			continue
		}
		if id, ok := itemID(member(args, t.arg)); ok {
			items[i].Whole, items[i].ID = false, id
		}
	}
	return items
}

// base is the entry without ByArg.
func (e *Entry) base() Case {
	return Case{e.Scope, e.Cacheable, e.Reads, e.Changes, e.ChangesAll}
}

// quote is the canonical JSON text of s.
func quote(s string) []byte {
	// It fails on text that is not UTF-8 only, which check refuses.
	q, _ := jsontext.AppendQuote(nil, s)
	return q
}
