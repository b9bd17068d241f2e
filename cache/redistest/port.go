package redistest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

var errPortTaken = errors.New("the port was taken meanwhile")

// Ports are taken from below those that kernels give to connections and to
// listeners that ask for any port: a killed server finds its own free again.
const firstPort, lastPort = 15000, 31999

var (
	portsMu sync.Mutex
	ports   = map[int]bool{} // given out by this process, never again
)

// freePort is a port of 127.0.0.1 that nobody listens on now.
func freePort(t testing.TB) int {
	t.Helper()
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if ports[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it does not wait
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			continue
		}
		ports[port] = true
		return port
	}
	t.Fatalf("no free port between %d and %d", firstPort, lastPort)
	return 0
}
