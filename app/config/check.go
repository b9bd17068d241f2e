package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"m1/cache/remote"
	"m1/cache/seal"
	"m1/engine/source"
	"m1/themes"
)

const (
	leastCache = Bytes(1 << 20)
	mostCache  = Bytes(1 << 40)

	leastTimeout = 5 * time.Millisecond
	mostTimeout  = 10 * time.Second
)

// check looks at what one value cannot tell by itself.
func (c *Config) check(ps *source.Problems) {
	bad := func(flag, msg, hint string) {
		g := c.given[flag]
		if g.wrong {
			return
		}
		p := g.place
		if p.File == "" {
			p = source.Problem{File: "default", Field: fileName(flag)}
		}
		p.Msg, p.Hint = msg, hint
		*ps = append(*ps, p)
	}
	c.checkListen(bad)
	if c.Refresh < 100*time.Millisecond || c.Refresh > time.Minute {
		bad("refresh", fmt.Sprintf("%s is out of range", c.Refresh), "give a time from 100ms to 1m")
	}
	if c.CacheSize < leastCache || c.CacheSize > mostCache {
		bad("cache-size", fmt.Sprintf("%s is out of range", &c.CacheSize), "give an amount from 1MiB to 1024GiB")
	}
	c.checkRedis(bad)
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, c.LogLevel) {
		bad("log-level", fmt.Sprintf("%q is no level", c.LogLevel), oneOf(c.LogLevel, levels))
	}
	if !slices.Contains(themes.Names(), c.Theme) {
		bad("theme", fmt.Sprintf("%q is no theme", c.Theme), oneOf(c.Theme, themes.Names()))
	}
	for _, h := range c.Hosts {
		if _, _, err := net.SplitHostPort(h); err == nil || strings.ContainsAny(h, "/ ") || h == "" {
			bad("hosts", fmt.Sprintf("%q is no name of a host", h), "give the name alone, without scheme and port")
		}
	}
	if c.State == "" {
		bad("state", "no folder is known", "give --state DIR, or set HOME")
	}
}

// checkRedis says what is wrong with the second tier, without dialling it. Without
// a URL its other settings do nothing.
func (c *Config) checkRedis(bad func(flag, msg, hint string)) {
	if c.Redis == "" {
		return
	}
	if _, err := remote.Open(remote.Options{URL: "redis://localhost", Space: c.RedisSpace, Node: "check"}); err != nil {
		bad("redis-space", strings.TrimPrefix(err.Error(), "remote: "), "give a short name, such as m1")
	}
	if _, err := remote.Open(remote.Options{URL: c.Redis, Node: "check"}); err != nil {
		bad("redis", strings.TrimPrefix(err.Error(), "remote: "), "see docs/cache.md for the forms of the URL")
	}
	if c.RedisTimeout < leastTimeout || c.RedisTimeout > mostTimeout {
		bad("redis-timeout", fmt.Sprintf("%s is out of range", c.RedisTimeout), "give a time from 5ms to 10s")
	}
	if c.CacheKeyFile == "" {
		if c.CacheEncrypt {
			bad("cache-encrypt", "there is no key to encrypt with", "give --cache-key-file FILE")
		}
		return
	}
	if _, err := seal.ReadSecret(c.CacheKeyFile); err != nil {
		bad("cache-key-file", strings.TrimPrefix(err.Error(), "seal: "), "the file holds 64 hex digits and is readable by its owner alone")
	}
}

func (c *Config) checkListen(bad func(flag, msg, hint string)) {
	host, port, err := net.SplitHostPort(c.Listen)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		bad("listen", fmt.Sprintf("%q is not host:port", c.Listen), "give an address such as 127.0.0.1:7600")
		return
	}
	switch {
	case loopback(host):
	case c.NoAuth:
		bad("no-auth", fmt.Sprintf("without a token the API may only listen on a loopback address, not on %q", c.Listen), "leave out --no-auth, or listen on 127.0.0.1")
	default:
		bad("listen", fmt.Sprintf("%q is reachable from other machines, and this version serves no TLS", c.Listen), "listen on 127.0.0.1 and put a TLS proxy or an SSH tunnel in front")
	}
}

func oneOf(name string, names []string) string {
	if n, ok := source.Nearest(name, names); ok {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return "give one of " + strings.Join(names, ", ")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
