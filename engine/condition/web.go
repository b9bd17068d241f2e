package condition

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// host returns the host of an absolute URL in lower case, without user, port and
// the last dot. Whatever clients read differently is an error: white space and
// control characters, backslashes, a missing scheme or host, several @, percent
// signs, letters beyond ASCII (write xn--…), and addresses that are not four
// plain numbers or in brackets.
func host(url string) (string, error) {
	for i := range len(url) {
		if c := url[i]; c <= 0x20 || c == 0x7F || c == '\\' {
			return "", errors.New("host: a URL with white space, a control character or a backslash")
		}
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || !isScheme(scheme) {
		return "", errors.New("host: a URL must begin with a scheme and ://")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if i := strings.IndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
		if strings.IndexByte(authority, '@') >= 0 {
			return "", errors.New("host: a URL with several @")
		}
	}
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 || !isPort(authority[end+1:]) {
			return "", errors.New("host: a bad address in brackets")
		}
		a, err := netip.ParseAddr(authority[1:end])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", errors.New("host: a bad address in brackets")
		}
		return "[" + a.String() + "]", nil
	}
	if i := strings.IndexByte(authority, ':'); i >= 0 {
		if !isPort(authority[i:]) {
			return "", errors.New("host: a bad port")
		}
		authority = authority[:i]
	}
	name, err := hostname(strings.TrimSuffix(authority, "."))
	if err != nil {
		return "", fmt.Errorf("host: %w", err)
	}
	return name, nil
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// isPort takes nothing, a bare colon, and a colon with a port.
func isPort(s string) bool {
	if s == "" || s == ":" {
		return true
	}
	if s[0] != ':' || s[1] < '0' || s[1] > '9' {
		return false
	}
	_, err := strconv.ParseUint(s[1:], 10, 16)
	return err == nil
}

// hostname checks a name and returns it in lower case.
func hostname(s string) (string, error) {
	if s == "" || len(s) > 253 {
		return "", errors.New("a host of no or too many letters")
	}
	lower, label := true, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if i == label || i == len(s)-1 {
				return "", errors.New("a host with an empty part")
			}
			label = i + 1
		case 'A' <= c && c <= 'Z':
			lower = false
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		default:
			return "", errors.New("a host with a letter that needs another spelling")
		}
	}
	if !lower {
		s = strings.ToLower(s)
	}
	last := s[label:]
	if '0' <= last[0] && last[0] <= '9' {
		// Clients read 0x7f.1, 010.0.0.1 and 2130706433 as addresses, each its own way.
		a, err := netip.ParseAddr(s)
		if _, bad := strconv.ParseUint(last, 0, 64); bad == nil || strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == "" {
			if err != nil || !a.Is4() {
				return "", errors.New("a number that is no plain address")
			}
		}
	}
	return s, nil
}

// domain returns the domain of one plain e-mail address in lower case. Display
// names, comments, quotes, several @, a trailing dot and letters beyond ASCII are
// errors.
func domain(address string) (string, error) {
	at := strings.IndexByte(address, '@')
	if at <= 0 || strings.IndexByte(address[at+1:], '@') >= 0 {
		return "", errors.New("domain: want one address such as a@b.com")
	}
	for i := range at {
		if c := address[i]; c <= 0x20 || c >= 0x7F || strings.IndexByte("()<>[]:;,\\\"", c) >= 0 {
			return "", errors.New("domain: an address with white space, quotes or brackets")
		}
	}
	name, err := hostname(address[at+1:])
	if err != nil {
		return "", fmt.Errorf("domain: %w", err)
	}
	return name, nil
}
