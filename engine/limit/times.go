package limit

import "sort"

// times is a queue of moments that never fall, as a ring that grows with its use.
type times struct {
	ring []int64 // its length is 0 or a power of two
	head int     // index of the oldest
	n    int
}

// at is the i-th moment, the oldest first.
func (q *times) at(i int) int64 { return q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *times) push(t int64) {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = t
	q.n++
}

func (q *times) grow() {
	ring := make([]int64, max(4, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = q.at(i)
	}
	q.ring, q.head = ring, 0
}

// pop drops the oldest.
func (q *times) pop() {
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

// upTo is how many moments are t or earlier.
func (q *times) upTo(t int64) int {
	return sort.Search(q.n, func(i int) bool { return q.at(i) > t })
}

// take drops the i-th moment.
func (q *times) take(i int) {
	for ; i > 0; i-- {
		q.ring[(q.head+i)&(len(q.ring)-1)] = q.at(i - 1)
	}
	q.pop()
}
