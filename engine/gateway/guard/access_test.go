package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/guard"
)

// doors are one route for each declaration, under a path of its own.
var doors = map[string]struct {
	access guard.Access
	opens  string // the roles that may pass, and "-" for no token
	maker  string // the role that the hint offers
}{
	"/public":    {guard.Public, "- agent viewer operator admin", ""},
	"/agents":    {guard.Agents, "agent", "agent"},
	"/viewers":   {guard.Viewers, "viewer operator admin", "viewer"},
	"/operators": {guard.Operators, "operator admin", "operator"},
	"/admins":    {guard.Admins, "admin", "admin"},
	"/both":      {guard.AgentsAndViewers, "agent viewer operator admin", ""},
	"/act":       {guard.AgentsAndOperators, "agent operator admin", "operator"},
}

func house(t *testing.T, o guard.Options) http.Handler {
	t.Helper()
	var all []guard.Route
	for path, d := range doors {
		all = append(all, guard.Route{Method: "GET", Pattern: path, Roles: d.access, Serve: say("in")})
	}
	h, err := guard.New(o, all)
	require.NoError(t, err)
	return h
}

func TestEachRoleOpensItsDoorsAndNoOther(t *testing.T) {
	t.Parallel()
	h := house(t, guard.Options{Auth: auth})
	for path, d := range doors {
		for _, role := range append([]guard.Role{"-"}, roles...) {
			bearer := "Bearer m1_" + string(role)
			if role == "-" {
				bearer = ""
			}
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				name := fmt.Sprintf("%s %s as %s", method, path, role)
				w := ask(h, method, path, "Authorization", "", "Authorization", bearer)
				if bearer == "" {
					w = ask(h, method, path, "Authorization", "")
				}
				switch {
				case strings.Contains(d.opens, string(role)) && method == "DELETE":
					require.Equal(t, http.StatusMethodNotAllowed, w.Code, name)
				case strings.Contains(d.opens, string(role)):
					require.Equal(t, http.StatusOK, w.Code, name)
				case role == "-":
					require.Equal(t, http.StatusUnauthorized, w.Code, name)
				default:
					require.Equal(t, http.StatusForbidden, w.Code, name)
					require.Equal(t, "forbidden", code(t, w), name)
					require.Contains(t, w.Body.String(), "has the role "+string(role), name)
					require.Contains(t, w.Body.String(), "m1 token create --role "+d.maker+" --name NAME", name)
				}
			}
		}
	}
}

func TestWithoutAuthAnybodyProposesAndReadsAndNoMore(t *testing.T) {
	t.Parallel()
	for _, o := range []guard.Options{{NoAuth: true}, {NoAuth: true, Auth: auth}} {
		h := house(t, o)
		for path, d := range doors {
			w := ask(h, "GET", path, "Authorization", "")
			if d.access == guard.Public || strings.Contains(d.opens, "agent") || strings.Contains(d.opens, "viewer") {
				require.Equal(t, http.StatusOK, w.Code, path)
				continue
			}
			require.Equal(t, http.StatusForbidden, w.Code, path)
			require.Equal(t, "forbidden", code(t, w))
			require.Contains(t, w.Body.String(), "without a token")
			require.Contains(t, w.Body.String(), "m1 token create --role "+d.maker)
		}
		require.Equal(t, http.StatusUnauthorized, ask(h, "GET", "/viewers", "Authorization", "", "Authorization", "Bearer m1_wrong").Code, "a token that is sent must be right")
		require.Equal(t, http.StatusUnauthorized, ask(h, "GET", "/viewers", "Authorization", "", "Authorization", "Basic x").Code)
		require.Equal(t, http.StatusNotFound, ask(h, "GET", "/none", "Authorization", "").Code)
		if o.Auth != nil {
			require.Equal(t, http.StatusOK, ask(h, "GET", "/admins").Code)
			require.Equal(t, http.StatusForbidden, ask(h, "GET", "/viewers", "Authorization", "", "Authorization", "Bearer m1_agent").Code, "a token never does less than it says")
		} else {
			require.Equal(t, http.StatusUnauthorized, ask(h, "GET", "/admins").Code)
		}
	}
}

func TestMethodsOfOnePathMayBeForOthers(t *testing.T) {
	t.Parallel()
	h, err := guard.New(guard.Options{Auth: auth}, []guard.Route{
		{Method: "GET", Pattern: "/policy", Roles: guard.Viewers, Serve: say("read")},
		{Method: "PUT", Pattern: "/policy", Roles: guard.Admins, Serve: say("written")},
		{Method: "POST", Pattern: "/policy", Roles: guard.Agents, Serve: say("proposed")},
	})
	require.NoError(t, err)
	for role, want := range map[string]map[string]int{
		"agent":    {"GET": 403, "HEAD": 403, "PUT": 403, "POST": 200, "DELETE": 405},
		"viewer":   {"GET": 200, "HEAD": 200, "PUT": 403, "POST": 403, "DELETE": 405},
		"operator": {"GET": 200, "HEAD": 200, "PUT": 403, "POST": 403, "DELETE": 405},
		"admin":    {"GET": 200, "HEAD": 200, "PUT": 200, "POST": 403, "DELETE": 405},
	} {
		for method, status := range want {
			require.Equal(t, status, ask(h, method, "/policy", "Authorization", "", "Authorization", "Bearer m1_"+role).Code, "%s as %s", method, role)
		}
	}
}

// A role that nobody declared, such as one of a later version, opens nothing.
func TestAnUnknownRoleOpensNothing(t *testing.T) {
	t.Parallel()
	for _, role := range []guard.Role{"", "root", "Admin", "anonymous "} {
		h := house(t, guard.Options{Auth: func(string) (guard.Identity, bool) { return guard.Identity{Name: "x", Role: role}, true }})
		for path, d := range doors {
			if d.access != guard.Public {
				require.Equal(t, http.StatusForbidden, ask(h, "GET", path).Code, "%q at %s", role, path)
			}
		}
	}
}

func TestTheHandlerKnowsWhoCalls(t *testing.T) {
	t.Parallel()
	var got guard.Identity
	see := func(_ http.ResponseWriter, r *http.Request) { got = guard.Caller(r) }
	h, err := guard.New(guard.Options{Auth: auth, NoAuth: true}, []guard.Route{
		{Method: "GET", Pattern: "/who/{id}", Roles: guard.AgentsAndViewers, Serve: see},
		{Method: "GET", Pattern: "/livez", Roles: guard.Public, Serve: see},
	})
	require.NoError(t, err)
	ask(h, "GET", "/who/1", "Authorization", "", "Authorization", "Bearer m1_operator")
	require.Equal(t, guard.Identity{Name: "operator", Role: guard.Operator, Groups: []string{"oncall"}, Agents: []string{"a*"}}, got)
	ask(h, "GET", "/who/1", "Authorization", "")
	require.Equal(t, guard.Identity{Name: "anonymous", Role: guard.Anonymous}, got)
	ask(h, "GET", "/livez")
	require.Zero(t, got, "a public route asks nobody who they are")
	require.Zero(t, guard.Caller(httptest.NewRequest(http.MethodGet, "/", nil)))
}

func TestATokenSpeaksForTheAgentsItNames(t *testing.T) {
	t.Parallel()
	as := func(patterns ...string) guard.Identity { return guard.Identity{Role: guard.Agent, Agents: patterns} }
	for _, c := range []struct {
		who  guard.Identity
		yes  []string
		not  []string
		name string
	}{
		{as(), []string{"a", "any/thing"}, nil, "no pattern"},
		{as("build-bot"), []string{"build-bot"}, []string{"build-bot2", "Build-bot", "build-bo", "", "xbuild-bot"}, "one agent"},
		{as("ci-*"), []string{"ci-", "ci-7", "ci-a/b"}, []string{"ci", "CI-7", "xci-7"}, "a prefix"},
		{as("*-bot"), []string{"-bot", "a-bot", "a-bot-bot"}, []string{"a-bots", "bot"}, "a suffix"},
		{as("a*b*c"), []string{"abc", "axbxc", "abbcc", "abcbc"}, []string{"ab", "ac", "acb", "xabc"}, "in between"},
		{as("a*b*"), []string{"ab", "axbx"}, []string{"a", "ac", "acc"}, "a part that is nowhere"},
		{as("ab*ba"), []string{"abba", "abxba"}, []string{"aba", "ab", "ba"}, "no byte counts twice"},
		{as("a", "b*"), []string{"a", "bb"}, []string{"ab"}, "several"},
		{as("*"), []string{"", "x"}, nil, "all"},
		{as("a?", "[x]", "a.c"), []string{"a?", "[x]", "a.c"}, []string{"ab", "x", "abc"}, "no other wildcard"},
		{guard.Identity{}, nil, []string{"a"}, "nobody"},
		{guard.Identity{Role: guard.Admin}, nil, []string{"a"}, "an admin never proposes"},
		{guard.Identity{Role: guard.Operator, Agents: []string{"*"}}, nil, []string{"a"}, "an operator never proposes"},
		{guard.Identity{Role: guard.Anonymous}, []string{"a"}, nil, "anonymous"},
	} {
		for _, agent := range c.yes {
			require.True(t, c.who.SpeaksFor(agent), "%s: %q", c.name, agent)
		}
		for _, agent := range c.not {
			require.False(t, c.who.SpeaksFor(agent), "%s: %q", c.name, agent)
		}
	}
}
