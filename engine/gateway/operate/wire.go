package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"m1/collector/snapshot"
	"m1/engine/gateway/guard"
)

// The bodies of requests and answers. A member that is null counts as absent.

type approveRequest struct {
	Reason string         `json:"reason,omitzero"`
	TTLS   int64          `json:"ttl_s,omitzero"`
	Uses   int64          `json:"uses,omitzero"`
	Args   jsontext.Value `json:"args,omitzero"`        // what later calls must have too
	SHA256 string         `json:"args_sha256,omitzero"` // of the arguments that the person saw
}

type rejectRequest struct {
	Reason string `json:"reason,omitzero"`
	SHA256 string `json:"args_sha256,omitzero"`
}

type approvalsAnswer struct {
	Approvals []snapshot.Approval `json:"approvals"`
}

type grantRequest struct {
	Agent string         `json:"agent"`
	RunID string         `json:"run_id,omitzero"`
	Tool  string         `json:"tool"`
	Scope string         `json:"scope,omitzero"`
	TTLS  int64          `json:"ttl_s,omitzero"`
	Uses  int64          `json:"uses,omitzero"`
	Args  jsontext.Value `json:"args,omitzero"`       // members that the arguments must have
	Input jsontext.Value `json:"tool_input,omitzero"` // exactly these arguments
}

// grantAnswer has the signed token, which is never shown again.
type grantAnswer struct {
	snapshot.Grant
	Token string `json:"grant"`
}

type grantsAnswer struct {
	Grants []snapshot.Grant `json:"grants"`
}

type revokeAnswer struct {
	ID      string `json:"jti"`
	Revoked bool   `json:"revoked"`
}

type rotateAnswer struct {
	Key string `json:"kid"`
}

type policyRequest struct {
	Source  string `json:"source"`
	Comment string `json:"comment,omitzero"`
}

type policyAnswer struct {
	DryRun bool                   `json:"dry_run"`
	Policy snapshot.PolicyVersion `json:"policy"`
	Diff   snapshot.PolicyDiff    `json:"diff"`
}

type rollbackRequest struct {
	To      string `json:"to"`
	Comment string `json:"comment,omitzero"`
}

type rollbackAnswer struct {
	Policy snapshot.PolicyVersion `json:"policy"`
}

// modelAnswer is all that an agent is told about the policy.
type modelAnswer struct {
	ForModel string `json:"for_model"`
}

// answer writes v as guard.JSON does, but leaves <, > and & as they are: arguments
// must arrive byte by byte as they were hashed.
func answer(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a mistake in M1; the guard makes it a 500
	}
	guard.Raw(w, status, buf.Bytes())
}

// full is a as the wire has it: an empty list is [], never null.
func full(a snapshot.Approval) snapshot.Approval {
	a.Approvers, a.Votes = list(a.Approvers), list(a.Votes)
	if len(a.Args) == 0 {
		a.Args = json.RawMessage("{}")
	}
	return a
}

// public is a as everybody but its agent may see it.
func public(a snapshot.Approval) snapshot.Approval {
	a.Grant = ""
	return full(a)
}

func fullDiff(d snapshot.PolicyDiff) snapshot.PolicyDiff {
	d.Added, d.Removed, d.Changed = list(d.Added), list(d.Removed), list(d.Changed)
	d.Flips, d.Calls = list(d.Flips), list(d.Calls)
	return d
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// query reads the parameters of the URL; one that is not known or is given twice
// is refused.
func query(r *http.Request, known ...string) (url.Values, *guard.Error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badQuery("", "the query of the URL cannot be read")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			allowed := "none is known here"
			if len(known) > 0 {
				allowed = "known here: " + strings.Join(known, ", ")
			}
			return nil, badQuery(name, "the parameter is not known; "+allowed)
		}
		if len(values) > 1 {
			return nil, badQuery(name, "the parameter is given twice")
		}
	}
	return q, nil
}

func badQuery(field, message string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_query", Message: message, Hint: "see docs/approvals.md for the parameters", Field: field}
}

// The most that a request may ask for. What a rule gives is far less; beyond these
// a number is a mistake of units.
const (
	maxTTL  = 366 * 24 * 3600 // seconds
	maxUses = 1_000_000
)

func checkGrant(ttl, uses int64) *guard.Error {
	switch {
	case ttl < 0 || ttl > maxTTL:
		return guard.Invalid("ttl_s", fmt.Sprintf("must lie between 1 and %d seconds; leave it out for the default", maxTTL))
	case uses < 0 || uses > maxUses:
		return guard.Invalid("uses", fmt.Sprintf("must lie between 1 and %d; leave it out for the default", maxUses))
	}
	return nil
}

// checkDigest wants the form that args_sha256 has everywhere.
func checkDigest(digest string) *guard.Error {
	isHex := !strings.ContainsFunc(digest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if digest != "" && (len(digest) != 64 || !isHex) {
		return guard.Invalid("args_sha256", "want 64 lowercase hexadecimal digits, as args_sha256 of the approval has them")
	}
	return nil
}
