package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"m1/engine/call"
	"m1/engine/source"
	"m1/engine/tool"
)

// The bounds of how long a question stays open, and its default.
const (
	defaultTTL = 5 * time.Minute
	minTTL     = 10 * time.Second
	maxTTL     = 24 * time.Hour
)

// Parse reads a policy file, called name in problems. Conditions are typed against
// the tools of base and those of the file, which win; base is nil if no others are
// known. The tests of the file are run. The error is source.Problems with every
// mistake of the file; there is no Set then.
func Parse(name string, src []byte, base *tool.Catalogue) (*Set, error) {
	r := reader{}
	r.ps.Add(source.Decode(name, src, &r.file))
	r.hintLists(r.file.At)
	if r.file.At.IsZero() {
		return nil, r.ps.Err()
	}
	r.header()
	r.agents()
	r.lists()
	r.runLimits()
	own, err := tool.Read(r.file.Tools)
	r.ps.Add(err)
	r.tools = newToolbox(own, base)
	r.conditions = newConditions(r.file.Lists)
	r.ids, r.read = make(map[string]int, len(r.file.Rules)), make([]*rule, 0, len(r.file.Rules))
	for i := range r.file.Rules {
		r.rule(i, &r.file.Rules[i])
	}
	cases := r.tests()
	if len(r.ps) > 0 {
		return nil, r.ps.Err()
	}
	sum := sha256.Sum256(src)
	s := r.compile(own)
	s.name, s.version, s.source = name, "sha256:"+hex.EncodeToString(sum[:]), string(src)
	s.cases = cases
	r.idle(s)
	if s.unknown.Effect == call.Allow {
		s.loose.Add(r.file.Defaults.At.In("unknown_tool", "allow lets tools that nobody listed run without any rule", "write deny, or ask"))
	}
	for _, t := range s.Test() {
		if !t.OK {
			r.ps.Add(t.problem)
		}
	}
	if err := r.ps.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// reader checks what the types of the file cannot.
type reader struct {
	file       file
	ps         source.Problems
	ids        map[string]int // index of the rule that has the id
	entries    map[string]class
	names      []string // of entries, sorted
	classes    *classes
	ask        *AskRule
	tools      *toolbox
	conditions *conditions
	read       []*rule
	pasts      pasts
	loop       loopGuard
	run        runLimits
}

func (r *reader) header() {
	f := &r.file
	if f.Version.IsText() || f.Version.Text() != "1" {
		r.ps.Add(f.At.In("version", "the version of a policy must be 1", "write version: 1"))
	}
	if !f.At.Has("rules") {
		r.ps.Add(f.At.In("rules", "missing", "write rules: [] to deny everything"))
	}
	d := &f.Defaults
	if d.Decision != call.Deny {
		r.ps.Add(d.At.In("decision", "must be deny: what nobody thought of must not pass",
			"write a rule that allows what should pass"))
	}
	if d.OnError != call.Deny {
		r.ps.Add(d.At.In("on_error", "must be deny: a rule that cannot be asked lets nothing pass", ""))
	}
	r.oneOf(d.Mode, "enforce", "observe")
	r.ask = &AskRule{TTL: defaultTTL, Approvals: 1, MaxTTL: defaultTTL, MaxUses: 1}
	if a := &d.Ask; !a.At.IsZero() {
		if a.At.Has("ttl") {
			r.ask.TTL = r.within(a.At, "ttl", a.TTL, minTTL, maxTTL)
			r.ask.MaxTTL = r.ask.TTL
		}
		if a.OnTimeout != call.Deny {
			r.ps.Add(a.At.In("on_timeout", "must be deny: a question that nobody answers is no yes", ""))
		}
		r.oneOf(a.Bind, "args")
	}
}

// oneOf tells a word that is there and none of words.
func (r *reader) oneOf(at source.Node, words ...string) {
	if at.IsZero() || at.IsText() && slices.Contains(words, at.Text()) {
		return
	}
	r.ps.Add(at.Problem("must be "+either(words), source.DidYouMean(at.Text(), words)))
}

func either(words []string) string {
	out := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			out += " or " + w
		} else {
			out += ", " + w
		}
	}
	return out
}

// within tells a duration of a field that is out of its bounds.
func (r *reader) within(at source.Node, field string, d, low, high time.Duration) time.Duration {
	if (d < low || d > high) && r.told(at.Field(field), new(time.Duration)) == nil {
		r.ps.Add(at.In(field, "must be from "+short(low)+" to "+short(high), "write it like 250ms, 30s or 1h30m"))
	}
	return d
}

// number tells a number of a field that is out of its bounds.
func (r *reader) number(at source.Node, field string, n, low, high int) int {
	words := "a whole number from " + digits(low) + " to " + digits(high)
	if p := r.told(at.Field(field), new(int)); p != nil {
		p.want(words)
	} else if n < low || n > high {
		r.ps.Add(at.In(field, "must be "+words, ""))
	}
	return n
}

func (r *reader) agents() {
	f := &r.file
	if f.At.Field("agents").IsMapping() && len(f.Agents) == 0 {
		r.ps.Add(f.At.In("agents", "names nobody, so nobody could do anything", "leave it out to know no agents apart"))
	}
	r.entries = make(map[string]class, len(f.Agents))
	for name, a := range f.Agents {
		if a.At.IsZero() {
			continue
		}
		if p, err := parsePattern(name); err != nil || p.glob != nil {
			r.ps.Add(a.At.Problem("the name of an entry must be a word", "patterns stand under match"))
		}
		if !a.At.Has("max_scope") {
			r.ps.Add(a.At.In("max_scope", "missing", "want read, write or execute"))
		}
		if len(a.Match) == 0 && (!a.At.Has("match") || a.At.Field("match").IsList()) {
			r.ps.Add(a.At.In("match", "names nobody", `want agent ids or patterns such as team-a/*`))
		}
		c := class{limit: a.MaxScope}
		if a.MaxScope == call.NoScope { // told; what follows from it is no other mistake
			c.limit = call.Execute
		}
		for i, at := range a.At.Field("match").Items() {
			if p, good := r.pattern(at, a.Match[i]); good {
				c.match = append(c.match, p)
			}
		}
		r.entries[name] = c
	}
	r.names = slices.Sorted(maps.Keys(r.entries))
	if f.At.Has("agents") {
		r.classes = newClasses(r.entries)
	}
}

// pattern reads the text at a place; one with a mistake is told and not good.
func (r *reader) pattern(at source.Node, text string) (p pattern, good bool) {
	if !at.IsText() {
		return p, false // told by Decode
	}
	p, err := parsePattern(text)
	if err != nil {
		r.ps.Add(at.Problem("the pattern "+err.Error(), ""))
	}
	return p, err == nil
}

// maxListed bounds the lists that conditions look into.
const maxListed = 100_000

func (r *reader) lists() {
	for key, value := range r.file.At.Field("lists").Members() {
		if p, err := parsePattern(key.Text()); err != nil || !isWord(p.head) || p.glob != nil {
			r.ps.Add(key.Problem("the name of a list must be a word", "conditions say lists."+"name"))
		}
		if n := len(r.file.Lists[key.Text()]); n > maxListed {
			r.ps.Add(value.Problem("has "+digits(n)+" items, more than "+digits(maxListed), ""))
		}
	}
}

// isWord reports whether s can stand behind a dot in a condition.
func isWord(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
