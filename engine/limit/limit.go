// Package limit owns what verdicts count and remember: calls and amounts in a
// window, identical calls, and what a run did before.
package limit

import (
	"time"

	"m1/engine/call"
)

// Scope says whose counter it is.
type Scope uint8

// The scopes of a counter.
const (
	PerAgent Scope = iota
	PerRun         // a call without a run counts for its agent
	PerRule        // everybody together
)

// Rate is at most N calls in any window of length Per.
type Rate struct {
	N   int
	Per time.Duration
	For Scope
}

// Period is a window of the calendar in UTC, or the whole run.
type Period uint8

// The periods of a Total. Weeks begin on Monday.
const (
	Minute Period = iota
	Hour
	Day
	Week
	Month
	Run
)

// Total is at most Max, the sum of an amount over a period, in millionths.
type Total struct {
	Max    int64
	Period Period
	For    Scope
}

// Rule is what one rule counts. ID is the id of the rule and the digest of its
// text: a rule that is written anew starts empty.
type Rule struct {
	ID    string
	Rate  *Rate
	Total *Total
}

// Past describes calls that a run made: a rule remembers them by ID, which is made
// of its pattern and condition.
type Past struct {
	ID     string
	Within time.Duration // how long such a call counts; 0 or less: as long as its run is remembered
	OK     bool          // only one that was reported with outcome ok; else one that was let through
	// Closed says what the rule is told when a call may have been forgotten for want
	// of room: true that it happened, as a rule that denies after it needs it, false
	// that it did not, as a rule that requires it needs it. It is no part of the ID.
	Closed bool
}

// Who is whose call it is.
type Who struct {
	Agent call.AgentID
	Run   call.RunID
}

// State of one counter, for people.
type State struct {
	Used, Max float64
	Retry     time.Duration // when one more fits; 0 now, negative never
}
