package remote

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Dialer makes clients of the servers that a URL names, for those who share nothing
// else with a Tier. It dials nothing itself and is safe for concurrent use.
type Dialer struct {
	o      Options
	target target
}

// NewDialer checks o as Open does.
func NewDialer(o Options) (*Dialer, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	to, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if printer.CompareAndSwap(nil, o.Logger) {
		printing.Do(func() { redis.SetLogger(relay{}) })
	}
	return &Dialer{o: o, target: to}, nil
}

// Prefix begins the name of every key of the space. It holds the hash tag.
func (d *Dialer) Prefix() string { return keysOf(d.o.Space).prefix }

// Client returns a client that has dialled nothing yet, with at most conns
// connections to each server. A command may take the timeout of the Options, and
// wait for a free connection as long as its context lets it, at most a second. It is
// never sent twice. The caller closes the client.
func (d *Dialer) Client(conns int) redis.UniversalClient {
	greet := func(ctx context.Context, c *redis.Conn) error {
		_, err := inspect(ctx, c)
		return err
	}
	return d.target.client(paceOf(d.o.Timeout).dial, needs{calls: conns, pipelines: -1, patience: d.o.Timeout, turn: time.Second}, greet)
}
