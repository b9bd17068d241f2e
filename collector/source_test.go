package collector_test

import (
	"sync"
	"testing"
	"time"

	"m1/collector"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/meter"
)

// fake is an engine that a test turns by hand.
type fake struct {
	m *meter.Meter

	mu     sync.Mutex
	status engine.Status
}

func newFake() *fake {
	return &fake{m: meter.New(), status: engine.Status{
		Started: time.Now(), Policy: engine.PolicyStatus{Name: "observe", Version: "sha256:00", Observe: true},
	}}
}

func (f *fake) Meter() *meter.Meter { return f.m }

func (f *fake) Status() engine.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// set changes the status that the next sample sees.
func (f *fake) set(change func(*engine.Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

// start runs a collector until the test ends. It must be called in a synctest
// bubble, which fails if Run leaves anything behind.
func start(t *testing.T, o collector.Options) (*fake, *collector.Collector) {
	t.Helper()
	src := newFake()
	c := collector.New(src, o)
	go func() { _ = c.Run(t.Context()) }() // ends with the test
	return src, c
}

func sloOf(d *snapshot.Dashboard, name string) snapshot.SLO {
	for _, s := range d.Metrics.SLO {
		if s.Name == name {
			return s
		}
	}
	return snapshot.SLO{}
}
