package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/term"

	"m1/app/daemon"
	"m1/collector/snapshot"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
)

// replaying is one replay on its way.
type replaying struct {
	path   string
	stderr io.Writer
	pace   replay.Options
	reader *trace.Reader
	daemon *daemon.Daemon

	progress replay.Progress
	ended    atomic.Bool
	report   replay.Report // once drive has returned
}

func (r *replaying) describe() snapshot.Source {
	read, total := r.reader.Progress()
	return snapshot.Source{Mode: "replay", Title: r.path, Done: read, Total: total, Ended: r.ended.Load()}
}

// driveAndStay leaves the screen open after the last event.
func (r *replaying) driveAndStay(ctx context.Context) error {
	if err := r.drive(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// drive replays and reports. That ctx ends is no failure: the report then says
// that it is not complete.
func (r *replaying) drive(ctx context.Context) error {
	start := time.Now()
	tally, err := replay.Drive(ctx, r.daemon.Engine(), r.reader.Events(), r.pace, &r.progress)
	r.ended.Store(true)
	stopped := ctx.Err() != nil && errors.Is(err, ctx.Err())
	status := r.daemon.Engine().Status()
	r.report = tally.Report(r.daemon.Engine().Meter(), replay.Meta{
		File: r.path, Format: string(r.reader.Format()), Policy: status.Policy.Name, PriceVersion: status.PriceVersion,
		Observe: status.Policy.Observe, Complete: err == nil, Events: r.progress.Events(), Skipped: r.reader.Bad(), Elapsed: time.Since(start),
	})
	if stopped {
		return nil
	}
	return err
}

// showProgress keeps one line on a terminal, and elsewhere writes a line now and
// then and at the end.
func (r *replaying) showProgress(ctx context.Context) error {
	every, end, last := 5*time.Second, "\n", "\n"
	if f := file(r.stderr); f != nil && term.IsTerminal(f.Fd()) {
		every, end, last = 200*time.Millisecond, "\x1b[K\r", "\x1b[K\n" // the new line may be shorter
	}
	t := time.NewTicker(every)
	defer t.Stop()
	start := time.Now()
	for {
		select {
		case <-ctx.Done():
			r.writeProgress(start, last)
			return nil
		case <-t.C:
			r.writeProgress(start, end)
		}
	}
}

func (r *replaying) writeProgress(start time.Time, end string) {
	share := "  ?"
	if read, total := r.reader.Progress(); total > 0 {
		share = fmt.Sprintf("%3d", 100*read/total)
	}
	calls := r.progress.Calls()
	fmt.Fprintf(r.stderr, "replay %s%%  %d events  %d calls  %.0f calls/s%s",
		share, r.progress.Events(), calls, float64(calls)/time.Since(start).Seconds(), end)
}
