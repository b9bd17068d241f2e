package guard

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Role says what a caller may do; see Access.
type Role string

// The roles. Anonymous is a request without a token under Options.NoAuth: it may
// do what agents and viewers may.
const (
	Agent     Role = "agent"
	Viewer    Role = "viewer"
	Operator  Role = "operator"
	Admin     Role = "admin"
	Anonymous Role = "anonymous"
)

// Identity is what a request proved about its caller. The zero Identity is nobody.
// Its lists must not be changed.
type Identity struct {
	Name string
	Role Role
	// Groups are names that the approvers of a policy may list.
	Groups []string
	// Agents are patterns of the agent ids that the caller may speak for, where "*"
	// stands for any text. None means any, for a role that proposes.
	Agents []string
}

// SpeaksFor says whether the caller may act in the name of agent. Only agents and
// the anonymous speak for any.
func (i Identity) SpeaksFor(agent string) bool {
	if i.Role != Agent && i.Role != Anonymous {
		return false
	}
	return len(i.Agents) == 0 || slices.ContainsFunc(i.Agents, func(p string) bool { return fits(p, agent) })
}

// fits says whether text is pattern with something in place of each "*". The first
// place where a part fits is as good as any later one, so nothing is tried twice.
func fits(pattern, text string) bool {
	head, rest, open := strings.Cut(pattern, "*")
	if !open {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, head)
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		_, after, found := strings.Cut(text, part)
		text, ok = after, ok && found
	}
	return ok && strings.HasSuffix(text, parts[last])
}

// callerKey is where the guard leaves the Identity for Caller.
type callerKey struct{}

// Caller returns who sent r, as the guard proved it; nobody on a public route and
// on a request that came past the guard.
func Caller(r *http.Request) Identity {
	who, _ := r.Context().Value(callerKey{}).(Identity)
	return who
}

func withCaller(r *http.Request, who Identity) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
}
