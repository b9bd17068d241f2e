package cache_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// origin is when clock shows 0.
var origin = time.Now()

// clock is one clock for all nodes and histories of this process.
func clock() time.Duration { return time.Since(origin) }

// never is when an operation ends whose outcome is not known.
const never = time.Duration(math.MaxInt64)

// register is the source of truth about one answer, and what was seen of it. Its
// values are 1, 2, 3, …; one writer at a time changes it.
type register struct {
	name  string
	now   atomic.Int64 // the value in the source
	acked atomic.Int64 // the last value whose change was acknowledged
	open  atomic.Int32 // changes under way

	mu      sync.Mutex
	acks    []acknowledged
	initial int64 // value when the history begins
	history []operation
	until   time.Duration // the history ends then
}

type acknowledged struct {
	value int64
	at    time.Duration
}

// operation is one line of a history: a write of value, or a read that gave it.
type operation struct {
	write     bool
	value     int64
	call, end time.Duration
	where     string
}

// acknowledge puts down that every change up to value is acknowledged.
func (r *register) acknowledge(value int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value > r.acked.Load() {
		r.acks = append(r.acks, acknowledged{value, clock()})
		r.acked.Store(value)
	}
}

// age is how long before t it was acknowledged that value is not the last one.
func (r *register) age(value int64, t time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.acks {
		if a.value > value {
			return t - a.at
		}
	}
	return 0
}

func (r *register) record(op operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, op)
}

// begin starts a new history. Nothing may be under way.
func (r *register) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.initial, r.history, r.acks, r.until = r.now.Load(), nil, nil, never
}

// stop ends the history at t.
func (r *register) stop(t time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = min(r.until, t)
}

// take returns the history and the value that it begins with.
func (r *register) take() (int64, []operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.initial, slices.DeleteFunc(slices.Clone(r.history), func(op operation) bool {
		return op.call >= r.until || !op.write && op.end >= r.until
	})
}

// model is a register: a read gives what was written last.
func model(initial int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, output any) (bool, any) {
			if op := input.(operation); op.write {
				return true, op.value
			}
			return state == output, state
		},
	}
}

// linearizable asks porcupine; the reason is empty if the history is. An
// unacknowledged write that nobody read is left out: it may have no effect before
// the end of the history, and porcupine is quicker without it.
func linearizable(initial int64, history []operation, limit time.Duration) (reason string) {
	read := map[int64]bool{}
	for _, op := range history {
		if !op.write {
			read[op.value] = true
		}
	}
	history = slices.DeleteFunc(slices.Clone(history), func(op operation) bool {
		return op.write && op.end == never && !read[op.value]
	})
	check := func(history []operation) porcupine.CheckResult {
		ops := make([]porcupine.Operation, len(history))
		for i, op := range history {
			ops[i] = porcupine.Operation{Input: op, Output: op.value, Call: int64(op.call), Return: int64(op.end)}
		}
		return porcupine.CheckOperationsTimeout(model(initial), ops, limit)
	}
	switch check(history) {
	case porcupine.Ok:
		return ""
	case porcupine.Unknown:
		return fmt.Sprintf("porcupine did not come to an end of %d operations within %s: make the histories shorter", len(history), limit)
	}
	// The shortest beginning that is wrong shows what went wrong.
	slices.SortFunc(history, func(a, b operation) int { return cmp.Compare(a.call, b.call) })
	until := func(t time.Duration) []operation {
		var some []operation
		for _, op := range history {
			switch {
			case op.call > t || op.end > t && !op.write:
				continue
			case op.end > t:
				op.end = never
			}
			some = append(some, op)
		}
		return some
	}
	ends := make([]time.Duration, len(history))
	for i, op := range history {
		ends[i] = op.end
	}
	slices.Sort(ends)
	n, _ := slices.BinarySearchFunc(ends, 0, func(end time.Duration, _ int) int {
		if check(until(end)) == porcupine.Ok {
			return -1
		}
		return 0
	})
	if n == len(ends) {
		n-- // a check ran out of time
	}
	some := until(ends[n])
	slices.SortFunc(some, func(a, b operation) int { return cmp.Compare(a.end, b.end) })
	var b strings.Builder
	b.WriteString("not linearizable; the last operations before it shows:")
	for _, op := range some[max(len(some)-12, 0):] {
		what, end := "read", op.end.String()
		if op.write {
			what = "write"
		}
		if op.end == never {
			end = "?"
		}
		fmt.Fprintf(&b, "\n\t%s %d at %s from %s to %s", what, op.value, op.where, op.call, end)
	}
	return b.String()
}

func at(from, to int, op operation) operation {
	op.call, op.end = time.Duration(from), time.Duration(to)
	if to < 0 {
		op.end = never
	}
	return op
}

func TestOracleTellsLinearHistories(t *testing.T) {
	t.Parallel()
	w := func(v int64) operation { return operation{write: true, value: v} }
	r := func(v int64) operation { return operation{value: v} }
	for name, c := range map[string]struct {
		history []operation
		right   bool
	}{
		"nothing":                            {nil, true},
		"the first value":                    {[]operation{at(0, 1, r(7))}, true},
		"another first value":                {[]operation{at(0, 1, r(8))}, false},
		"old and new during a write":         {[]operation{at(0, 9, w(8)), at(1, 2, r(7)), at(3, 4, r(8))}, true},
		"old after new during a write":       {[]operation{at(0, 9, w(8)), at(1, 2, r(8)), at(3, 4, r(7))}, false},
		"old beside new during a write":      {[]operation{at(0, 9, w(8)), at(1, 4, r(8)), at(2, 5, r(7))}, true},
		"old after a write":                  {[]operation{at(0, 1, w(8)), at(2, 3, r(7))}, false},
		"old after a write of which nothing": {[]operation{at(0, -1, w(8)), at(2, 3, r(7))}, true},
		"new long after it":                  {[]operation{at(0, -1, w(8)), at(2, 3, r(7)), at(4, 5, r(8))}, true},
		"old after that":                     {[]operation{at(0, -1, w(8)), at(2, 3, r(8)), at(4, 5, r(7))}, false},
		"new before its write":               {[]operation{at(0, 1, r(8)), at(2, 3, w(8))}, false},
	} {
		reason := linearizable(7, c.history, time.Minute)
		require.Equal(t, c.right, reason == "", "%s: %s", name, reason)
	}
}

func TestOracleSaysWhenItDidNotComeToAnEnd(t *testing.T) {
	t.Parallel()
	var hard []operation
	for i := range 400 {
		hard = append(hard, at(i, 10_000, operation{value: int64(i % 2)}), at(i, 10_000, operation{write: true, value: int64(i % 2)}))
	}
	hard = append(hard, at(0, 10_000, operation{value: 5}))
	require.Contains(t, linearizable(0, hard, time.Millisecond), "did not come to an end")
}
