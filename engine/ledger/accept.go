package ledger

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"m1/engine/event"
)

// MaxEvent is the largest event that a store accepts, in bytes as Size counts
// them. One event that no disk could ever take would hold up all behind it.
const MaxEvent = 16 << 20

// ErrInvalid is wrapped when an event cannot be kept as it is: it is larger than
// MaxEvent, or its time does not fit nanoseconds in 64 bits (1678 to 2262).
// Nothing of the call was accepted.
var ErrInvalid = errors.New("ledger: invalid event")

var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// Size is the room that ev takes in a queue, in bytes: its texts and payload,
// and a fixed share for the rest.
func Size(ev event.Event) int {
	const fixed = 128
	return fixed + len(ev.Kind) + len(ev.Run) + len(ev.Call) + len(ev.Agent) + len(ev.Tool) + len(ev.Data)
}

// Accept returns ev as every store keeps it: At in UTC without a monotonic
// reading, or now where At is zero; a payload of its own, nil if empty; Seq and
// Hash not yet given. It returns an error that wraps ErrInvalid.
func Accept(ev event.Event, now time.Time) (event.Event, error) {
	if ev.At.IsZero() {
		ev.At = now
	}
	if ev.At.Before(earliest) || ev.At.After(latest) {
		return ev, fmt.Errorf("%w: the time %s is outside 1678 to 2262", ErrInvalid, ev.At.UTC().Format(time.RFC3339))
	}
	if n := Size(ev); n > MaxEvent {
		return ev, fmt.Errorf("%w: %s has %d bytes, more than %d", ErrInvalid, ev.Kind, n, MaxEvent)
	}
	ev.At = time.Unix(0, ev.At.UnixNano()).UTC()
	if len(ev.Data) == 0 {
		ev.Data = nil
	} else {
		ev.Data = slices.Clone(ev.Data)
	}
	ev.Seq, ev.Hash = 0, event.Hash{}
	return ev, nil
}

// AcceptAll is Accept for all of evs, or an error for the first that is invalid,
// and the sum of their sizes.
func AcceptAll(evs []event.Event, now time.Time) ([]event.Event, int, error) {
	kept, size := make([]event.Event, 0, len(evs)), 0
	for _, ev := range evs {
		ev, err := Accept(ev, now)
		if err != nil {
			return nil, 0, err
		}
		kept, size = append(kept, ev), size+Size(ev)
	}
	return kept, size, nil
}
