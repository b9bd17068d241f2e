package guard

import (
	"fmt"
	"net/http"
	"strings"
)

// Access says who may use a route. The zero Access is nobody: New refuses it.
// Several are joined with "|".
type Access uint8

// Who may use a route. Agents propose; nobody else ever may. Viewers read, and so
// do operators and admins; Operators act, and so do admins.
const (
	Public Access = 1 << iota // everybody, without a token; not to be joined with others
	Agents
	viewer
	operator
	admin

	Admins    = admin
	Operators = operator | Admins
	Viewers   = viewer | Operators

	AgentsAndViewers   = Agents | Viewers
	AgentsAndOperators = Agents | Operators
)

// open is what a request without a token may use under Options.NoAuth.
const open = Agents | viewer

// words name the roles of an Access, the weakest of those that read and act first.
var words = []struct {
	bit  Access
	role Role
}{{Agents, Agent}, {viewer, Viewer}, {operator, Operator}, {admin, Admin}}

// valid says whether a is a declaration that a route may have.
func (a Access) valid() bool {
	return a == Public || a != 0 && a&^AgentsAndViewers == 0
}

// admits says whether a caller with role may pass.
func (a Access) admits(role Role) bool {
	if role == Anonymous {
		return a&open != 0
	}
	for _, w := range words {
		if w.role == role {
			return a&w.bit != 0
		}
	}
	return false
}

// String lists the roles of a, such as "agent, viewer, operator or admin".
func (a Access) String() string {
	if a == Public {
		return "anybody"
	}
	var names []string
	for _, w := range words {
		if a&w.bit != 0 {
			names = append(names, string(w.role))
		}
	}
	switch n := len(names); n {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// refuse is the answer to who, whom a does not admit.
func (a Access) refuse(who Identity) *Error {
	need := Agent // unless one that reads and acts will do
	for _, w := range words[1:] {
		if a&w.bit != 0 {
			need = w.role
			break
		}
	}
	e := &Error{
		Status: http.StatusForbidden, Code: "forbidden",
		Message: fmt.Sprintf("the token %q has the role %s; this takes the role %s", who.Name, who.Role, a),
		Hint:    fmt.Sprintf("use another token; m1 token create --role %s --name NAME makes one", need),
	}
	if who.Role == Anonymous {
		e.Message = fmt.Sprintf("without a token a request may do what agents and viewers may; this takes the role %s", a)
		e.Hint = fmt.Sprintf("send Authorization: Bearer m1_…; m1 token create --role %s --name NAME makes a token", need)
	}
	return e
}
