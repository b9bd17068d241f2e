// Package views draws the screen. Every function is pure: the same Frame gives
// the same text, and a Frame is all that a view may know.
package views

import (
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

// Page is one full screen, numbered as its key.
type Page int

// The pages that exist; the missing numbers are pages of later versions.
const (
	Overview  Page = 1
	Calls     Page = 2
	Approvals Page = 3
	Policy    Page = 4
	Cache     Page = 5
	Runs      Page = 7
)

// Frame is what one drawing of the screen depends on.
type Frame struct {
	Snap          *snapshot.Dashboard // nil until the first one arrives
	Now           time.Time           // for ages; stands still while frozen
	Width, Height int
	Theme         themes.Theme
	Page          Page
	Panel         int // of the overview's four, the one that a small screen shows
	Window        time.Duration
	Frozen        bool // Snap is held; FrozenAt tells since when
	FrozenAt      time.Time
	Refresh       time.Duration

	Calls     List[call.ID]    // the call table, on Overview and Calls
	Approvals List[string]     // the table of questions
	Runs      List[call.RunID] // the run table
	Detail    Detail
	Dialog    *Dialog // the answer that is being given; nil for none
	Answers   bool    // questions can be answered here; false: the screen only watches

	CacheTop  int // first line shown of the cache page, 0 to ScrollEnd(Frame)
	PolicyTop int // first line shown of the policy page, 0 to ScrollEnd(Frame)

	Help    bool
	HelpTop int      // first line shown of the help, 0 to ScrollEnd(Frame)
	Actions []Action // what can be done here, for footer and help
	Notice  string   // answer to the last key, shown in the footer
	Bad     bool     // Notice tells of a failure
	Remark  bool     // Notice tells why a key did nothing, or of what no key did

	Still bool // a print: nothing about keys, nor about what watching costs

	Self Self
}

// List is the state of a table. The selection is a stable id, never a row, so
// that a re-sorted table keeps it.
type List[ID comparable] struct {
	Selected ID
	Filter   string
	Editing  bool   // the filter line has the keyboard
	Sort     string // one of CallColumns(), ApprovalColumns() or RunColumns(); empty is newest first
	Reverse  bool
}

// Detail is the record that is open over the page; the zero value is none.
type Detail struct {
	Call     call.ID
	Run      call.RunID
	Approval string
	Top      int  // first line shown, 0 to ScrollEnd(Frame)
	Why      *Why // lies over the record: why it was decided so

	// What came of the answer that was given from this record.
	Said    string
	SaidBad bool // it was refused

	// The record as it was last seen: what to draw once Snap no longer holds it.
	// A busy engine moves on faster than a person reads.
	KeptCall     *snapshot.Call
	KeptRun      *snapshot.Run
	KeptApproval *snapshot.Approval
}

// Why is the explanation of a decision; while all fields are zero it is awaited.
type Why struct {
	Explanation *snapshot.Explanation
	Err         string // why there is none
}

// Dialog is an answer to one question before it is given. What it holds was so
// when it was opened: it is closed when the question changes.
type Dialog struct {
	Kind     DialogKind
	Approval string
	Digest   string // of the arguments that were seen
	Tool     string
	Agent    call.AgentID
	Scope    call.Scope
	Expires  time.Time

	Word    string // to be typed before Enter; empty: Y answers
	Typed   string // in the one text field: the word, or the reason
	Uses    string // the two fields of a ceiling, as typed
	Minutes string
	Field   int // of the two, the one that has the keyboard

	Yes     int           // how many people have said yes before
	Needed  int           // and how many must; below 1 is 1
	MaxUses int           // what the rule allows
	MaxTTL  time.Duration // of what the answer opens
	Quiet   bool          // keys are not taken yet: it has only just appeared
}

// DialogKind is what a Dialog is about to do.
type DialogKind uint8

// The kinds of dialogs, and with it the steps of an answer.
const (
	Approving        DialogKind = iota + 1 // this very call
	Ceiling                                // choosing how many calls, and how long
	ApprovingCeiling                       // so many calls, so long
	Denying
	DenyingWithReason
)

// Action is one thing that a key does here.
type Action struct {
	Keys   string // as shown: "f", "j ↓"
	Title  string // short enough for the footer
	More   string // what the help adds to Title
	Group  string // heading in the help
	Footer bool   // worth a place in the footer
}

// Self is what watching costs.
type Self struct {
	CPU       float64 // share of one core
	BytesPerS float64 // written to the terminal
}
