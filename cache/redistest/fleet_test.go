package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
)

func TestFailoverMovesTheMaster(t *testing.T) {
	t.Parallel()
	at := time.Now()
	f := redistest.StartFleet(t)
	t.Log("fleet ready after", time.Since(at))
	require.Contains(t, f.Master.Do(t, "INFO", "replication"), "role:master")
	require.Contains(t, f.Replica.Do(t, "INFO", "replication"), "role:slave")
	require.Len(t, f.Sentinels, 3)
	for _, s := range f.Sentinels {
		require.Contains(t, s.Do(t, "SENTINEL", "CKQUORUM", "m1"), "OK 3 usable Sentinels")
	}

	o, err := redis.ParseFailoverURL(f.URL())
	require.NoError(t, err)
	c := redis.NewFailoverClient(o)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.Set(t.Context(), "k", "old", 0).Err())
	require.Equal(t, "old", f.Master.Do(t, "GET", "k"))
	f.Master.Do(t, "WAIT", 1, 0)

	at = time.Now()
	f.Failover(t)
	t.Log("failover took", time.Since(at))
	requireDown(t, f.Master.Addr())
	require.Contains(t, f.Replica.Do(t, "INFO", "replication"), "role:master")
	require.Equal(t, "old", f.Replica.Do(t, "GET", "k"))
	require.Eventually(t, func() bool { return c.Set(t.Context(), "k", "new", 0).Err() == nil }, generous, 10*time.Millisecond)
	require.Equal(t, "new", f.Replica.Do(t, "GET", "k"))
}

func TestClusterSharesTheSlots(t *testing.T) {
	t.Parallel()
	at := time.Now()
	cluster := redistest.StartCluster(t)
	t.Log("cluster ready after", time.Since(at))
	require.Len(t, cluster.Masters, 3)
	o, err := redis.ParseClusterURL(cluster.URL())
	require.NoError(t, err)
	require.Len(t, o.Addrs, 3)
	c := redis.NewClusterClient(o)
	t.Cleanup(func() { c.Close() })
	const n = 90
	for i := range n {
		require.NoError(t, c.Set(t.Context(), fmt.Sprint("k", i), i, 0).Err())
	}
	var sum int64
	for _, s := range cluster.Masters {
		held := s.Do(t, "DBSIZE").(int64)
		require.Positive(t, held)
		sum += held
	}
	require.EqualValues(t, n, sum)
	require.NotEmpty(t, of(t, func(t testing.TB) {
		for _, s := range cluster.Masters {
			s.Do(t, "GET", "k0") // two of them do not have it
		}
	}))
}
