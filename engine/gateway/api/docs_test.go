package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var example = regexp.MustCompile(`(?s)curl -s \$M1(/[^ ]+) -H "Authorization: Bearer \$M1_TOKEN" -H 'Content-Type: application/json'[^{]*?-d '([^']+)'`)

func TestTheExamplesOfTheDocumentWork(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "api.md"))
	require.NoError(t, err)
	found := example.FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, 5)
	h := handler(t, &decider{})
	for _, f := range found {
		w := post(h, f[1], f[2])
		require.Equal(t, http.StatusOK, w.Code, "%s\n%s", f[0], w.Body)
	}
}
