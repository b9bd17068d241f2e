package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"m1/collector"
	"m1/collector/dashboard"
	"m1/engine/bearer"
	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
	"m1/engine/meter"
	"m1/engine/pricing"
)

// Bounds of one connection. Streams of events move writeTime forward with each
// write.
const (
	headerTime = 5 * time.Second
	readTime   = 15 * time.Second
	writeTime  = time.Minute
	idleTime   = 2 * time.Minute
	maxHeader  = 16 << 10
	stopTime   = 10 * time.Second // for requests under way when M1 stops
)

// server is the API of one daemon.
type server struct {
	http   *http.Server
	pages  *dashboard.Server
	people *operate.Server
	routes []guard.Route // all that are served
}

// pictures joins what the dashboard is drawn from.
type pictures struct {
	*collector.Collector
	meter *meter.Meter
}

func (p pictures) Meter() *meter.Meter { return p.meter }

// openAPI makes the tokens last: they can be shown only once, so nothing that a
// user can get wrong may fail after it.
func (d *Daemon) openAPI() (err error) {
	c, log := d.o.Config, d.o.Logger.With("part", "api")
	if d.listener, err = listen(c.Listen); err != nil {
		return err
	}
	agents, err := api.Agents(api.Options{Decider: d.engine, Tools: d.listTools, ParseUsage: pricing.ParseUsage, Log: log})
	if err != nil {
		return err
	}
	pages, err := dashboard.New(dashboard.Options{Source: pictures{d.collector, d.engine.Meter()}, Ledger: d.store, Ready: d.ready, Version: d.o.Version, Log: log})
	if err != nil {
		return err
	}
	desk := operators{d.engine}
	people, err := operate.New(operate.Options{Desk: desk, Rules: desk, Log: log})
	if err != nil {
		return err
	}
	routes := slices.Concat(agents, people.Routes(), pages.Routes())
	auth, err := d.openTokens(log)
	if err != nil {
		return err
	}
	handler, err := guard.New(guard.Options{Auth: auth, NoAuth: c.NoAuth, Hosts: c.Hosts, Log: log}, routes)
	if err != nil {
		return err
	}
	d.api = &server{pages: pages, people: people, routes: routes, http: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), // else it writes over the screen
	}}
	return nil
}

func listen(address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is in use; if that is M1, watch it with m1 --attach http://%s, else choose another with --listen", address, address)
	case err != nil:
		return nil, fmt.Errorf("the address %s cannot be opened: %w; choose another with --listen", address, err)
	}
	return l, nil
}

// openTokens returns what guard.Options.Auth must be, and keeps the first tokens.
// With --no-auth none are made, and those that there are still count: only they
// open what an operator does.
func (d *Daemon) openTokens(log *slog.Logger) (func(string) (guard.Identity, bool), error) {
	tokens, first, err := bearer.Open(d.state, bearer.Options{
		MakeNone: d.o.Config.NoAuth,
		OnError:  func(err error) { log.Error("the tokens cannot be followed", "err", err) },
	})
	if err != nil {
		return nil, err
	}
	d.first = first
	return func(token string) (guard.Identity, bool) {
		who, ok := tokens.Check(token)
		return guard.Identity{Name: who.Name, Role: guard.Role(who.Role), Groups: who.Groups, Agents: who.Agents}, ok
	}, nil
}

// FirstTokens are the tokens that Open made because there were none; empty
// otherwise. It is the only chance to show them.
func (d *Daemon) FirstTokens() bearer.First { return d.first }

func (d *Daemon) listTools() []api.Tool {
	c := d.engine.Tools()
	out := make([]api.Tool, 0, c.Len())
	for _, name := range c.Names() {
		e, _ := c.Lookup(name)
		t := api.Tool{Name: e.Name, Description: e.Description, Scope: e.Scope, Cacheable: e.Cacheable, Reads: []string{}, Changes: []string{}}
		for _, r := range e.Reads {
			t.Reads = append(t.Reads, r.String())
		}
		for _, ch := range e.Changes {
			t.Changes = append(t.Changes, ch.String())
		}
		if e.ChangesAll {
			t.Changes = append(t.Changes, "*")
		}
		out = append(out, t)
	}
	return out
}

func (d *Daemon) ready() error {
	if d.draining.Load() {
		return errors.New("M1 is stopping")
	}
	return nil
}

// serve answers until ctx ends, then lets requests under way finish.
func (d *Daemon) serve(ctx context.Context) error {
	failed := make(chan error, 1) // room for the one answer, so that Serve waits for nobody
	go func() { failed <- d.api.http.Serve(d.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	d.api.pages.EndStreams() // Shutdown alone would wait for them
	d.api.people.EndWaits()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := d.api.http.Shutdown(stop); err != nil {
		return fmt.Errorf("stop the API: %w", errors.Join(err, d.api.http.Close()))
	}
	return nil
}
