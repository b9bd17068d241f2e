// Package redistest gives tests a real Redis: servers that can be killed, stopped
// and restarted, Sentinel, Cluster, TLS, a network that can be cut, and a server
// that answers whatever a test says.
//
// Everything listens on 127.0.0.1 and ends with the test, or with the process of
// the test when that is killed. Only tests import this package.
package redistest

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything here may take before the test fails. It is
// generous: machines that test are busy.
const patience = 30 * time.Second

// Server is a redis-server process. Its methods are safe for concurrent use.
type Server struct {
	t    testing.TB
	bin  string
	dir  string
	args []string
	port int
	at   url.URL     // how a client reaches it
	tls  *tls.Config // nil: plain

	mu   sync.Mutex
	proc *process // the last one started, maybe dead
}

// Start starts redis-server on a free port and waits until it answers. It keeps
// its data in a directory of the test, and nothing there survives Kill unless args
// ask for it, as "--appendonly", "yes" does. args are options of redis-server;
// they win over those set here. After "--requirepass", URL has the password.
//
// The server ends with the test, stopped or not. Without redis-server on the PATH
// the test fails.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return newServer("redis", args).launch(t, func(port int) []string {
		return append([]string{"--port", strconv.Itoa(port)}, options(args)...)
	})
}

// newServer is a server that was not started yet.
func newServer(scheme string, args []string) *Server {
	s := &Server{at: url.URL{Scheme: scheme, Path: "/0"}}
	for i, arg := range args {
		if arg == "--requirepass" && i+1 < len(args) {
			s.at.User = url.UserPassword("", args[i+1])
		}
	}
	return s
}

// options are the settings that every server starts with, then args.
func options(args []string) []string {
	return append([]string{
		"--bind", "127.0.0.1",
		"--save", "",
		"--appendonly", "no",
		"--enable-debug-command", "yes",
		"--repl-diskless-sync-delay", "0", // a replica need not wait for others
	}, args...)
}

// launch finishes s and starts it on a free port with what args makes of that.
// Another process may take the port in between; then it tries the next.
func (s *Server) launch(t testing.TB, args func(port int) []string) *Server {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("this test needs redis-server: %v. Run make test, which installs it, or apt-get install redis-server", err)
	}
	s.t, s.bin, s.dir = t, bin, t.TempDir()
	t.Cleanup(s.Kill)
	for range 10 {
		s.port = freePort(t)
		s.at.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
		s.args = args(s.port)
		s.mu.Lock()
		err = s.startLocked()
		s.mu.Unlock()
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	return s
}

// startLocked runs the process and waits for an answer. s.mu is held.
func (s *Server) startLocked() error {
	out := filepath.Join(s.dir, "redis.log")
	log, err := os.Create(out)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.bin, s.args...) //nolint:noctx // it ends by Kill, which also ends what is stopped
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	if s.proc, err = spawn(cmd); err != nil {
		return err
	}
	if err = s.awaitAnswer(); err == nil {
		return nil
	}
	s.proc.kill()
	said, _ := os.ReadFile(out) // what can be had of it is enough
	if strings.Contains(string(said), "ddress already in use") {
		return errPortTaken
	}
	return errors.Join(err, errors.New(string(said)))
}

// URL is where clients reach the server, as redis.ParseURL reads it.
func (s *Server) URL() string { return s.at.String() }

// Addr is the host and port of the server.
func (s *Server) Addr() string { return s.at.Host }

// PID is the id of the process. After Restart it is another one.
func (s *Server) PID() int { return s.process().pid() }

// Kill ends the process at once, as a crash does (SIGKILL), and returns when it
// is gone. A dead server stays dead.
func (s *Server) Kill() {
	if p := s.process(); p != nil { // nil: it never started
		p.kill()
	}
}

// Stop halts the process (SIGSTOP) and returns when it stands still: connections
// stay open, new ones are accepted by the kernel, nothing answers.
func (s *Server) Stop() {
	p := s.process()
	p.signal(syscall.SIGSTOP)
	if !poll(patience, func() bool { return halted(p.pid()) || p.dead() }) {
		s.t.Errorf("redis-server %d does not stop", p.pid())
	}
}

// Cont lets a stopped process go on (SIGCONT).
func (s *Server) Cont() { s.process().signal(syscall.SIGCONT) }

// Restart starts a killed server again on its port and waits until it answers. It
// is empty unless Start was asked for persistence. One that still runs is killed
// first.
func (s *Server) Restart() {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.startLocked(); err != nil {
		s.t.Errorf("restart redis-server: %v", err)
	}
}

func (s *Server) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

// poll asks done every 2 ms until it says yes or limit is over.
func poll(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}
