package operate_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/operate"
)

func TestNothingInARequestIsIgnored(t *testing.T) {
	t.Parallel()
	const (
		approve, reject, grants, rotate = "POST /v1/approvals/ID/approve", "POST /v1/approvals/ID/reject", "POST /v1/grants", "POST /v1/grants/rotate"
		policy, rollback, explain       = "PUT /v1/policy", "POST /v1/policy/rollback", "POST /v1/policy/explain"
		list, one                       = "GET /v1/approvals", "GET /v1/approvals/ID"
		grant                           = `{"agent":"a","tool":"t","scope":"read"`
	)
	for name, c := range map[string]struct {
		route, body       string
		code, field, says string
	}{
		"no body":                  {approve, ` `, "invalid_json", "", "empty"},
		"unknown field":            {approve, `{"ttl":3}`, "unknown_field", "ttl", "ttl_s"},
		"two texts":                {approve, `{} {}`, "invalid_json", "", "after"},
		"name twice":               {approve, `{"uses":1,"uses":2}`, "invalid_json", "uses", "twice"},
		"negative time":            {approve, `{"ttl_s":-1}`, "invalid_field", "ttl_s", "between"},
		"endless time":             {approve, `{"ttl_s":9223372036854775807}`, "invalid_field", "ttl_s", "between"},
		"half a second":            {approve, `{"ttl_s":0.5}`, "invalid_field", "ttl_s", "whole number"},
		"time as text":             {approve, `{"ttl_s":"300"}`, "invalid_field", "ttl_s", "want an integer"},
		"negative uses":            {approve, `{"uses":-1}`, "invalid_field", "uses", "between"},
		"endless uses":             {approve, `{"uses":1000001}`, "invalid_field", "uses", "between"},
		"args no object":           {approve, `{"args":[1]}`, "invalid_field", "args", "want an object, got an array"},
		"args twice":               {approve, `{"args":{"a":1,"a":2}}`, "invalid_json", "args.a", "twice"},
		"args beyond numbers":      {approve, `{"args":{"a":1e400}}`, "invalid_field", "args", "1e400"},
		"args too deep":            {approve, `{"args":{"a":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}}`, "invalid_field", "args", "deeper"},
		"digest short":             {approve, `{"args_sha256":"ab"}`, "invalid_field", "args_sha256", "64"},
		"digest in capitals":       {approve, `{"args_sha256":"` + strings.Repeat("A", 64) + `"}`, "invalid_field", "args_sha256", "lowercase"},
		"reason too long":          {approve, `{"reason":"` + strings.Repeat("r", 4097) + `"}`, "invalid_field", "reason", "4096"},
		"person in the body":       {approve, `{"by":"alice"}`, "unknown_field", "by", "known here"},
		"parameter":                {approve + "?force=1", `{}`, "invalid_query", "force", "none is known"},
		"rejection with uses":      {reject, `{"uses":1}`, "unknown_field", "uses", "known here: reason, args_sha256"},
		"rejection too long":       {reject, `{"reason":"` + strings.Repeat("r", 4097) + `"}`, "invalid_field", "reason", "4096"},
		"rejection digest":         {reject, `{"args_sha256":"zz"}`, "invalid_field", "args_sha256", "64"},
		"no agent":                 {grants, `{"tool":"t","scope":"read"}`, "missing_field", "agent", "required"},
		"no tool":                  {grants, `{"agent":"a","scope":"read"}`, "missing_field", "tool", "required"},
		"unknown scope":            {grants, `{"agent":"a","tool":"t","scope":"root"}`, "invalid_field", "scope", "read, write or execute"},
		"every agent":              {grants, `{"agent":"build-*","tool":"t","scope":"read"}`, "invalid_field", "agent", "one agent"},
		"every tool":               {grants, `{"agent":"a","tool":"fs.*","scope":"read"}`, "invalid_field", "tool", "one tool"},
		"agent too long":           {grants, `{"agent":"` + strings.Repeat("a", 257) + `","tool":"t","scope":"read"}`, "invalid_field", "agent", "256"},
		"grant negative time":      {grants, grant + `,"ttl_s":-1}`, "invalid_field", "ttl_s", "between"},
		"grant for nothing":        {grants, grant + `,"args":{}}`, "invalid_field", "args", "names no member"},
		"grant args no object":     {grants, grant + `,"args":7}`, "invalid_field", "args", "want an object"},
		"grant input no object":    {grants, grant + `,"tool_input":"x"}`, "invalid_field", "tool_input", "want an object"},
		"both kinds of args":       {grants, grant + `,"args":{"a":1},"tool_input":{"a":1}}`, "invalid_field", "args", "tool_input"},
		"grant with a rule":        {grants, grant + `,"rule":"x"}`, "unknown_field", "rule", "known here"},
		"rotate with a field":      {rotate, `{"kid":"mine"}`, "unknown_field", "kid", "send {}"},
		"no source":                {policy, `{"comment":"x"}`, "missing_field", "source", "required"},
		"blank source":             {policy, `{"source":" \n"}`, "missing_field", "source", "required"},
		"comment too long":         {policy, `{"source":"x","comment":"` + strings.Repeat("c", 4097) + `"}`, "invalid_field", "comment", "4096"},
		"dry run maybe":            {policy + "?dry_run=maybe", `{"source":"x"}`, "invalid_query", "dry_run", "1 or 0"},
		"dry run without a word":   {policy + "?dry_run", `{"source":"x"}`, "invalid_query", "dry_run", "1 or 0"},
		"dry run misspelt":         {policy + "?dryrun=1", `{"source":"x"}`, "invalid_query", "dryrun", "dry_run"},
		"dry run twice":            {policy + "?dry_run=1&dry_run=0", `{"source":"x"}`, "invalid_query", "dry_run", "twice"},
		"no version":               {rollback, `{}`, "missing_field", "to", "required"},
		"explain without a tool":   {explain, `{"agent":{"id":"a"},"tool_input":{}}`, "missing_field", "tool_name", "required"},
		"explain with more":        {explain, `{"agent":{"id":"a"},"tool_name":"t","tool_input":{},"verbose":true}`, "unknown_field", "verbose", ""},
		"explain with a parameter": {explain + "?x=1", `{"agent":{"id":"a"},"tool_name":"t","tool_input":{}}`, "invalid_query", "x", "not known"},
		"unknown status":           {list + "?status=open", ``, "invalid_query", "status", "pending, approved, rejected or expired"},
		"unknown parameter":        {list + "?state=pending", ``, "invalid_query", "state", "known here: status"},
		"bad query":                {list + "?status=%zz", ``, "invalid_query", "", "cannot be read"},
		"too long a wait":          {one + "?wait=61", ``, "invalid_query", "wait", "0 to 60"},
		"far too long a wait":      {one + "?wait=99999999999999999999", ``, "invalid_query", "wait", "0 to 60"},
		"an hour":                  {one + "?wait=1h", ``, "invalid_query", "wait", "0 to 60"},
		"a negative wait":          {one + "?wait=-1s", ``, "invalid_query", "wait", "0 to 60"},
		"a negative number":        {one + "?wait=-1", ``, "invalid_query", "wait", "0 to 60"},
		"a fraction":               {one + "?wait=1.5", ``, "invalid_query", "wait", "0 to 60"},
		"no number":                {one + "?wait=soon", ``, "invalid_query", "wait", "0 to 60"},
		"wait twice":               {one + "?wait=1&wait=2", ``, "invalid_query", "wait", "twice"},
		"grants with a parameter":  {"GET /v1/grants?agent=a", ``, "invalid_query", "agent", "none is known"},
		"revoke with a parameter":  {"DELETE /v1/grants/gr_2?why=x", ``, "invalid_query", "why", "none is known"},
		"policy with a parameter":  {"GET /v1/policy?version=x", ``, "invalid_query", "version", "none is known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			id := w.open(t, question("a", `{}`))
			method, path, _ := strings.Cut(strings.Replace(c.route, "ID", id, 1), " ")
			e := refusal(t, w.do("admin", method, path, c.body))
			require.Equal(t, http.StatusBadRequest, e.Status, e.Error())
			require.Equal(t, c.code, e.Code, e.Error())
			require.Equal(t, c.field, e.Field, e.Error())
			require.Contains(t, e.Message+" "+e.Hint, c.says)
			require.Empty(t, w.answers)
			require.Empty(t, w.orders)
			require.Empty(t, w.by)
			require.Empty(t, w.rules.puts)
			require.Empty(t, w.rules.asks)
		})
	}
}

func TestOnlyJSONOfABoundedSizeIsRead(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *operate.Options) { o.MaxBody = 100 })
	id := w.open(t, question("a", `{}`))
	e := refusal(t, w.do("bob", "POST", "/v1/approvals/"+id+"/approve", `{}`+strings.Repeat(" ", 99)))
	require.Equal(t, http.StatusRequestEntityTooLarge, e.Status)
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/approvals/"+id+"/approve", strings.NewReader("reason=ok"))
	r.Header.Set("Authorization", "Bearer m1_bob")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	require.Equal(t, http.StatusUnsupportedMediaType, answer.Code)
	require.Empty(t, w.answers)
}
