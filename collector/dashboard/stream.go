package dashboard

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/gateway/guard"
	"m1/engine/ledger"
)

const (
	poll      = 200 * time.Millisecond // how late an event is at most
	heartbeat = 15 * time.Second       // how long a stream is silent at most
	patience  = 5 * time.Second        // how long one write may take
	batch     = 512                    // events per read of the ledger
	chunk     = 256 << 10              // bytes per write, roughly
)

// eventLine is the data of one event on the stream.
type eventLine struct {
	Seq   uint64          `json:"seq"`
	At    time.Time       `json:"at"`
	Kind  event.Kind      `json:"kind"`
	Run   call.RunID      `json:"run_id"`
	Call  call.ID         `json:"call_id"`
	Agent call.AgentID    `json:"agent"`
	Tool  string          `json:"tool"`
	Data  json.RawMessage `json:"data"`
	Hash  string          `json:"hash"`
}

// resetLine is the data of "event: reset": the client asked for events after a
// Seq that this ledger has not reached, so it knew another ledger.
type resetLine struct {
	After uint64 `json:"after"`
	Head  uint64 `json:"head"`
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	after, refusal := s.startOf(r)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "5")
		guard.Fail(w, &guard.Error{Status: http.StatusServiceUnavailable, Code: "too_many_streams", Message: fmt.Sprintf("%d event streams are open already", s.Streams), Hint: "close one, or ask again later"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not collect events
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	st := &stream{w: w, control: http.NewResponseController(w), ledger: s.Ledger, after: after}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if err := st.run(ctx, s.ended); err != nil && ctx.Err() == nil {
		s.Log.Warn("event stream ended", "remote", r.RemoteAddr, "after", st.after, "err", err)
	}
}

// startOf is the Seq after which the stream begins: where the client stopped, or
// the end of the ledger.
func (s *Server) startOf(r *http.Request) (uint64, *guard.Error) {
	q, refusal := query(r, "after")
	if refusal != nil {
		return 0, refusal
	}
	// A browser that reconnects repeats the URL; its header is newer.
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = q.Get("after")
	}
	if text == "" {
		return s.Ledger.Status().Events, nil
	}
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badQuery("after", "Last-Event-ID and after must be the number of an event")
	}
	return after, nil
}

// stream is one client of the events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	ledger  Ledger
	after   uint64 // the last Seq that was sent
	buf     []byte
}

// run sends events until ctx or ended is done, the client reads too slowly or
// the ledger cannot be read.
func (st *stream) run(ctx context.Context, ended <-chan struct{}) error {
	st.buf = append(st.buf, "retry: 2000\n\n"...)
	if head := st.ledger.Status().Events; st.after > head {
		data, err := json.Marshal(resetLine{st.after, head})
		if err != nil {
			return err
		}
		st.buf = fmt.Appendf(st.buf, "id: %d\nevent: reset\ndata: %s\n\n", head, data)
		st.after = head
	}
	if err := st.flush(); err != nil {
		return err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	last := time.Now()
	for {
		sent, err := st.catchUp(ctx, ended)
		switch {
		case err != nil:
			return err
		case sent:
			last = time.Now()
		case time.Since(last) >= heartbeat:
			st.buf = append(st.buf, ": still here\n\n"...)
			if err := st.flush(); err != nil {
				return err
			}
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return nil
		case <-tick.C:
		}
	}
}

// catchUp sends what the ledger has beyond st.after.
func (st *stream) catchUp(ctx context.Context, ended <-chan struct{}) (sent bool, err error) {
	for st.ledger.Status().Events > st.after {
		select {
		case <-ended:
			return sent, nil
		default:
		}
		before := st.after
		for e, err := range st.ledger.Events(ctx, ledger.Query{After: st.after, Limit: batch}) {
			if err != nil {
				return sent, fmt.Errorf("dashboard: read events after %d: %w", st.after, err)
			}
			if st.buf, err = appendEvent(st.buf, e); err != nil {
				return sent, err
			}
			st.after = e.Seq
			if len(st.buf) < chunk {
				continue
			}
			if err := st.flush(); err != nil {
				return sent, err
			}
		}
		if st.after == before {
			return sent, nil // the count ran ahead of what can be read
		}
		if err := st.flush(); err != nil {
			return sent, err
		}
		sent = true
	}
	return sent, nil
}

func appendEvent(buf []byte, e event.Event) ([]byte, error) {
	if len(e.Data) == 0 {
		e.Data = nil // written as null
	}
	line := eventLine{e.Seq, e.At.UTC(), e.Kind, e.Run, e.Call, e.Agent, e.Tool, e.Data, hex.EncodeToString(e.Hash[:])}
	data, err := json.Marshal(line) // never holds a line break
	if err != nil {
		return buf, fmt.Errorf("dashboard: event %d: %w", e.Seq, err)
	}
	return fmt.Appendf(buf, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, data), nil
}

// flush sends buf. Who does not take it within patience is dropped, so that a
// stalled viewer holds one goroutine and one batch, for a bounded time.
func (st *stream) flush() error {
	// A writer without deadlines is none of a network; nothing can stall there.
	_ = st.control.SetWriteDeadline(time.Now().Add(patience))
	_, err := st.w.Write(st.buf)
	st.buf = st.buf[:0]
	if err == nil {
		err = st.control.Flush()
	}
	if err != nil {
		return fmt.Errorf("dashboard: write to the client: %w", err)
	}
	return nil
}
