package bearer

import (
	"slices"
	"strings"

	"m1/engine/source"
)

// Role says what the holder of a token may do.
type Role string

// The roles. An agent proposes calls and can never approve one; the others can
// never propose. A viewer reads, an operator also acts, an admin also changes the
// policy, the tokens and the keys.
const (
	Agent    Role = "agent"
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Admin    Role = "admin"
)

var roles = []Role{Agent, Viewer, Operator, Admin}

func (r Role) known() bool { return slices.Contains(roles, r) }

// acts says whether the holder may answer approvals.
func (r Role) acts() bool { return r == Operator || r == Admin }

// wanted says which role was meant, or which there are.
func (r Role) wanted() string {
	names := make([]string, len(roles))
	for i, known := range roles {
		names[i] = string(known)
	}
	if hint := source.DidYouMean(string(r), names); hint != "" {
		return hint
	}
	return "want " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
