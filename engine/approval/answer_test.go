package approval_test

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/approval"
)

func TestAnApprovalOpensAGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		time.Sleep(10 * time.Second)
		got, err := d.Answer(yes(a.ID, anna), func(voted snapshot.Approval) (string, string, error) {
			require.Equal(t, a.ID, voted.ID)
			require.Equal(t, []snapshot.Vote{{By: "anna", At: time.Now(), Approve: true, Note: "fine"}}, voted.Votes)
			return "gr_1", "signed", nil
		})
		require.NoError(t, err)
		now := time.Now()
		want := a
		want.Status, want.By, want.Note, want.GrantID, want.AnsweredAt = snapshot.Approved, "anna", "fine", "gr_1", &now
		want.Votes = []snapshot.Vote{{By: "anna", At: now, Approve: true, Note: "fine"}}
		require.Equal(t, want, got)
	})
}

func TestOneRejectionEndsTheQuestion(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, like(func(q *approval.Question) { q.Needed = 3 }))
	_, err := d.Answer(yes(a.ID, lead), never(t))
	require.NoError(t, err)
	got, err := d.Answer(no(a.ID, ben), never(t))
	require.NoError(t, err)
	require.Equal(t, snapshot.Rejected, got.Status)
	require.Equal(t, "ben", got.By)
	require.Equal(t, "too much", got.Note)
	require.Len(t, got.Votes, 2)
	require.Empty(t, got.GrantID)
}

func TestWhoMayAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		approvers []string
		by        approval.Person
		may       bool
	}{
		{"by name", []string{"lead", "oncall"}, lead, true},
		{"by group", []string{"lead", "oncall"}, ben, true},
		{"the owner, for everybody", []string{"lead", "oncall"}, owner, true},
		{"everybody, where none is named", nil, nobody, true},
		{"a stranger", []string{"lead", "oncall"}, nobody, false},
		{"a part of the name", []string{"lead"}, approval.Person{Name: "lea"}, false},
		{"the name in another case", []string{"lead"}, approval.Person{Name: "Lead"}, false},
		{"an empty approver lets nobody in", []string{""}, approval.Person{Name: "x", Groups: []string{""}}, false},
		{"no name", nil, approval.Person{Groups: []string{"oncall"}}, false},
		{"an owner without a name", nil, approval.Person{Owner: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, answer := range []func(string, approval.Person) approval.Answer{yes, no} {
				d := approval.NewDesk(approval.Options{})
				a := ask(t, d, like(func(q *approval.Question) { q.Approvers = tt.approvers }))
				_, err := d.Answer(answer(a.ID, tt.by), granted)
				if tt.may {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, approval.ErrNotApprover)
				for _, name := range tt.approvers {
					require.ErrorContains(t, err, name)
				}
				got, _ := d.Get(a.ID)
				require.Equal(t, a, got)
			}
		})
	}
}

func TestAQuorumIsOfDifferentPeople(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, like(func(q *approval.Question) { q.Needed = 2 }))
	got, err := d.Answer(yes(a.ID, ben), never(t))
	require.NoError(t, err)
	require.Equal(t, snapshot.Pending, got.Status)
	require.Len(t, got.Votes, 1)
	_, err = d.Answer(yes(a.ID, ben), never(t))
	require.ErrorIs(t, err, approval.ErrTwice)
	_, err = d.Answer(approval.Answer{ID: a.ID, By: approval.Person{Name: "ben", Owner: true}, Approve: true}, never(t))
	require.ErrorIs(t, err, approval.ErrTwice, "from the machine's own terminal he is still one person")
	got, err = d.Answer(yes(a.ID, lead), granted)
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, got.Status)
	require.Equal(t, "lead", got.By)
}

func TestTheAnswerIsToTheArgumentsThatThePersonSaw(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, question())
	ans := yes(a.ID, lead)
	ans.Digest = "00"
	_, err := d.Answer(ans, never(t))
	require.ErrorIs(t, err, approval.ErrChanged)
	ans.Approve = false
	_, err = d.Answer(ans, never(t))
	require.ErrorIs(t, err, approval.ErrChanged)
	ans.Approve, ans.Digest = true, a.ArgsSHA256
	_, err = d.Answer(ans, granted)
	require.NoError(t, err)
}

func TestNobodyGrantsMoreThanTheRule(t *testing.T) {
	t.Parallel()
	type ceiling struct {
		ttl  time.Duration
		uses int
	}
	tests := []struct {
		name   string
		rule   ceiling
		ttl    time.Duration
		uses   int
		narrow string
		want   string // part of the error; empty: granted
		opens  ceiling
	}{
		{"nothing said on both sides", ceiling{}, 0, 0, "", "", ceiling{5 * time.Minute, 1}},
		{"as much as the default", ceiling{}, 5 * time.Minute, 1, "", "", ceiling{5 * time.Minute, 1}},
		{"a second more than the default", ceiling{}, 5*time.Minute + time.Second, 1, "", "5m0s", ceiling{}},
		{"a use more than the default", ceiling{}, 0, 2, "", "1 uses", ceiling{}},
		{"as much as the rule", ceiling{15 * time.Minute, 3}, 15 * time.Minute, 3, "", "", ceiling{15 * time.Minute, 3}},
		{"nothing said under a wide rule", ceiling{15 * time.Minute, 3}, 0, 0, "", "", ceiling{5 * time.Minute, 1}},
		{"nothing said under a strict rule", ceiling{time.Minute, 3}, 0, 0, "", "", ceiling{time.Minute, 1}},
		{"longer than the rule", ceiling{15 * time.Minute, 3}, 15*time.Minute + 1, 0, "", "15m0s", ceiling{}},
		{"more uses than the rule", ceiling{15 * time.Minute, 3}, 0, 4, "", "3 uses", ceiling{}},
		{"a time below zero", ceiling{}, -1, 0, "", "1s", ceiling{}},
		{"less than a second", ceiling{}, time.Second - 1, 0, "", "1s", ceiling{}},
		{"uses below zero", ceiling{}, 0, -1, "", "uses", ceiling{}},
		{"some of the arguments", ceiling{}, 0, 0, `{"order":"1"}`, "", ceiling{5 * time.Minute, 1}},
		{"other arguments than asked about", ceiling{}, 0, 0, `{"order":"2"}`, `"order"`, ceiling{}},
		{"an argument that is not there", ceiling{}, 0, 0, `{"currency":"EUR"}`, `"currency"`, ceiling{}},
		{"any arguments at all", ceiling{}, 0, 0, ` { } `, "any arguments", ceiling{}},
		{"arguments that are null", ceiling{}, 0, 0, `null`, "object", ceiling{}},
		{"one argument twice", ceiling{}, 0, 0, `{"order":"2","order":"1"}`, "duplicate", ceiling{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := approval.NewDesk(approval.Options{})
			a := ask(t, d, like(func(q *approval.Question) { q.MaxTTL, q.MaxUses = tt.rule.ttl, tt.rule.uses }))
			ans := yes(a.ID, lead)
			ans.TTL, ans.Uses = tt.ttl, tt.uses
			if tt.narrow != "" {
				ans.Narrow = json.RawMessage(tt.narrow)
			}
			var opens ceiling
			_, err := d.Answer(ans, func(voted snapshot.Approval) (string, string, error) {
				opens = ceiling{time.Duration(voted.MaxTTLS) * time.Second, voted.MaxUses}
				return "gr_1", "signed", nil
			})
			require.Equal(t, tt.opens, opens)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, approval.ErrCeiling)
			require.ErrorContains(t, err, tt.want)
			got, _ := d.Get(a.ID)
			require.Equal(t, a, got, "the question is open as before")
		})
	}
}

// Two people approve; neither is taken to have agreed to more than they said.
func TestAGrantIsWhatAllVotesAgreeTo(t *testing.T) {
	t.Parallel()
	narrow := json.RawMessage(`{"order":"1"}`)
	type said struct {
		ttl    time.Duration
		uses   int
		narrow json.RawMessage
	}
	tests := []struct {
		name          string
		first, second said
		ttl           int64 // 0: the second is refused
		uses          int
	}{
		{"the same", said{10 * time.Minute, 3, narrow}, said{10 * time.Minute, 3, json.RawMessage(` {"order" : "1"}`)}, 600, 3},
		{"the second less", said{10 * time.Minute, 3, narrow}, said{2 * time.Minute, 2, nil}, 120, 2},
		{"the second says nothing", said{time.Minute, 3, nil}, said{}, 60, 1},
		{"the second longer", said{time.Minute, 3, nil}, said{2 * time.Minute, 3, nil}, 0, 0},
		{"the second oftener", said{time.Minute, 2, nil}, said{time.Minute, 3, nil}, 0, 0},
		{"the second wider", said{time.Minute, 2, nil}, said{time.Minute, 2, narrow}, 0, 0},
		{"the second wider in another way", said{time.Minute, 2, narrow}, said{time.Minute, 2, json.RawMessage(`{"amount":250}`)}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := approval.NewDesk(approval.Options{})
			a := ask(t, d, like(func(q *approval.Question) { q.Needed, q.MaxTTL, q.MaxUses = 2, 15*time.Minute, 5 }))
			vote := func(by approval.Person, s said) (snapshot.Approval, error) {
				ans := yes(a.ID, by)
				ans.TTL, ans.Uses, ans.Narrow = s.ttl, s.uses, s.narrow
				return d.Answer(ans, granted)
			}
			_, err := vote(lead, tt.first)
			require.NoError(t, err)
			got, err := vote(anna, tt.second)
			if tt.ttl == 0 {
				require.ErrorIs(t, err, approval.ErrCeiling)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.ttl, got.MaxTTLS)
			require.Equal(t, tt.uses, got.MaxUses)
		})
	}
}

func TestOfTwoOperatorsAtOnceTheFirstCounts(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	for range 50 {
		a := ask(t, d, question())
		var grants, won atomic.Int32
		var wg sync.WaitGroup
		answers := []approval.Answer{yes(a.ID, lead), yes(a.ID, anna), no(a.ID, ben), yes(a.ID, owner)}
		for _, ans := range answers {
			wg.Go(func() {
				got, err := d.Answer(ans, func(snapshot.Approval) (string, string, error) {
					grants.Add(1)
					return "gr_1", "signed", nil
				})
				var late *approval.Answered
				switch {
				case err == nil && got.By == ans.By.Name:
					won.Add(1)
				case !errors.As(err, &late) || late.By == ans.By.Name || late.At.IsZero():
					t.Errorf("%s: %+v, %v", ans.By.Name, got, err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		got, _ := d.Get(a.ID)
		if got.Status == snapshot.Approved {
			require.EqualValues(t, 1, grants.Load())
		} else {
			require.Zero(t, grants.Load())
		}
	}
}

func TestALateAnswerIsToldWhoWasFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		_, err := d.Answer(yes(a.ID, lead), granted)
		require.NoError(t, err)
		_, err = d.Answer(no(a.ID, ben), never(t))
		var late *approval.Answered
		require.ErrorAs(t, err, &late)
		require.Equal(t, approval.Answered{ID: a.ID, Status: snapshot.Approved, By: "lead", At: time.Now()}, *late)
		require.EqualError(t, err, "approval: "+a.ID+" was approved by lead at 2000-01-01T00:00:00Z")

		_, err = d.Answer(yes("ap_x", lead), never(t))
		require.ErrorIs(t, err, approval.ErrUnknown)
	})
}

func TestAnAnswerAtTheEndIsTooLate(t *testing.T) {
	t.Parallel()
	for _, answer := range []func(string, approval.Person) approval.Answer{yes, no} {
		synctest.Test(t, func(t *testing.T) {
			d := approval.NewDesk(approval.Options{})
			late := ask(t, d, question())
			time.Sleep(time.Nanosecond)
			inTime := ask(t, d, like(func(q *approval.Question) { q.Run = "run-8" }))
			time.Sleep(time.Until(late.ExpiresAt))

			_, err := d.Answer(answer(late.ID, lead), never(t))
			require.ErrorIs(t, err, approval.ErrExpired)
			_, err = d.Answer(answer(inTime.ID, lead), granted)
			require.NoError(t, err, "one nanosecond is left")
			time.Sleep(time.Nanosecond)
			require.Equal(t, []string{late.ID}, ids(d.Sweep(time.Now())))
		})
	}
}

// The answer came in time; that its grant takes a while must not turn it into a no
// after the person was told yes.
func TestAQuestionDoesNotExpireWhileItsGrantIsMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		var wg sync.WaitGroup
		wg.Go(func() {
			got, err := d.Wait(t.Context(), a.ID)
			if err != nil || got.Status != snapshot.Approved {
				t.Errorf("got %+v, %v", got, err)
			}
		})
		time.Sleep(4*time.Minute - 1)
		answeredAt := time.Now()
		got, err := d.Answer(yes(a.ID, lead), func(snapshot.Approval) (string, string, error) {
			time.Sleep(time.Minute)
			require.Empty(t, d.Sweep(time.Now()), "the desk is not locked meanwhile")
			open, _ := d.Get(a.ID)
			require.Equal(t, snapshot.Pending, open.Status)
			again, fresh, err := d.Ask(question())
			require.NoError(t, err)
			require.False(t, fresh)
			require.Equal(t, a.ID, again.ID)
			return "gr_1", "signed", nil
		})
		require.NoError(t, err)
		require.Equal(t, answeredAt, *got.AnsweredAt)
		require.Equal(t, 2, got.Asked)
		wg.Wait()
		require.Empty(t, d.Sweep(time.Now()))
	})
}

func TestAGrantThatFailsLeavesTheQuestionOpenWithoutTheVote(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	tests := []struct {
		name  string
		grant func(snapshot.Approval) (string, string, error)
		want  error
	}{
		{"an error", func(snapshot.Approval) (string, string, error) { return "gr_1", "signed", broken }, broken},
		{"no id", func(snapshot.Approval) (string, string, error) { return "", "signed", nil }, nil},
		{"no function", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := approval.NewDesk(approval.Options{})
				a := ask(t, d, like(func(q *approval.Question) { q.Needed, q.MaxUses = 2, 5 }))
				narrow := yes(a.ID, lead)
				narrow.Uses, narrow.Narrow = 5, json.RawMessage(`{"order":"1"}`)
				before, err := d.Answer(narrow, never(t))
				require.NoError(t, err)
				got, err := d.Answer(yes(a.ID, anna), tt.grant)
				require.Error(t, err)
				if tt.want != nil {
					require.ErrorIs(t, err, tt.want)
				}
				require.Zero(t, got)
				open, _ := d.Get(a.ID)
				require.Equal(t, before, open)

				narrow.By = anna
				got, err = d.Answer(narrow, granted)
				require.NoError(t, err, "the same person may try again, as wide as before")
				require.Equal(t, 5, got.MaxUses)
			})
		})
	}
}

func TestAGrantThatFailsTooLateEndsInExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := approval.NewDesk(approval.Options{})
		a := ask(t, d, question())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := d.Answer(yes(a.ID, lead), func(snapshot.Approval) (string, string, error) {
				time.Sleep(5 * time.Minute)
				return "", "", errors.New("disk full")
			})
			if err == nil {
				t.Error("no error")
			}
		})
		synctest.Wait()
		got, err := d.Wait(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, snapshot.Expired, got.Status)
		require.Equal(t, 5*time.Minute, time.Since(a.AskedAt))
		wg.Wait()
		_, err = d.Answer(yes(a.ID, anna), never(t))
		require.ErrorIs(t, err, approval.ErrExpired)
		require.Equal(t, []string{a.ID}, ids(d.Sweep(time.Now())))
	})
}

func TestAGrantThatPanicsLeavesTheQuestionOpen(t *testing.T) {
	t.Parallel()
	d := approval.NewDesk(approval.Options{})
	a := ask(t, d, question())
	require.PanicsWithValue(t, "bug", func() {
		_, _ = d.Answer(yes(a.ID, lead), func(snapshot.Approval) (string, string, error) { panic("bug") })
	})
	open, _ := d.Get(a.ID)
	require.Equal(t, a, open)
	_, err := d.Answer(yes(a.ID, lead), granted)
	require.NoError(t, err)
}
