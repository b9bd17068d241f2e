// Package dashboard owns the picture's way over HTTP: the seven endpoints, the
// newest calls, the stream of events, the metrics for Prometheus and the probes;
// and the client that brings the picture to another machine.
package dashboard

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/event"
	"m1/engine/gateway/guard"
	"m1/engine/ledger"
	"m1/engine/meter"
)

// DefaultStreams is how many event streams may be open at once.
const DefaultStreams = 64

// Source is where pictures come from; every method is safe for concurrent use.
type Source interface {
	// Dashboard returns the newest picture over window; nil before there is one.
	Dashboard(window time.Duration) *snapshot.Dashboard
	// Meter returns the instruments of the engine; never nil.
	Meter() *meter.Meter
}

// Ledger is the part of a ledger.Store that is read here.
type Ledger interface {
	Events(ctx context.Context, q ledger.Query) iter.Seq2[event.Event, error]
	Status() ledger.Status
}

// Options of New.
type Options struct {
	Source Source // required
	Ledger Ledger // required
	// Ready says why M1 cannot take calls at the moment, as one sentence, or nil.
	// Default: only what the picture itself says counts.
	Ready func() error
	// Version of M1, for m1_build_info.
	Version string
	// Streams bounds the open event streams. Default: DefaultStreams.
	Streams int
	// Log gets what a stream could not read; default: none.
	Log *slog.Logger
}

// Server serves the pictures of one engine.
type Server struct {
	Options
	metrics http.Handler
	slots   chan struct{} // one token per open stream
	ended   chan struct{} // closed by EndStreams
	end     sync.Once
}

// New returns a Server. It starts nothing.
func New(o Options) (*Server, error) {
	switch {
	case o.Source == nil:
		return nil, errors.New("dashboard: Source must be set")
	case o.Ledger == nil:
		return nil, errors.New("dashboard: Ledger must be set")
	case o.Streams < 0:
		return nil, errors.New("dashboard: Streams must not be negative")
	}
	if o.Streams == 0 {
		o.Streams = DefaultStreams
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, slots: make(chan struct{}, o.Streams), ended: make(chan struct{})}
	s.metrics = metricsHandler(o)
	return s, nil
}

// Routes returns the routes for viewers and probes, to be served by guard.New.
func (s *Server) Routes() []guard.Route {
	get := func(pattern string, h http.HandlerFunc) guard.Route {
		return guard.Route{Method: http.MethodGet, Pattern: pattern, Roles: guard.Viewers, Serve: h}
	}
	routes := []guard.Route{
		get("/v1/calls", s.calls),
		get("/v1/events", s.events),
		get("/metrics", s.metrics.ServeHTTP),
		{Method: http.MethodGet, Pattern: "/livez", Roles: guard.Public, Serve: s.livez},
		{Method: http.MethodGet, Pattern: "/readyz", Roles: guard.Public, Serve: s.readyz},
	}
	for path, part := range parts {
		routes = append(routes, get("/api/m1/dashboard"+path, s.part(part)))
	}
	return routes
}

// EndStreams makes /readyz say that M1 is going away and ends every open stream,
// so that a server can shut down without waiting for its viewers; it fits
// http.Server.RegisterOnShutdown. Clients resume with Last-Event-ID.
func (s *Server) EndStreams() { s.end.Do(func() { close(s.ended) }) }
