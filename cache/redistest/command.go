package redistest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// answerTime is how long a server has for one reply.
const answerTime = 5 * time.Second

// Do sends one command over a connection of its own and returns the reply as
// go-redis reads RESP2: string, int64, []any, nil for no value. An error, also a
// server that does not answer for 5 s, fails the test.
func (s *Server) Do(t testing.TB, args ...any) any {
	t.Helper()
	v, err := s.do(args...)
	if err != nil {
		t.Fatalf("%s: %v: %v", s.at.Host, args, err)
	}
	return v
}

// KillClients closes the server's end of the connections of one kind: normal,
// pubsub, replica or master. The server must answer.
func (s *Server) KillClients(kind string) {
	if _, err := s.do("CLIENT", "KILL", "TYPE", kind); err != nil {
		s.t.Errorf("%s: kill %s clients: %v", s.at.Host, kind, err)
	}
}

// User makes an ACL user with a password and rules such as "~*", "+@all" and
// returns the URL with which it logs in. The user is gone after Restart.
func (s *Server) User(t testing.TB, name, password string, rules ...string) string {
	t.Helper()
	args := []any{"ACL", "SETUSER", name, "reset", "on", ">" + password}
	for _, r := range rules {
		args = append(args, r)
	}
	s.Do(t, args...)
	at := s.at
	at.User = url.UserPassword(name, password)
	return at.String()
}

// do sends one command by a client that lives as long as it takes.
func (s *Server) do(args ...any) (any, error) {
	// go-redis logs a connection that it cannot open; here that is a normal thing.
	conn, err := net.DialTimeout("tcp", s.at.Host, answerTime) //nolint:noctx // it has a limit
	if err != nil {
		return nil, err
	}
	if s.tls != nil {
		c := s.tls.Clone()
		c.ServerName = "127.0.0.1"
		conn = tls.Client(conn, c)
	}
	password, _ := s.at.User.Password()
	c := redis.NewClient(&redis.Options{
		Dialer:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Password:     password,
		Protocol:     2,
		MaxRetries:   -1,
		ReadTimeout:  answerTime,
		WriteTimeout: answerTime,

		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	v, err := c.Do(context.Background(), args...).Result()
	_ = c.Close() // the reply is here, or its error says more
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, err
}

// awaitAnswer waits until the process of s answers, not some other server on its
// port. s.mu is held.
func (s *Server) awaitAnswer() error {
	var last error
	up := poll(patience, func() bool {
		var info any
		info, last = s.do("INFO")
		if s.proc.dead() {
			return true
		}
		if text, ok := info.(string); ok {
			return strings.Contains(text, fmt.Sprintf("\r\nprocess_id:%d\r\n", s.proc.pid())) &&
				!strings.Contains(text, "\r\nloading:1\r\n")
		}
		// It wants a login that is not known here: it is up.
		return last != nil && (strings.HasPrefix(last.Error(), "NOAUTH") || strings.HasPrefix(last.Error(), "NOPERM"))
	})
	switch {
	case s.proc.dead():
		return errors.New("redis-server ended at once")
	case !up:
		return fmt.Errorf("redis-server does not answer: %w", last)
	}
	return nil
}
