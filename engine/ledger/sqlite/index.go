package sqlite

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"m1/engine/call"
)

const (
	// indexEvery is after how many events the index on disk follows. An index
	// kept up with every commit would touch one page for each run in it, which
	// halves the throughput of many agents.
	indexEvery = 1024
	// postingMax bounds the events of one posting, so that reading a run from
	// its middle decodes little for nothing.
	postingMax = 1024
)

// tail lists, per run, the events above mark: those that the index on disk does
// not hold yet.
type tail struct {
	mark uint64 // the last event that the index covers
	n    int    // events above mark, also those of no run
	runs map[call.RunID][]uint64
}

// add lists the events of batch.
func (t *tail) add(batch []entry) {
	for _, e := range batch {
		for _, ev := range e.evs {
			t.put(ev.Run, ev.Seq)
		}
	}
}

func (t *tail) put(run call.RunID, seq uint64) {
	t.n++
	if run != "" {
		t.runs[run] = append(t.runs[run], seq)
	}
}

// clone is a tail that can be added to without changing t.
func (t *tail) clone() tail {
	c := tail{mark: t.mark, n: t.n, runs: make(map[call.RunID][]uint64, len(t.runs))}
	for run, seqs := range t.runs {
		c.runs[run] = slices.Clip(seqs)
	}
	return c
}

// posting is a row of the index: some events of one run, rising, at least one.
type posting struct {
	run  call.RunID
	seqs []uint64
}

// postings are the rows for all that t lists, in the order of the index.
func (t *tail) postings() []posting {
	rows := make([]posting, 0, len(t.runs))
	for run, seqs := range t.runs {
		for part := range slices.Chunk(seqs, postingMax) {
			rows = append(rows, posting{run, part})
		}
	}
	slices.SortFunc(rows, func(a, b posting) int { return strings.Compare(string(a.run), string(b.run)) })
	return rows
}

// encodeSeqs packs rising numbers as the distances between them.
func encodeSeqs(seqs []uint64) []byte {
	buf, last := make([]byte, 0, 2*len(seqs)+8), uint64(0)
	for _, seq := range seqs {
		buf = binary.AppendUvarint(buf, seq-last)
		last = seq
	}
	return buf
}

var errPosting = errors.New("the index of runs is damaged")

// decodeSeqs is the inverse of encodeSeqs.
func decodeSeqs(buf []byte) ([]uint64, error) {
	var seqs []uint64
	last := uint64(0)
	for len(buf) > 0 {
		step, n := binary.Uvarint(buf)
		if n <= 0 || step == 0 || last+step < last {
			return nil, errPosting
		}
		last += step
		seqs = append(seqs, last)
		buf = buf[n:]
	}
	return seqs, nil
}
