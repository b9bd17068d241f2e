package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"m1/cache"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/gateway"
	"m1/engine/ledger"
	"m1/engine/limit"
	"m1/engine/meter"
	"m1/engine/policy"
	"m1/engine/pricing"
	"m1/engine/token"
	"m1/engine/tool"
)

var _ gateway.Decider = (*Engine)(nil)

// Options hold what an engine is made of. Tools, Policy and Ledger are needed;
// the other zero fields take the default named beside them.
type Options struct {
	Tools   *tool.Catalogue
	Policy  *policy.Set
	Ledger  ledger.Store
	Prices  *pricing.Table // the built-in table
	Cache   *cache.Cache   // one with its own defaults, of this engine alone; its Run is the caller's
	Encrypt bool           // what is cached in Redis; the cache needs a secret
	Meter   *meter.Meter   // a new one

	// Grants signs and checks what approvals open; nil: a ring of this process alone,
	// whose grants end with it.
	Grants *token.Ring
	// Peers are the nodes whose grants are honoured here; nil: none.
	Peers Peers
	// Shelf keeps the policies that decided over restarts; nil: in memory alone.
	Shelf Shelf

	Now     func() time.Time
	Logger  *slog.Logger  // none
	Keep    int           // newest calls kept for the screen; 2000
	Runs    int           // runs remembered, the one longest unmoved goes first; 2000
	MaxOpen int           // released calls that wait for a report; 65536, those that change nothing go first
	OpenFor time.Duration // after which a call without a report is given up; 1 h
}

func (o *Options) fill() error {
	switch {
	case o.Tools == nil:
		return errors.New("engine: Options.Tools is missing: give a catalogue, an empty one denies every tool")
	case o.Policy == nil:
		return errors.New("engine: Options.Policy is missing: without a policy nothing may be decided")
	case o.Ledger == nil:
		return errors.New("engine: Options.Ledger is missing: without a record nothing may be released")
	case o.Keep < 0 || o.Runs < 0 || o.MaxOpen < 0 || o.OpenFor < 0:
		return errors.New("engine: Options.Keep, Runs, MaxOpen and OpenFor must not be negative")
	}
	if o.Prices == nil {
		o.Prices = pricing.Builtin()
	}
	if o.Cache == nil {
		c, err := cache.New(cache.Options{Now: o.Now})
		if err != nil {
			return err
		}
		o.Cache = c
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grants == nil {
		r, err := token.Alone("m1", o.Now)
		if err != nil {
			return err
		}
		o.Grants = r
	}
	if o.Meter == nil {
		o.Meter = meter.New()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keep == 0 {
		o.Keep = 2000
	}
	if o.Runs == 0 {
		o.Runs = 2000
	}
	if o.MaxOpen == 0 {
		o.MaxOpen = 1 << 16
	}
	if o.OpenFor == 0 {
		o.OpenFor = time.Hour
	}
	return nil
}

// ErrUnrecorded is wrapped where something was done that its record must follow, and
// did not.
var ErrUnrecorded = errors.New("engine: done, but not recorded")

// Engine decides calls. Every method is safe for concurrent use.
type Engine struct {
	o       Options
	started time.Time
	meter   *meter.Meter
	ruling  atomic.Pointer[ruling]
	open    openCalls
	runs    runs
	recent  recent
	answers answers
	book    *limit.Book
	desk    *approval.Desk
	grants  grants
	rules   rules

	// Reports and ends of runs that are being recorded.
	reporting claims[call.ID]
	ending    claims[call.RunID]

	batched chan struct{} // size 1: records wait for the disk; a second notice adds nothing
}

// New returns an engine that can decide at once. It starts nothing: give Run a
// goroutine, or reads are recorded only with the next write.
func New(o Options) (*Engine, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	e := &Engine{
		o: o, started: o.Now(), meter: o.Meter, batched: make(chan struct{}, 1),
		book: limit.New(limit.Options{}), desk: approval.NewDesk(approval.Options{Now: o.Now}),
	}
	e.ruling.Store(newRuling(o.Policy, o.Tools, o.Now()))
	e.grants.init(o.Grants, o.Now)
	var kept []Shelved
	var err error
	if o.Shelf != nil {
		if kept, err = o.Shelf.All(); err != nil {
			return nil, err
		}
	}
	e.rules.init(o.Policy, e.started, kept)
	if e.answers, err = newAnswers(o.Cache, o.Encrypt); err != nil {
		return nil, err
	}
	e.open.init(o.MaxOpen, o.OpenFor)
	e.runs.init(o.Runs, e.meter)
	e.recent.init(o.Keep)
	if err := e.restore(); err != nil {
		return nil, err
	}
	return e, nil
}

const (
	batchFor    = 25 * time.Millisecond // how long records are gathered: they are durable within 50 ms
	retryEvery  = time.Second           // for records that the disk did not take
	expireEvery = time.Second
)

// Run records the engine's start, makes batched records durable and gives up
// calls that nobody reports, until ctx ends; then it records the stop. It blocks
// and starts no goroutine. It fails only if the start cannot be recorded.
func (e *Engine) Run(ctx context.Context) error {
	r := e.ruling.Load()
	if err := e.mark(
		e.event(event.EngineStarted, event.EngineStartedData{Tools: r.tools.Len(), PriceVersion: e.o.Prices.Version()}),
		e.event(event.PolicyLoaded, event.PolicyLoadedData{Name: r.set.Name(), Version: r.set.Version(), Rules: r.set.Rules(), Observe: r.set.Observe()}),
	); err != nil {
		return fmt.Errorf("record the engine's start: %w", err)
	}
	e.shelve()
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	var flush <-chan time.Time // nil while nothing waits: an idle engine sleeps
	for {
		select {
		case <-ctx.Done():
			if err := e.mark(e.event(event.EngineStopped, nil)); err != nil {
				return fmt.Errorf("record the engine's stop: %w", err)
			}
			return nil
		case <-e.batched:
			if flush == nil {
				flush = time.After(batchFor)
			}
		case <-flush:
			flush = nil
			if err := e.o.Ledger.Flush(ctx); err != nil && ctx.Err() == nil {
				// The store keeps the error for the health check and the queue for
				// the next try.
				e.o.Logger.Error("ledger: batched records are not durable yet", "error", err)
				flush = time.After(retryEvery)
			}
		case <-expire.C:
			e.expire()
			e.sweep()
			if e.o.Ledger.Status().Err != "" {
				// A ledger that failed is found well only by writing to it, and whoever
				// looks at the readiness sends nothing. A failure is already told.
				_ = e.mark(e.event(event.LedgerRecovered, nil))
			}
		}
	}
}

// mark records a start or a stop. It has its own bound: a context that ends right
// after the start, or has ended at the stop, must not lose either.
func (e *Engine) mark(evs ...event.Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := e.o.Ledger.Append(ctx, evs...)
	return err
}

// Meter returns the engine's instruments.
func (e *Engine) Meter() *meter.Meter { return e.meter }

// Tools returns the catalogue that decides now.
func (e *Engine) Tools() *tool.Catalogue { return e.ruling.Load().tools }
