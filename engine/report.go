package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/limit"
)

// Report tells what came of a released call: a good result of a cacheable read
// is kept, what a write or execute call may have changed is forgotten, and the
// outcome is recorded within 50 ms. It returns call.ErrUnknownCall for a call
// that was never released, was answered from the cache, or was reported already.
// After any other error the call is still open: report it again. Of reports of
// one call at the same time one succeeds.
func (e *Engine) Report(ctx context.Context, r call.Report) error {
	if err := e.reporting.take(ctx, r.ID); err != nil {
		return fmt.Errorf("another report of this call is being recorded: %w", err)
	}
	defer e.reporting.give(r.ID)
	o, ok := e.open.get(r.ID)
	if !ok {
		return call.ErrUnknownCall
	}
	// Before anything that can fail: readers must not wait for a broken ledger.
	o.close()
	sum := sha256.Sum256(r.Result)
	if err := e.recordReport(ctx, o, r, sum); err != nil {
		return err
	}
	e.open.forget(r.ID)
	if r.Outcome == call.OK && o.cacheable && len(r.Result) > 0 {
		start := e.o.Now()
		e.answers.results.Keep(o.ticket, r.Result)
		e.meter.CacheWrite.Observe(e.o.Now().Sub(start))
	}
	for _, p := range o.past {
		if p.OK && r.Outcome == call.OK {
			e.book.Remember(p, limit.Who{Agent: o.agent, Run: o.run}, o.counted.Add(e.o.Now().Sub(o.at)))
		}
	}
	e.countReport(o, r, sum)
	e.recent.update(r.ID, func(c *snapshot.Call) {
		c.Outcome, c.ErrorType, c.ToolMS = r.Outcome, r.ErrorType, micros(r.Duration)/1000
		c.Result, c.ResultBytes = preview(r.Result), len(r.Result)
	})
	return nil
}

func (e *Engine) recordReport(ctx context.Context, o *openCall, r call.Report, sum [sha256.Size]byte) error {
	data := event.ReportedData{Outcome: r.Outcome, ErrorType: r.ErrorType, DurationUS: r.Duration.Microseconds(), ResultBytes: len(r.Result)}
	if len(r.Result) > 0 {
		data.ResultSHA256 = hex.EncodeToString(sum[:])
	}
	for _, p := range o.past {
		if p.OK && r.Outcome == call.OK {
			data.Past = append(data.Past, p.ID)
		}
	}
	ev := e.event(event.Reported, data)
	ev.Run, ev.Call, ev.Agent, ev.Tool = o.run, o.id, o.agent, o.tool
	return e.record(ctx, false, ev)
}

func (e *Engine) countReport(o *openCall, r call.Report, sum [sha256.Size]byte) {
	t := e.meter.Tools.Get(o.tool)
	e.meter.Reports.Inc()
	t.Reports.Inc()
	if r.Duration > 0 {
		e.meter.Tool.Observe(r.Duration)
		t.Latency.Observe(r.Duration)
	}
	failed := r.Outcome == call.Failed
	if failed {
		e.meter.ToolErrors.Inc()
		t.Errors.Inc()
		class := r.ErrorType
		if class == "" {
			class = "unspecified"
		}
		e.meter.Classes.Get(class).Inc()
	}
	if e.runs.report(o, r, sum) {
		e.meter.ResultIdeal.Inc()
	}
}
