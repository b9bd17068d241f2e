package daemon_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/daemon"
	"m1/engine/bearer"
)

// callers are the columns of the matrix in docs/api.md.
var callers = []string{"no token", "agent", "viewer", "operator", "admin"}

var row = regexp.MustCompile("(?m)^\\| `([A-Z]+) (\\S+)` \\|((?: (?:yes )?\\|){5})$")

// documented reads the matrix of docs/api.md: who may use which route.
func documented(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Who may do what\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	require.Contains(t, section, "| route | "+strings.Join(callers, " | ")+" |")
	matrix := map[string]map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		route := m[1] + " " + m[2]
		require.NotContains(t, matrix, route, "documented twice")
		matrix[route] = map[string]bool{}
		for i, cell := range strings.Split(m[3], "|")[:len(callers)] {
			matrix[route][callers[i]] = strings.TrimSpace(cell) == "yes"
		}
	}
	return matrix
}

// tokens makes one of each role in the state folder of d.
func tokens(t *testing.T, state string) map[string]string {
	t.Helper()
	all := map[string]string{"no token": ""}
	for _, role := range callers[1:] {
		token, err := bearer.Create(state, bearer.Spec{Name: "test-" + role, Role: bearer.Role(role)})
		require.NoError(t, err)
		all[role] = token
	}
	return all
}

// knock asks d and returns the status and whether a role was the reason.
func knock(t *testing.T, d *daemon.Daemon, method, path, token string) (int, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel() // ends a stream
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.Addr().String()+path, strings.NewReader(""))
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, false // it may be a stream
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, strings.Contains(string(body), `"forbidden"`) || method == http.MethodHead && resp.StatusCode == http.StatusForbidden
}

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// The document is what is promised: each route, method and role is tried. It shows
// too that the words for roles are the same where tokens are made and judged.
func TestWhoMayDoWhatIsAsDocumented(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d, _, _ := serve(t, state)
	matrix, token := documented(t), tokens(t, state)
	time.Sleep(300 * time.Millisecond) // the daemon has looked at the tokens already

	methods := map[string][]string{} // of each path
	for _, r := range d.Routes() {
		require.Contains(t, matrix, r.Method+" "+r.Pattern, "docs/api.md does not say who may use it")
		methods[r.Pattern] = append(methods[r.Pattern], r.Method)
	}
	require.Len(t, matrix, len(d.Routes()), "docs/api.md names a route that is not there")

	for path, has := range methods {
		target := placeholder.ReplaceAllString(path, "none")
		for _, caller := range callers {
			some := false // of the path's methods
			for _, method := range has {
				some = some || matrix[method+" "+path][caller]
			}
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				served := method
				if method == http.MethodHead {
					served = http.MethodGet
				}
				may, exists := matrix[served+" "+path][caller], slices.Contains(has, served)
				status, forbidden := knock(t, d, method, target, token[caller])
				name := method + " " + path + " by " + caller
				switch {
				case exists && may:
					require.NotContains(t, []int{http.StatusUnauthorized, http.StatusMethodNotAllowed}, status, name)
					require.False(t, forbidden, name)
				case !exists && some:
					require.Equal(t, http.StatusMethodNotAllowed, status, name)
				case caller == "no token":
					require.Equal(t, http.StatusUnauthorized, status, name)
				default:
					require.Equal(t, http.StatusForbidden, status, name)
					require.True(t, forbidden, name)
				}
			}
		}
	}
}

// Whatever routes come: no token proposes and acts.
func TestNoRoleProposesAndActs(t *testing.T) {
	t.Parallel()
	matrix := documented(t)
	for route, who := range matrix {
		if strings.HasPrefix(route, "GET ") || route == "POST /v1/policy/explain" { // reads, though it posts
			continue
		}
		require.False(t, who["no token"], route)
		require.False(t, who["viewer"], route)
		require.False(t, who["agent"] && (who["operator"] || who["admin"]), route)
		require.True(t, !who["operator"] || who["admin"], "%s: an admin may what an operator may", route)
	}
	require.True(t, matrix["POST /v1/tool_calls"]["agent"])
	require.NotEmpty(t, slices.Collect(maps.Keys(matrix)))
}

func TestARevokedTokenIsRefusedWithinASecond(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d, _, _ := serve(t, state)
	agent := d.FirstTokens().Agent
	status, _ := knock(t, d, http.MethodGet, "/v1/tools", agent)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, bearer.Revoke(state, "agent", false))
	require.Eventually(t, func() bool {
		status, _ := knock(t, d, http.MethodGet, "/v1/tools", agent)
		return status == http.StatusUnauthorized
	}, time.Second, 20*time.Millisecond)
}

func TestWithoutAuthOnlyATokenOpensMore(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	o := options(t, state, "M1_NO_AUTH=true")
	o.Serve = true
	d := open(t, o)
	require.Zero(t, d.FirstTokens())
	require.NoFileExists(t, filepath.Join(state, bearer.File))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { cancel(); require.NoError(t, <-ended) }()

	matrix := documented(t)
	for _, r := range d.Routes() {
		who := matrix[r.Method+" "+r.Pattern]
		_, forbidden := knock(t, d, r.Method, placeholder.ReplaceAllString(r.Pattern, "none"), "")
		require.Equal(t, !who["no token"] && !who["agent"] && !who["viewer"], forbidden, "%s %s", r.Method, r.Pattern)
	}
	token := tokens(t, state)
	time.Sleep(300 * time.Millisecond)
	for caller, want := range map[string]int{"no token": http.StatusOK, "agent": http.StatusForbidden, "viewer": http.StatusOK, "operator": http.StatusOK, "admin": http.StatusOK} {
		status, _ := knock(t, d, http.MethodGet, "/v1/calls", token[caller])
		require.Equal(t, want, status, caller)
	}
	status, _ := knock(t, d, http.MethodGet, "/v1/calls", "m1_wrong")
	require.Equal(t, http.StatusUnauthorized, status)
}
