package redistest

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a port that leads to another one over a network that a test can spoil.
// Its methods are safe for concurrent use and hold for connections that are open
// and for those to come.
type Link struct {
	at    url.URL
	lines sync.WaitGroup // one for each direction of each open connection

	mu      sync.Mutex
	cut     bool
	delay   time.Duration
	resets  int
	closed  bool          // the test is over
	changed chan struct{} // closed when anything above changes
}

// Proxy opens a port that leads to target, a host:port or the URL of a Server or
// FakeServer. It ends with the test.
func Proxy(t testing.TB, target string) *Link {
	t.Helper()
	l := &Link{at: url.URL{Scheme: "redis", Host: target, Path: "/0"}, changed: make(chan struct{})}
	if strings.Contains(target, "://") {
		at, err := url.Parse(target)
		if err != nil {
			t.Fatalf("proxy to %q: %v", target, err)
		}
		l.at = *at
	}
	registerLine()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "link", "127.0.0.1:0", l.at.Host)
	// The lines stay in place for good. toxiproxy can change toxics while traffic
	// flows, but it may then lose bytes, or wait for ever on a dead connection.
	for _, direction := range []string{"upstream", "downstream"} {
		w, err := p.Toxics.AddToxicJson(strings.NewReader(`{"type":"line","stream":"` + direction + `"}`))
		if err != nil {
			t.Fatalf("proxy to %q: %v", target, err)
		}
		w.Toxic.(*line).link = l
	}
	if err := p.Start(); err != nil {
		t.Fatalf("proxy to %q: %v", target, err)
	}
	t.Cleanup(func() {
		p.Stop()
		l.change(func() { l.closed = true })
		l.lines.Wait()
	})
	l.at.Host = p.Listen
	return l
}

// Addr is the host and port of the link.
func (l *Link) Addr() string { return l.at.Host }

// URL is that of the target, by way of the link.
func (l *Link) URL() string { return l.at.String() }

// Cut cuts the network: from now on no byte, and no end of a connection, passes
// in either direction, but connections stay open. A new connection opens, as if
// the cut were behind a router, and hears nothing. What already left the link may
// still arrive.
func (l *Link) Cut() { l.change(func() { l.cut = true }) }

// Restore undoes Cut. What was written meanwhile arrives now, in order; nothing is
// reset.
func (l *Link) Restore() { l.change(func() { l.cut = false }) }

// Reset closes all connections on both sides, with what is on its way in them,
// also while the network is cut. New ones work.
func (l *Link) Reset() { l.change(func() { l.resets++ }) }

// Delay makes every byte take d longer, each way, however many there are: a round
// trip takes 2d longer. 0 takes it off, also for bytes that wait.
func (l *Link) Delay(d time.Duration) { l.change(func() { l.delay = d }) }

func (l *Link) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}
