// Package replay drives recorded agent traffic through an engine as if it were
// happening now, and tallies what the engine made of it.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/trace"
)

// Options of Drive.
type Options struct {
	// Speed is how many times faster than recorded the events follow each other;
	// 0 means at once.
	Speed float64
	// MaxGap is the longest recorded pause that is waited out, before Speed
	// shortens it; default 5 s. Recordings span days, and nobody watches a night.
	MaxGap time.Duration
}

// untimed is the pause before an event that carries no time.
const untimed = 200 * time.Millisecond

// Progress counts the events driven so far. Its zero value is ready, and it may
// be read while Drive runs.
type Progress struct{ events, calls atomic.Int64 }

// Events and Calls are the numbers of events and of tool calls so far.
func (p *Progress) Events() int64 { return p.events.Load() }

// Calls is the number of tool calls so far.
func (p *Progress) Calls() int64 { return p.calls.Load() }

// Drive proposes every recorded call to d in the order of events, reports its
// recorded result if d lets it through, and passes on usage and the bounds of
// runs. A call that d holds back is not reported: the agent would not have made
// it. It blocks until the events end, ctx ends or something fails, and returns
// what was tallied until then.
func Drive(ctx context.Context, d gateway.Decider, events iter.Seq2[trace.Event, error], o Options, p *Progress) (*Tally, error) {
	if o.MaxGap == 0 {
		o.MaxGap = 5 * time.Second
	}
	dr := driver{d: d, tally: newTally(), pace: pace{o: o}}
	for ev, err := range untilDone(ctx, events) {
		if err != nil {
			return dr.tally, err
		}
		if err := dr.pace.wait(ctx, ev); err != nil {
			return dr.tally, err
		}
		if err := dr.event(ctx, ev); err != nil {
			return dr.tally, fmt.Errorf("%s:%d: %w", ev.File, ev.Line, err)
		}
		p.events.Add(1)
		if ev.Type == trace.ToolCall {
			p.calls.Add(1)
		}
	}
	return dr.tally, nil
}

// untilDone yields events until ctx ends, also while their source blocks, as a
// pipe does that nobody writes to. The goroutine that reads then stays behind
// until the source answers: nothing can call a blocked read back.
func untilDone(ctx context.Context, events iter.Seq2[trace.Event, error]) iter.Seq2[trace.Event, error] {
	type item struct {
		ev  trace.Event
		err error
	}
	return func(yield func(trace.Event, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		items := make(chan item, 64) // read ahead; when it is full the reader waits
		go func() {                  // ends with the events, or at its next one once stop is called
			defer close(items)
			for ev, err := range events {
				select {
				case items <- item{ev, err}:
				case <-ctx.Done():
					return
				}
			}
		}()
		for {
			select {
			case <-ctx.Done():
				yield(trace.Event{}, ctx.Err())
				return
			case it, ok := <-items:
				if !ok || !yield(it.ev, it.err) {
					return
				}
			}
		}
	}
}

// pace waits between events as long as the recording says.
type pace struct {
	o    Options
	last time.Time
}

func (p *pace) wait(ctx context.Context, ev trace.Event) error {
	if p.o.Speed == 0 {
		return ctx.Err()
	}
	gap := untimed
	if ev.HasTime {
		if gap = 0; !p.last.IsZero() {
			gap = min(max(ev.At.Sub(p.last), 0), p.o.MaxGap)
		}
		p.last = ev.At
	}
	t := time.NewTimer(time.Duration(float64(gap) / p.o.Speed))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type driver struct {
	d     gateway.Decider
	tally *Tally
	pace  pace
}

func (dr *driver) event(ctx context.Context, ev trace.Event) error {
	switch ev.Type {
	case trace.RunStart:
		dr.tally.Runs++
		return dr.d.StartRun(ctx, call.Run{ID: ev.Run, Agent: ev.Agent, Goal: goal(ev), Model: ev.Model})
	case trace.ToolCall:
		return dr.toolCall(ctx, ev)
	case trace.LLMUsage:
		charge, err := dr.d.Use(ctx, ev.Usage)
		if err == nil {
			dr.tally.usage(ev, charge)
		}
		return err
	case trace.RunEnd:
		err := dr.d.EndRun(ctx, ev.Run, stopReason(ev))
		if errors.Is(err, call.ErrUnknownRun) {
			return nil // the recording ends a run twice; there is nothing left to end
		}
		return err
	default:
		return fmt.Errorf("replay: event type %q", ev.Type)
	}
}

func (dr *driver) toolCall(ctx context.Context, ev trace.Event) error {
	p := call.Proposal{Agent: ev.Agent, AgentType: ev.Source, Run: ev.Run, ToolUse: ev.CallID, Tool: ev.Tool, Args: ev.Args, Model: ev.Model}
	if ev.HasTime {
		p.At = ev.At
	}
	d, err := dr.d.Propose(ctx, p)
	if err != nil {
		return err
	}
	result, err := resultOf(ev)
	if err != nil {
		return err
	}
	dr.tally.call(ev, d, result)
	if d.Effect != call.Allow || d.Cache.Status == call.CacheHit {
		return nil
	}
	r := call.Report{ID: d.ID, Outcome: call.OK, Result: result, Duration: duration(ev)}
	if failed(ev) {
		r.Outcome, r.ErrorType = call.Failed, errorType(ev)
	}
	return dr.d.Report(ctx, r)
}

// goal is the task, or the folder that the agent worked in.
func goal(ev trace.Event) string {
	if ev.Task != "" || ev.Cwd == "" {
		return ev.Task
	}
	return path.Base(strings.ReplaceAll(ev.Cwd, `\`, "/"))
}

// resultOf is the recorded result as JSON, nil if none was recorded.
func resultOf(ev trace.Event) (json.RawMessage, error) {
	if ev.Result == nil {
		return nil, nil
	}
	b, err := json.Marshal(*ev.Result)
	if err != nil {
		return nil, fmt.Errorf("replay: result: %w", err)
	}
	return b, nil
}

func failed(ev trace.Event) bool { return ev.IsError != nil && *ev.IsError }

func errorType(ev trace.Event) string {
	if ev.ExitCode != nil && *ev.ExitCode != 0 {
		return fmt.Sprintf("exit_%d", *ev.ExitCode)
	}
	return "tool_error"
}

// longest is the longest duration that is believed: no tool runs for a month.
const longest = 30 * 24 * time.Hour

// duration is what the tool itself reported, else the time until its result.
func duration(ev trace.Event) time.Duration {
	if ev.DurationMS != nil {
		return time.Duration(min(max(*ev.DurationMS, 0), float64(longest/time.Millisecond)) * float64(time.Millisecond))
	}
	if ev.HasTime && ev.End.After(ev.At) {
		return min(ev.End.Sub(ev.At), longest)
	}
	return 0
}

// stopReason reads a recorded outcome in M1's words. Whether a task was solved is
// the source's judgement of the work, not the reason why the run stopped.
func stopReason(ev trace.Event) string {
	switch outcome := strings.ToLower(ev.Outcome); {
	case strings.Contains(outcome, "error"):
		return "error"
	case strings.HasPrefix(outcome, "max_"), strings.HasPrefix(outcome, "limit"):
		return "limit_exceeded"
	default:
		return "completed"
	}
}
