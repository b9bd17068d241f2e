package guard

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// place judges where a request comes from, before anything else is looked at.
func (g *guard) place(r *http.Request) *Error {
	if !g.answersTo(r.Host) {
		return &Error{Status: http.StatusMisdirectedRequest, Code: "wrong_host", Message: "M1 does not answer to this Host", Hint: "use localhost or the configured name"}
	}
	if !g.mayCall(r) {
		return &Error{Status: http.StatusForbidden, Code: "foreign_origin", Message: "a web page of another origin may not call M1", Hint: "call M1 from a program instead of a page"}
	}
	return nil
}

// answersTo keeps out pages that reach a local address by a name of their own
// (DNS rebinding): their browser sends that name as Host.
func (g *guard) answersTo(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	if a, err := netip.ParseAddr(name); err == nil && a.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(g.Hosts, func(h string) bool { return name != "" && strings.EqualFold(h, name) })
}

// mayCall keeps out pages of other origins, also those of another port of this
// machine, on every method: a GET that starts a stream matters as well. Programs
// send neither header.
func (g *guard) mayCall(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	switch len(origins) {
	case 0:
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "none" || site == "same-origin"
	case 1:
		if slices.Contains(g.Origins, origins[0]) {
			return true
		}
		u, err := url.Parse(origins[0])
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
	default:
		return false
	}
}

// identify judges the Authorization header. Tokens in a URL are never looked at:
// URLs end up in logs.
func (g *guard) identify(w http.ResponseWriter, r *http.Request) (Identity, *Error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 && g.NoAuth {
		return note(w, Identity{Name: string(Anonymous), Role: Anonymous}), nil
	}
	if len(headers) == 1 && g.Auth != nil {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			if who, ok := g.Auth(strings.TrimLeft(token, " ")); ok {
				return note(w, who), nil
			}
		}
	}
	e := &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "a bearer token is required", Hint: "send Authorization: Bearer m1_…, a token that M1 printed at its first start or that m1 token create made"}
	challenge := `Bearer realm="m1"`
	if len(headers) > 0 {
		e.Message = "the bearer token is not valid"
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	return Identity{}, e
}

// note keeps who for the log.
func note(w http.ResponseWriter, who Identity) Identity {
	if a, is := w.(*answer); is {
		a.caller = who
	}
	return who
}
