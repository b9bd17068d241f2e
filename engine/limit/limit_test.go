package limit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/limit"
)

var (
	start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) // a Monday
	alice = limit.Who{Agent: "alice", Run: "r1"}
)

func rate(id string, n int, per time.Duration, s limit.Scope) *limit.Rule {
	return &limit.Rule{ID: id, Rate: &limit.Rate{N: n, Per: per, For: s}}
}

func total(id string, most int64, p limit.Period, s limit.Scope) *limit.Rule {
	return &limit.Rule{ID: id, Total: &limit.Total{Max: most, Period: p, For: s}}
}

func take(b *limit.Book, r *limit.Rule, w limit.Who, amount int64, now time.Time) bool {
	ok, _ := b.Take(r, w, amount, now)
	return ok
}

// A token bucket would let 2N through around one moment.
func TestNoWindowHoldsMoreThanTheRate(t *testing.T) {
	t.Parallel()
	b, r := limit.New(limit.Options{}), rate("r", 3, time.Minute, limit.PerAgent)
	for _, at := range []time.Duration{0, 58 * time.Second, 59 * time.Second} {
		require.True(t, take(b, r, alice, 0, start.Add(at)))
	}
	ok, retry := b.Take(r, alice, 0, start.Add(59*time.Second))
	require.False(t, ok)
	require.Equal(t, time.Second, retry)
	require.True(t, take(b, r, alice, 0, start.Add(time.Minute)))
	ok, retry = b.Take(r, alice, 0, start.Add(time.Minute))
	require.False(t, ok)
	require.Equal(t, 58*time.Second, retry)
	require.Equal(t, []limit.State{{Used: 3, Max: 3, Retry: 58 * time.Second}}, b.State(r, alice, start.Add(time.Minute)))
}

func TestACounterIsOneHolders(t *testing.T) {
	t.Parallel()
	bob, other := limit.Who{Agent: "bob", Run: "r1"}, limit.Who{Agent: "alice", Run: "r2"}
	cases := map[string]struct {
		scope limit.Scope
		first limit.Who
		other limit.Who
		free  bool // the other one is not held back
	}{
		"an agent has one counter for all its runs": {limit.PerAgent, alice, other, false},
		"another agent has its own":                 {limit.PerAgent, alice, bob, true},
		"a run has one counter for all its agents":  {limit.PerRun, alice, bob, false},
		"another run has its own":                   {limit.PerRun, alice, other, true},
		"without a run the agent counts":            {limit.PerRun, limit.Who{Agent: "alice"}, limit.Who{Agent: "bob"}, true},
		"an agent's name is no run's name":          {limit.PerRun, limit.Who{Agent: "x"}, limit.Who{Agent: "y", Run: "x"}, true},
		"everybody together":                        {limit.PerRule, alice, limit.Who{Agent: "bob"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r := limit.New(limit.Options{}), rate("r", 1, time.Minute, c.scope)
			require.True(t, take(b, r, c.first, 0, start))
			require.False(t, take(b, r, c.first, 0, start))
			require.Equal(t, c.free, take(b, r, c.other, 0, start))
		})
	}
	// The attack on joined keys: rule "a" with agent "bc" beside rule "ab" with agent "c".
	b := limit.New(limit.Options{})
	require.True(t, take(b, rate("a", 1, time.Minute, limit.PerAgent), limit.Who{Agent: "bc"}, 0, start))
	require.True(t, take(b, rate("ab", 1, time.Minute, limit.PerAgent), limit.Who{Agent: "c"}, 0, start))
}

func TestATotalFollowsTheCalendarInUTC(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 5*3600+1800)
	cases := map[string]struct {
		period     limit.Period
		last, next time.Time
	}{
		"minute":               {limit.Minute, time.Date(2026, 11, 23, 10, 0, 59, 999999999, time.UTC), time.Date(2026, 11, 23, 10, 1, 0, 0, time.UTC)},
		"hour":                 {limit.Hour, time.Date(2026, 11, 23, 10, 59, 59, 0, time.UTC), time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)},
		"day":                  {limit.Day, time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		"day, told in a zone":  {limit.Day, time.Date(2026, 11, 24, 5, 29, 59, 0, zone), time.Date(2026, 11, 24, 5, 30, 0, 0, zone)},
		"a week begins Monday": {limit.Week, time.Date(2026, 11, 29, 23, 59, 59, 0, time.UTC), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
		"month":                {limit.Month, time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
		"month over the year":  {limit.Month, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		"before 1970":          {limit.Week, time.Date(1969, 12, 28, 23, 0, 0, 0, time.UTC), time.Date(1969, 12, 29, 0, 0, 0, 0, time.UTC)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r := limit.New(limit.Options{}), total("r", 10, c.period, limit.PerAgent)
			require.True(t, take(b, r, alice, 7, c.last))
			ok, retry := b.Take(r, alice, 4, c.last)
			require.False(t, ok)
			require.Equal(t, c.next.Sub(c.last), retry)
			require.True(t, take(b, r, alice, 3, c.last))
			require.False(t, take(b, r, alice, 1, c.next.Add(-1)))
			require.True(t, take(b, r, alice, 10, c.next))
		})
	}
}

func TestATotalOfARunLastsUntilTheRunEnds(t *testing.T) {
	t.Parallel()
	b, r := limit.New(limit.Options{}), total("r", 10, limit.Run, limit.PerRun)
	require.True(t, take(b, r, alice, 10, start))
	ok, retry := b.Take(r, alice, 1, start.Add(9000*time.Hour))
	require.False(t, ok)
	require.Negative(t, retry)
	require.Equal(t, []limit.State{{Used: 10e-6, Max: 10e-6, Retry: -1}}, b.State(r, alice, start))
	require.True(t, take(b, r, limit.Who{Agent: "alice", Run: "r2"}, 10, start))
	b.EndRun("r1")
	require.True(t, take(b, r, alice, 10, start))
}

func TestTakeIsAllOrNothing(t *testing.T) {
	t.Parallel()
	both := &limit.Rule{
		ID: "r", Rate: &limit.Rate{N: 2, Per: time.Minute, For: limit.PerAgent},
		Total: &limit.Total{Max: 10, Period: limit.Day, For: limit.PerRule},
	}
	b := limit.New(limit.Options{})
	require.True(t, take(b, both, alice, 5, start))
	require.False(t, take(b, both, alice, 6, start), "more than the total")
	require.Equal(t, 1.0, b.State(both, alice, start)[0].Used, "and the rate counted nothing")
	require.True(t, take(b, both, alice, 1, start))
	require.False(t, take(b, both, alice, 1, start), "more than the rate")
	require.InDelta(t, 6e-6, b.State(both, alice, start)[1].Used, 1e-12, "and the total counted nothing")
}

func TestWhatMakesNoSenseNeverFits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		r      *limit.Rule
		amount int64
	}{
		"no calls":               {rate("r", 0, time.Minute, limit.PerAgent), 0},
		"calls below none":       {rate("r", -1, time.Minute, limit.PerAgent), 0},
		"a window of no length":  {rate("r", 1, 0, limit.PerAgent), 0},
		"an amount below none":   {total("r", 10, limit.Day, limit.PerAgent), -1},
		"more than ever fits":    {total("r", 10, limit.Day, limit.PerAgent), 11},
		"a sum that would wrap":  {total("r", 10, limit.Day, limit.PerAgent), 1<<63 - 1},
		"a total below nothing":  {total("r", -1, limit.Day, limit.PerAgent), 0},
		"an amount of min int64": {total("r", 1<<63-1, limit.Day, limit.PerAgent), -1 << 63},
	} {
		b := limit.New(limit.Options{})
		for range 2 {
			ok, retry := b.Take(c.r, alice, c.amount, start)
			require.False(t, ok, name)
			require.Negative(t, retry, name)
			ok, _ = b.Peek(c.r, alice, c.amount, start)
			require.False(t, ok, name)
		}
		require.Zero(t, b.Len(), "%s: and leaves no counter behind", name)
	}
	b, r := limit.New(limit.Options{}), total("r", 1<<63-1, limit.Day, limit.PerAgent)
	require.True(t, take(b, r, alice, 1<<63-1, start))
	require.False(t, take(b, r, alice, 1, start))
}

func TestAWindowAsLongAsTimeDoesNotWrap(t *testing.T) {
	t.Parallel()
	b, r := limit.New(limit.Options{}), rate("r", 1, 1<<63-1, limit.PerAgent)
	require.True(t, take(b, r, alice, 0, start))
	require.False(t, take(b, r, alice, 0, start.Add(200*365*24*time.Hour)))
	require.False(t, take(b, r, alice, 0, start.Add(-200*365*24*time.Hour)))
}

func TestGiveReturnsExactlyWhatOneTakeTook(t *testing.T) {
	t.Parallel()
	r := &limit.Rule{
		ID: "r", Rate: &limit.Rate{N: 2, Per: time.Minute, For: limit.PerAgent},
		Total: &limit.Total{Max: 10, Period: limit.Hour, For: limit.PerAgent},
	}
	b := limit.New(limit.Options{})
	later := start.Add(30 * time.Second)
	require.True(t, take(b, r, alice, 4, start))
	require.True(t, take(b, r, alice, 5, later))
	b.Give(r, alice, 4, start)
	require.Equal(t, []limit.State{{Used: 1, Max: 2}, {Used: 5e-6, Max: 10e-6}}, b.State(r, alice, later))
	// The take that was kept leaves in its own time, not in that of the other.
	require.True(t, take(b, r, alice, 1, later))
	require.False(t, take(b, r, alice, 1, start.Add(time.Minute)))

	b.Give(r, alice, 1000, later)
	require.Zero(t, b.State(r, alice, later)[1].Used, "never below none")

	old := limit.New(limit.Options{})
	require.True(t, take(old, r, alice, 4, start))
	next := start.Add(2 * time.Hour)
	require.True(t, take(old, r, alice, 5, next))
	old.Give(r, alice, 4, start)
	require.Equal(t, []limit.State{{Used: 1, Max: 2}, {Used: 5e-6, Max: 10e-6}}, old.State(r, alice, next), "what has left is not given back")
	old.Give(r, limit.Who{Agent: "nobody"}, 4, start)
	old.Give(&limit.Rule{}, alice, 4, start)
}

func TestAFullBookRefusesNewcomersRatherThanForgetSomebody(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{MaxKeys: 3})
	r, long := rate("r", 1, time.Minute, limit.PerAgent), rate("long", 1, time.Hour, limit.PerAgent)
	require.True(t, take(b, long, alice, 0, start))
	for i := range 2 {
		require.True(t, take(b, r, limit.Who{Agent: call.AgentID(fmt.Sprint(i))}, 0, start.Add(time.Duration(i)*time.Second)))
	}
	newcomer := limit.Who{Agent: "new"}
	ok, retry := b.Peek(r, newcomer, 0, start.Add(10*time.Second))
	require.False(t, ok)
	require.Equal(t, 50*time.Second, retry)
	ok, retry = b.Take(r, newcomer, 0, start.Add(10*time.Second))
	require.False(t, ok)
	require.Equal(t, 50*time.Second, retry)
	require.True(t, take(b, r, newcomer, 0, start.Add(time.Minute)), "the first that is empty makes room")
	require.Equal(t, 3, b.Len())
	require.False(t, take(b, long, alice, 0, start.Add(30*time.Minute)), "the one that holds somebody back stays")
	b.EndRun("r1")
	require.Equal(t, 3, b.Len(), "a counter of an agent outlives its runs")

	two := &limit.Rule{ID: "two", Rate: &limit.Rate{N: 1, Per: time.Minute}, Total: &limit.Total{Max: 1, For: limit.PerRule}}
	one := limit.New(limit.Options{MaxKeys: 1})
	ok, retry = one.Take(two, alice, 0, start)
	require.False(t, ok, "two counters never fit into a book of one")
	require.Negative(t, retry)
}

// The rate's own counter is empty, so that it could make room for the total's.
func TestOneRuleDoesNotPushOutItsOwnCounter(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{MaxKeys: 2})
	r := &limit.Rule{
		ID: "r", Rate: &limit.Rate{N: 1, Per: time.Minute, For: limit.PerAgent},
		Total: &limit.Total{Max: 10, Period: limit.Day, For: limit.PerRun},
	}
	require.True(t, take(b, r, alice, 1, start))
	b.EndRun("r1")
	require.True(t, take(b, total("other", 1, limit.Day, limit.PerAgent), alice, 1, start))
	now := start.Add(2 * time.Minute)
	require.False(t, take(b, r, alice, 1, now), "no room for the total")
	require.True(t, take(b, rate("r", 1, time.Minute, limit.PerAgent), alice, 1, now))
	require.False(t, take(b, rate("r", 1, time.Minute, limit.PerAgent), alice, 1, now))
}

func TestEndRunForgetsWhatTheRunHadAndNothingElse(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{})
	mine, theirs := rate("r", 1, time.Minute, limit.PerRun), limit.Who{Agent: "alice", Run: "r2"}
	past, d := &limit.Past{ID: "p"}, call.Digest{1}
	for _, who := range []limit.Who{alice, theirs} {
		for i := range 5 {
			require.True(t, take(b, rate(fmt.Sprint("x", i), 1, time.Minute, limit.PerRun), who, 0, start))
			b.Remember(&limit.Past{ID: fmt.Sprint(i)}, who, start)
		}
		require.True(t, take(b, mine, who, 0, start))
		b.Remember(past, who, start)
		b.Propose(who, d, start)
	}
	require.Equal(t, 26, b.Len())
	b.EndRun("r1")
	require.Equal(t, 13, b.Len())
	b.EndRun("r1")
	b.EndRun("")
	require.True(t, take(b, mine, alice, 0, start))
	require.False(t, take(b, mine, theirs, 0, start))
	_, ok := b.Last(past, alice, start)
	require.False(t, ok)
	_, ok = b.Last(past, theirs, start)
	require.True(t, ok)
	require.Equal(t, 0, b.Repeats(alice, d, time.Minute, start))
	require.Equal(t, 1, b.Repeats(theirs, d, time.Minute, start))
}

func TestThePastCountsForAsLongAsItWasSaid(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{})
	p := &limit.Past{ID: "tests ran", Within: time.Hour, OK: true}
	_, ok := b.Last(p, alice, start)
	require.False(t, ok)
	b.Remember(p, alice, start)
	b.Remember(p, alice, start.Add(time.Minute))
	at, ok := b.Last(p, alice, start.Add(time.Hour+time.Minute-1))
	require.True(t, ok)
	require.True(t, at.Equal(start.Add(time.Minute)))
	_, ok = b.Last(p, alice, start.Add(time.Hour+time.Minute))
	require.False(t, ok)
	_, ok = b.Last(p, limit.Who{Agent: "alice"}, start)
	require.False(t, ok, "another run's past is not mine")
	_, ok = b.Last(&limit.Past{ID: "tests ran", Within: time.Hour}, alice, start)
	require.False(t, ok, "a call that was let through is not one that went well")
	ever := &limit.Past{ID: "ever"}
	b.Remember(ever, alice, start)
	_, ok = b.Last(ever, alice, start.Add(1e6*time.Hour))
	require.True(t, ok)
}

func TestAClockThatStepsBackRevivesNoRequiredCall(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{})
	requires := &limit.Past{ID: "p", Within: time.Hour}
	after := &limit.Past{ID: "p", Within: time.Hour, Closed: true}
	b.Remember(requires, alice, start)
	b.Remember(&limit.Past{ID: "q"}, alice, start.Add(2*time.Hour))
	now := start.Add(-time.Minute)
	_, ok := b.Last(requires, alice, now)
	require.False(t, ok)
	_, ok = b.Last(after, alice, now)
	require.True(t, ok, "but a rule that denies after it still does")
}

func TestAFactForgottenForWantOfRoomIsToldOnTheSafeSide(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{MaxFacts: 4})
	requires := &limit.Past{ID: "p", Within: time.Hour}
	after := &limit.Past{ID: "p", Within: time.Hour, Closed: true}
	for i := range 10 {
		b.Remember(requires, limit.Who{Agent: call.AgentID(fmt.Sprint(i))}, start.Add(time.Duration(i)*time.Minute))
	}
	require.Equal(t, 4, b.Len())
	now, stranger := start.Add(10*time.Minute), limit.Who{Agent: "stranger"}
	for i := range 10 {
		_, ok := b.Last(requires, limit.Who{Agent: call.AgentID(fmt.Sprint(i))}, now)
		require.Equal(t, i >= 6, ok, "the one that ends first goes")
	}
	_, ok := b.Last(requires, stranger, now)
	require.False(t, ok)
	_, ok = b.Last(after, stranger, now)
	require.True(t, ok, "it may have happened")
	_, ok = b.Last(after, stranger, start.Add(5*time.Minute+time.Hour))
	require.False(t, ok, "whatever was forgotten counts no more")
	_, ok = b.Last(&limit.Past{ID: "other", Within: time.Hour, Closed: true}, stranger, now)
	require.False(t, ok)
}

func TestACounterKeepsItsTimeWhenTheClockStepsBack(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{})
	r := &limit.Rule{
		ID: "r", Rate: &limit.Rate{N: 2, Per: time.Minute},
		Total: &limit.Total{Max: 10, Period: limit.Hour},
	}
	require.True(t, take(b, r, alice, 4, start))
	now := start.Add(-3 * time.Hour)
	require.Equal(t, []limit.State{{Used: 1, Max: 2}, {Used: 4e-6, Max: 10e-6}}, b.State(r, alice, now))
	require.True(t, take(b, r, alice, 6, now))
	ok, retry := b.Take(r, alice, 0, now)
	require.False(t, ok)
	require.Equal(t, 3*time.Hour+time.Minute, retry)
	states := b.State(r, alice, now)
	require.Equal(t, []time.Duration{3*time.Hour + time.Minute, 4 * time.Hour}, []time.Duration{states[0].Retry, states[1].Retry})
}

func TestACounterThatMadeRoomDoesNotBeginEarlierThanItEnded(t *testing.T) {
	t.Parallel()
	b, r := limit.New(limit.Options{MaxKeys: 1}), rate("r", 1, time.Minute, limit.PerRun)
	require.True(t, take(b, r, alice, 0, start))
	require.True(t, take(b, r, limit.Who{Run: "r2"}, 0, start.Add(time.Hour)))
	b.EndRun("r2")
	now := start.Add(30 * time.Second) // the clock stepped back
	require.True(t, take(b, r, alice, 0, now))
	_, retry := b.Take(r, alice, 0, now)
	require.Equal(t, 90*time.Second, retry)
}

func TestARunForgetsAllItsFactsAlsoWhenSomeMadeRoom(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{MaxFacts: 5})
	for i := range 12 {
		within := time.Duration(1+i*5%7) * time.Hour
		b.Remember(&limit.Past{ID: fmt.Sprint(i), Within: within}, alice, start)
	}
	require.Equal(t, 5, b.Len())
	b.EndRun("r1")
	require.Zero(t, b.Len())
}

func TestRepeatsCountsOneCallOfOneRun(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{MaxKeys: 3})
	d, other := call.Digest{1}, call.Digest{2}
	for i := range 5 {
		b.Propose(alice, d, start.Add(time.Duration(i)*time.Second))
	}
	b.Propose(alice, other, start)
	now := start.Add(4 * time.Second)
	require.Equal(t, 5, b.Repeats(alice, d, time.Minute, now))
	require.Equal(t, 2, b.Repeats(alice, d, 2*time.Second, now))
	require.Equal(t, 5, b.Repeats(alice, d, 0, now))
	require.Equal(t, 1, b.Repeats(alice, other, time.Minute, now))
	require.Zero(t, b.Repeats(limit.Who{Agent: "alice"}, d, time.Minute, now))
	require.Equal(t, 5, b.Repeats(alice, d, time.Minute, start.Add(-time.Hour)), "a clock that steps back forgets none")
	b.Propose(alice, d, start)
	require.Equal(t, 2, b.Repeats(alice, d, time.Nanosecond, start), "and adds none in the past")
	for i := range 3 * limit.MaxRepeats {
		b.Propose(alice, d, start.Add(time.Duration(i)*time.Millisecond))
	}
	require.Equal(t, limit.MaxRepeats, b.Repeats(alice, d, time.Hour, now))
	b.Propose(alice, call.Digest{3}, now)
	b.Propose(alice, call.Digest{4}, now)
	require.Equal(t, 3, b.Len())
	require.Zero(t, b.Repeats(alice, other, time.Hour, now), "the longest unproposed made room")
	require.Equal(t, limit.MaxRepeats, b.Repeats(alice, d, time.Hour, now))
}

func TestConcurrentTakesNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	b := limit.New(limit.Options{})
	r := &limit.Rule{
		ID: "r", Rate: &limit.Rate{N: 100, Per: time.Minute, For: limit.PerRule},
		Total: &limit.Total{Max: 700, Period: limit.Day, For: limit.PerAgent},
	}
	var got, kept atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				if !take(b, r, alice, 5, start) {
					continue
				}
				got.Add(1)
				if (g+i)%3 == 0 {
					b.Give(r, alice, 5, start)
				} else {
					kept.Add(1)
				}
				b.State(r, alice, start)
				b.Propose(alice, call.Digest{byte(i)}, start)
				b.Remember(&limit.Past{ID: "p"}, limit.Who{Run: call.RunID(fmt.Sprint(i))}, start)
				b.EndRun(call.RunID(fmt.Sprint(i)))
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, kept.Load(), int64(100))
	require.Equal(t, float64(kept.Load()), b.State(r, alice, start)[0].Used)
	require.InDelta(t, float64(kept.Load())*5e-6, b.State(r, alice, start)[1].Used, 1e-12)
	require.Equal(t, int64(100), kept.Load(), "and what was given back was taken again")
}

func TestAWarmTakeDoesNotAllocate(t *testing.T) {
	b := limit.New(limit.Options{})
	rules := []*limit.Rule{
		rate("rate", 100, time.Second, limit.PerAgent), total("total", 1<<40, limit.Day, limit.PerRun),
		{ID: "both", Rate: &limit.Rate{N: 100, Per: time.Second}, Total: &limit.Total{Max: 1 << 40, Period: limit.Hour}},
	}
	now, d, p := start, call.Digest{1}, &limit.Past{ID: "p", Within: time.Hour}
	step := func() {
		now = now.Add(5 * time.Millisecond)
		for _, r := range rules {
			b.Take(r, alice, 1, now)
			b.Peek(r, alice, 1, now)
			b.Give(r, alice, 1, now)
			b.Take(r, alice, 1, now)
		}
		b.Propose(alice, d, now)
		b.Repeats(alice, d, time.Minute, now)
		b.Remember(p, alice, now)
		b.Last(p, alice, now)
	}
	for range 3000 {
		step()
	}
	require.Zero(t, testing.AllocsPerRun(1000, step))
}

func BenchmarkTake(b *testing.B) {
	rules := map[string]*limit.Rule{
		"rate":          rate("read-ws@0123456789abcdef", 10_000, time.Second, limit.PerAgent),
		"total":         total("read-ws@0123456789abcdef", 1<<60, limit.Day, limit.PerAgent),
		"both":          {ID: "read-ws@0123456789abcdef", Rate: &limit.Rate{N: 10_000, Per: time.Second}, Total: &limit.Total{Max: 1 << 60, Period: limit.Day}},
		"two counters":  {ID: "read-ws@0123456789abcdef", Rate: &limit.Rate{N: 10_000, Per: time.Second}, Total: &limit.Total{Max: 1 << 60, Period: limit.Day, For: limit.PerRule}},
		"rate, refused": rate("read-ws@0123456789abcdef", 1, time.Hour, limit.PerAgent),
	}
	agents := make([]limit.Who, 10_000)
	for i := range agents {
		agents[i] = limit.Who{Agent: call.AgentID(fmt.Sprintf("claude-code/%08d", i)), Run: "run-1"}
	}
	for name, r := range rules {
		for _, keys := range []int{1, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", name, keys), func(b *testing.B) {
				book, now, i := limit.New(limit.Options{}), start, 0
				for _, w := range agents[:keys] {
					book.Take(r, w, 1, now)
				}
				b.ReportAllocs()
				for b.Loop() {
					now = now.Add(100 * time.Microsecond)
					book.Take(r, agents[i], 1, now)
					if i++; i == keys {
						i = 0
					}
				}
			})
		}
	}
}

func BenchmarkPast(b *testing.B) {
	book, p := limit.New(limit.Options{}), &limit.Past{ID: "p", Within: time.Hour}
	runs := make([]limit.Who, 100_000)
	for i := range runs {
		runs[i] = limit.Who{Agent: "a", Run: call.RunID(fmt.Sprint("run-", i))}
		book.Remember(p, runs[i], start)
	}
	b.Run("remember", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			book.Remember(p, runs[i%len(runs)], start)
		}
	})
	b.Run("last", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			book.Last(p, runs[i%len(runs)], start)
		}
	})
}
