package meter

import (
	"encoding/binary"
	"slices"
	"time"
)

// ring holds the slots of one window: the open one as a vector with a place per
// column, the closed ones packed, and the sum over all of them.
type ring[P any] struct {
	length  time.Duration // of a slot
	columns *columns
	point   func(Deltas) P

	head    int64 // number of the open slot: how many fit between the epoch and it
	open    []int64
	touched []int // columns of open that are not 0, in no order
	scratch []byte

	closed []slot[P] // a circle
	next   int       // where the open slot goes, over the oldest one when full
	filled int       // closed slots in use

	sum []int64
}

type slot[P any] struct {
	packed []byte
	point  P
}

func newRing[P any](s Span, c *columns, point func(Deltas) P) ring[P] {
	return ring[P]{length: s.Slot, columns: c, point: point, closed: make([]slot[P], s.Window/s.Slot), head: -1}
}

func (r *ring[P]) grow(columns int) {
	r.sum = append(r.sum, make([]int64, columns-len(r.sum))...)
	r.open = append(r.open, make([]int64, columns-len(r.open))...)
}

func (r *ring[P]) start(number int64) time.Time {
	return time.Unix(0, number*int64(r.length))
}

func (r *ring[P]) oldest() time.Time { return r.start(r.head - int64(r.filled)) }

// advance closes slots until the one that now belongs to is open.
func (r *ring[P]) advance(now, began time.Time) {
	number := now.UnixNano() / int64(r.length)
	if r.head >= 0 {
		// After a gap as long as the window, more empty slots would change nothing.
		for range min(number-r.head, int64(len(r.closed))+1) {
			r.close(began)
		}
	}
	// Slots know only how far they are from the open one: when the clock was set
	// back, this moves them all.
	r.head = number
}

func (r *ring[P]) add(column int, delta int64) {
	if r.open[column] == 0 {
		r.touched = append(r.touched, column)
	}
	r.open[column] += delta
	r.sum[column] += delta
}

func (r *ring[P]) close(began time.Time) {
	s := &r.closed[r.next]
	if r.filled == len(r.closed) {
		s.unpack(func(column int, delta int64) { r.sum[column] -= delta })
	} else {
		r.filled++
	}
	r.next = (r.next + 1) % len(r.closed)

	s.point = r.point(r.columns.deltas(r.open, later(r.start(r.head), began), r.start(r.head+1)))
	slices.Sort(r.touched)
	s.packed = r.pack()
	for _, column := range r.touched {
		r.open[column] = 0
	}
	r.touched = r.touched[:0]
	r.head++
}

// pack writes pairs of numbers: how far the column is from the one before, and
// its value. Most take two or three bytes, where a vector would take 100 KB.
func (r *ring[P]) pack() []byte {
	buf, before := r.scratch[:0], 0
	for _, column := range r.touched {
		buf = binary.AppendUvarint(buf, uint64(column-before))
		buf = binary.AppendVarint(buf, r.open[column])
		before = column
	}
	r.scratch = buf
	return slices.Clone(buf)
}

func (s *slot[P]) unpack(each func(column int, delta int64)) {
	column := 0
	for b := s.packed; len(b) > 0; {
		step, n := binary.Uvarint(b)
		delta, m := binary.Varint(b[n:])
		b = b[n+m:]
		column += int(step)
		each(column, delta)
	}
}

func (r *ring[P]) points(yield func(time.Time, P) bool) {
	for i := range r.filled {
		at := (r.next - r.filled + i + len(r.closed)) % len(r.closed)
		if !yield(r.start(r.head-int64(r.filled-i)), r.closed[at].point) {
			return
		}
	}
}
