package token

import "fmt"

// Reason says in one word why a token or a grant opens nothing.
type Reason string

// The reasons. Those below the line are not found by this package: the caller, who
// counts uses and asks other nodes, refuses with them.
const (
	Malformed     Reason = "malformed"      // not the one form that M1 writes
	UnknownKid    Reason = "unknown_kid"    // no such key, or its overlap has ended
	BadSignature  Reason = "bad_signature"  // a forgery, or another key or algorithm
	WrongIssuer   Reason = "wrong_issuer"   // the key belongs to another node
	WrongAudience Reason = "wrong_audience" // meant for somebody else than M1
	TooLong       Reason = "too_long"       // lives longer than any grant may
	FutureIAT     Reason = "future_iat"     // issued later than now: the clocks differ
	NotYetValid   Reason = "not_yet_valid"
	Expired       Reason = "expired"
	WrongBinding  Reason = "wrong_binding" // good, but for another call
	NoKey         Reason = "no_key"        // there is nothing to sign or to check with

	// ---

	Spent             Reason = "spent"
	Revoked           Reason = "revoked"
	PolicyChanged     Reason = "policy_changed"
	IssuerUnreachable Reason = "issuer_unreachable"
)

// Refusal is the error of everything that is not accepted. Detail is one sentence
// for people and for the agent; it never holds a token or a secret.
type Refusal struct {
	Reason Reason
	Detail string
}

func (r *Refusal) Error() string { return fmt.Sprintf("token: %s: %s", r.Reason, r.Detail) }

func refuse(reason Reason, format string, a ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, a...)}
}
