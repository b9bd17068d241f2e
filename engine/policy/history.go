package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/limit"
)

// past is a kind of earlier call that rules look for.
type past struct {
	key      limit.Past
	tool     mention
	matching variants[condition.Condition]
	strict   bool // a call whose condition cannot be asked counts as one
}

// repeated looks for the very same call within a time.
type repeated struct {
	times  int
	within time.Duration
}

// pasts are all kinds that the rules of a file look for.
type pasts struct {
	all   []*past
	byID  map[string]*past
	known map[string][]*past // of known tools
}

// past reads a kind of earlier call. Rules that say the same share it.
func (r *reader) past(f *filePast, ok, strict bool) *past {
	r.must(f.At, "tool", "within")
	p := &past{strict: strict}
	if at := f.At.Field("tool"); !at.IsZero() {
		t, _ := r.pattern(at, f.Tool)
		p.tool = mention{tools: t, text: f.Tool}
		r.knownTool(p.tool, at)
	}
	if f.At.Has("within") {
		r.within(f.At, "within", f.Within, time.Second, maxWithin)
	}
	p.matching = r.when(f.Matching, []mention{p.tool})
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %t %t %d", f.Tool, f.Matching.Text(), ok, strict, f.Within))
	id := hex.EncodeToString(sum[:12])
	if same := r.pasts.byID[id]; same != nil {
		return same
	}
	p.key = limit.Past{ID: id, Within: f.Within, OK: ok, Closed: strict}
	if r.pasts.byID == nil {
		r.pasts.byID = map[string]*past{}
	}
	r.pasts.byID[id] = p
	r.pasts.all = append(r.pasts.all, p)
	return p
}

// line sorts the kinds by the known tools that they are about.
func (ps *pasts) line(t *toolbox) {
	if len(ps.all) == 0 {
		return
	}
	ps.known = make(map[string][]*past, len(t.names))
	for _, name := range t.names {
		ps.known[name] = nil
	}
	for _, p := range ps.all {
		for name := range t.matching(&p.tool.tools) {
			ps.known[name] = append(ps.known[name], p)
		}
	}
}

// Past appends the kinds of earlier calls that rules look for and this call is
// one of. Whoever lets the call through remembers those whose OK is false, and
// whoever hears that it ended well those whose OK is true.
func (s *Set) Past(r *Request, into []*limit.Past) []*limit.Past {
	if len(s.pasts.all) == 0 {
		return into
	}
	r.ready = false
	kind := s.kinds[r.Tool]
	some, known := s.pasts.known[r.Tool]
	if !known {
		some = s.pasts.all
	}
	for _, p := range some {
		if (known || p.tool.tools.match(r.Tool)) && p.is(r, kind) {
			into = append(into, &p.key)
		}
	}
	return into
}

func (p *past) is(r *Request, kind int32) bool {
	if !p.matching.some {
		return true
	}
	c := p.matching.of(kind)
	if c == nil {
		return p.strict
	}
	yes, err := c.Eval(r.input())
	if err != nil {
		return p.strict
	}
	return yes
}

// happened reports whether such a call was made in time. Without facts nobody
// knows: then what an allow rule needs did not happen, and what others look for did.
func (p *past) happened(r *Request, effect call.Effect) bool {
	if r.Facts == nil {
		return !p.key.OK && effect != call.Allow
	}
	last, ok := r.Facts.Last(&p.key, r.who(), r.Now)
	return ok && r.Now.Sub(last) <= p.key.Within
}

func (p *repeated) happened(r *Request, effect call.Effect) bool {
	if r.Facts == nil {
		return effect != call.Allow
	}
	return r.Facts.Repeats(r.who(), r.Digest, p.within, r.Now) >= p.times
}
