package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
)

// Identity comes from the token, never from what the body says.
func TestATokenProposesOnlyForItsOwnAgents(t *testing.T) {
	t.Parallel()
	bodies := map[string]func(agent string) string{
		"/v1/tool_calls": func(a string) string { return `{"agent":{"id":"` + a + `"},"tool_name":"t","tool_input":{}}` },
		"/v1/runs":       func(a string) string { return `{"run_id":"r","agent":"` + a + `"}` },
		"/v1/usage": func(a string) string {
			return `{"provider":"anthropic","model":"m","usage":{"input_tokens":1},"agent":{"id":"` + a + `"}}`
		},
	}
	for path, body := range bodies {
		d := &decider{}
		h := handler(t, d)
		for _, own := range []string{"build-bot", "build-", "lint"} {
			require.Equal(t, http.StatusOK, post(h, path, body(own), "Authorization", "Bearer "+buildToken).Code, "%s %s", path, own)
		}
		require.Equal(t, 3, len(d.proposals)+len(d.runs)+len(d.usages))
		for _, other := range []string{"deploy-bot", "Build-bot", "lint2", " lint"} {
			for _, header := range [][]string{{"Authorization", "Bearer " + buildToken}, {"Authorization", "Bearer " + buildToken, "Idempotency-Key", "k"}} {
				e := refusal(t, post(h, path, body(other), header...))
				require.Equal(t, http.StatusForbidden, e.Status)
				require.Equal(t, "foreign_agent", e.Code)
				require.Equal(t, "agent.id", e.Field)
				require.Contains(t, e.Message, `"build"`)
				require.Contains(t, e.Hint, "build-*, lint")
			}
		}
		require.Equal(t, 3, len(d.proposals)+len(d.runs)+len(d.usages), "nothing more reached the engine")
		require.Equal(t, http.StatusOK, post(h, path, body("deploy-bot")).Code, "a token without patterns speaks for any")
	}
	require.Equal(t, http.StatusOK, post(handler(t, &decider{}), "/v1/usage", `{"provider":"anthropic","model":"m","usage":{"input_tokens":1}}`, "Authorization", "Bearer "+buildToken).Code, "usage may be nobody's")
}

// A kept answer holds what another agent was told.
func TestAKeptAnswerIsNotGivenToAForeignToken(t *testing.T) {
	t.Parallel()
	h := handler(t, &decider{})
	const body = `{"agent":{"id":"deploy-bot"},"tool_name":"t","tool_input":{}}`
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls", body, "Idempotency-Key", "k").Code)
	require.Equal(t, "foreign_agent", refusal(t, post(h, "/v1/tool_calls", body, "Idempotency-Key", "k", "Authorization", "Bearer "+buildToken)).Code)
}

// Served past the guard nobody is proved, so nobody may propose.
func TestWithoutAGuardNobodyProposes(t *testing.T) {
	t.Parallel()
	d := &decider{}
	routes, err := api.Agents(options(d))
	require.NoError(t, err)
	mux := http.NewServeMux()
	for _, r := range routes {
		require.NotEqual(t, guard.Public, r.Roles)
		mux.HandleFunc(r.Method+" "+r.Pattern, r.Serve)
	}
	e := refusal(t, post(mux, "/v1/tool_calls", order))
	require.Equal(t, "foreign_agent", e.Code)
	require.Empty(t, d.proposals)
}
