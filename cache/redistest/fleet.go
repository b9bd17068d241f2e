package redistest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// masterName is what the sentinels call the master.
const masterName = "m1"

// Fleet is a master with one replica under three sentinels. The fields name the
// processes by the part they start with; Failover does not swap them.
type Fleet struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// StartFleet starts a fleet and returns when the replica is in sync and every
// sentinel sees the replica and the other sentinels. A master counts as down
// after 500 ms, two sentinels decide. Kill a sentinel, do not stop it: one that
// wakes up after 2 s takes no part for a second more.
func StartFleet(t testing.TB) *Fleet {
	t.Helper()
	f := &Fleet{Master: Start(t)}
	f.Replica = Start(t, "--replicaof", "127.0.0.1 "+f.Master.at.Port(), "--repl-diskless-load", "swapdb")
	until(t, "the replica is in sync", func() bool {
		return strings.Contains(info(f.Replica), "master_link_status:up") && strings.Contains(info(f.Master), "state=online")
	})
	for range 3 {
		f.Sentinels = append(f.Sentinels, startSentinel(t, f.Master))
	}
	until(t, "the sentinels agree", func() bool {
		for _, s := range f.Sentinels {
			if !sees(s, "sentinels", 2) || !sees(s, "replicas", 1) {
				return false
			}
		}
		return true
	})
	return f
}

// URL names the sentinels and the master, as redis.ParseFailoverURL reads it.
func (f *Fleet) URL() string {
	q := url.Values{"master_name": {masterName}}
	for _, s := range f.Sentinels[1:] {
		q.Add("addr", s.Addr())
	}
	u := f.Sentinels[0].at
	u.RawQuery = q.Encode()
	return u.String()
}

// Failover kills the server that is master now and waits until the living
// sentinels name the other and it takes writes, some seconds. The other must be
// in sync. What becomes of the killed one after a Restart is up to the Sentinels.
func (f *Fleet) Failover(t testing.TB) {
	t.Helper()
	from, to := f.Master, f.Replica
	if f.named(to) {
		from, to = to, from
	}
	from.Kill()
	until(t, "the sentinels name the other server", func() bool {
		return f.named(to) && strings.Contains(info(to), "role:master")
	})
}

// named reports whether every living sentinel calls s the master.
func (f *Fleet) named(s *Server) bool {
	n := 0
	for _, sentinel := range f.Sentinels {
		if sentinel.process().dead() {
			continue
		}
		v, err := sentinel.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
		at, ok := v.([]any)
		if err != nil || !ok || len(at) != 2 || net.JoinHostPort(fmt.Sprint(at[0]), fmt.Sprint(at[1])) != s.Addr() {
			return false
		}
		n++
	}
	return n > 0
}

func startSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := newServer("redis", nil)
	s.launch(t, func(port int) []string {
		conf := filepath.Join(s.dir, "sentinel.conf")
		lines := []string{
			"bind 127.0.0.1",
			"port " + strconv.Itoa(port),
			"sentinel monitor " + masterName + " 127.0.0.1 " + master.at.Port() + " 2",
			"sentinel down-after-milliseconds " + masterName + " 500",
			"sentinel failover-timeout " + masterName + " 2000",
		}
		if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{conf, "--sentinel"}
	})
	// The periods are 1 to 30 s long; a test waits for several of them. That of PING
	// stays: a replica that said INFO more than 5 of it ago, which may be 1 s during
	// a failover, is not promoted.
	s.Do(t, "SENTINEL", "DEBUG", "INFO-PERIOD", 200, "ASK-PERIOD", 100, "PUBLISH-PERIOD", 200, "TILT-PERIOD", 1000)
	return s
}

// sees reports whether a sentinel has n sound entries in one of its tables.
func sees(sentinel *Server, table string, n int) bool {
	v, err := sentinel.do("SENTINEL", table, masterName)
	rows, ok := v.([]any)
	if err != nil || !ok || len(rows) != n {
		return false
	}
	for _, row := range rows {
		fields, _ := row.([]any)
		is := map[any]any{}
		for i := 0; i+1 < len(fields); i += 2 {
			is[fields[i]] = fields[i+1]
		}
		flags := fmt.Sprint(is["flags"])
		if strings.Contains(flags, "down") || strings.Contains(flags, "disconnected") {
			return false
		}
		if table == "replicas" && is["master-link-status"] != "ok" {
			return false
		}
	}
	return true
}

// info is what a server says of itself, empty if it does not answer.
func info(s *Server) string {
	v, _ := s.do("INFO")
	text, _ := v.(string)
	return text
}

// until fails the test if done does not come to pass.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	if !poll(patience, done) {
		t.Fatalf("waited %v: %s", patience, what)
	}
}
