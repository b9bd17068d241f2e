package meter

import (
	"math"
	"time"
)

// Distribution is what a Histogram counted, since its start or in a stretch of
// time. The zero value is empty.
type Distribution struct {
	counts []int64 // by bucket; nil if nothing was counted
	count  int64
	sum    time.Duration
	max    time.Duration // bounds every observation from above
}

// Count is the number of observations.
func (d Distribution) Count() int64 { return d.count }

// Sum is the time of all observations together.
func (d Distribution) Sum() time.Duration { return d.sum }

// Mean is the arithmetic mean; 0 if nothing was counted.
func (d Distribution) Mean() time.Duration {
	if d.count == 0 {
		return 0
	}
	return d.sum / time.Duration(d.count)
}

// Quantile is the upper bound of the bucket in which the q-th part of the
// observations is reached: never below the true value, and at most 3.2 % above.
// From 39 h on it is the longest ever observed. It is 0 if nothing was counted.
func (d Distribution) Quantile(q float64) time.Duration {
	if d.count == 0 {
		return 0
	}
	rank := min(max(int64(math.Ceil(q*float64(d.count))), 1), d.count)
	for i, n := range d.counts {
		if rank -= n; rank <= 0 {
			return d.upperBound(i)
		}
	}
	return d.max
}

// Max is the longest observation. Of a stretch of time only the bucket is known:
// then it is that bucket's upper bound, at most 3.2 % above the true value.
func (d Distribution) Max() time.Duration {
	if d.count == 0 {
		return 0
	}
	for i := len(d.counts) - 1; i >= 0; i-- {
		if d.counts[i] > 0 {
			return d.upperBound(i)
		}
	}
	return d.max
}

// Above is the number of observations longer than limit. Those that share
// limit's bucket count as not longer.
func (d Distribution) Above(limit time.Duration) int64 {
	if d.count == 0 {
		return 0
	}
	var n int64
	for _, c := range d.counts[bucketOf(max(limit, 0))+1:] {
		n += c
	}
	return n
}

func (d Distribution) upperBound(bucket int) time.Duration {
	if bucket == overflow {
		return d.max
	}
	return min(lowerBound(bucket+1)-1, d.max)
}
