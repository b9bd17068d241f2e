package policy_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/source"
)

// model is a policy as the document describes it, decided the slow way: every
// rule in turn, every pattern by a table, every condition asked.
type model struct {
	groups   map[string]group
	rules    []modelRule
	listed   []string // tools in the file's own catalogue
	unknown  call.Effect
	maxCalls int64
	streak   int // 0: the default of 5
	loop     call.Effect

	whens map[string]*condition.Condition
}

type group struct {
	match []string
	limit call.Scope
}

type modelRule struct {
	id              string
	effect          call.Effect
	agents, tools   []string
	when            string
	rate            int
	max             int // of a total per day of args.a
	requires, after *modelPast
	times           int // repeated
	expires         time.Time
	shadow          bool
}

type modelPast struct {
	tool, matching string
	within         time.Duration
}

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// matches fills the table of which beginnings of s the beginnings of p match.
func matches(p, s string) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for i := range len(p) {
		next := make([]bool, len(s)+1)
		for j := range next {
			if p[i] == '*' {
				next[j] = row[j] || j > 0 && next[j-1]
			} else {
				next[j] = j > 0 && row[j-1] && s[j-1] == p[i]
			}
		}
		row = next
	}
	return row[len(s)]
}

func (m *model) limit(agent call.AgentID) (limit call.Scope, known bool) {
	if m.groups == nil {
		return call.Execute, true
	}
	most := -1
	for _, g := range m.groups {
		for _, p := range g.match {
			if !matches(p, string(agent)) {
				continue
			}
			special := 2 * strings.Index(p+"*", "*")
			if !strings.Contains(p, "*") {
				special++
			}
			if special > most || special == most && g.limit < limit {
				most, limit = special, g.limit
			}
		}
	}
	return limit, most >= 0
}

type state int

const (
	stateNo state = iota
	stateYes
	stateBroken
)

func (m *model) eval(src string, r *policy.Request) (bool, error) {
	c := m.whens[src]
	if c == nil {
		var err error
		if c, err = condition.Compile(src, &condition.Env{}); err != nil {
			panic(err)
		}
		if m.whens == nil {
			m.whens = map[string]*condition.Condition{}
		}
		m.whens[src] = c
	}
	return c.Eval(&condition.Input{Agent: r.Agent, Tool: r.Tool, Run: r.Run, Scope: r.Scope, Args: r.Args})
}

func (m *model) key(p *modelPast, ok bool, effect call.Effect) *limit.Past {
	return &limit.Past{ID: fmt.Sprint(*p, ok, effect == call.Allow), Within: p.within, OK: ok}
}

func (m *model) happened(p *modelPast, ok bool, effect call.Effect, r *policy.Request) bool {
	if r.Facts == nil {
		return !ok && effect != call.Allow
	}
	last, found := r.Facts.Last(m.key(p, ok, effect), limit.Who{Agent: r.Agent, Run: r.Run}, r.Now)
	return found && r.Now.Sub(last) <= p.within
}

// state of one rule, but for its limit.
func (m *model) state(x *modelRule, r *policy.Request) state {
	if !m.applies(x, r) || !x.expires.IsZero() && !r.Now.Before(x.expires) {
		return stateNo
	}
	if x.when != "" {
		is, err := m.eval(x.when, r)
		if err != nil {
			return stateBroken
		}
		if !is {
			return stateNo
		}
	}
	who := limit.Who{Agent: r.Agent, Run: r.Run}
	if x.requires != nil && !m.happened(x.requires, true, x.effect, r) ||
		x.after != nil && !m.happened(x.after, false, x.effect, r) {
		return stateNo
	}
	if x.times > 0 && r.Facts == nil && x.effect == call.Allow || x.times > 0 && r.Facts != nil && r.Facts.Repeats(who, r.Digest, time.Minute, r.Now) < x.times {
		return stateNo
	}
	return stateYes
}

func (m *model) counter(x *modelRule) *limit.Rule {
	c := &limit.Rule{ID: x.id}
	if x.rate > 0 {
		c.Rate = &limit.Rate{N: x.rate, Per: time.Minute}
	}
	if x.max > 0 {
		c.Total = &limit.Total{Max: int64(x.max) * 1e6, Period: limit.Day, For: limit.PerRule}
	}
	return c
}

// room reports whether the limit of a rule lets one more through.
func (m *model) room(x *modelRule, r *policy.Request, take bool) state {
	if x.rate == 0 && x.max == 0 {
		return stateYes
	}
	amount := int64(0)
	if x.max > 0 {
		a, err := condition.CompileAmount("args.a", &condition.Env{})
		if err != nil {
			panic(err)
		}
		n, err := a.Eval(&condition.Input{Args: r.Args})
		if err != nil || n < 0 {
			return stateBroken
		}
		amount = n
	}
	if r.Facts == nil {
		return stateNo
	}
	ask := r.Facts.Peek
	if take {
		ask = r.Facts.Take
	}
	if ok, _ := ask(m.counter(x), limit.Who{Agent: r.Agent, Run: r.Run}, amount, r.Now); !ok {
		return stateNo
	}
	return stateYes
}

type ruled struct {
	effect call.Effect
	rule   string
	code   policy.Code
}

func (m *model) decide(r *policy.Request) ruled {
	streak := cmp.Or(m.streak, 5)
	held := r.Streak >= streak
	v := m.base(r, held)
	if held && v.effect > m.loop {
		return ruled{m.loop, policy.Loop, policy.Loop}
	}
	return v
}

func (m *model) base(r *policy.Request, dry bool) ruled {
	most, known := m.limit(r.Agent)
	switch {
	case !known:
		return ruled{call.Deny, policy.UnknownAgent, policy.UnknownAgent}
	case !r.Known && m.unknown == call.Deny:
		return ruled{call.Deny, policy.UnknownTool, policy.UnknownTool}
	case r.Known && r.Scope > most || !r.Known && most < call.Execute:
		return ruled{call.Deny, policy.MaxScope, policy.MaxScope}
	}
	by := map[call.Effect][]*modelRule{}
	for i := range m.rules {
		if x := &m.rules[i]; !x.shadow {
			by[x.effect] = append(by[x.effect], x)
		}
	}
	for _, xs := range by {
		slices.SortFunc(xs, func(a, b *modelRule) int { return strings.Compare(a.id, b.id) })
	}
	for _, x := range by[call.Deny] {
		switch m.state(x, r) {
		case stateYes:
			return ruled{call.Deny, x.id, policy.Rule}
		case stateBroken:
			return ruled{call.Deny, x.id, policy.PolicyError}
		}
	}
	if m.maxCalls > 0 && r.Calls > m.maxCalls {
		return ruled{call.Deny, policy.RunLimit, policy.RunLimit}
	}
	var asked *modelRule
	for _, x := range by[call.Ask] {
		st := m.state(x, r)
		if st == stateNo {
			continue
		}
		if st == stateYes {
			room := m.room(x, r, false)
			if room == stateNo {
				return ruled{call.Deny, x.id, policy.RateLimit}
			}
			st = room
		}
		if st == stateBroken {
			return ruled{call.Deny, x.id, policy.PolicyError}
		}
		if asked == nil {
			asked = x
		}
	}
	if asked != nil {
		return ruled{call.Ask, asked.id, policy.Rule}
	}
	if !r.Known && m.unknown == call.Ask {
		return ruled{call.Ask, policy.UnknownTool, policy.UnknownTool}
	}
	var full *modelRule
	for _, x := range by[call.Allow] {
		if m.state(x, r) != stateYes {
			continue
		}
		switch m.room(x, r, !dry) {
		case stateYes:
			return ruled{call.Allow, x.id, policy.Rule}
		case stateNo:
			full = cmp.Or(full, x)
		}
	}
	switch {
	case !r.Known:
		return ruled{m.unknown, policy.UnknownTool, policy.UnknownTool}
	case full != nil:
		return ruled{call.Deny, full.id, policy.RateLimit}
	default:
		return ruled{call.Deny, policy.Default, policy.Default}
	}
}

func (m *model) applies(rule *modelRule, r *policy.Request) bool {
	agent := rule.agents == nil
	for _, a := range rule.agents {
		if g, ok := m.groups[a]; ok {
			agent = agent || slices.ContainsFunc(g.match, func(p string) bool { return matches(p, string(r.Agent)) })
			continue
		}
		agent = agent || matches(a, string(r.Agent))
	}
	return agent && slices.ContainsFunc(rule.tools, func(p string) bool { return matches(p, r.Tool) })
}

// shadowed are the rules in shadow mode that match, and whether each would have
// changed v if it were the only other rule.
func (m *model) shadowed(r *policy.Request, v ruled) []string {
	var out []string
	for i := range m.rules {
		x := &m.rules[i]
		if !x.shadow || v.rule == policy.UnknownAgent || v.rule == policy.MaxScope || v.rule == policy.UnknownTool && v.effect == call.Deny {
			continue
		}
		st, effect := m.state(x, r), x.effect
		if st == stateYes {
			if st = m.room(x, r, false); st == stateNo && effect == call.Ask {
				st, effect = stateYes, call.Deny
			}
		}
		if st == stateBroken && effect != call.Allow {
			st, effect = stateYes, call.Deny
		}
		if st != stateYes {
			continue
		}
		would := effect < v.effect
		if v.effect == call.Deny && effect > call.Deny && r.Known {
			would = v.code == policy.Default || v.code == policy.RateLimit && effect == call.Allow
		}
		out = append(out, fmt.Sprint(x.id, effect, would))
	}
	slices.Sort(out)
	return out
}

// remember tells book what the call was, as the model sees it.
func (m *model) remember(book *limit.Book, r *policy.Request, ok bool) {
	seen := map[string]bool{}
	for i := range m.rules {
		x := &m.rules[i]
		for _, p := range []*modelPast{x.requires, x.after} {
			if p == nil || !matches(p.tool, r.Tool) || p == x.requires && !ok {
				continue
			}
			is := true
			if p.matching != "" {
				var err error
				is, err = m.eval(p.matching, r)
				is = is && err == nil || err != nil && p == x.after && x.effect != call.Allow
			}
			key := m.key(p, p == x.requires, x.effect)
			if is && !seen[key.ID] {
				seen[key.ID] = true
				book.Remember(key, limit.Who{Agent: r.Agent, Run: r.Run}, r.Now)
			}
		}
	}
}

func (p *modelPast) yaml() string {
	s := fmt.Sprintf("{tool: %q, within: %s", p.tool, p.within)
	if p.matching != "" {
		s += fmt.Sprintf(", matching: '%s'", p.matching)
	}
	return s + "}"
}

func (r *modelRule) yaml() string {
	s := fmt.Sprintf("- {id: %s, effect: %s, tools: [%s]", r.id, r.effect, quoted(r.tools))
	if r.agents != nil {
		s += fmt.Sprintf(", agents: [%s]", quoted(r.agents))
	}
	if r.when != "" {
		s += fmt.Sprintf(", when: '%s'", r.when)
	}
	if r.rate > 0 {
		s += fmt.Sprintf(", limit: %d/m", r.rate)
	}
	if r.max > 0 {
		s += fmt.Sprintf(", total: {of: args.a, max: %d, per: day, key: all}", r.max)
	}
	if r.requires != nil {
		s += ", requires: " + r.requires.yaml()
	}
	if r.after != nil {
		s += ", after: " + r.after.yaml()
	}
	if r.times > 0 {
		s += fmt.Sprintf(", repeated: {same: args, times: %d, within: 1m}", r.times)
	}
	if !r.expires.IsZero() {
		s += ", expires: " + r.expires.Format(time.RFC3339)
	}
	if r.shadow {
		s += ", mode: shadow"
	}
	return s + "}\n"
}

func (m *model) yaml() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	fmt.Fprintf(&b, "defaults: {unknown_tool: %s}\n", m.unknown)
	if m.streak > 0 || m.maxCalls > 0 {
		b.WriteString("limits:\n")
		if m.maxCalls > 0 {
			fmt.Fprintf(&b, "  max_tool_calls: %d\n", m.maxCalls)
		}
		if m.streak > 0 {
			fmt.Fprintf(&b, "  loop: {streak: %d, effect: %s}\n", m.streak, m.loop)
		}
	}
	if m.groups != nil {
		b.WriteString("agents:\n")
		for _, name := range slices.Sorted(maps.Keys(m.groups)) {
			fmt.Fprintf(&b, "  %s: {match: [%s], max_scope: %s}\n", name, quoted(m.groups[name].match), m.groups[name].limit)
		}
	}
	if len(m.listed) > 0 {
		b.WriteString("tools:\n")
		for _, t := range m.listed {
			fmt.Fprintf(&b, "  %q: {scope: read}\n", t)
		}
	}
	b.WriteString("rules:\n")
	for i := range m.rules {
		b.WriteString(m.rules[i].yaml())
	}
	if len(m.rules) == 0 {
		b.WriteString("  []\n")
	}
	return b.String()
}

// load reads the model's file without the rules and tools that are refused because
// they can never match or decide: if that is true, the answers are those of the whole model.
func (m *model) load(t testing.TB) *policy.Set {
	t.Helper()
	part := *m
	for {
		s, err := policy.Parse("p.yaml", []byte(part.yaml()), nil)
		if err == nil {
			return s
		}
		ps, ok := err.(source.Problems) //nolint:errorlint // it is documented
		require.True(t, ok)
		rules := slices.Clone(part.rules)
		for _, p := range ps {
			require.Contains(t, p.Msg, "can never", "%s\n%s", p, part.yaml())
			n, k := 0, 0
			if _, err := fmt.Sscanf(p.Field, "rules[%d].tools[%d]", &n, &k); err == nil {
				rules[n].tools = slices.Clone(rules[n].tools)
				rules[n].tools[k] = ""
				continue
			}
			_, err := fmt.Sscanf(p.Field, "rules[%d]", &n)
			require.NoError(t, err)
			rules[n].tools = nil
		}
		part.rules = nil
		for _, r := range rules {
			if r.tools = slices.DeleteFunc(slices.Clone(r.tools), func(s string) bool { return s == "" }); len(r.tools) > 0 {
				part.rules = append(part.rules, r)
			}
		}
	}
}

func quoted(ss []string) string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

// word makes short names of few letters, so that patterns meet names often.
func word(r *rand.Rand, letters string, stars bool) string {
	if stars && r.Intn(12) == 0 {
		return "*"
	}
	b := make([]byte, 1+r.Intn(4))
	for i := range b {
		b[i] = letters[r.Intn(len(letters))]
		if stars && r.Intn(4) == 0 {
			b[i] = '*'
		}
	}
	return string(b)
}

func randomModel(r *rand.Rand) *model {
	m := &model{loop: call.Ask, unknown: []call.Effect{call.Deny, call.Deny, call.Ask, call.Allow}[r.Intn(4)]}
	if r.Intn(3) == 0 {
		m.streak, m.loop = 2+r.Intn(4), call.Effect(r.Intn(2))
	}
	if r.Intn(3) == 0 {
		m.maxCalls = int64(1 + r.Intn(8))
	}
	if r.Intn(2) > 0 {
		m.groups = map[string]group{}
		for i := range 1 + r.Intn(4) {
			g := group{limit: call.Read + call.Scope(r.Intn(3))}
			for range 1 + r.Intn(3) {
				g.match = append(g.match, word(r, "xy/", true))
			}
			m.groups[fmt.Sprintf("group-number-%d", i)] = g
		}
	}
	seen := map[string]bool{}
	for range r.Intn(6) {
		if w := word(r, "ab.", false); !seen[w] {
			seen[w] = true
			m.listed = append(m.listed, w)
		}
	}
	rich := r.Intn(4) > 0
	for i := range r.Intn([]int{4, 30, 200}[r.Intn(3)]) {
		m.rules = append(m.rules, randomRule(r, m, i, rich))
	}
	return m
}

func randomPast(r *rand.Rand) *modelPast {
	p := &modelPast{tool: word(r, "ab.", true) + "*", within: time.Duration(1+r.Intn(3)) * time.Minute}
	if r.Intn(2) == 0 {
		p.matching = fmt.Sprintf("args.a < %d", r.Intn(6))
	}
	return p
}

func randomRule(r *rand.Rand, m *model, i int, rich bool) modelRule {
	rule := modelRule{id: fmt.Sprintf("r%d", i), effect: []call.Effect{call.Deny, call.Ask, call.Allow, call.Allow, call.Allow}[r.Intn(5)]}
	for range 1 + r.Intn(3) {
		rule.tools = append(rule.tools, word(r, "ab.", r.Intn(2) == 0))
	}
	for range r.Intn(4) {
		switch n := r.Intn(5); {
		case n == 0 && len(m.groups) > 0:
			rule.agents = append(rule.agents, fmt.Sprintf("group-number-%d", r.Intn(len(m.groups))))
		default:
			rule.agents = append(rule.agents, word(r, "xy/", n < 3))
		}
	}
	if !rich {
		return rule
	}
	if r.Intn(2) == 0 {
		rule.when = fmt.Sprintf("args.%c %s %d", "ab"[r.Intn(2)], []string{"<", ">", "=="}[r.Intn(3)], r.Intn(6))
	}
	if r.Intn(6) == 0 {
		rule.after = randomPast(r)
	}
	if r.Intn(8) == 0 {
		rule.times = 2 + r.Intn(3)
	}
	if r.Intn(8) == 0 {
		rule.expires = epoch.Add(time.Duration(r.Intn(30)) * time.Minute)
	}
	rule.shadow = r.Intn(6) == 0
	if rule.effect != call.Deny {
		if r.Intn(4) == 0 {
			rule.rate = 1 + r.Intn(2)
		}
		if r.Intn(8) == 0 {
			rule.max = 1 + r.Intn(20)
		}
		if r.Intn(6) == 0 {
			rule.requires = randomPast(r)
		}
	}
	return rule
}

func randomRequest(r *rand.Rand, m *model) *policy.Request {
	q := &policy.Request{
		Agent: call.AgentID(word(r, "xy/", false)), Tool: word(r, "ab.", false),
		Known: true, Scope: call.Read + call.Scope(r.Intn(3)), Run: call.RunID(word(r, "r", false)),
		Args: []byte([]string{`{}`, `{"a":1,"b":2}`, `{"a":4,"b":"x"}`, `{"a":-3,"b":5}`, `{"a":5,"b":0}`, `{"b":3}`}[r.Intn(6)]),
		RunState: policy.RunState{
			Calls: int64(r.Intn(10)), Streak: r.Intn(7),
		},
	}
	if len(m.listed) > 0 { // rules may be refused because nobody has such a tool
		q.Known = slices.Contains(m.listed, q.Tool)
		if r.Intn(3) > 0 {
			q.Tool, q.Known = m.listed[r.Intn(len(m.listed))], true
		}
	} else if r.Intn(20) == 0 {
		q.Known = false
	}
	q.Digest = call.DigestOf(q.Tool, q.Args)
	return q
}

// An index that answers differently than the rules in turn has changed the
// policy without anybody writing it.
func TestTheIndexAnswersLikeEveryRuleInTurn(t *testing.T) {
	t.Parallel()
	codes := map[string]int{}
	seeds := int64(300)
	if raced {
		seeds = 90
	}
	for seed := range seeds {
		r := rand.New(rand.NewSource(seed))
		m := randomModel(r)
		s := m.load(t)
		mine, theirs := limit.New(limit.Options{}), limit.New(limit.Options{})
		now := epoch
		for i := range 350 {
			q := randomRequest(r, m)
			now = now.Add(time.Duration(r.Intn(20)) * time.Second)
			q.Now = now
			other := *q
			q.Facts, other.Facts = theirs, mine
			theirs.Propose(limit.Who{Agent: q.Agent, Run: q.Run}, q.Digest, now)
			mine.Propose(limit.Who{Agent: q.Agent, Run: q.Run}, q.Digest, now)
			if i%50 == 49 {
				q.Facts, other.Facts = nil, nil
			}
			want := m.decide(&other)
			v := s.Decide(q)
			if got := (ruled{v.Effect, v.Rule, v.Code}); got != want {
				require.Failf(t, "another answer", "seed %d call %d, %+v: got %+v, want %+v\n%s", seed, i, q, got, want, m.yaml())
			}
			var hits []string
			for _, h := range s.Shadow(q, v, nil) {
				hits = append(hits, fmt.Sprint(h.Rule, h.Effect, h.Would))
			}
			slices.Sort(hits)
			require.Equal(t, m.shadowed(&other, want), hits, "seed %d", seed)
			codes[string(v.Code)+" "+v.Effect.String()]++
			if v.Effect != call.Deny && q.Facts != nil {
				ok := r.Intn(2) == 0
				for _, p := range s.Past(q, nil) {
					if !p.OK || ok {
						theirs.Remember(p, limit.Who{Agent: q.Agent, Run: q.Run}, now)
					}
				}
				m.remember(mine, q, ok)
			}
		}
	}
	for _, code := range []string{
		"rule allow", "rule ask", "rule deny", "default deny", "policy_error deny", "rate_limit deny", "loop ask",
		"loop deny", "run_limit deny", "unknown_tool deny", "unknown_tool ask", "unknown_tool allow", "unknown_agent deny", "max_scope deny",
	} {
		require.Greater(t, codes[code], 15, "%s: too few calls show it: %v", code, codes)
	}
}

func TestRulesKeepTheirPromisesWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	for seed := range int64(40) {
		r := rand.New(rand.NewSource(1000 + seed))
		m := randomModel(r)
		if len(m.rules) == 0 {
			continue
		}
		s := m.load(t)

		shuffled := *m
		shuffled.rules = slices.Clone(m.rules)
		r.Shuffle(len(shuffled.rules), func(i, j int) {
			shuffled.rules[i], shuffled.rules[j] = shuffled.rules[j], shuffled.rules[i]
		})
		other := shuffled.load(t)

		fewer, denied := *m, *m
		fewer.rules = slices.DeleteFunc(slices.Clone(m.rules), func(x modelRule) bool {
			return x.effect == call.Allow && r.Intn(2) == 0
		})
		less := fewer.load(t)
		denied.rules = append(slices.Clone(m.rules), modelRule{id: "extra", effect: call.Deny, tools: []string{word(r, "ab.", true)}, when: "args.a > 1"})
		stricter := denied.load(t)

		for range 60 {
			q := randomRequest(r, m)
			q.Now, q.Dry, q.Facts = epoch, true, limit.New(limit.Options{})
			v := s.Decide(q)
			o := other.Decide(q)
			require.Equal(t, []any{v.Effect, v.Rule, v.Code}, []any{o.Effect, o.Rule, o.Code}, "shuffling changed an answer, seed %d", seed)
			require.LessOrEqual(t, less.Decide(q).Effect, v.Effect, "fewer allow rules allow more, seed %d", seed)
			require.LessOrEqual(t, stricter.Decide(q).Effect, v.Effect, "one more deny rule allows more, seed %d", seed)
		}
	}
}

// More patterns match one tool than are lined up when the policy is loaded.
func TestManyPatternsForOneToolAnswerLikeEveryRuleInTurn(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 14)
	m := &model{listed: []string{long}, unknown: call.Allow, loop: call.Ask}
	for i := range 150 {
		m.rules = append(m.rules, modelRule{
			id: fmt.Sprintf("r%d", i), effect: call.Effect(i % 3), agents: []string{fmt.Sprintf("x%d", i), "y*" + fmt.Sprint(i)},
			tools: []string{strings.Repeat("a", i%10) + "*" + strings.Repeat("a*", i/10)},
		})
	}
	m.rules = append(m.rules, modelRule{id: "every", effect: call.Ask, agents: []string{"z"}, tools: []string{"*"}})
	s := m.load(t)
	for i := range 160 {
		for _, agent := range []string{fmt.Sprintf("x%d", i), fmt.Sprintf("yy%d", i), "z"} {
			for _, tool := range []string{long, long + long, "b"} {
				q := ask(agent, tool, call.Read)
				q.Known = tool == long
				want := m.decide(q)
				v := s.Decide(q)
				require.Equal(t, want, ruled{v.Effect, v.Rule, v.Code}, q)
			}
		}
	}
}
