package redistest

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// slots is the number of hash slots of a cluster.
const slots = 16384

// Cluster is a Redis Cluster of masters without replicas.
type Cluster struct {
	Masters []*Server
}

// StartCluster starts three masters that share the slots evenly and returns when
// each of them knows all and takes commands. Redis takes 2 s for that.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{}
	bus := map[*Server]int{}
	for range 3 {
		s := newServer("redis", nil)
		s.launch(t, func(port int) []string {
			bus[s] = freePort(t)
			return append([]string{
				"--port", strconv.Itoa(port),
				"--cluster-enabled", "yes",
				"--cluster-port", strconv.Itoa(bus[s]),
				"--cluster-node-timeout", "2000",
			}, options(nil)...)
		})
		c.Masters = append(c.Masters, s)
	}
	for i, s := range c.Masters {
		s.Do(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		s.Do(t, "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
	}
	for _, s := range c.Masters[1:] {
		s.Do(t, "CLUSTER", "MEET", "127.0.0.1", c.Masters[0].at.Port(), bus[c.Masters[0]])
	}
	until(t, "the cluster is up", func() bool {
		for _, s := range c.Masters {
			v, _ := s.do("CLUSTER", "INFO")
			text, _ := v.(string)
			for _, line := range []string{"cluster_state:ok", "cluster_slots_ok:" + strconv.Itoa(slots), "cluster_known_nodes:3"} {
				if !strings.Contains(text, line+"\r\n") {
					return false
				}
			}
		}
		return true
	})
	return c
}

// URL names all masters, as redis.ParseClusterURL reads it.
func (c *Cluster) URL() string {
	q := url.Values{}
	for _, s := range c.Masters[1:] {
		q.Add("addr", s.Addr())
	}
	u := url.URL{Scheme: "redis", Host: c.Masters[0].Addr(), RawQuery: q.Encode()}
	return u.String()
}
