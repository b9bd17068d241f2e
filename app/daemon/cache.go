package daemon

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"m1/app/config"
	"m1/cache"
	"m1/cache/remote"
	"m1/cache/seal"
)

// JournalFile is the name of the file in the state folder that keeps the changes
// which Redis has not seen.
const JournalFile = "cache-journal"

// openCache makes the cache of the engine, with Redis behind it if that is
// configured. Nothing is dialled.
func (d *Daemon) openCache() (err error) {
	c := d.o.Config
	o := cache.Options{MaxBytes: int64(c.CacheSize), Patience: c.RedisTimeout / 8, Logger: d.o.Logger.With("part", "cache")}
	if o.Secret, err = secret(c); err != nil {
		return err
	}
	if c.Redis != "" {
		o.Redis, err = remote.Open(remote.Options{URL: c.Redis, Space: c.RedisSpace, Node: nodeName(), Timeout: c.RedisTimeout, Latency: &d.meter.Redis, Logger: o.Logger})
		if err != nil {
			return err
		}
		if d.journal, err = cache.OpenJournal(filepath.Join(d.state, JournalFile)); err != nil {
			return err
		}
		o.Journal = d.journal
	}
	d.cache, err = cache.New(o)
	return err
}

// secret is what names and seals the entries in Redis. Without a file it comes
// from the password of Redis, so that all who use the same URL share it; without
// either there is none.
func secret(c *config.Config) (seal.Secret, error) {
	if c.Redis == "" {
		return seal.Secret{}, nil
	}
	if c.CacheKeyFile != "" {
		return seal.ReadSecret(c.CacheKeyFile)
	}
	u, err := url.Parse(c.Redis)
	if err != nil || u.User == nil {
		return seal.Secret{}, nil //nolint:nilerr // remote.Open says what is wrong with the URL
	}
	password, given := u.User.Password()
	if !given || password == "" {
		return seal.Secret{}, nil
	}
	sum := sha256.Sum256([]byte("m1 cache secret of the Redis password\x00" + password))
	return seal.NewSecret(sum[:])
}

// nodeName tells this process from every other one that uses the same Redis, also
// from itself before a restart.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	host = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, host)
	return fmt.Sprintf("%.40s-%d-%s", host, os.Getpid(), strings.ToLower(rand.Text()[:6]))
}
