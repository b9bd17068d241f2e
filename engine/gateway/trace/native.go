package trace

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"m1/engine/call"
)

// maxSeq is more events than a run can have.
const maxSeq = 1_000_000_000

// native reads M1's trace format and keeps the count of every run.
type native struct {
	in   *lines
	want map[call.RunID]int // the seq that the next event of the run must have
	lost int                // lines skipped whose run is unknown: each explains one missing seq
}

// next returns the next event. A *LineError may come together with an event:
// then the event is good, but others before it are missing.
func (r *native) next() (Event, bool, error) {
	n, text, err := r.in.next()
	if err != nil {
		if isLine(err) {
			r.lost++
		}
		return Event{}, false, err
	}
	fail := func(format string, args ...any) (Event, bool, error) {
		return Event{}, false, &LineError{r.in.name, n, fmt.Sprintf(format, args...)}
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		r.lost++
		return fail("%s", explain(err))
	}
	if w.Run == "" || w.Seq == nil || *w.Seq < 0 || *w.Seq > maxSeq {
		r.lost++
		return fail("%s", w.unplaced())
	}
	want, got := r.want[w.Run], *w.Seq
	if got < want {
		return fail("seq of run %q: want %d, got %d", w.Run, want, got)
	}
	r.want[w.Run] = got + 1

	ev, msg := w.event()
	if msg != "" {
		return fail("%s", msg)
	}
	ev.File, ev.Line = r.in.name, n
	if gap := got - want; gap > r.lost {
		return ev, true, &LineError{r.in.name, n, fmt.Sprintf("seq of run %q: want %d, got %d", w.Run, want, got)}
	}
	r.lost -= got - want
	return ev, true, nil
}
