package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What a reply of a FakeServer may end with.
const (
	HangUp  = "\x00hang up" // close the connection after what stands before it
	Silence = "\x00silence" // send what stands before it, which may be nothing, and answer no more on this connection
)

// FakeServer answers commands as a test says, for what a real server says too
// seldom: READONLY, LOADING, replies of a wrong type, half a reply.
type FakeServer struct {
	l     net.Listener
	reply func(cmd []string) string

	mu    sync.Mutex
	conns map[net.Conn]bool // nil after the test
	tasks sync.WaitGroup
}

// Fake starts a server that answers cmd, its name in upper case, with reply(cmd),
// which is RESP on the wire such as "-READONLY You can't\r\n". An empty reply
// stands for the usual one: an error for HELLO so that the client speaks RESP2,
// PONG for PING, a run_id in INFO, OK for CLIENT, SELECT and AUTH, the
// confirmation of SUBSCRIBE, an error for what else there is. Connections call
// reply at the same time. The server ends with the test; reply must return then.
func Fake(t testing.TB, reply func(cmd []string) string) *FakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	f := &FakeServer{l: l, reply: reply, conns: map[net.Conn]bool{}}
	f.tasks.Add(1)
	go f.accept() // ends when the listener is closed
	t.Cleanup(f.close)
	return f
}

// Addr is the host and port of the server.
func (f *FakeServer) Addr() string { return f.l.Addr().String() }

// URL is where clients reach the server, as redis.ParseURL reads it.
func (f *FakeServer) URL() string {
	u := url.URL{Scheme: "redis", Host: f.Addr(), Path: "/0"}
	return u.String()
}

func (f *FakeServer) close() {
	_ = f.l.Close() // nobody is left to tell
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close() // nor here
	}
	f.conns = nil
	f.mu.Unlock()
	f.tasks.Wait()
}

func (f *FakeServer) accept() {
	defer f.tasks.Done()
	for {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		if f.conns == nil {
			_ = c.Close() // the test is over
		} else {
			f.conns[c] = true
			f.tasks.Add(1)
			go f.serve(c) // ends when the connection is closed
		}
		f.mu.Unlock()
	}
}

func (f *FakeServer) serve(c net.Conn) {
	defer f.tasks.Done()
	defer func() {
		_ = c.Close() // what it had to say was said
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, c)
	}()
	for r := bufio.NewReader(c); ; {
		cmd, err := readCommand(r)
		if err != nil {
			return
		}
		cmd[0] = strings.ToUpper(cmd[0])
		text := f.reply(cmd)
		if text == "" {
			text = usual(cmd)
		}
		text, hangUp := strings.CutSuffix(text, HangUp)
		text, silent := strings.CutSuffix(text, Silence)
		if _, err := io.WriteString(c, text); err != nil || hangUp {
			return
		}
		if silent {
			_, _ = io.Copy(io.Discard, r) // until the client has enough of it
			return
		}
	}
}

// usual is the answer of a server without data.
func usual(cmd []string) string {
	switch cmd[0] {
	case "PING":
		return "+PONG\r\n"
	case "CLIENT", "SELECT", "AUTH":
		return "+OK\r\n"
	case "INFO":
		return bulk("# Server\r\nredis_version:7.0.15\r\nrun_id:" + strings.Repeat("fa", 20) + "\r\nloading:0\r\nrole:master\r\n")
	case "SUBSCRIBE":
		var b strings.Builder
		for i, channel := range cmd[1:] {
			b.WriteString("*3\r\n" + bulk("subscribe") + bulk(channel) + ":" + strconv.Itoa(i+1) + "\r\n")
		}
		return b.String()
	}
	return "-ERR unknown command '" + cmd[0] + "'\r\n"
}

func bulk(s string) string { return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n" }

// readCommand reads an array of bulk strings, the only form that clients send.
func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r, '*')
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("a command without a name")
	}
	var cmd []string
	for range n {
		size, err := readLength(r, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		cmd = append(cmd, string(b[:size]))
	}
	return cmd, nil
}

// readLength reads a line that is kind and a number of at most 64 Mi.
func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	digits, ok := strings.CutSuffix(line, "\r\n")
	if !ok || digits == "" || digits[0] != kind {
		return 0, fmt.Errorf("%q is not a command", line)
	}
	n, err := strconv.ParseUint(digits[1:], 10, 64)
	if err != nil || n > 64<<20 {
		return 0, fmt.Errorf("%q is not a length", line)
	}
	return int(n), nil
}
