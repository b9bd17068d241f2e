package approval

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/token"
)

// Answer counts one person's vote. The first rejection ends the question; so does the
// approval that makes the number needed full, for which grant is called once. It gets
// the question with MaxTTLS and MaxUses lowered to what all votes agree to: that is
// what it may open, and for other arguments only by the answer's own Narrow. If grant
// fails, its error is returned and the question stays open without that vote.
//
// Answer blocks while grant runs, and while the grant of another answer to the same
// question is made; all else goes on. An answer counts when it is looked at before
// ExpiresAt, however long its grant takes. Errors are ErrUnknown, ErrExpired,
// *Answered, ErrNotApprover, ErrTwice, ErrChanged, ErrCeiling and that of grant.
func (d *Desk) Answer(ans Answer, grant func(snapshot.Approval) (id, token string, err error)) (snapshot.Approval, error) {
	d.mu.Lock()
	it, ok := d.items[ans.ID]
	d.mu.Unlock()
	if !ok {
		return snapshot.Approval{}, fmt.Errorf("%w: %q", ErrUnknown, ans.ID)
	}
	it.turn <- struct{}{}
	defer func() { <-it.turn }()

	voted, at, full, err := d.vote(it, ans)
	if err != nil {
		return snapshot.Approval{}, err
	}
	if !full {
		return shown(voted), nil
	}
	return d.grant(it, ans, voted, at, grant)
}

// vote judges ans at the time it returns, and counts it. But where it makes the number
// needed full, it marks the question only, and returns how that will be with the vote:
// a grant has to be made first. The caller holds the turn.
func (d *Desk) vote(it *item, ans Answer) (voted snapshot.Approval, now time.Time, full bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now = d.now()
	d.expire(now)
	if err := it.accepts(ans); err != nil {
		return snapshot.Approval{}, now, false, err
	}
	next := copyOf(it.a)
	next.Votes = append(next.Votes, snapshot.Vote{By: ans.By.Name, At: now, Approve: ans.Approve, Note: ans.Reason})
	if !ans.Approve {
		it.a = next
		d.answered(it, snapshot.Rejected, ans, now)
		return copyOf(it.a), now, false, nil
	}
	agreed, err := it.agree(&next, ans)
	if err != nil {
		return snapshot.Approval{}, now, false, err
	}
	if it.approvals()+1 >= it.a.Needed {
		it.granting = true
		return next, now, true, nil
	}
	it.a, it.agreed = next, agreed
	return copyOf(it.a), now, false, nil
}

// grant makes the grant outside the lock and then counts the vote, or takes it back.
func (d *Desk) grant(it *item, ans Answer, voted snapshot.Approval, at time.Time, grant func(snapshot.Approval) (string, string, error)) (out snapshot.Approval, err error) {
	var id, token string
	err = errors.New("approval: no grant was made") // also when grant panics
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		it.granting = false
		if err != nil {
			d.watch(it)
			it.wake() // who waits has to look at the clock again
			out = snapshot.Approval{}
			return
		}
		voted.Asked = it.a.Asked // it may have been asked again meanwhile
		voted.GrantID, voted.Grant = id, token
		it.a = voted
		d.answered(it, snapshot.Approved, ans, at)
		out = shown(it.a)
	}()
	if grant == nil {
		return out, err
	}
	id, token, failed := grant(copyOf(voted))
	switch {
	case failed != nil:
		err = fmt.Errorf("approval: grant: %w", failed)
	case id == "":
		err = errors.New("approval: grant: it has no id")
	default:
		err = nil
	}
	return out, err
}

// answered closes the question.
func (d *Desk) answered(it *item, status string, ans Answer, at time.Time) {
	it.a.Status, it.a.By, it.a.Note, it.a.AnsweredAt = status, ans.By.Name, ans.Reason, &at
	d.end(it)
}

// accepts says whether this person may give this answer now.
func (it *item) accepts(ans Answer) error {
	a := it.a
	switch {
	case a.Status == snapshot.Expired:
		return fmt.Errorf("%w: %s could be answered until %s", ErrExpired, a.ID, a.ExpiresAt.UTC().Format(time.RFC3339))
	case a.Status != snapshot.Pending:
		e := &Answered{ID: a.ID, Status: a.Status, By: a.By}
		if a.AnsweredAt != nil {
			e.At = *a.AnsweredAt
		}
		return e
	case ans.By.Name == "":
		return fmt.Errorf("%w: the answer does not say who gives it", ErrNotApprover)
	case !ans.By.MayAnswer(a.Approvers):
		return fmt.Errorf("%w: %q is none of %s", ErrNotApprover, ans.By.Name, strings.Join(a.Approvers, ", "))
	case slices.ContainsFunc(a.Votes, func(v snapshot.Vote) bool { return v.By == ans.By.Name }):
		return fmt.Errorf("%w: %q; %d different people are needed", ErrTwice, ans.By.Name, a.Needed)
	case ans.Digest != "" && ans.Digest != a.ArgsSHA256:
		return fmt.Errorf("%w: look at the question again", ErrChanged)
	}
	return nil
}

// agree lowers what next may open to what ans gives, and returns the agreed Narrow. What
// the votes before did not give, nobody can add.
func (it *item) agree(next *snapshot.Approval, ans Answer) (json.RawMessage, error) {
	most := time.Duration(next.MaxTTLS) * time.Second
	ttl, uses := cmp.Or(ans.TTL, min(DefaultTTL, most)), cmp.Or(ans.Uses, 1)
	switch {
	case ttl < time.Second || ttl > most:
		return nil, fmt.Errorf("%w: the grant may live from 1s to %s, not %s", ErrCeiling, most, ans.TTL)
	case uses < 1 || uses > next.MaxUses:
		return nil, fmt.Errorf("%w: the grant may have from 1 to %d uses, not %d", ErrCeiling, next.MaxUses, ans.Uses)
	}
	next.MaxTTLS, next.MaxUses = int64(ttl/time.Second), uses
	if ans.Narrow == nil {
		return nil, nil
	}
	narrow, err := call.Canonical(ans.Narrow)
	if err != nil {
		return nil, fmt.Errorf("%w: the arguments to approve: %w", ErrCeiling, err)
	}
	if string(narrow) == "{}" {
		return nil, fmt.Errorf("%w: without a member to compare, any arguments would be approved", ErrCeiling)
	}
	if err := token.Fits(narrow, it.a.Args); err != nil {
		return nil, fmt.Errorf("%w: the call that asks does not fit the arguments to approve: %w", ErrCeiling, err)
	}
	if it.approvals() > 0 && !bytes.Equal(narrow, it.agreed) {
		return nil, fmt.Errorf("%w: the votes before approved other arguments", ErrCeiling)
	}
	return narrow, nil
}
