package meter

import (
	"iter"
	"time"
)

// Span is one window that a History answers for, and the length of a slot in
// it. Window is a whole multiple of Slot.
type Span struct{ Window, Slot time.Duration }

// History remembers what instruments counted in the last minutes and hours, for
// a fixed set of windows. It reads the instruments when Sample is called and
// costs their users nothing. One goroutine at a time may use it.
//
// Every window is cut into slots that begin at whole multiples of their length,
// so that they stay in place from one sample to the next. When a slot closes, P
// is made of it once: the value of a chart's point. Memory is bounded: a closed
// slot keeps only what moved in it.
//
// Time is the wall clock's. If it jumps forward, or the machine was suspended,
// empty slots stand for the gap. If it jumps back, the history is moved back
// with it: ages stay true, and nothing is counted twice or lost.
type History[P any] struct {
	columns *columns
	rings   []ring[P]
	began   time.Time // moved along when the clock is set back
	at      time.Time // of the last sample; zero before the first
}

// NewHistory returns an empty History of instruments that count since start.
// What they counted before the first sample falls into the slot of that sample.
// Point makes a P of one slot; it may be nil if P is not wanted.
func NewHistory[P any](start time.Time, point func(Deltas) P, spans ...Span) *History[P] {
	if point == nil {
		point = func(Deltas) (p P) { return p }
	}
	h := &History[P]{columns: newColumns(), began: start.Round(0)}
	for _, s := range spans {
		h.rings = append(h.rings, newRing(s, h.columns, point))
	}
	return h
}

// TrackCounters adds counters. What they counted before falls into the slot of
// the next sample.
func (h *History[P]) TrackCounters(counters ...*Counter) {
	for _, c := range counters {
		h.columns.addCounter(c)
	}
	h.grow()
}

// TrackHistograms does the same for histograms.
func (h *History[P]) TrackHistograms(histograms ...*Histogram) {
	for _, g := range histograms {
		h.columns.addHistogram(g)
	}
	h.grow()
}

func (h *History[P]) grow() {
	for i := range h.rings {
		h.rings[i].grow(len(h.columns.last))
	}
}

// Sample reads every tracked instrument and counts what is new at now.
func (h *History[P]) Sample(now time.Time) {
	now = now.Round(0)
	if now.Before(h.at) {
		h.began = h.began.Add(now.Sub(h.at))
	}
	h.at = now
	for i := range h.rings {
		h.rings[i].advance(now, h.began)
	}
	h.columns.read(func(column int, delta int64) {
		for i := range h.rings {
			h.rings[i].add(column, delta)
		}
	})
}

// Window returns what happened in the i-th span up to the last sample: all of
// it, and at most one slot more. While the instruments are younger than the
// window, it is everything since their start. The result is valid until the
// next Sample.
func (h *History[P]) Window(i int) Deltas {
	r := &h.rings[i]
	return h.columns.deltas(r.sum, later(r.oldest(), h.began), h.at)
}

// Points yields the beginning and the P of each slot of the i-th span, oldest
// first, without the one that is still open.
func (h *History[P]) Points(i int) iter.Seq2[time.Time, P] {
	return h.rings[i].points
}

// Open returns what happened in the slot of the i-th span that is still open,
// and when that slot began. The result is valid until the next Sample.
func (h *History[P]) Open(i int) (time.Time, Deltas) {
	r := &h.rings[i]
	return r.start(r.head), h.columns.deltas(r.open, later(r.start(r.head), h.began), h.at)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
