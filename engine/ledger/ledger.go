// Package ledger defines the durable, hash-chained record of what agents
// proposed, what was decided and what came of it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"m1/engine/call"
	"m1/engine/event"
)

var (
	// ErrUnavailable is wrapped when the store cannot make events durable, for
	// example because the disk is full. Nothing of the call was acknowledged.
	ErrUnavailable = errors.New("ledger: unavailable")
	// ErrFull is returned by Enqueue when too much waits for the disk.
	ErrFull = errors.New("ledger: queue full")
	// ErrClosed is returned by every method but Status after Close.
	ErrClosed = errors.New("ledger: closed")
)

// CorruptError names the first record that does not continue the chain.
type CorruptError struct {
	Seq uint64
	Why string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("ledger: record %d: %s", e.Seq, e.Why)
}

// Query selects events in rising Seq. Zero fields select everything.
type Query struct {
	After uint64 // only events with a greater Seq
	Run   call.RunID
	Kind  event.Kind
	Limit int  // 0 means no limit
	Last  bool // with a Limit: the last so many, still in rising Seq, not the first
}

// Status is what a store says of itself. It never waits for the disk.
type Status struct {
	Events  uint64     // durable events
	Head    event.Hash // hash of the last durable event
	Queue   int        // events accepted and not yet durable, enqueued or in an Append
	Bytes   int64      // size of the store; 0 if unknown
	Commits uint64     // how often the disk was asked to keep something, since the store was opened
	Err     string     // why the last commit failed; empty after a success
	Since   time.Time  // when Err began; zero while Err is empty
}

// Store is what a ledger backend must do; ledgertest.Run says how. Every method
// is safe for concurrent use. The store gives Seq (from 1, no gaps) and Hash in
// the order in which events are accepted, over Append and Enqueue together.
type Store interface {
	// Append returns after all evs, and everything enqueued before them, are
	// durable, or with an error that wraps ErrUnavailable, ErrClosed, ErrInvalid
	// or the context's: then no reader sees any of evs and none will be
	// acknowledged later. It returns the Seq of the last of evs; without evs it
	// is a Flush that returns the last durable Seq.
	//
	// A context that ends takes evs back as long as they wait. Once they are on
	// their way to the disk, Append stays for the outcome and returns that. Only
	// if the process dies between a failed write and the next successful one may
	// evs of the failed Append stand in the ledger of the next start.
	Append(ctx context.Context, evs ...event.Event) (uint64, error)
	// Enqueue accepts all of evs or none, without waiting for the disk; the next
	// Append or Flush makes them durable. A failed write keeps them, in order,
	// for the next. It returns ErrFull when the queue has no room, or an error
	// that wraps ErrInvalid, or ErrUnavailable as long as the last write failed:
	// nobody can say whether the disk will ever take what waits, so nothing is
	// added to it. Append and Flush try the disk again.
	Enqueue(evs ...event.Event) error
	// Flush returns after everything enqueued so far is durable. If its context
	// ends first, the events stay in the queue.
	Flush(ctx context.Context) error
	// Events yields the events that were durable when the iteration began, in
	// rising Seq. A second value that is not nil ends the sequence. A slow reader
	// holds nobody up. Payloads are read only.
	Events(ctx context.Context, q Query) iter.Seq2[event.Event, error]
	// Verify reads the whole chain and returns a *CorruptError for the first
	// record that was changed, removed or put in. Of a record cut off at the end,
	// or a chain rewritten as a whole, only the store that wrote it can know.
	Verify(ctx context.Context) error
	// Status never waits for the disk and works after Close.
	Status() Status
	// Close flushes and releases the store. If the flush fails it still releases,
	// and its error, which wraps ErrUnavailable, says how many events are lost.
	Close() error
}
