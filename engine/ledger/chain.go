package ledger

import (
	"fmt"
	"math"

	"m1/engine/event"
)

// maxSeq is the largest number that a store can keep. A larger one was negative
// where it came from.
const maxSeq = math.MaxInt64

// Follows returns a *CorruptError unless ev continues the chain after prev; the
// zero Event stands before the first.
func Follows(prev, ev event.Event) error {
	switch want := prev.Seq + 1; {
	case ev.Seq < want || ev.Seq > maxSeq:
		return &CorruptError{Seq: ev.Seq, Why: fmt.Sprintf("it was put in; record %d was due", want)}
	case ev.Seq > want:
		return &CorruptError{Seq: want, Why: fmt.Sprintf("it is missing; record %d stands in its place", ev.Seq)}
	case ev.Hash != ev.Sum(prev.Hash):
		return &CorruptError{Seq: ev.Seq, Why: "it does not continue the chain: it was changed or put in, or records before it were taken out"}
	}
	return nil
}

// EndsAt returns a *CorruptError unless last is the record that its store wrote
// last: number seq with hash head.
func EndsAt(last event.Event, seq uint64, head event.Hash) error {
	switch {
	case last.Seq < seq:
		return &CorruptError{Seq: last.Seq + 1, Why: fmt.Sprintf("it is missing; %d were written", seq)}
	case last.Seq > seq:
		return &CorruptError{Seq: seq + 1, Why: "it was put in; this store did not write it"}
	case last.Hash != head:
		return &CorruptError{Seq: seq, Why: "the chain was rewritten: it ends in another hash than was written"}
	}
	return nil
}
