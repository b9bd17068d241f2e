package guard

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// OverheadHeader is on every answer of the guard: whole microseconds from the arrival of the
// request's header to the first byte of the answer.
const OverheadHeader = "X-M1-Overhead-Us"

// answer notes what is written to the client.
type answer struct {
	http.ResponseWriter
	began  time.Time
	status int // 0 until the header is written
	caller Identity
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		a.Header().Set(OverheadHeader, strconv.FormatInt(time.Since(a.began).Microseconds(), 10))
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(b)
}

// finish turns a panic into a plain 500 and writes the line of the log.
func (g *guard) finish(a *answer, r *http.Request) {
	p := recover()
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	if p != nil {
		g.Log.Error("panic while answering", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		if a.status != 0 {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		Fail(a, &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "M1 failed while answering", Hint: "treat the call as not decided; the log of M1 says more"})
	}
	level := slog.LevelDebug
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusMisdirectedRequest:
		level = slog.LevelInfo
	case a.status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	g.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", a.status, "caller", a.caller.Name, "role", a.caller.Role, "remote", r.RemoteAddr, "took", time.Since(a.began))
}

// JSON answers with v as one JSON document. A value that cannot be encoded is a
// mistake in M1 and panics; the guard makes it a 500.
func JSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	Raw(w, status, append(data, '\n'))
}

// Raw answers with data, which is JSON already.
func Raw(w http.ResponseWriter, status int, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client may be gone; nobody is left to tell
}
