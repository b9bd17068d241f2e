package token

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

const (
	audience = "m1"
	prefix   = "gr_"
	// maxID bounds what follows the prefix of an id.
	maxID = 64
	// maxTime is the end of the year 9999: sums of times below it do not overflow.
	maxTime = 253402300799
)

// claims is the body of a token. Every member is always written and must be there:
// what a grant does not bind is said, never left out.
type claims struct {
	Issuer    string         `json:"iss"`
	Audience  string         `json:"aud"`
	Subject   string         `json:"sub"`
	IssuedAt  int64          `json:"iat"`
	NotBefore int64          `json:"nbf"`
	Expires   int64          `json:"exp"`
	ID        string         `json:"jti"`
	Run       string         `json:"run_id"`
	Tool      string         `json:"tool"`
	Scope     call.Scope     `json:"scope"`
	Digest    string         `json:"args_sha256"`
	Narrow    jsontext.Value `json:"args"`
	Schema    string         `json:"schema_sha256"`
	Rule      string         `json:"rule_id"`
	Version   string         `json:"policy_version"`
	Uses      int            `json:"uses"`
	By        string         `json:"issued_by"`
	Approval  string         `json:"approval_id"`
}

// kinds lists the members of a body and what each must be, so that null and a
// missing member are told from an empty one.
var kinds = map[string]jsontext.Kind{
	"iss": '"', "aud": '"', "sub": '"', "iat": '0', "nbf": '0', "exp": '0', "jti": '"',
	"run_id": '"', "tool": '"', "scope": '"', "args_sha256": '"', "args": '{',
	"schema_sha256": '"', "rule_id": '"', "policy_version": '"', "uses": '0',
	"issued_by": '"', "approval_id": '"',
}

// readClaims reads a body whose signature is good. Duplicate, unknown and missing
// members, other spellings of a name and invalid UTF-8 are refused.
func readClaims(body []byte) (claims, error) {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(body, &members); err != nil || members == nil {
		return claims{}, refuse(Malformed, "the claims are not one JSON object with each member once")
	}
	for name, kind := range kinds {
		if value, ok := members[name]; !ok || value.Kind() != kind {
			return claims{}, refuse(Malformed, "the claim %s is missing or of the wrong type", name)
		}
	}
	if len(members) > len(kinds) {
		return claims{}, refuse(Malformed, "there are claims that M1 does not know")
	}
	var c claims
	if err := jsonv2.Unmarshal(body, &c); err != nil {
		return claims{}, refuse(Malformed, "a claim has a value that no grant has")
	}
	return c, nil
}

// claimsOf returns the body that says g.
func claimsOf(g Grant) claims {
	narrow := jsontext.Value(g.Narrow)
	if len(narrow) == 0 {
		narrow = jsontext.Value("{}")
	}
	iat := g.IssuedAt.Unix()
	return claims{
		Issuer: g.Issuer, Audience: audience, Subject: string(g.Agent),
		IssuedAt: iat, NotBefore: iat, Expires: g.ExpiresAt.Unix(), ID: g.ID,
		Run: string(g.Run), Tool: g.Tool, Scope: g.Scope, Digest: g.Digest, Narrow: narrow,
		Schema: g.Schema, Rule: g.Rule, Version: g.Version, Uses: g.Uses, By: g.By, Approval: g.Approval,
	}
}

// grant returns what a body says.
func (c claims) grant() Grant {
	g := Grant{
		ID: c.ID, Agent: call.AgentID(c.Subject), Run: call.RunID(c.Run), Tool: c.Tool, Scope: c.Scope,
		Digest: c.Digest, Narrow: json.RawMessage(c.Narrow), Schema: c.Schema, Rule: c.Rule, Version: c.Version,
		Uses: c.Uses, By: c.By, Approval: c.Approval, Issuer: c.Issuer,
		IssuedAt: time.Unix(c.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.Expires, 0).UTC(),
	}
	return g
}

// settle brings g into the one form that is signed, or says what no grant may be.
// Signing and verifying both go through it.
func settle(g Grant) (Grant, error) {
	for _, f := range []struct {
		name, value string
		needed      bool
	}{
		{"agent", string(g.Agent), true}, {"run", string(g.Run), false}, {"tool", g.Tool, true},
		{"schema", g.Schema, false}, {"rule", g.Rule, false}, {"policy version", g.Version, true},
		{"issuer", g.Issuer, true}, {"name of who gave it", g.By, true}, {"approval", g.Approval, false},
	} {
		if f.needed && f.value == "" {
			return Grant{}, refuse(Malformed, "the grant has no %s", f.name)
		}
		if !utf8.ValidString(f.value) {
			return Grant{}, refuse(Malformed, "the %s is not valid UTF-8", f.name)
		}
	}
	switch {
	case !isID(g.ID):
		return Grant{}, refuse(Malformed, "the id of the grant must be %s and 1 to %d letters, digits, - and _", prefix, maxID)
	case g.Scope < call.Read || g.Scope > call.Execute:
		return Grant{}, refuse(Malformed, "the scope must be read, write or execute")
	case g.Uses < 1:
		return Grant{}, refuse(Malformed, "uses must be at least 1")
	case g.Digest != "" && !isDigest(g.Digest):
		return Grant{}, refuse(Malformed, "the digest of the arguments must be 64 lower-case hexadecimal digits")
	}
	if len(g.Narrow) > 0 {
		narrow, err := call.Canonical(g.Narrow)
		if err != nil {
			return Grant{}, refuse(Malformed, "the members that the arguments must have are not one JSON object")
		}
		g.Narrow = narrow
		if string(narrow) == "{}" {
			g.Narrow = nil
		}
	}
	return g, nil
}

func isID(s string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || rest == "" || len(rest) > maxID {
		return false
	}
	return strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == len(call.Digest{}) && s == strings.ToLower(s)
}
