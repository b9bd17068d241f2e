package token

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// maxToken bounds the length of a token in bytes.
const maxToken = 8 << 10

// header is all that stands before the claims. The algorithm is only compared: the
// key says which one is used.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

const typ = "JWT"

// Verify returns the grant of a token that a known key has signed and that is valid
// now. The error is a *Refusal. Verify does not know whether a grant is spent or
// revoked, nor for which call it is presented. It does not block and is safe for
// concurrent use.
func (r *Ring) Verify(token string) (Grant, error) {
	if r == nil {
		return Grant{}, refuse(NoKey, "there is no key to check a grant with")
	}
	p, err := split(token)
	if err != nil {
		return Grant{}, err
	}
	var h header
	if err := jsonv2.Unmarshal(p.header, &h, jsonv2.RejectUnknownMembers(true)); err != nil || h.Typ != typ || h.Kid == "" {
		return Grant{}, refuse(Malformed, "the header must be alg, kid and typ %s, each once and nothing else", typ)
	}
	now := r.now()
	k := r.state.Load().keys[h.Kid]
	if k == nil || k.retired(now) {
		return Grant{}, refuse(UnknownKid, "no key %q is known", shortened(h.Kid))
	}
	if h.Alg != k.method.Alg() {
		return Grant{}, refuse(BadSignature, "the key %s signs with %s only", k.id, k.method.Alg())
	}
	if k.method.Verify(p.signed, p.signature, k.check) != nil {
		return Grant{}, refuse(BadSignature, "the signature is not of the key %s", k.id)
	}
	c, err := readClaims(p.body)
	if err != nil {
		return Grant{}, err
	}
	if err := r.judge(c, k, now); err != nil {
		return Grant{}, err
	}
	return settle(c.grant())
}

// judge checks for whom and for when the claims are.
func (r *Ring) judge(c claims, k *key, now time.Time) error {
	for _, t := range []int64{c.IssuedAt, c.NotBefore, c.Expires} {
		if t <= 0 || t > maxTime {
			return refuse(Malformed, "iat, nbf and exp must be seconds since 1970, up to the year 9999")
		}
	}
	iat, nbf, exp := time.Unix(c.IssuedAt, 0), time.Unix(c.NotBefore, 0), time.Unix(c.Expires, 0)
	switch {
	case c.Issuer != k.issuer:
		return refuse(WrongIssuer, "the key %s belongs to another node", k.id)
	case c.Audience != audience:
		return refuse(WrongAudience, "the token is not meant for %s", audience)
	case c.Expires <= c.IssuedAt || c.Expires <= c.NotBefore:
		return refuse(Malformed, "exp must be later than iat and nbf")
	case c.Expires-c.IssuedAt > int64(r.maxTTL/time.Second):
		return refuse(TooLong, "no grant may live longer than %s", r.maxTTL)
	case iat.Add(-r.leeway).After(now):
		return refuse(FutureIAT, "it was issued %s from now; compare the clocks of the nodes", iat.Sub(now).Round(time.Second))
	case nbf.Add(-r.leeway).After(now):
		return refuse(NotYetValid, "it is valid from %s on", nbf.UTC().Format(time.RFC3339))
	case !now.Before(exp.Add(r.leeway)):
		return refuse(Expired, "it was valid until %s; ask again", exp.UTC().Format(time.RFC3339))
	}
	return nil
}

// parts is a token taken apart. signed is the text under the signature.
type parts struct {
	signed                  string
	header, body, signature []byte
}

// split takes a token apart that is three texts in base64url, in their only spelling.
func split(token string) (parts, error) {
	if len(token) > maxToken {
		return parts{}, refuse(Malformed, "it is longer than %d bytes", maxToken)
	}
	texts := strings.Split(token, ".")
	if len(texts) != 3 {
		return parts{}, refuse(Malformed, "it is not three texts with dots between")
	}
	var raw [3][]byte
	for i, text := range texts {
		b, err := decode(text)
		if err != nil {
			return parts{}, refuse(Malformed, "text %d of 3 %s", i+1, err)
		}
		raw[i] = b
	}
	return parts{signed: texts[0] + "." + texts[1], header: raw[0], body: raw[1], signature: raw[2]}, nil
}

// decode reads base64url without padding. The decoder of the standard library skips
// line breaks and forgives bits behind the last byte; a second spelling of one token
// must not exist, so the text is written again and compared.
func decode(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || base64.RawURLEncoding.EncodeToString(b) != text {
		return nil, errors.New("is not base64url in its only spelling")
	}
	return b, nil
}

// shortened bounds what a stranger can write into an error.
func shortened(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
