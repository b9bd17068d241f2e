package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mode is how the servers are arranged.
type mode string

const (
	standalone mode = "standalone"
	sentinel   mode = "sentinel"
	cluster    mode = "cluster"
)

// target is what a URL says: where the servers are and who we are to them.
type target struct {
	mode                           mode
	addrs                          []string
	user, password                 string
	sentinelUser, sentinelPassword string
	master                         string
	db                             int
	tls                            *tls.Config
}

// parameters are those that a URL may have.
var parameters = []string{"addr", "ca", "cluster", "db", "master_name", "password", "skip_verify", "username"}

// parseURL never puts into an error what could be a piece of a password: a
// password with an unescaped / or @ can turn up in any part.
func parseURL(raw string) (target, error) {
	if raw == "" {
		return target{}, errors.New("remote: the URL is empty; write redis://host:6379")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, errors.New("remote: the URL cannot be read; write redis://user:password@host:6379 with special characters of the password as %XX")
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return target{}, errors.New("remote: the scheme of the URL must be redis or rediss (TLS)")
	}
	if u.Fragment != "" || u.Opaque != "" {
		return target{}, errors.New("remote: the URL has a part after # or no //; write special characters of the password as %XX")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return target{}, errors.New("remote: the query of the URL cannot be read; write special characters as %XX")
	}
	for name := range q {
		if !slices.Contains(parameters, name) {
			return target{}, fmt.Errorf("remote: the URL has an unknown parameter; known are %s", strings.Join(parameters, ", "))
		}
	}
	t := target{mode: standalone, addrs: []string{hostPort(u)}, user: u.User.Username()}
	t.password, _ = u.User.Password()
	if err := t.arrange(q); err != nil {
		return target{}, err
	}
	if err := t.pick(u, q); err != nil {
		return target{}, err
	}
	return t, t.secure(u, q)
}

func hostPort(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "6379"
	}
	return net.JoinHostPort(host, port)
}

// arrange reads which servers there are. As with go-redis, the user of a Sentinel
// URL is the one at the Sentinels; the servers' own comes as a parameter, and is
// the same without.
func (t *target) arrange(q url.Values) error {
	inCluster, err := flag(q, "cluster")
	if err != nil {
		return err
	}
	t.master = q.Get("master_name")
	switch {
	case inCluster && t.master != "":
		return errors.New("remote: the URL has both master_name (Sentinel) and cluster=true; leave one")
	case inCluster:
		t.mode = cluster
	case q.Has("master_name"):
		if t.master == "" {
			return errors.New("remote: master_name of the URL is empty; name the master as the Sentinels do")
		}
		t.mode = sentinel
		t.sentinelUser, t.sentinelPassword = t.user, t.password
	case q.Has("addr"):
		return errors.New("remote: addr in the URL needs master_name=NAME (Sentinel) or cluster=true")
	}
	if q.Has("username") || q.Has("password") {
		t.user, t.password = q.Get("username"), q.Get("password")
	}
	for _, addr := range q["addr"] {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
			return errors.New("remote: addr of the URL must be host:port")
		}
		t.addrs = append(t.addrs, addr)
	}
	return nil
}

// pick reads the number of the database.
func (t *target) pick(u *url.URL, q url.Values) error {
	number := strings.Trim(u.Path, "/")
	if q.Has("db") {
		number = q.Get("db")
	}
	if number == "" {
		return nil
	}
	db, err := strconv.Atoi(number)
	if err != nil || db < 0 {
		return errors.New("remote: the path of the URL must be the number of a database, such as /0; write special characters of the password as %XX")
	}
	if t.mode == cluster && db != 0 {
		return errors.New("remote: a cluster has database 0 only; remove the number from the URL")
	}
	t.db = db
	return nil
}

// secure reads how the servers prove who they are.
func (t *target) secure(u *url.URL, q url.Values) error {
	blind, err := flag(q, "skip_verify")
	if err != nil {
		return err
	}
	if u.Scheme != "rediss" {
		if blind || q.Has("ca") {
			return errors.New("remote: ca and skip_verify need TLS; write rediss://")
		}
		return nil
	}
	// Without a name, each server is checked against the address it was reached at.
	t.tls = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: blind}
	if t.mode == standalone {
		t.tls.ServerName, _, _ = net.SplitHostPort(t.addrs[0])
	}
	if !q.Has("ca") {
		return nil
	}
	pem, err := os.ReadFile(q.Get("ca"))
	if err != nil {
		return fmt.Errorf("remote: read the file that ca of the URL names: %w", err)
	}
	t.tls.RootCAs = x509.NewCertPool()
	if !t.tls.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("remote: %q, which ca of the URL names, holds no certificate in PEM", q.Get("ca"))
	}
	return nil
}

func flag(q url.Values, name string) (bool, error) {
	if !q.Has(name) {
		return false, nil
	}
	on, err := strconv.ParseBool(q.Get(name))
	if err != nil {
		return false, fmt.Errorf("remote: %s of the URL must be true or false", name)
	}
	return on, nil
}
