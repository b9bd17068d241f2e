package collector

import (
	"math"
	"runtime/metrics"
	"time"
)

// reading is what this process takes of the machine.
type reading struct {
	cpu        float64 // share of one core, over the last second
	heap       int64   // bytes of live and not yet swept objects
	limit      int64   // 0 without a limit
	goroutines int
}

// process reads the runtime once a second, which is as often as a person can
// use it. The zero value is ready.
type process struct {
	reading reading
	at      time.Time
	cpuTime time.Duration // at at
	samples []metrics.Sample
}

func (p *process) sample(now time.Time) {
	passed := now.Sub(p.at)
	if passed >= 0 && passed < time.Second {
		return
	}
	cpu := cpuTime()
	if !p.at.IsZero() && passed > 0 {
		p.reading.cpu = float64(cpu-p.cpuTime) / float64(passed)
	}
	p.at, p.cpuTime = now, cpu

	if p.samples == nil {
		p.samples = []metrics.Sample{
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/gc/gomemlimit:bytes"},
			{Name: "/sched/goroutines:goroutines"},
		}
	}
	metrics.Read(p.samples)
	p.reading.heap = int64(p.samples[0].Value.Uint64())
	p.reading.limit = int64(p.samples[1].Value.Uint64())
	if p.reading.limit == math.MaxInt64 { // what the runtime says for none
		p.reading.limit = 0
	}
	p.reading.goroutines = int(p.samples[2].Value.Uint64())
}
