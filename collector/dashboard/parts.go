package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// parts are the seven endpoints: a path below /api/m1/dashboard, and what of the
// picture stands there.
var parts = map[string]func(*snapshot.Dashboard) any{
	"":         func(d *snapshot.Dashboard) any { return d },
	"/metrics": func(d *snapshot.Dashboard) any { return &d.Metrics },
	"/cache":   func(d *snapshot.Dashboard) any { return &d.Cache },
	"/policy":  func(d *snapshot.Dashboard) any { return &d.Policy },
	"/costs":   func(d *snapshot.Dashboard) any { return &d.Costs },
	"/health":  func(d *snapshot.Dashboard) any { return &d.Health },
	"/runs":    func(d *snapshot.Dashboard) any { return &d.Runs },
}

// How many calls /v1/calls gives.
const (
	defaultCalls = 100
	maxCalls     = 1000
)

type callsAnswer struct {
	Calls []*snapshot.Call `json:"calls"`
}

func (s *Server) part(of func(*snapshot.Dashboard) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, refusal := query(r, "window")
		if refusal != nil {
			guard.Fail(w, refusal)
			return
		}
		window, err := snapshot.ParseWindow(q.Get("window"))
		if err != nil {
			guard.Fail(w, badQuery("window", err.Error()))
			return
		}
		d := s.Source.Dashboard(window)
		if d == nil {
			guard.Fail(w, starting())
			return
		}
		send(w, of(d))
	}
}

func (s *Server) calls(w http.ResponseWriter, r *http.Request) {
	q, refusal := query(r, "limit", "run")
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	limit := defaultCalls
	if text := q.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxCalls {
			guard.Fail(w, badQuery("limit", fmt.Sprintf("limit must be a number from 1 to %d", maxCalls)))
			return
		}
	}
	d := s.Source.Dashboard(snapshot.DefaultWindow)
	if d == nil {
		guard.Fail(w, starting())
		return
	}
	run := call.RunID(q.Get("run"))
	out := callsAnswer{Calls: make([]*snapshot.Call, 0, min(limit, len(d.Calls)))}
	for _, c := range d.Calls {
		if len(out.Calls) == limit {
			break
		}
		if run == "" || c.Run == run {
			out.Calls = append(out.Calls, c)
		}
	}
	send(w, out)
}

// encoding writes as encoding/json does, but a list is never null and text
// stays as it is.
var encoding = json.JoinOptions(jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false), json.FormatNilMapAsNull(false), jsontext.EscapeForHTML(false))

func send(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v, encoding)
	if err != nil {
		panic(err) // a picture that cannot be written is a mistake in M1: a 500
	}
	guard.Raw(w, http.StatusOK, append(data, '\n'))
}

// query reads the parameters of r and refuses every one that is not known or is
// given twice.
func query(r *http.Request, known ...string) (url.Values, *guard.Error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badQuery("", "the query of the URL cannot be read")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, badQuery(name, fmt.Sprintf("the parameter is not known; known here: %v", known))
		}
		if len(values) > 1 {
			return nil, badQuery(name, "the parameter is given twice")
		}
	}
	return q, nil
}

func badQuery(field, message string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_query", Message: message, Hint: "see docs/dashboard.md for the parameters", Field: field}
}

func starting() *guard.Error {
	return &guard.Error{Status: http.StatusServiceUnavailable, Code: "starting", Message: "there is no picture yet", Hint: "ask again in a second"}
}
