// Package guard owns the manners of M1's HTTP: who may speak to it, how a
// refusal looks on the wire, and how a client of M1 reads one. Every route of
// every way in is served through it, so that none can be reached unguarded.
package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Route is one method of one path. HEAD comes with GET.
type Route struct {
	Method  string
	Pattern string // path of http.ServeMux without method and host, such as "/v1/runs/{id}/end"
	Roles   Access // who may use it; required
	Serve   http.HandlerFunc
}

// Options of New. Auth is required unless NoAuth is set.
type Options struct {
	// Auth says whether token is valid and whose it is; name and role go to the log.
	// With NoAuth it may be nil: then no token is valid.
	Auth func(token string) (Identity, bool)
	// NoAuth lets anybody who can connect do without a token what agents and viewers
	// may, and no more. A token that is sent is judged as ever. Who sets it makes sure
	// that only this machine can connect.
	NoAuth bool
	// Hosts are the names, without port, that M1 answers to besides localhost and
	// the loopback addresses.
	Hosts []string
	// Origins are the web origins, such as "https://ops.example.org", whose pages
	// may call M1 besides pages of M1's own address. Default: none.
	Origins []string
	// Log gets one line per request; default: none. No token, query, header or
	// body is ever written to it.
	Log *slog.Logger
}

// guard is the handler that New returns.
type guard struct {
	Options
	mux *http.ServeMux
}

// New returns a handler that serves routes, and only those, to those who may
// speak to M1. In this order it refuses a foreign Host (421), a foreign Origin
// (403), a missing or wrong token (401), a role that the route is not for (403),
// an unknown path (404) and an unknown method (405); the last only to those who
// may use another method of the path. A route that does not say who may use it is
// an error. The handler is safe for concurrent use; New starts nothing.
func New(o Options, routes ...[]Route) (http.Handler, error) {
	if o.Auth == nil && !o.NoAuth {
		return nil, errors.New("guard: Auth must be set, or NoAuth")
	}
	for _, origin := range o.Origins {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("guard: origin %q must be scheme://host[:port]", origin)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &guard{Options: o, mux: http.NewServeMux()}
	if err := g.mount(routes); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *guard) mount(routes [][]Route) error {
	paths := map[string]*resource{}
	for _, r := range slices.Concat(routes...) {
		p := paths[r.Pattern]
		if p == nil {
			p = &resource{guard: g, methods: map[string]Route{}}
			paths[r.Pattern] = p
		}
		_, twice := p.methods[r.Method]
		switch {
		case r.Method == "" || r.Method == http.MethodHead:
			return fmt.Errorf("guard: route %s %s: name a method; HEAD comes with GET", r.Method, r.Pattern)
		case r.Serve == nil || twice:
			return fmt.Errorf("guard: route %s %s has no handler, or is given twice", r.Method, r.Pattern)
		case !r.Roles.valid():
			return fmt.Errorf("guard: route %s %s must say in Roles who may use it", r.Method, r.Pattern)
		case p.roles != 0 && (p.roles == Public) != (r.Roles == Public):
			return fmt.Errorf("guard: route %s %s: all methods of a path are public, or none", r.Method, r.Pattern)
		}
		p.roles |= r.Roles
		p.methods[r.Method] = r
		if r.Method == http.MethodGet {
			p.methods[http.MethodHead] = r
		}
	}
	for pattern, p := range paths {
		for m := range p.methods {
			p.allow = append(p.allow, m)
		}
		slices.Sort(p.allow)
		g.mux.Handle(pattern, p)
	}
	g.mux.Handle("/", &resource{guard: g}) // what no route names
	return nil
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, began: time.Now()}
	defer g.finish(a, r)
	h := a.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if e := g.place(r); e != nil {
		Fail(a, e)
		return
	}
	// The mux would redirect an unclean path; no route of M1 has one. It is judged
	// as it was sent, which is how the mux reads it: an id may hold an escaped
	// slash or be two escaped dots. "*" is no path at all.
	if p := r.URL.EscapedPath(); p != path.Clean(p) || !strings.HasPrefix(p, "/") {
		(&resource{guard: g}).ServeHTTP(a, r)
		return
	}
	g.mux.ServeHTTP(a, r)
}

// resource is one path with its methods. Without methods it is what no route
// names.
type resource struct {
	guard   *guard
	roles   Access // of all methods together
	methods map[string]Route
	allow   []string
}

func (p *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, ok := p.methods[r.Method]
	need := p.roles
	if ok {
		need = route.Roles
	}
	if need != Public {
		who, e := p.guard.identify(w, r)
		if e == nil && need != 0 && !need.admits(who.Role) {
			e = need.refuse(who)
		}
		if e != nil {
			Fail(w, e)
			return
		}
		r = withCaller(r, who)
	}
	switch {
	case ok:
		route.Serve(w, r)
	case len(p.methods) == 0:
		Fail(w, &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this path", Hint: "see docs/api.md for the routes of agents and docs/dashboard.md for those of the dashboard"})
	default:
		w.Header().Set("Allow", strings.Join(p.allow, ", "))
		Fail(w, &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "this path does not answer to " + r.Method, Hint: "use " + strings.Join(p.allow, " or ")})
	}
}
