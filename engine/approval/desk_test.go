package approval_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
)

var (
	lead   = approval.Person{Name: "lead"}
	anna   = approval.Person{Name: "anna", Groups: []string{"oncall", "finance"}}
	ben    = approval.Person{Name: "ben", Groups: []string{"oncall"}}
	nobody = approval.Person{Name: "carl", Groups: []string{"sales"}}
	owner  = approval.Person{Name: "root", Owner: true}
)

func question() approval.Question {
	return approval.Question{
		Agent: "support-bot-1", AgentType: "mcp", Run: "run-7", Call: "tc_1", Tool: "pay.refund", Scope: call.Execute,
		Args: json.RawMessage(`{"order":"1","amount":250}`), Schema: "5c", Rule: "refund-l", Reason: "a large refund",
		Version: "sha256:aa", Approvers: []string{"lead", "oncall"}, TTL: 4 * time.Minute,
	}
}

// like returns the question with one thing changed.
func like(change func(*approval.Question)) approval.Question {
	q := question()
	change(&q)
	return q
}

func ask(t testing.TB, d *approval.Desk, q approval.Question) snapshot.Approval {
	t.Helper()
	a, fresh, err := d.Ask(q)
	require.NoError(t, err)
	require.True(t, fresh)
	return a
}

// granted is a grant function that works.
func granted(snapshot.Approval) (string, string, error) { return "gr_1", "signed", nil }

// never is a grant function that must not be called.
func never(t testing.TB) func(snapshot.Approval) (string, string, error) {
	return func(snapshot.Approval) (string, string, error) {
		t.Error("a grant was made")
		return "", "", nil
	}
}

func yes(id string, by approval.Person) approval.Answer {
	return approval.Answer{ID: id, By: by, Approve: true, Reason: "fine"}
}

func no(id string, by approval.Person) approval.Answer {
	return approval.Answer{ID: id, By: by, Reason: "too much"}
}

func ids(list []snapshot.Approval) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.ID
	}
	return out
}

func TestAQuestionShowsExactlyWhatWouldRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		args := json.RawMessage(`{"amount":250,"order":"1"}`)
		require.Regexp(t, `^ap_[A-Z2-7]{26}`, a.ID)
		require.Equal(t, snapshot.Approval{
			ID: a.ID, Status: snapshot.Pending, Agent: "support-bot-1", AgentType: "mcp", Run: "run-7", Call: "tc_1",
			Tool: "pay.refund", Scope: call.Execute, Args: args, ArgsSHA256: call.DigestOf("pay.refund", args).String(),
			Schema: "5c", Rule: "refund-l", Reason: "a large refund", Version: "sha256:aa",
			Approvers: []string{"lead", "oncall"}, Needed: 1, Votes: []snapshot.Vote{}, Asked: 1,
			MaxTTLS: 300, MaxUses: 1, AskedAt: time.Now(), ExpiresAt: time.Now().Add(4 * time.Minute),
		}, a)
		got, ok := d.Get(a.ID)
		require.True(t, ok)
		require.Equal(t, a, got)
		_, ok = d.Get("ap_x")
		require.False(t, ok)
	})
}

func TestWithoutATimeAQuestionWaitsFiveMinutes(t *testing.T) {
	t.Parallel()
	a := ask(t, approval.NewDesk(approval.Options{}), like(func(q *approval.Question) { q.TTL = 0 }))
	require.Equal(t, 5*time.Minute, a.ExpiresAt.Sub(a.AskedAt))
}

func TestABadQuestionIsNotAsked(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	tests := []struct {
		name   string
		change func(*approval.Question)
		want   string
	}{
		{"nobody asks", func(q *approval.Question) { q.Agent = "" }, "Agent"},
		{"no tool", func(q *approval.Question) { q.Tool = "" }, "Tool"},
		{"no object", func(q *approval.Question) { q.Args = json.RawMessage(`[1]`) }, "object"},
		{"duplicate arguments", func(q *approval.Question) { q.Args = json.RawMessage(`{"a":1,"a":2}`) }, "duplicate"},
		{"the digest of something else", func(q *approval.Question) { q.Digest = call.DigestOf("pay.refund", json.RawMessage(`{}`)).String() }, "Digest"},
		{"a time before now", func(q *approval.Question) { q.TTL = -1 }, "TTL"},
		{"grants of less than a second", func(q *approval.Question) { q.MaxTTL = time.Second - 1 }, "MaxTTL"},
		{"uses below zero", func(q *approval.Question) { q.MaxUses = -1 }, "MaxUses"},
		{"people below zero", func(q *approval.Question) { q.Needed = -1 }, "Needed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, fresh, err := d.Ask(like(tt.change))
			require.ErrorIs(t, err, approval.ErrQuestion)
			require.ErrorContains(t, err, tt.want)
			require.False(t, fresh)
		})
	}
	require.Empty(t, d.List(""))
}

func TestAThousandAsksOfOneQuestionAreOneApproval(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{MaxPerAgent: 1})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen, fresh := map[string]int{}, 0
	for i := range 1000 {
		wg.Go(func() {
			q := question()
			q.Call = call.ID(fmt.Sprintf("tc_%d", i))
			if i%2 == 0 {
				q.Args = json.RawMessage(`{"amount":2.50e2, "order":"\u0031"}`) // the same in another spelling
			}
			a, isFresh, err := d.Ask(q)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			seen[a.ID]++
			if isFresh {
				fresh++
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 1)
	require.Equal(t, 1, fresh)
	list := d.List(snapshot.Pending)
	require.Len(t, list, 1)
	require.Equal(t, 1000, list[0].Asked)
}

func TestAnotherCallIsAnotherQuestion(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	ask(t, d, question())
	for _, q := range []approval.Question{
		like(func(q *approval.Question) { q.Agent = "support-bot-2" }),
		like(func(q *approval.Question) { q.Run = "run-8" }),
		like(func(q *approval.Question) { q.Tool = "pay.cancel" }),
		like(func(q *approval.Question) { q.Args = json.RawMessage(`{"order":"1","amount":251}`) }),
		like(func(q *approval.Question) { q.Rule = "loop" }),
		// What is approved for the old one would open nothing.
		like(func(q *approval.Question) { q.Schema = "5d" }),
		like(func(q *approval.Question) { q.Version = "sha256:bb" }),
	} {
		ask(t, d, q)
	}
	_, fresh, err := d.Ask(like(func(q *approval.Question) { q.Call = "tc_2" }))
	require.NoError(t, err)
	require.False(t, fresh)
}

func TestAClosedQuestionIsAskedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		first := ask(t, d, question())
		_, err := d.Answer(no(first.ID, lead), never(t))
		require.NoError(t, err)
		second := ask(t, d, question())
		require.NotEqual(t, first.ID, second.ID)
		time.Sleep(4 * time.Minute)
		require.NotEqual(t, second.ID, ask(t, d, question()).ID, "nobody may answer the second any more")
	})
}

func TestTooManyQuestionsAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{MaxPending: 3, MaxPerAgent: 2})
		of := func(agent call.AgentID, run call.RunID) approval.Question {
			return like(func(q *approval.Question) { q.Agent, q.Run = agent, run })
		}
		a1 := ask(t, d, of("a", "1"))
		ask(t, d, of("a", "2"))
		_, _, err := d.Ask(of("a", "3"))
		require.ErrorIs(t, err, approval.ErrTooMany)
		require.ErrorContains(t, err, `"a"`)
		_, fresh, err := d.Ask(of("a", "2"))
		require.NoError(t, err, "an open one may be asked again")
		require.False(t, fresh)
		ask(t, d, of("b", "1"))
		_, _, err = d.Ask(of("c", "1"))
		require.ErrorIs(t, err, approval.ErrTooMany)

		_, err = d.Answer(no(a1.ID, owner), never(t))
		require.NoError(t, err)
		ask(t, d, of("a", "3"))
		time.Sleep(4 * time.Minute)
		ask(t, d, of("c", "1")) // nobody swept: what is over takes no place
		require.EqualValues(t, 1, d.Stats().Pending)
	})
}

func TestQuestionsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		var want []string
		for i := range 5 {
			a := ask(t, d, like(func(q *approval.Question) { q.Run = call.RunID(fmt.Sprint(i)) }))
			want = append([]string{a.ID}, want...)
			if i > 2 {
				time.Sleep(time.Second) // the first ones come at the same moment
			}
		}
		_, err := d.Answer(no(want[1], lead), never(t))
		require.NoError(t, err)
		_, err = d.Answer(yes(want[3], lead), granted)
		require.NoError(t, err)
		require.Equal(t, want, ids(d.List("")))
		require.Equal(t, []string{want[0], want[2], want[4]}, ids(d.List(snapshot.Pending)))
		require.Equal(t, want[1:2], ids(d.List(snapshot.Rejected)))
		require.Equal(t, want[3:4], ids(d.List(snapshot.Approved)))
		require.Empty(t, d.List(snapshot.Expired))
	})
}

// The signed token is for the agent that waits, not for the lists of operators.
func TestOperatorsDoNotSeeTheToken(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, question())
	answered, err := d.Answer(yes(a.ID, lead), granted)
	require.NoError(t, err)
	_, _, _, last := d.History(a.Agent, a.Tool, a.Rule)
	for _, seen := range []snapshot.Approval{answered, d.List("")[0], *last} {
		require.Equal(t, "gr_1", seen.GrantID)
		require.Empty(t, seen.Grant)
	}
	got, _ := d.Get(a.ID)
	require.Equal(t, "signed", got.Grant)
	waited, err := d.Wait(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, "signed", waited.Grant)
}

func TestWhatIsReturnedBelongsToTheCaller(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	q := like(func(q *approval.Question) { q.Needed = 2 })
	a := ask(t, d, q)
	q.Approvers[0], a.Approvers[1] = "carl", "sales"
	voted, err := d.Answer(yes(a.ID, lead), never(t))
	require.NoError(t, err)
	voted.Votes[0].By = "ben"
	got, _ := d.Get(a.ID)
	require.Equal(t, []string{"lead", "oncall"}, got.Approvers)
	require.Equal(t, "lead", got.Votes[0].By)
}

func TestSweepReturnsEachExpiredQuestionOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		first := ask(t, d, question())
		time.Sleep(time.Minute)
		second := ask(t, d, like(func(q *approval.Question) { q.Run = "run-8" }))
		require.Empty(t, d.Sweep(first.ExpiresAt.Add(-1)))
		time.Sleep(3 * time.Minute)
		got, _ := d.Get(first.ID) // judged by the clock, before any sweep
		require.Equal(t, snapshot.Expired, got.Status)
		swept := d.Sweep(second.ExpiresAt)
		require.Equal(t, []string{first.ID, second.ID}, ids(swept))
		require.Equal(t, snapshot.Expired, swept[1].Status)
		require.Nil(t, swept[1].AnsweredAt)
		require.Empty(t, d.Sweep(second.ExpiresAt.Add(time.Hour)))
		require.Equal(t, approval.Stats{Expired: 2}, d.Stats())
	})
}

func TestSweepReturnsTheOldestFirstAndNoMoreThanFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{MaxPending: 50})
		var want []string
		for range 2 {
			want = nil
			for i := range 50 {
				want = append(want, ask(t, d, like(func(q *approval.Question) { q.Run = call.RunID(fmt.Sprint(i)) })).ID)
			}
			time.Sleep(4 * time.Minute)
		}
		require.Equal(t, want, ids(d.Sweep(time.Now())))
	})
}

func TestOnlyTheNewestClosedQuestionsAreKept(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{Keep: 2})
	var all []string
	for i := range 4 {
		a := ask(t, d, like(func(q *approval.Question) { q.Run = call.RunID(fmt.Sprint(i)) }))
		all = append([]string{a.ID}, all...)
	}
	for _, id := range slices.Backward(all) {
		_, err := d.Answer(no(id, lead), never(t))
		require.NoError(t, err)
	}
	require.Equal(t, all[:2], ids(d.List("")))
	_, ok := d.Get(all[3])
	require.False(t, ok)
	require.EqualValues(t, 4, d.Stats().Rejected, "counted all the same")
}

func TestARestartGoesOnWhereTheLedgerEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := approval.NewDesk(approval.Options{})
		two := like(func(q *approval.Question) { q.Needed, q.MaxUses, q.MaxTTL = 2, 5, time.Hour })
		a := ask(t, before, two)
		vote := yes(a.ID, lead)
		vote.Uses, vote.TTL, vote.Narrow = 3, time.Minute, json.RawMessage(`{"order":"1"}`)
		open, err := before.Answer(vote, never(t))
		require.NoError(t, err)
		over := ask(t, before, like(func(q *approval.Question) { q.Run, q.TTL = "run-8", time.Second }))
		closed := ask(t, before, like(func(q *approval.Question) { q.Run = "run-9" }))
		closed, err = before.Answer(no(closed.ID, lead), never(t))
		require.NoError(t, err)
		time.Sleep(time.Second)

		d := approval.NewDesk(approval.Options{MaxPending: 1})
		for _, kept := range []snapshot.Approval{open, over, closed, closed} {
			d.Restore(kept)
		}
		d.Restore(snapshot.Approval{Status: snapshot.Pending})
		require.Len(t, d.List(""), 3)
		require.Equal(t, approval.Stats{Pending: 1, Rejected: 1, Expired: 1}, d.Stats(), "a known one is left alone")
		require.Equal(t, []string{over.ID}, ids(d.Sweep(time.Now())), "it expired while nobody ran")
		_, err = d.Answer(yes(closed.ID, anna), never(t))
		var answered *approval.Answered
		require.ErrorAs(t, err, &answered)

		same, fresh, err := d.Ask(two)
		require.NoError(t, err)
		require.False(t, fresh)
		require.Equal(t, a.ID, same.ID)
		_, err = d.Answer(yes(a.ID, lead), never(t))
		require.ErrorIs(t, err, approval.ErrTwice)
		wide := yes(a.ID, anna)
		wide.Narrow = json.RawMessage(`{"order":"1"}`)
		_, err = d.Answer(wide, never(t))
		require.ErrorIs(t, err, approval.ErrCeiling, "what the first vote was for is not kept")
		wide = yes(a.ID, anna)
		wide.Uses = 4
		_, err = d.Answer(wide, never(t))
		require.ErrorIs(t, err, approval.ErrCeiling, "the first vote was for 3")
		wide.Uses = 3
		done, err := d.Answer(wide, granted)
		require.NoError(t, err)
		require.Equal(t, snapshot.Approved, done.Status)
		require.Len(t, done.Votes, 2)
	})
}

func TestSimilarQuestionsCanBeAnsweredTogether(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, question())
	b := ask(t, d, like(func(q *approval.Question) { q.Args = json.RawMessage(`{"order":"2","amount":300}`) }))
	c := ask(t, d, like(func(q *approval.Question) { q.Run = "run-8" }))
	for _, change := range []func(*approval.Question){
		func(q *approval.Question) { q.Agent = "support-bot-2" },
		func(q *approval.Question) { q.Tool = "pay.cancel" },
		func(q *approval.Question) { q.Rule = "loop" },
	} {
		ask(t, d, like(change))
	}
	require.Equal(t, []string{c.ID, b.ID}, ids(d.Similar(a)))
	_, err := d.Answer(no(b.ID, lead), never(t))
	require.NoError(t, err)
	require.Equal(t, []string{c.ID}, ids(d.Similar(a)))
}

func TestHistoryTellsHowAPatternWasAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		run := 0
		next := func() string {
			run++
			return ask(t, d, like(func(q *approval.Question) { q.Run = call.RunID(fmt.Sprint(run)) })).ID
		}
		history := func() (n [3]int, last *snapshot.Approval) {
			n[0], n[1], n[2], last = d.History("support-bot-1", "pay.refund", "refund-l")
			return n, last
		}
		n, last := history()
		require.Zero(t, n)
		require.Nil(t, last)

		early, late := next(), next()
		for _, wait := range []time.Duration{50 * time.Second, 0, 10 * time.Second} {
			id := next()
			time.Sleep(wait)
			_, err := d.Answer(yes(id, lead), granted)
			require.NoError(t, err)
		}
		_, err := d.Answer(no(late, lead), never(t)) // asked second, answered last
		require.NoError(t, err)
		n, last = history()
		require.Equal(t, [3]int{3, 1, 0}, n)
		require.Equal(t, late, last.ID)
		require.Equal(t, approval.Stats{Pending: 1, Approved: 3, Rejected: 1, MedianWait: 30 * time.Second}, d.Stats(), "of 0, 10, 50 and 60 s")

		time.Sleep(4 * time.Minute)
		n, last = history()
		require.Equal(t, [3]int{3, 1, 1}, n)
		require.Equal(t, early, last.ID)
		n[0], n[1], n[2], _ = d.History("support-bot-2", "pay.refund", "refund-l")
		require.Zero(t, n)
	})
}

func TestWaitEndsWithTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, like(func(q *approval.Question) { q.Needed = 2 }))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				got, err := d.Wait(t.Context(), a.ID)
				if err != nil || got.Status != snapshot.Approved || got.Grant != "signed" || len(got.Votes) != 2 {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		time.Sleep(time.Minute)
		_, err := d.Answer(yes(a.ID, lead), never(t))
		require.NoError(t, err)
		synctest.Wait()
		_, err = d.Answer(yes(a.ID, anna), granted)
		require.NoError(t, err)
		before := time.Now()
		wg.Wait()
		require.Equal(t, before, time.Now(), "nobody polls")
	})
}

func TestWaitEndsWhenTheTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		got, err := d.Wait(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, snapshot.Expired, got.Status)
		require.Equal(t, a.ExpiresAt, time.Now())
	})
}

func TestWaitEndsWithItsContextAndSaysHowThingsStand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		got, err := d.Wait(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, snapshot.Pending, got.Status)
		require.Equal(t, 25*time.Second, time.Since(a.AskedAt))

		got, err = d.Wait(ctx, a.ID)
		require.NoError(t, err, "a context that has ended")
		require.Equal(t, snapshot.Pending, got.Status)
		_, err = d.Wait(t.Context(), "ap_x")
		require.ErrorIs(t, err, approval.ErrUnknown)
	})
}

// A clock of its own, ahead of the timers: whoever waits is told by Sweep.
func TestSweepWakesThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		var wg sync.WaitGroup
		wg.Go(func() {
			got, err := d.Wait(t.Context(), a.ID)
			if err != nil || got.Status != snapshot.Expired {
				t.Errorf("got %+v, %v", got, err)
			}
		})
		synctest.Wait()
		d.Sweep(a.ExpiresAt)
		wg.Wait()
		require.Equal(t, a.AskedAt, time.Now())
	})
}
