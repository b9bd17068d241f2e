package operate_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/gateway/api"
)

var (
	command = regexp.MustCompile(`(?s)\ncurl -s (?:-X (\w+) )?"?\$M1(/[^ "]+)"? -H "Authorization: Bearer \$(\w+)"((?: \\?\s*-[Hd] '(?:[^']|'\$\w+')*')*)`)
	data    = regexp.MustCompile(`(?s)-d '((?:[^']|'\$\w+')*)'`)
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	require.NoError(t, err)
	return string(text)
}

func TestTheExamplesOfTheDocumentWork(t *testing.T) {
	t.Parallel()
	w := start(t)
	shown := w.open(t, question("build-bot", `{"number":7,"repo":"acme/api"}`))
	a, _ := w.Get(shown)
	vars := strings.NewReplacer(
		"'$SEEN'", a.ArgsSHA256, "'$GRANT'", signed, "$AP2", w.open(t, question("build-bot", `{"number":8}`)),
		"$AP3", w.open(t, question("build-bot", `{"number":9,"repo":"acme/api"}`)), "$AP", shown, "$JTI", "gr_2",
	)
	tokens := map[string]string{"AGENT_TOKEN": "agent", "M1_TOKEN": "admin"}
	found := command.FindAllStringSubmatch(document(t, "approvals.md"), -1)
	require.Len(t, found, strings.Count(document(t, "approvals.md"), "\ncurl -s"), "every line is read")
	require.Len(t, found, 13)
	for _, f := range found {
		method, path, body := f[1], vars.Replace(f[2]), ""
		if d := data.FindStringSubmatch(f[4]); d != nil {
			body = vars.Replace(d[1])
		}
		switch {
		case method != "":
		case body != "":
			method = http.MethodPost
		default:
			method = http.MethodGet
		}
		if path == "/v1/tool_calls" { // of another package; what is sent is the same
			p, refusal := api.ReadProposal([]byte(body))
			require.Nil(t, refusal)
			require.Equal(t, "merge_pr", p.Tool)
			continue
		}
		path = strings.Replace(path, "wait=25s", "wait=0", 1) // nobody has answered yet
		answer := w.do(tokens[f[3]], method, path, body)
		require.Equal(t, http.StatusOK, answer.Code, "%s %s: %s", method, path, answer.Body)
	}
}

// Every code that this package answers with stands in the document.
func TestTheDocumentNamesEveryCode(t *testing.T) {
	t.Parallel()
	source, err := filepath.Glob("*.go")
	require.NoError(t, err)
	coded := regexp.MustCompile(`(?:Code: |http\.Status\w+, )"(\w+)"`)
	var documented []string
	for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(document(t, "approvals.md")+document(t, "api.md"), -1) {
		documented = append(documented, m[1])
	}
	for _, name := range source {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range coded.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, documented, m[1], name)
		}
	}
}
