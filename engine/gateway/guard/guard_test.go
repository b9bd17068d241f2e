package guard_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/guard"
)

const token = "m1_secret"

// auth knows one token of each role, and token as another name of the admin's.
func auth(s string) (guard.Identity, bool) {
	for _, role := range roles {
		if s == "m1_"+string(role) {
			return guard.Identity{Name: string(role), Role: role, Groups: []string{"oncall"}, Agents: []string{"a*"}}, true
		}
	}
	return guard.Identity{Name: "first", Role: guard.Admin}, s == token
}

var roles = []guard.Role{guard.Agent, guard.Viewer, guard.Operator, guard.Admin}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { guard.JSON(w, http.StatusOK, text) }
}

var routes = []guard.Route{
	{Method: http.MethodGet, Pattern: "/v1/things", Roles: guard.Viewers, Serve: say("things")},
	{Method: http.MethodPost, Pattern: "/v1/things", Roles: guard.Viewers, Serve: say("made")},
	{Method: http.MethodPost, Pattern: "/v1/things/{id}", Roles: guard.Operators, Serve: func(w http.ResponseWriter, r *http.Request) { guard.JSON(w, http.StatusOK, r.PathValue("id")) }},
	{Method: http.MethodGet, Pattern: "/livez", Roles: guard.Public, Serve: say("alive")},
	{Method: http.MethodGet, Pattern: "/panic", Roles: guard.Public, Serve: func(http.ResponseWriter, *http.Request) { panic("inner secret") }},
	{Method: http.MethodGet, Pattern: "/half", Roles: guard.Public, Serve: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("inner secret")
	}},
}

func handler(t testing.TB, o guard.Options) http.Handler {
	t.Helper()
	if !o.NoAuth {
		o.Auth = auth
	}
	h, err := guard.New(o, routes)
	require.NoError(t, err)
	return h
}

// ask sends a request of an honest program, changed by header; "Host" is one.
func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:7600"+target, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		switch name, value := header[i], header[i+1]; {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct{ Error guard.Error }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body)
	require.NotEmpty(t, body.Error.Message)
	require.NotEmpty(t, body.Error.Hint)
	return body.Error.Code
}

func TestOnlyNamesOfM1AreAnsweredTo(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{Hosts: []string{"m1.example.org"}})
	for _, host := range []string{"localhost", "LOCALHOST:1", "127.0.0.1:7600", "127.9.9.9", "[::1]:7600", "[::1]", "m1.example.org", "M1.example.org:443"} {
		require.Equal(t, http.StatusOK, ask(h, "GET", "/v1/things", "Host", host).Code, host)
	}
	// A page that lets its own name point to 127.0.0.1 (DNS rebinding) sends that name.
	for _, host := range []string{"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7600", "10.0.0.1", "[::2]:7600", "evil.example:127.0.0.1", "m1.example.org.evil.example", ":7600", "[", "0.0.0.0"} {
		for _, path := range []string{"/v1/things", "/livez"} {
			w := ask(h, "GET", path, "Host", host)
			require.Equal(t, http.StatusMisdirectedRequest, w.Code, host)
			require.Equal(t, "wrong_host", code(t, w))
		}
	}
}

func TestPagesOfOtherOriginsAreKeptOutOnEveryMethod(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{Origins: []string{"https://ops.example.org"}})
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
		for _, header := range [][]string{
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Origin", "http://localhost:3000"}, // another server of this machine
			{"Origin", "http://127.0.0.1:7600"}, // not the name that was asked
			{"Origin", "file://localhost:7600"},
			{"Origin", "http://localhost:7600", "Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
		} {
			w := ask(h, method, "/v1/things", header...)
			require.Equal(t, http.StatusForbidden, w.Code, "%s %v", method, header)
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
		}
	}
	for _, header := range [][]string{
		{"Origin", "http://localhost:7600", "Sec-Fetch-Site", "same-origin"},
		{"Origin", "https://ops.example.org", "Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "none"},
	} {
		require.Equal(t, http.StatusOK, ask(h, "POST", "/v1/things", header...).Code, header)
	}
}

func TestWithoutAValidTokenNothingIsSaid(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{})
	for name, c := range map[string]struct {
		header    []string
		challenge string
	}{
		"none":     {[]string{"Authorization", ""}, `Bearer realm="m1"`},
		"wrong":    {[]string{"Authorization", "", "Authorization", "Bearer m1_wrong"}, `Bearer realm="m1", error="invalid_token"`},
		"basic":    {[]string{"Authorization", "", "Authorization", "Basic " + token}, `Bearer realm="m1", error="invalid_token"`},
		"bare":     {[]string{"Authorization", "", "Authorization", token}, `Bearer realm="m1", error="invalid_token"`},
		"two":      {[]string{"Authorization", "Bearer " + token}, `Bearer realm="m1", error="invalid_token"`},
		"a cookie": {[]string{"Authorization", "", "Cookie", "token=" + token}, `Bearer realm="m1"`},
	} {
		for _, target := range []string{"/v1/things", "/v1/nothing", "/v1/things?token=" + token, "/v1/things?access_token=" + token, "//v1/things"} {
			w := ask(h, "GET", target, c.header...)
			require.Equal(t, http.StatusUnauthorized, w.Code, "%s %s", name, target)
			require.Equal(t, c.challenge, w.Header().Get("WWW-Authenticate"))
			require.Equal(t, "unauthorized", code(t, w))
		}
	}
	require.Equal(t, http.StatusOK, ask(h, "GET", "/livez", "Authorization", "").Code)
	require.Equal(t, http.StatusOK, ask(h, "GET", "/v1/things", "Authorization", "", "Authorization", "bearer  "+token).Code)
	open := handler(t, guard.Options{NoAuth: true})
	require.Equal(t, http.StatusOK, ask(open, "GET", "/v1/things", "Authorization", "").Code)
	require.Equal(t, http.StatusMisdirectedRequest, ask(open, "GET", "/v1/things", "Host", "evil.example").Code, "NoAuth opens nothing else")
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{})
	for _, path := range []string{"/", "/v1", "/v1/thing", "/v1/things/", "/v1//things", "/v1/./things", "/v1/things/1/2"} {
		w := ask(h, "GET", path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Equal(t, "not_found", code(t, w))
	}
	for method, allow := range map[string]string{"PUT": "GET, HEAD, POST", "OPTIONS": "GET, HEAD, POST"} {
		w := ask(h, method, "/v1/things")
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, allow, w.Header().Get("Allow"))
		require.Equal(t, "method_not_allowed", code(t, w))
	}
	require.Equal(t, http.StatusOK, ask(h, "HEAD", "/v1/things").Code)
	for escaped, id := range map[string]string{"a%2Fb": "a/b", "%2E%2E": "..", "%2e": ".", "a%2F..%2Fb": "a/../b", "x%2F": "x/", "https%3A%2F%2Fci%2Fjobs%2F7": "https://ci/jobs/7"} {
		require.Equal(t, strconv.Quote(id)+"\n", ask(h, "POST", "/v1/things/"+escaped).Body.String(), "an id may be any text")
	}
	hint := ask(h, "GET", "/api/m1/dashboard/cots").Body.String()
	require.Contains(t, hint, "docs/api.md")
	require.Contains(t, hint, "docs/dashboard.md")
}

// Paths that other programs read differently from M1 must reach no route, nor
// be redirected.
func TestPathTricksLeadNowhere(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{})
	for _, path := range []string{
		"/v1/x/../things", "/v1/things/..", "/v1/things/.", "/v1/things/1/", "//v1/things", "/./v1/things",
		"/v1%2Fthings", "/v1/%2E%2E/v1/things", "/x/%2e%2e/v1/things", "/livez/%2E%2E/v1/things", "/v1/things/%2E%2E/1", "/v1/things%2F1", "/livez%2F..%2Fv1%2Fthings",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w := ask(h, method, path)
			require.Equal(t, http.StatusNotFound, w.Code, "%s %s", method, path)
			require.Empty(t, w.Header().Get("Location"))
			require.Equal(t, http.StatusUnauthorized, ask(h, method, path, "Authorization", "").Code, "%s %s", method, path)
		}
	}
}

// net/http answered OPTIONS * by itself, without the guard.
func TestAQuestionAboutTheWholeServerIsGuardedToo(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{})
	for authorization, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + token: http.StatusNotFound} {
		r := httptest.NewRequest(http.MethodOptions, "*", nil)
		r.Host = "localhost"
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Code)
		require.NotEmpty(t, w.Header().Get(guard.OverheadHeader))
		code(t, w)
	}
}

func TestEveryAnswerIsMarked(t *testing.T) {
	t.Parallel()
	h := handler(t, guard.Options{})
	for _, w := range []*httptest.ResponseRecorder{
		ask(h, "GET", "/v1/things"), ask(h, "GET", "/livez"), ask(h, "GET", "/nothing"), ask(h, "PUT", "/v1/things"), ask(h, "GET", "/panic"),
		ask(h, "GET", "/v1/things", "Host", "evil"), ask(h, "GET", "/v1/things", "Origin", "null"), ask(h, "GET", "/v1/things", "Authorization", ""),
	} {
		require.Regexp(t, `^\d+$`, w.Header().Get("x-m1-overhead-us"), w.Code)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	}
}

func TestAPanicTellsTheLogAndNotTheClient(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := handler(t, guard.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := ask(h, "GET", "/panic")
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Equal(t, "internal", code(t, w))
	require.NotContains(t, w.Body.String(), "inner secret")
	require.Contains(t, log.String(), "inner secret")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { ask(h, "GET", "/half") }, "half an answer must break off")
}

func TestTheLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := handler(t, guard.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ask(h, "GET", "/v1/things?token="+token, "Cookie", token)
	ask(h, "GET", "/v1/things", "Authorization", "Bearer "+token)
	require.Contains(t, log.String(), "status=200")
	require.Contains(t, log.String(), "status=401")
	require.Contains(t, log.String(), "caller=first role=admin")
	require.NotContains(t, log.String(), token)
}

func TestNewRefusesWhatWouldLeaveADoorOpen(t *testing.T) {
	t.Parallel()
	get := guard.Route{Method: "GET", Pattern: "/a", Roles: guard.Viewers, Serve: say("")}
	changed := func(change func(*guard.Route)) []guard.Route {
		r := get
		change(&r)
		return []guard.Route{r}
	}
	same := []guard.Route{get, get}
	mixed := append(changed(func(r *guard.Route) { r.Method, r.Roles = "POST", guard.Public }), get)
	_, err := guard.New(guard.Options{Auth: auth}, []guard.Route{get})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		options guard.Options
		routes  []guard.Route
	}{
		"no auth":     {guard.Options{}, nil},
		"bad origin":  {guard.Options{Auth: auth, Origins: []string{"*"}}, nil},
		"origin path": {guard.Options{Auth: auth, Origins: []string{"https://a/b"}}, nil},
		"route twice": {guard.Options{Auth: auth}, same},
		"half open":   {guard.Options{Auth: auth}, mixed},
		"no handler":  {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Serve = nil })},
		"no method":   {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Method = "" })},
		"HEAD":        {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Method = "HEAD" })},
		"no roles":    {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Roles = 0 })},
		"not even so": {guard.Options{NoAuth: true}, changed(func(r *guard.Route) { r.Roles = 0 })},
		"all at once": {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Roles = guard.Public | guard.Admins })},
		"no such":     {guard.Options{Auth: auth}, changed(func(r *guard.Route) { r.Roles = 1 << 7 })},
	} {
		_, err := guard.New(c.options, c.routes)
		require.Error(t, err, name)
	}
}

func TestAStreamCanSetDeadlinesThroughTheGuard(t *testing.T) {
	t.Parallel()
	h, err := guard.New(guard.Options{NoAuth: true}, []guard.Route{{Method: "GET", Pattern: "/s", Roles: guard.Viewers, Serve: func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		w.WriteHeader(http.StatusOK)
		if c.SetWriteDeadline(time.Now().Add(time.Minute)) == nil && c.Flush() == nil {
			_, _ = io.WriteString(w, "both")
		}
	}}})
	require.NoError(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	conn, err := guard.Dial(strings.TrimPrefix(srv.URL, "http://"), "")
	require.NoError(t, err)
	defer conn.Close()
	got, err := conn.Do(t.Context(), "GET", "/s", nil, nil)
	require.NoError(t, err)
	require.Equal(t, "both", string(got))
}
