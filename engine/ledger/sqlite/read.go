package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"m1/engine/event"
	"m1/engine/ledger"
)

// pageBytes bounds what a reader holds at once, but one event it always takes.
const pageBytes = 4 << 20

// Events implements ledger.Store.
func (s *Store) Events(ctx context.Context, q ledger.Query) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		r, err := s.newReader(q)
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		if !r.falling {
			r.events(ctx)(yield)
			return
		}
		var found []event.Event
		for ev, err := range r.events(ctx) {
			if err != nil {
				yield(event.Event{}, err)
				return
			}
			found = append(found, ev)
		}
		for _, ev := range slices.Backward(found) {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// reader answers one query. It takes the ledger in pages and holds no
// transaction between them: one that stayed open while its consumer thinks would
// keep the log from being moved into the file.
type reader struct {
	s       *Store
	q       ledger.Query
	falling bool
	left    int      // how many events may still be yielded
	head    uint64   // where the chain ended when the iteration began
	mark    uint64   // up to here the index on disk lists the run
	tail    []uint64 // and these it did not list
}

func (s *Store) newReader(q ledger.Query) (*reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ledger.ErrClosed
	}
	r := &reader{s: s, q: q, falling: q.Last && q.Limit > 0, left: q.Limit, head: s.status.Events, mark: s.index.mark}
	if q.Limit <= 0 {
		r.left = math.MaxInt
	}
	if q.Run != "" {
		r.tail = slices.Clone(s.index.runs[q.Run])
	}
	return r, nil
}

// events yields what the query selects, falling if r is.
func (r *reader) events(ctx context.Context) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for p, err := range r.pages(ctx) {
			for err == nil && p.lo < p.hi {
				var evs []event.Event
				evs, p, err = r.take(ctx, p)
				for _, ev := range evs {
					if !yield(ev, nil) {
						return
					}
					if r.left--; r.left == 0 {
						return
					}
				}
			}
			if err != nil {
				yield(event.Event{}, r.s.reason(ctx, "read", err))
				return
			}
		}
	}
}

// take reads p, or as much of it as pageBytes allows, and returns the rest.
func (r *reader) take(ctx context.Context, p page) ([]event.Event, page, error) {
	where, args := "WHERE seq > ? AND seq <= ?", []any{int64(p.lo), int64(p.hi)}
	if p.seqs != nil {
		list, err := json.Marshal(p.seqs)
		if err != nil {
			return nil, p, err
		}
		// The plus keeps SQLite from scanning the range instead of the list.
		where = "WHERE +seq > ? AND +seq <= ? AND seq IN (SELECT value FROM json_each(?)) AND run = ?"
		args = append(args, string(list), string(r.q.Run))
	}
	if r.q.Kind != "" {
		where += " AND kind = ?"
		args = append(args, string(r.q.Kind))
	}
	order := " ORDER BY seq"
	if r.falling {
		order = " ORDER BY seq DESC"
	}
	evs, whole, err := r.s.fetch(ctx, where+order+" LIMIT ?", append(args, r.left)...)
	switch {
	case err != nil || whole:
		p.hi = p.lo
	case r.falling:
		p.hi = evs[len(evs)-1].Seq - 1
	default:
		p.lo = evs[len(evs)-1].Seq
	}
	return evs, p, err
}

// fetch reads the events that the clause selects. It stops, and whole is false,
// once it holds more than pageBytes.
func (s *Store) fetch(ctx context.Context, clause string, args ...any) (evs []event.Event, whole bool, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT seq, at, kind, run, call, agent, tool, data, hash FROM events "+clause, args...)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }()
	for size := 0; rows.Next(); {
		if size > pageBytes {
			return evs, false, nil
		}
		ev, err := scan(rows)
		if err != nil {
			return nil, false, err
		}
		evs, size = append(evs, ev), size+ledger.Size(ev)
	}
	return evs, true, rows.Err()
}

func scan(rows *sql.Rows) (event.Event, error) {
	var ev event.Event
	var seq, at int64
	var data, hash []byte
	if err := rows.Scan(&seq, &at, &ev.Kind, &ev.Run, &ev.Call, &ev.Agent, &ev.Tool, &data, &hash); err != nil {
		return ev, err
	}
	ev.Seq, ev.At = uint64(seq), time.Unix(0, at).UTC()
	if len(data) > 0 {
		ev.Data = data
	}
	if len(hash) != len(ev.Hash) {
		return ev, &ledger.CorruptError{Seq: ev.Seq, Why: fmt.Sprintf("its hash has %d bytes, not %d", len(hash), len(ev.Hash))}
	}
	copy(ev.Hash[:], hash)
	return ev, nil
}
