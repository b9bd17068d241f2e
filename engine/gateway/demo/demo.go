// Package demo is a workload for trying M1: seeded agents that work in a shop
// which exists in memory only, with quiet and bad times in turn.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"m1/engine/gateway"
)

// Tools is the catalogue of the shop and Policy its rules, as files.
//
//go:embed shop.yaml
var Tools []byte

// Policy is the shop's rules, as a file.
//
//go:embed policy.yaml
var Policy []byte

// Options of New.
type Options struct {
	Seed  uint64  // the same seed makes the same agents do the same things
	Speed float64 // how many times faster than usual; default 1
	Now   func() time.Time
}

// Workload is a crew of simulated agents.
type Workload struct {
	o       Options
	d       gateway.Decider
	started time.Time
	calls   atomic.Int64
	hits    atomic.Int64
	stale   atomic.Int64
}

// New returns a workload that proposes its calls to d.
func New(d gateway.Decider, o Options) *Workload {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Workload{o: o, d: d, started: o.Now()}
}

// Stats counts proposals, answers from the cache, and those of them that were
// wrong at the moment they were given.
type Stats struct{ Calls, Hits, Stale int64 }

// Stats may be called while Run works.
func (w *Workload) Stats() Stats {
	return Stats{Calls: w.calls.Load(), Hits: w.hits.Load(), Stale: w.stale.Load()}
}

// Run lets the agents work until ctx ends or a call cannot be decided. It blocks;
// the agents' goroutines have ended when it returns.
func (w *Workload) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i, c := range crew {
		wg.Go(func() {
			a := agent{w: w, character: c, rand: rand.New(rand.NewPCG(w.o.Seed, uint64(i)))}
			cancel(a.work(ctx)) // the first to end stops the others; the end of ctx comes before it
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// Phase is what is going on in the shop.
type Phase string

// The phases in their order; after Quiet it begins again with Busy.
const (
	Busy    Phase = "busy"
	Slow    Phase = "slow tool"
	Failing Phase = "failing tool"
	Runaway Phase = "runaway loop"
	Costly  Phase = "costly agent"
	Quiet   Phase = "quiet"
)

var phases = []struct {
	phase Phase
	lasts time.Duration
}{{Busy, 25 * time.Second}, {Slow, 15 * time.Second}, {Failing, 20 * time.Second}, {Runaway, 20 * time.Second}, {Costly, 20 * time.Second}, {Quiet, 20 * time.Second}}

// Phase tells what is going on now.
func (w *Workload) Phase() Phase {
	var cycle time.Duration
	for _, p := range phases {
		cycle += p.lasts
	}
	at := time.Duration(float64(w.o.Now().Sub(w.started))*w.o.Speed) % cycle
	for _, p := range phases {
		if at < p.lasts {
			return p.phase
		}
		at -= p.lasts
	}
	return Quiet
}
