// Package approval owns the open questions to people, and who answers them. A desk
// holds what a restart may forget; the ledger keeps what it may not.
package approval

import (
	"encoding/json"
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// What holds where a rule says nothing.
const (
	DefaultTTL  = 5 * time.Minute // of a question, and the longest that a grant lives
	DefaultUses = 1
)

// Person is somebody who answers, as the way in has proved.
type Person struct {
	Name   string
	Groups []string
	Owner  bool // sits at the machine's own terminal: may answer in place of every approver, with one vote as everybody
}

// MayAnswer says whether p is one of approvers: names or groups, none meaning everybody.
func (p Person) MayAnswer(approvers []string) bool {
	return p.Owner || len(approvers) == 0 || slices.ContainsFunc(approvers, func(a string) bool {
		return a != "" && (a == p.Name || slices.Contains(p.Groups, a))
	})
}

// Question is a call that waits for people.
type Question struct {
	Agent     call.AgentID
	AgentType string
	Run       call.RunID
	Call      call.ID
	Tool      string
	Scope     call.Scope
	Args      json.RawMessage // exactly what would run
	Digest    string          // of Tool and Args, as call.DigestOf gives it; empty: computed
	Schema    string
	Rule      string
	Reason    string
	Version   string
	Approvers []string      // names or groups; empty: every operator
	Needed    int           // how many different people; 0 means 1
	TTL       time.Duration // until nobody may answer any more; 0 means DefaultTTL
	MaxTTL    time.Duration // the longest that a grant may live, in whole seconds; 0 means DefaultTTL
	MaxUses   int           // the most uses that a grant may have; 0 means DefaultUses
}

// Answer is what one person says to a question.
type Answer struct {
	ID      string
	By      Person
	Approve bool
	Reason  string          // reaches the agent
	TTL     time.Duration   // of the grant; 0 means DefaultTTL, or less where the ceiling is lower
	Uses    int             // of the grant; 0 means 1
	Narrow  json.RawMessage // an object: approve all arguments that have these members; nil: the exact arguments only
	Digest  string          // of the arguments that the person saw; empty: not checked
}

// key says which questions are one: the same call, under the same rule of the same
// policy. What is approved under an old policy or for an old tool opens nothing, so a
// question about the new one must not hide behind it.
type key struct {
	agent                               call.AgentID
	run                                 call.RunID
	tool, digest, rule, schema, version string
}

func keyOf(a snapshot.Approval) key {
	return key{a.Agent, a.Run, a.Tool, a.ArgsSHA256, a.Rule, a.Schema, a.Version}
}

// item is one question on the desk; the desk's lock guards it.
type item struct {
	a      snapshot.Approval
	seq    int64           // order of arrival
	agreed json.RawMessage // Narrow of the votes so far; nil: the exact arguments only
	// granting is true while the grant of an answer that came in time is made: until it
	// is there or has failed, the question does not expire.
	granting bool
	changed  chan struct{} // closed at the next change, then replaced; never sent on
	turn     chan struct{} // size 1: holds a token while one answer is looked at
}

// due says whether the time to answer is over: at ExpiresAt it is.
func (it *item) due(now time.Time) bool {
	return it.a.Status == snapshot.Pending && !it.granting && !now.Before(it.a.ExpiresAt)
}

// approvals counts the votes for it.
func (it *item) approvals() int {
	n := 0
	for _, v := range it.a.Votes {
		if v.Approve {
			n++
		}
	}
	return n
}

// wake tells all who wait that something changed.
func (it *item) wake() {
	close(it.changed)
	it.changed = make(chan struct{})
}

// copyOf returns a that shares nothing which changes. Args are shared: nobody may
// change them.
func copyOf(a snapshot.Approval) snapshot.Approval {
	a.Approvers = slices.Clone(a.Approvers)
	a.Votes = slices.Clone(a.Votes)
	if a.AnsweredAt != nil {
		at := *a.AnsweredAt
		a.AnsweredAt = &at
	}
	return a
}

// shown returns a for operators: the signed token is for the agent only.
func shown(a snapshot.Approval) snapshot.Approval {
	a = copyOf(a)
	a.Grant = ""
	return a
}
