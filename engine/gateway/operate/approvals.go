package operate

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

const (
	longestWait = time.Minute
	patience    = 10 * time.Second // for writing the answer after a wait
)

func (s *Server) approvals(w http.ResponseWriter, r *http.Request) {
	q, refusal := query(r, "status")
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	status := q.Get("status")
	switch status {
	case "", snapshot.Pending, snapshot.Approved, snapshot.Rejected, snapshot.Expired:
	default:
		guard.Fail(w, badQuery("status", "must be pending, approved, rejected or expired"))
		return
	}
	found := s.Desk.Approvals(status)
	out := approvalsAnswer{Approvals: make([]snapshot.Approval, len(found))}
	for i, a := range found {
		out.Approvals[i] = public(a)
	}
	answer(w, http.StatusOK, out)
}

// approval shows one approval, and waits for its answer if it is asked to. An agent
// sees only those that were asked for itself, others do not exist for it.
func (s *Server) approval(w http.ResponseWriter, r *http.Request) {
	q, refusal := query(r, "wait")
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	wait, ok := readWait(q.Get("wait"))
	if !ok {
		guard.Fail(w, badQuery("wait", "must be 0 to 60 seconds, such as 25s or 25"))
		return
	}
	look, cancel := context.WithCancel(r.Context())
	cancel() // only look: who may not see it does not wait for it either
	id := r.PathValue("id")
	a, err := s.Desk.Await(look, id)
	if err == nil && !maySee(r, a) {
		err = approval.ErrUnknown
	}
	if err == nil && wait > 0 && a.Status == snapshot.Pending {
		select {
		case s.slots <- struct{}{}:
			a, err = s.await(w, r, id, wait)
			<-s.slots
		default:
			w.Header().Set("Retry-After", "1")
			guard.Fail(w, &guard.Error{Status: http.StatusTooManyRequests, Code: "too_many_waits", Message: "too many requests wait for an answer already", Hint: "ask without wait, or again later"})
			return
		}
	}
	switch {
	case err != nil:
		s.fail(w, r, "read the approval", err)
	case !maySpend(r, a):
		answer(w, http.StatusOK, public(a))
	default:
		answer(w, http.StatusOK, full(a))
	}
}

// await waits for the answer, the end of wait, of the client or of the server.
func (s *Server) await(w http.ResponseWriter, r *http.Request, id string, wait time.Duration) (snapshot.Approval, error) {
	// The server's own bound for writing counts from the request and would cut the
	// answer off. A writer without deadlines is none of a network.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + patience))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel() // also ends the goroutine
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.Desk.Await(ctx, id)
}

// readWait reads whole seconds or a duration of Go; "" is no wait.
func readWait(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	wait, err := time.ParseDuration(text)
	if strings.Trim(text, "0123456789") == "" {
		var seconds int
		seconds, err = strconv.Atoi(text)
		wait = time.Duration(min(seconds, 1000)) * time.Second
	}
	return wait, err == nil && wait >= 0 && wait <= longestWait
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var in approveRequest
	if refusal := s.read(w, r, &in); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	refusal := guard.Short(guard.Text("reason", in.Reason, guard.MaxText))
	if refusal == nil {
		refusal = checkGrant(in.TTLS, in.Uses)
	}
	if refusal == nil {
		refusal = checkDigest(in.SHA256)
	}
	var narrow json.RawMessage
	if refusal == nil {
		narrow, refusal = readArgs("args", in.Args)
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	s.answer(w, r, approval.Answer{
		Approve: true, Reason: in.Reason, Digest: in.SHA256, Narrow: narrow,
		TTL: time.Duration(in.TTLS) * time.Second, Uses: int(in.Uses),
	})
}

func (s *Server) reject(w http.ResponseWriter, r *http.Request) {
	var in rejectRequest
	refusal := s.read(w, r, &in)
	if refusal == nil {
		refusal = guard.Short(guard.Text("reason", in.Reason, guard.MaxText))
	}
	if refusal == nil {
		refusal = checkDigest(in.SHA256)
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	s.answer(w, r, approval.Answer{Reason: in.Reason, Digest: in.SHA256})
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, a approval.Answer) {
	a.ID, a.By = r.PathValue("id"), person(r)
	out, err := s.Desk.Answer(r.Context(), a)
	if err != nil {
		s.fail(w, r, "record the answer", err)
		return
	}
	answer(w, http.StatusOK, public(out))
}

// read reads the body into the struct that into points to. None of these routes has
// a parameter in its URL.
func (s *Server) read(w http.ResponseWriter, r *http.Request, into any) *guard.Error {
	if _, refusal := query(r); refusal != nil {
		return refusal
	}
	return guard.ReadJSON(w, r, s.MaxBody, into)
}

// readArgs reads arguments that a grant names; nil if it names none.
func readArgs(field string, v jsontext.Value) (json.RawMessage, *guard.Error) {
	if !guard.Given(v) {
		return nil, nil
	}
	if v.Kind() != '{' {
		return nil, guard.Invalid(field, "want an object, got "+guard.NameOf(v.Kind()))
	}
	if refusal := guard.TooDeep(field, v); refusal != nil {
		return nil, refusal
	}
	canonical, err := call.Canonical(json.RawMessage(v))
	if err != nil {
		return nil, guard.Invalid(field, strings.TrimPrefix(err.Error(), "call: arguments: "))
	}
	return canonical, nil
}
