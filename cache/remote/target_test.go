package remote_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

func TestOptionsThatCannotWorkAreRefusedByName(t *testing.T) {
	t.Parallel()
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no"), 0o600))
	tests := []struct{ url, space, node, want string }{
		{"", "", "a", "write redis://"},
		{"http://h", "", "a", "scheme"},
		{"redis://h/x", "", "a", "number of a database"},
		{"redis://h?db=-1", "", "a", "number of a database"},
		{"redis://h?pool_size=3", "", "a", "known are addr, ca"},
		{"redis://h?addr=b:1", "", "a", "needs master_name"},
		{"redis://h?master_name=", "", "a", "master_name"},
		{"redis://h?master_name=m&cluster=true", "", "a", "leave one"},
		{"redis://h?cluster=perhaps", "", "a", "true or false"},
		{"redis://h/3?cluster=true", "", "a", "database 0"},
		{"redis://h?cluster=true&addr=b", "", "a", "host:port"},
		{"redis://h?ca=x", "", "a", "rediss"},
		{"rediss://h?ca=/nowhere", "", "a", "read the file"},
		{"rediss://h?ca=" + notPEM, "", "a", "no certificate"},
		{"redis://h", "a{b", "a", "braces"},
		{"redis://h", "a\nb", "a", "control"},
		{"redis://h", "", "", "Node is empty"},
		{"redis://h", "", "a|b", "Node"},
		{"redis://h", "", "a b", "Node"},
	}
	for _, tt := range tests {
		_, err := remote.Open(remote.Options{URL: tt.url, Space: tt.space, Node: tt.node})
		require.ErrorContains(t, err, tt.want, tt.url)
	}
}

// A password with an unescaped special character turns up in other parts of the
// URL, and what a parser says of them would print it.
func TestNoErrorPrintsAPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"hush", "1/hush", "hush#hush", "hu%zzsh", "hush?hush", "1/2/hush", "hush:hush", "1/0?x=1&hush=1", "1?hush;", "[hush"} {
		for _, rest := range []string{"@h:x", "@h/x", "@h?nonsense=1", "@h/y?master_name=m&addr=z", "@h:1?cluster=x"} {
			_, err := remote.Open(remote.Options{URL: "redis://user:" + password + rest, Node: "a"})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hush")
			require.Greater(t, len(err.Error()), 30, "it says what to do")
		}
	}
}

func TestTLSWithAnAuthorityAndAnACLUser(t *testing.T) {
	t.Parallel()
	s, ca := redistest.StartTLS(t)
	url := s.User(t, "m1", "p@ss/word", "~m1:*", "&m1:*", "+@read", "+@write", "+@connection", "+@pubsub", "+@scripting", "+info", "+time") + "?ca=" + ca
	tier, r := ready(t, url)
	b := bump(t, tier, "x")
	until(t, "the change comes back", func() bool { return len(r.heard()) == 1 })
	_, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
	require.NoError(t, err)
	_, ok, err := tier.Since(t.Context(), b.Epoch, 0)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = tier.Take(t.Context(), "k", "token", time.Minute)
	require.NoError(t, err)
	require.NoError(t, tier.Release(t.Context(), "k", "token"))
	tier.Ack("a", 1)
	until(t, "acknowledged", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.acked) == 1 })
	until(t, "figures", func() bool { return tier.Status().UsedMemory > 0 })
	require.True(t, tier.Fill("k", nil, time.Minute))
	require.NoError(t, tier.Sync(t.Context()))
	require.NoError(t, tier.Leave(t.Context()))
	require.Empty(t, tier.Status().Errors)

	blind, _ := run(t, remote.Options{URL: strings.Split(url, "?")[0]})
	_, err = blind.Renew(t.Context(), 1e9)
	require.ErrorContains(t, err, "certificate", "an authority that nobody named is not trusted")
}

func TestAUserWithoutRightsIsOfNoUse(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := run(t, remote.Options{URL: strings.Replace(s.URL(), "redis://", "redis://who:no@", 1)})
	_, err := tier.Renew(t.Context(), 1e9)
	require.Error(t, err)
	require.Positive(t, tier.Status().Errors["noauth"], tier.Status().Errors)
	require.False(t, tier.Admit())
}

func TestAnOldServerIsNamed(t *testing.T) {
	t.Parallel()
	f := redistest.Fake(t, func(cmd []string) string {
		if cmd[0] == "INFO" {
			return "$23\r\nredis_version:6.2.6\r\n\r\n\r\n"
		}
		return ""
	})
	tier, _ := run(t, remote.Options{URL: f.URL()})
	_, err := tier.Renew(t.Context(), 1e9)
	require.ErrorContains(t, err, `redis 7 or later is needed, this server is "6.2.6"`)
}
