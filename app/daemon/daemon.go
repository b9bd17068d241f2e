// Package daemon builds the process from its parts, starts them and stops them
// in order.
package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"m1/app/config"
	"m1/cache"
	"m1/collector"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/bearer"
	"m1/engine/cluster"
	"m1/engine/ledger/sqlite"
	"m1/engine/meter"
	"m1/engine/policy"
)

// checkpointEvery keeps the ledger's log short enough that no commit has to wait
// for it to be moved.
const checkpointEvery = 500 * time.Millisecond

// LedgerFile is the name of the ledger in the state folder.
const LedgerFile = "ledger.db"

// Options of Open.
type Options struct {
	Config  *config.Config
	Rules   Rules
	Logger  *slog.Logger
	Version string
	// Temporary keeps the state in a folder that Run removes at its end.
	Temporary bool
	// Serve opens the API on Config.Listen.
	Serve bool
	// Describe says what feeds the engine; nil means live traffic.
	Describe func() snapshot.Source
	// Reload asks for the rules to be read again, beside their files being watched;
	// nil never asks.
	Reload <-chan os.Signal
}

// Daemon is an engine with its ledger, collector and API.
type Daemon struct {
	o         Options
	state     string
	store     *sqlite.Store
	meter     *meter.Meter
	cache     *cache.Cache
	journal   *cache.FileJournal // nil without Redis
	engine    *engine.Engine
	collector *collector.Collector
	listener  net.Listener // nil if the API is not served
	api       *server
	first     bearer.First // the tokens that this start made
	draining  atomic.Bool
	cluster   *cluster.Cluster  // nil without a Redis and a key file
	stamps    []stamp           // of the files of the rules, as they were read
	loaded    [sha256.Size]byte // of their content
}

// Open makes everything that can fail: the state folder, the ledger, the engine
// and the listener. Nothing runs yet. What it opened is released by Run, or by
// Close if Run is never called.
func Open(o Options) (*Daemon, error) {
	d := &Daemon{o: o}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Daemon) open() (err error) {
	o := d.o
	if d.state, err = openState(o); err != nil {
		return err
	}
	if d.store, err = sqlite.Open(sqlite.Options{Path: filepath.Join(d.state, LedgerFile), Logger: o.Logger.With("part", "ledger")}); err != nil {
		return err
	}
	d.meter = meter.New()
	if err := d.openCache(); err != nil {
		return err
	}
	if err := d.openEngine(); err != nil {
		return err
	}
	d.collector = collector.New(d.engine, collector.Options{Version: o.Version, Describe: d.describe})
	if o.Serve {
		return d.openAPI()
	}
	return nil
}

// openEngine makes the engine with its rules and the keys of its grants.
func (d *Daemon) openEngine() error {
	o := d.o
	ring, err := d.openGrants()
	if err != nil {
		return err
	}
	if err := d.openCluster(ring); err != nil {
		return err
	}
	var peers engine.Peers
	if d.cluster != nil {
		peers = d.cluster
	}
	d.stamps = stamps(o.Rules.files())
	d.loaded = sumOf(engine.Load{Tools: o.Rules.Tools, Source: []byte(o.Rules.Policy.Source())})
	shelf := shelf{filepath.Join(d.state, ShelfFile)}
	kept, err := shelf.All()
	if err != nil {
		return err
	}
	rules := o.Rules.Policy
	if live, ok := liveSource(kept, rules.Version()); ok {
		set, err := policy.Parse(live.Name, live.Source, o.Rules.Tools)
		if err != nil {
			o.Logger.Error("policy: what an operator had put in force does not load any more; the file decides", "version", live.Version, "error", err)
		} else {
			rules = set
		}
	}
	d.engine, err = engine.New(engine.Options{
		Tools: o.Rules.Tools, Policy: rules, Ledger: d.store, Cache: d.cache, Encrypt: o.Config.CacheEncrypt && o.Config.Redis != "",
		Grants: ring, Peers: peers, Shelf: shelf, Meter: d.meter, Logger: o.Logger.With("part", "engine"),
	})
	return err
}

// openState returns the folder of the records, which is there and can be written.
func openState(o Options) (string, error) {
	if o.Temporary {
		dir, err := os.MkdirTemp("", "m1-")
		if err != nil {
			return "", fmt.Errorf("no temporary folder for the records can be made: %w; give --state DIR", err)
		}
		return dir, nil
	}
	dir := o.Config.State
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the state folder %s cannot be made: %w; give another with --state DIR", dir, plain(err))
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return "", fmt.Errorf("the state folder %s cannot be written: %w; make it writable or give another with --state DIR", dir, plain(err))
	}
	return dir, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// plain is a system error without the path that the sentence around it names.
func plain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Engine returns the engine, which decides as soon as Run is called.
func (d *Daemon) Engine() *engine.Engine { return d.engine }

// Collector returns the feed for a screen in this process.
func (d *Daemon) Collector() *collector.Collector { return d.collector }

// State is the folder of the records.
func (d *Daemon) State() string { return d.state }

// Addr is the address of the API, nil if it is not served.
func (d *Daemon) Addr() net.Addr {
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

func (d *Daemon) describe() snapshot.Source {
	s := snapshot.Source{Mode: "live"}
	if d.o.Describe != nil {
		s = d.o.Describe()
	}
	if d.listener != nil {
		s.Listen, s.NoAuth = d.listener.Addr().String(), d.o.Config.NoAuth
	}
	return s
}

// Run starts the parts and everything in front, and blocks until ctx ends, one of
// front returns or a part fails. Then it stops in this order: the API and front,
// the engine and the collector, the cache, the ledger. It returns the first error.
func (d *Daemon) Run(ctx context.Context, front ...func(context.Context) error) error {
	ctx, stopFront := context.WithCancel(ctx)
	defer stopFront()
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBack()
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()

	var under, parts, way errgroup.Group
	start := func(g *errgroup.Group, ctx context.Context, f func(context.Context) error) {
		g.Go(func() (err error) {
			defer stopFront() // the first to return stops all
			defer d.contain(&err)
			return f(ctx)
		})
	}
	start(&under, below, d.cache.Run)
	start(&parts, back, d.engine.Run)
	start(&parts, back, d.collector.Run)
	start(&parts, back, d.checkpoint)
	if d.cluster != nil {
		start(&parts, back, d.cluster.Run)
	}
	if len(d.stamps) > 0 || d.o.Reload != nil {
		start(&parts, back, d.reload)
	}
	if d.api != nil {
		start(&way, ctx, d.serve)
	}
	for _, f := range front {
		start(&way, ctx, f)
	}
	<-ctx.Done()
	d.draining.Store(true)
	err := way.Wait()
	stopBack()
	err = errors.Join(err, parts.Wait())
	stopBelow()
	return errors.Join(err, under.Wait(), d.Close())
}

// contain turns a panic of a part into its error: the screen must be left and
// the ledger closed before the process ends.
func (d *Daemon) contain(err *error) {
	if p := recover(); p != nil {
		d.o.Logger.Error("a part of M1 panicked", "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("a defect in M1: %v; the log has the details, please report it", p)
	}
}

// checkpoint moves what the ledger has committed from its log into its file, so
// that no commit has to.
func (d *Daemon) checkpoint(ctx context.Context) error {
	t := time.NewTicker(checkpointEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := d.store.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				d.o.Logger.Error("ledger: checkpoint", "error", err)
			}
		}
	}
}

// Close releases what Open made. After Run it is not needed.
func (d *Daemon) Close() error {
	var errs []error
	if d.listener != nil {
		if err := d.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
		d.journal = nil
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
		d.store = nil
	}
	if d.o.Temporary && d.state != "" {
		errs = append(errs, os.RemoveAll(d.state))
	}
	return errors.Join(errs...)
}
