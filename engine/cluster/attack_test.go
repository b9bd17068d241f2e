package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/engine/cluster"
	"m1/engine/token"
)

// outsider has the secret, to make what the tests spoil, but never runs.
func outsider(t testing.TB, secretOf byte) *cluster.Cluster {
	t.Helper()
	o, _ := options(t, "redis://127.0.0.1:1", "outsider")
	o.Secret = secret(t, secretOf)
	c, err := cluster.New(o)
	require.NoError(t, err)
	return c
}

func TestRequestsWrittenByHandAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	var clock time.Time
	a := start(t, s.URL(), "a", func(o *cluster.Options) {
		o.Wait = time.Second
		begin := time.Now()
		clock = begin
		o.Now = func() time.Time { return begin.Add(time.Hour) } // nothing is from before the start
	})
	now := clock.Add(time.Hour)
	g, _ := a.issue(t, 1000)
	in, out := outsider(t, 's'), outsider(t, 'x')
	good := func(n byte) []byte { return cluster.Request(in, "b", "a", cluster.Nonce{n}, g.ID, now) }
	flipped := good(1)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name    string
		message []byte
		stale   bool
	}{
		{"nothing", nil, false},
		{"a text", []byte("spend it for me, please, and thank you"), false},
		{"cut off", good(2)[:60], false},
		{"one bit flipped", flipped, false},
		{"another secret", cluster.Request(out, "b", "a", cluster.Nonce{3}, g.ID, now), false},
		{"addressed to another node", cluster.Request(in, "b", "c", cluster.Nonce{4}, g.ID, now), false},
		{"another sender", append(append(append([]byte(nil), good(5)[:16]...), 1, 'c'), good(5)[18:]...), false},
		{"another nonce", cluster.Reframed(good(6), cluster.Nonce{7}), false},
		{"an answer", cluster.Answer(in, "b", "a", cluster.Nonce{8}), false},
		{"older than Wait and the leeway", cluster.Request(in, "b", "a", cluster.Nonce{9}, g.ID, now.Add(-6*time.Second-2*time.Millisecond)), true},
		{"from before the start", cluster.Request(in, "b", "a", cluster.Nonce{10}, g.ID, now.Add(-2*time.Millisecond)), true},
		{"of the future", cluster.Request(in, "b", "a", cluster.Nonce{11}, g.ID, now.Add(5*time.Second+2*time.Millisecond)), true},
	}
	for _, tt := range tests {
		before := a.Stats()
		s.Do(t, "RPUSH", requestsOf+"a", tt.message)
		until(t, tt.name, func() bool {
			after := a.Stats()
			if tt.stale {
				return after.Stale == before.Stale+1
			}
			return after.Refused == before.Refused+1
		})
		require.Equal(t, before.Answered, a.Stats().Answered, tt.name)
		require.Zero(t, a.record.count(), tt.name)
	}

	// The same message is carried out when nothing is wrong with it: once, however
	// often it comes, and answered alike.
	for range 3 {
		s.Do(t, "RPUSH", requestsOf+"a", good(20))
		time.Sleep(50 * time.Millisecond)
	}
	until(t, "three answers", func() bool { return a.Stats().Answered == 3 })
	require.Equal(t, uint64(2), a.Stats().Repeated)
	require.Equal(t, 1, a.record.count())
	require.Equal(t, int64(3), s.Do(t, "LLEN", answersTo+"b"))
}

// The nonces of ten seconds ago may be forgotten only because their dates are not
// accepted any more.
func TestOldRequestsAreRefusedWhenTheirNonceMayBeForgotten(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	ticking := make(chan time.Duration, 1)
	ticking <- 0
	begin := time.Now()
	a := start(t, s.URL(), "a", func(o *cluster.Options) {
		o.Wait = time.Second
		o.Now = func() time.Time { d := <-ticking; ticking <- d; return begin.Add(d) }
	})
	until(t, "it runs", func() bool { return s.Do(t, "EXISTS", keysAt).(int64) == 1 })
	g, _ := a.issue(t, 10)
	message := cluster.Request(outsider(t, 's'), "b", "a", cluster.Nonce{1}, g.ID, begin.Add(time.Millisecond))
	s.Do(t, "RPUSH", requestsOf+"a", message)
	until(t, "carried out", func() bool { return a.record.count() == 1 })
	<-ticking
	ticking <- 7 * time.Second
	s.Do(t, "RPUSH", requestsOf+"a", message)
	until(t, "refused", func() bool { return a.Stats().Stale == 1 })
	require.Equal(t, 1, a.record.count())
}

func TestAnswersWrittenByHandOpenNothing(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := start(t, s.URL(), "b", func(o *cluster.Options) { o.Wait = 8 * time.Second })
	in, out := outsider(t, 's'), outsider(t, 'x')
	// Two questions to a node that does not run: their nonces are in its list.
	ended := make(chan error, 2)
	for _, id := range []string{"gr_1", "gr_2"} {
		go func() { ended <- b.Spend(t.Context(), token.Grant{ID: id, Issuer: "a"}, merge) }()
	}
	var asked []any
	until(t, "asked", func() bool { asked = s.Do(t, "LRANGE", requestsOf+"a", 0, 1).([]any); return len(asked) == 2 })
	nonces := [2]cluster.Nonce{}
	for i, m := range asked {
		copy(nonces[i][:], m.(string))
		require.NotContains(t, m, "gr_", "nobody can read what is asked")
	}
	n := nonces[0]
	genuine := cluster.Answer(in, "a", "b", n)
	flipped := append([]byte(nil), genuine...)
	flipped[len(flipped)-1] ^= 1
	for _, tt := range []struct {
		name    string
		message []byte
		counted bool
	}{
		{"a text", []byte("yes, of course you may spend it"), true},
		{"cut off", genuine[:50], true},
		{"one bit flipped", flipped, true},
		{"another secret", cluster.Answer(out, "a", "b", n), true},
		{"to another node", cluster.Answer(in, "a", "c", n), true},
		{"from another node", cluster.Answer(in, "c", "b", n), true},
		{"to another question", cluster.Reframed(cluster.Answer(in, "a", "b", cluster.Nonce{1}), n), true},
		{"the question itself", []byte(asked[0].(string)), true},
	} {
		before := b.Stats().Refused
		s.Do(t, "RPUSH", answersTo+"b", tt.message)
		if tt.counted {
			until(t, tt.name, func() bool { return b.Stats().Refused == before+1 })
		}
		require.Empty(t, ended, tt.name)
	}
	s.Do(t, "RPUSH", answersTo+"b", genuine)
	require.NoError(t, <-ended, "the genuine one does")
	time.Sleep(20 * time.Millisecond)
	require.Empty(t, ended, "but not for the other question")
	s.Do(t, "RPUSH", answersTo+"b", cluster.Answer(in, "a", "b", nonces[1]))
	require.NoError(t, <-ended)
}

func TestKeysWrittenByHandAreNotTrusted(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	in, out := outsider(t, 's'), outsider(t, 'x')
	evil, err := token.Open(token.Options{Dir: t.TempDir(), Node: "e"})
	require.NoError(t, err)
	now := time.Now()
	signed, err := evil.Sign(token.Grant{
		ID: token.NewID(), Agent: "bot", Tool: "merge", Scope: 1, Version: "v1", Uses: 1, By: "eve", ExpiresAt: now.Add(time.Hour),
	})
	require.NoError(t, err)
	genuine := cluster.Publication(in, "e", evil.Keys(), now)
	for _, tt := range []struct {
		name, node string
		value      []byte
	}{
		{"a text", "e", []byte("trust me")},
		{"another secret", "e", cluster.Publication(out, "e", evil.Keys(), now)},
		{"under another name", "f", genuine},
		{"old", "e", cluster.Publication(in, "e", evil.Keys(), now.Add(-2*time.Minute))},
		{"of the future", "e", cluster.Publication(in, "e", evil.Keys(), now.Add(time.Minute))},
		{"keys of another node", "g", cluster.Publication(in, "g", a.ring.Keys(), now)},
	} {
		s.Do(t, "HSET", keysAt, tt.node, tt.value)
		require.NoError(t, b.Learn(t.Context()))
		_, err := b.ring.Verify(signed)
		requireRefused(t, err, token.UnknownKid)
		require.Equal(t, 1, b.Stats().Nodes, tt.name)
		s.Do(t, "HDEL", keysAt, tt.node)
	}
	s.Do(t, "HSET", keysAt, "e", genuine)
	require.NoError(t, b.Learn(t.Context()))
	_, err = b.ring.Verify(signed)
	require.NoError(t, err, "the genuine ones are")
}

// Who stole a key that has retired must not be able to bring it back.
func TestAnOlderPublicationIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	old := s.Do(t, "HGET", keysAt, "a")
	_, err := a.ring.Rotate()
	require.NoError(t, err)
	_, signed := a.issue(t, 1)
	_, err = b.verify(t.Context(), signed)
	require.NoError(t, err)
	a.stop() // it would write its own again
	before := b.Stats().Stale
	s.Do(t, "HSET", keysAt, "a", old)
	require.NoError(t, b.Learn(t.Context()))
	require.Greater(t, b.Stats().Stale, before)
	_, err = b.ring.Verify(signed)
	require.NoError(t, err)
}

func TestNodesWithAnotherSecretAreStrangers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a := start(t, s.URL(), "a")
	b := start(t, s.URL(), "b", hasty, func(o *cluster.Options) { o.Secret = secret(t, 'x') })
	g, signed := a.issue(t, 1)
	until(t, "both have seen each other", func() bool { return a.Stats().Refused > 0 && b.Stats().Refused > 0 })
	_, err := b.ring.Verify(signed)
	requireRefused(t, err, token.UnknownKid)
	require.Zero(t, a.Stats().Nodes)
	require.Zero(t, b.Stats().Nodes)
	require.ErrorIs(t, b.Spend(t.Context(), g, merge), cluster.ErrIssuer)
	require.ErrorIs(t, b.Revoke(t.Context(), "a", g.ID, "eve"), cluster.ErrIssuer)
	require.Zero(t, a.record.count())
	require.Empty(t, a.record.revoked)
}

// Spaces do not meet, even with one secret on one Redis.
func TestSpacesAreApart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a := start(t, s.URL(), "a")
	b := start(t, s.URL(), "b", hasty, func(o *cluster.Options) { o.Space = "other" })
	g, _ := a.issue(t, 1)
	require.ErrorIs(t, b.Spend(t.Context(), g, merge), cluster.ErrIssuer)
	message := s.Do(t, "HGET", "m1:{other}:grants:keys", "b")
	s.Do(t, "HSET", keysAt, "b", message)
	require.NoError(t, a.Learn(t.Context()))
	require.Zero(t, a.Stats().Nodes)
}
