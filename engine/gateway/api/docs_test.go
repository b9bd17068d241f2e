package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/pricing"
	"m1/engine/tool"
)

var (
	example = regexp.MustCompile(`(?s)curl -s \$M1(/[^ ]+) -H "Authorization: Bearer \$AGENT_TOKEN" -H 'Content-Type: application/json'[^{]*?-d '([^']+)'`)
	charged = regexp.MustCompile(`(?m)^\{"cost_usd".*\}$`)
	listed  = regexp.MustCompile(`(?s)tools\.yaml <<'YAML'\n(.*?)YAML`)
)

func document(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", ".."}, path...)...))
	require.NoError(t, err)
	return string(text)
}

// priced is a decider that charges as M1 does where nothing is configured.
type priced struct{ decider }

func (p *priced) Use(_ context.Context, u call.Usage) (call.Charge, error) {
	return pricing.Builtin().Charge(u), nil
}

func TestTheExamplesOfTheDocumentWork(t *testing.T) {
	t.Parallel()
	found := example.FindAllStringSubmatch(document(t, "docs", "api.md"), -1)
	require.Len(t, found, 5)
	h := handler(t, &decider{})
	for _, f := range found {
		w := post(h, f[1], f[2])
		require.Equal(t, http.StatusOK, w.Code, "%s\n%s", f[0], w.Body)
	}
}

// The document named eight times the price that M1 answers.
func TestTheDocumentedPriceIsTheRealOne(t *testing.T) {
	t.Parallel()
	text := document(t, "docs", "api.md")
	var body string
	for _, f := range example.FindAllStringSubmatch(text, -1) {
		if f[1] == "/v1/usage" {
			body = f[2]
		}
	}
	var want, got map[string]any
	require.NoError(t, json.Unmarshal([]byte(charged.FindString(text)), &want))
	require.NoError(t, json.Unmarshal(post(handler(t, &priced{}), "/v1/usage", body).Body.Bytes(), &got))
	require.Regexp(t, `^\d{4}-\d\d-\d\d-[0-9a-f]{8}$`, want["price_version"])
	require.Regexp(t, `^\d{4}-\d\d-\d\d-[0-9a-f]{8}$`, got["price_version"])
	delete(want, "price_version")
	delete(got, "price_version")
	require.Equal(t, want, got)
}

// Who pastes the example after the catalogue of the README must get a call that
// names one order, not one whose argument the catalogue does not know.
func TestTheDocumentedCallFitsTheCatalogueOfTheReadme(t *testing.T) {
	t.Parallel()
	catalogue := listed.FindStringSubmatch(document(t, "README.md"))
	require.NotNil(t, catalogue)
	tools, err := tool.Parse("tools.yaml", []byte(catalogue[1]))
	require.NoError(t, err)
	d := &decider{}
	for _, f := range example.FindAllStringSubmatch(document(t, "docs", "api.md"), -1) {
		if f[1] == "/v1/tool_calls" {
			post(handler(t, d), f[1], f[2])
		}
	}
	require.Len(t, d.proposals, 1)
	entry, ok := tools.Lookup(d.proposals[0].Tool)
	require.True(t, ok)
	require.Equal(t, []tool.Item{{Collection: "orders", ID: "7"}}, entry.Use(d.proposals[0].Args).Reads)
}
