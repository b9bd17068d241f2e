package remote_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

func TestAReplicaTakesOver(t *testing.T) {
	t.Parallel()
	f := redistest.StartFleet(t)
	tier, r := ready(t, f.URL())
	require.Equal(t, "sentinel", tier.Status().Mode)
	bump(t, tier, "x")
	require.Zero(t, r.newServers())
	f.Failover(t)
	until(t, "a bump works again", func() bool {
		_, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, TTL: time.Minute}, true)
		return err == nil
	})
	require.Positive(t, r.newServers())
	admit(t, tier)
	until(t, "the data client works", func() bool {
		_, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
		return err == nil
	})
	until(t, "subscribed", tier.Subscribed)
	before := len(r.heard())
	bump(t, tier, "x")
	until(t, "messages come", func() bool { return len(r.heard()) > before })
}

func TestAClusterHoldsASpaceInOneSlot(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	tier, r := ready(t, c.URL()+"&cluster=true")
	require.Equal(t, "cluster", tier.Status().Mode)
	old, err := tier.Ensure(t.Context(), []string{"x", "y"}, time.Minute)
	require.NoError(t, err)
	require.True(t, tier.Fill("k", []byte("v"), time.Minute))
	require.NoError(t, tier.Sync(t.Context()))
	found, err := ask(tier, []string{"k"}, []string{"x", "y"})
	require.NoError(t, err)
	require.Equal(t, remote.Found{Values: [][]byte{[]byte("v")}, Versions: old}, found)
	for _, control := range []bool{false, true} {
		b, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x", "y"}, TTL: time.Minute}, control)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, b.Live)
	}
	until(t, "both arrive", func() bool { return len(r.heard()) == 2 })
	tier.Ack("a", 7)
	until(t, "acknowledged", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.acked["a"]) == 1 })
	got, ok, err := tier.Since(t.Context(), r.heard()[0].Epoch, 0)
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, got, 2)
	until(t, "figures", func() bool { return tier.Status().UsedMemory > 0 })
	require.Zero(t, r.newServers())
}

// Connections to the new owner may stand already: only the scripts can tell.
func TestASlotThatMovedIsAnotherServer(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	tier, r := ready(t, c.URL()+"&cluster=true")
	bump(t, tier, "x")
	slot := c.Masters[0].Do(t, "CLUSTER", "KEYSLOT", "m1:{m1}:head").(int64)
	from := 0
	for from < 2 && slot >= int64((from+1)*16384/3) {
		from++
	}
	owner, heir, third := c.Masters[from], c.Masters[(from+1)%3], c.Masters[(from+2)%3]
	id := heir.Do(t, "CLUSTER", "MYID")
	require.Zero(t, r.newServers())
	_, err := tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Zero(t, r.newServers())
	for _, s := range []*redistest.Server{heir, owner, third} {
		if s == owner {
			s.Do(t, "FLUSHALL") // a server does not give up a slot that holds keys
		}
		s.Do(t, "CLUSTER", "SETSLOT", slot, "NODE", id)
	}
	until(t, "the heir answers", func() bool {
		_, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, TTL: time.Minute}, true)
		return err == nil
	})
	require.Equal(t, 1, r.newServers(), "before the bump returns")
}
