package meter

// GrantMeter counts grants: what an answer to a question opened, and what came of
// it.
type GrantMeter struct {
	Issued, Used, Revoked Counter
	Refused               *Family[Counter] // grants that did not open a call, by reason
}

// ShadowMeter counts what a rule in shadow mode would have done.
type ShadowMeter struct{ Matched, Would Counter }
