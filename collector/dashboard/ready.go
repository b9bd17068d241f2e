package dashboard

import (
	"net/http"
	"slices"

	"m1/collector/snapshot"
	"m1/engine/gateway/guard"
)

type liveAnswer struct {
	Status string `json:"status"`
}

// readyAnswer names the state of each part but not its message: anybody may ask.
type readyAnswer struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
	Error  *guard.Error      `json:"error,omitempty"`
}

// deciding are the checks without which no call can be decided.
var deciding = []string{"engine", "policy", "ledger"}

func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	if _, refusal := query(r); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	guard.JSON(w, http.StatusOK, liveAnswer{"alive"})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	q, refusal := query(r, "verbose")
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	d := s.Source.Dashboard(snapshot.DefaultWindow)
	out, status := readyAnswer{Status: "ready"}, http.StatusOK
	if why := s.unready(d); why != "" {
		status = http.StatusServiceUnavailable
		out.Status = "not_ready"
		out.Error = &guard.Error{Code: "not_ready", Message: why, Hint: "send calls elsewhere or block them, and ask again"}
	}
	if q.Has("verbose") && d != nil {
		out.Checks = make(map[string]string, len(d.Health.Checks))
		for name, c := range d.Health.Checks {
			out.Checks[name] = c.Status
		}
	}
	guard.JSON(w, status, out)
}

// unready is the reason why no call should come here, or "".
func (s *Server) unready(d *snapshot.Dashboard) string {
	select {
	case <-s.ended:
		return "M1 is shutting down"
	default:
	}
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			return err.Error()
		}
	}
	if d == nil {
		return "M1 is starting"
	}
	i := slices.IndexFunc(deciding, func(name string) bool { return d.Health.Checks[name].Status == "critical" })
	if i >= 0 {
		return "M1 cannot decide: its check of the " + deciding[i] + " is critical"
	}
	return ""
}
