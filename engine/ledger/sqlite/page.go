package sqlite

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

const (
	pageRows     = 1024 // records that one statement looks at
	pagePostings = 32   // rows of the index that one statement reads
)

// page is a stretch of the ledger to look at.
type page struct {
	lo, hi uint64   // above lo, up to hi
	seqs   []uint64 // rising; only these, or all if nil
}

// pages yields every stretch that may hold events of the query, in the order
// asked for.
func (r *reader) pages(ctx context.Context) iter.Seq2[page, error] {
	if r.q.Run == "" {
		return r.stretches
	}
	return func(yield func(page, error) bool) { r.runPages(ctx, yield) }
}

// stretches yields all from After to the head.
func (r *reader) stretches(yield func(page, error) bool) {
	lo, hi := r.q.After, r.head
	for lo < hi {
		p := page{lo: lo, hi: min(hi, lo+pageRows)}
		if r.falling {
			p = page{lo: max(lo, hi-min(hi, pageRows)), hi: hi}
			hi = p.lo
		} else {
			lo = p.hi
		}
		if !yield(p, nil) {
			return
		}
	}
}

// runPages yields what the index lists of the run, then the tail of it; the tail
// first if falling.
func (r *reader) runPages(ctx context.Context, yield func(page, error) bool) {
	send := func(seqs []uint64) bool {
		return len(seqs) == 0 || yield(page{lo: r.q.After, hi: r.head, seqs: seqs}, nil)
	}
	if r.falling && !send(r.tail) {
		return
	}
	for seqs, err := range r.indexed(ctx) {
		if err != nil {
			yield(page{}, err)
			return
		}
		if !send(seqs) {
			return
		}
	}
	if !r.falling {
		send(r.tail)
	}
}

// indexed yields the events of the run that the index lists, some rows of it at
// a time. It stops at mark: what was indexed since stands in the tail.
func (r *reader) indexed(ctx context.Context) iter.Seq2[[]uint64, error] {
	return func(yield func([]uint64, error) bool) {
		if r.q.After >= r.mark {
			return
		}
		// The row that begins at or before the first event wanted may hold it.
		var from int64
		err := r.s.read.QueryRowContext(ctx, "SELECT coalesce(max(first), 0) FROM postings WHERE run = ? AND first <= ?",
			string(r.q.Run), int64(r.q.After)+1).Scan(&from)
		to := int64(r.mark)
		for err == nil && from <= to {
			var seqs []uint64
			var firsts []int64
			if seqs, firsts, err = r.postings(ctx, from, to); len(firsts) == 0 {
				break
			}
			if !yield(seqs, nil) {
				return
			}
			if r.falling {
				to = slices.Min(firsts) - 1
			} else {
				from = slices.Max(firsts) + 1
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// postings reads the next rows of the index that begin between from and to, and
// returns their events, rising, and where the rows begin.
func (r *reader) postings(ctx context.Context, from, to int64) (seqs []uint64, firsts []int64, err error) {
	order := "ASC"
	if r.falling {
		order = "DESC"
	}
	rows, err := r.s.read.QueryContext(ctx, "SELECT first, seqs FROM postings WHERE run = ? AND first BETWEEN ? AND ? ORDER BY first "+order+" LIMIT ?",
		string(r.q.Run), from, to, pagePostings)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var first int64
		var packed []byte
		if err := rows.Scan(&first, &packed); err != nil {
			return nil, nil, err
		}
		part, err := decodeSeqs(packed)
		if err != nil {
			return nil, nil, fmt.Errorf("run %q from record %d: %w", r.q.Run, first, err)
		}
		seqs, firsts = append(seqs, part...), append(firsts, first)
	}
	slices.Sort(seqs)
	return seqs, firsts, rows.Err()
}
