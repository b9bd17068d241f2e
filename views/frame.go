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
	Overview Page = 1
	Calls    Page = 2
	Cache    Page = 5
	Runs     Page = 7
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

	Calls  List[call.ID]    // the call table, on Overview and Calls
	Runs   List[call.RunID] // the run table
	Detail Detail

	CacheTop int // first line shown of the cache page, 0 to ScrollEnd(Frame)

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
	Sort     string // one of CallColumns() or RunColumns(); empty is newest first
	Reverse  bool
}

// Detail is the record that is open over the page; the zero value is none.
type Detail struct {
	Call call.ID
	Run  call.RunID
	Top  int // first line shown, 0 to ScrollEnd(Frame)

	// The record as it was last seen: what to draw once Snap no longer holds it.
	// A busy engine moves on faster than a person reads.
	KeptCall *snapshot.Call
	KeptRun  *snapshot.Run
}

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
