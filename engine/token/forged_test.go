package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"m1/engine/token"
)

// forger has everything of a node, the private key too: what it signs rightly must be
// refused for what it says.
type forger struct {
	t       testing.TB
	kid     string
	private ed25519.PrivateKey
	good    string
	head    string // of good
	body    string
	sig     string // of good, encoded
}

func newForger(t testing.TB, n node) forger {
	kid, private := n.key(t)
	good := sign(t, n, grant())
	p := strings.Split(good, ".")
	return forger{t, kid, private, good, unb64(t, p[0]), unb64(t, p[1]), p[2]}
}

// signed signs any header and body with the true key.
func (f forger) signed(head, body string) string {
	text := b64(head) + "." + b64(body)
	return text + "." + b64(string(ed25519.Sign(f.private, []byte(text))))
}

func (f forger) hmac(head, body string, secret []byte) string {
	text := b64(head) + "." + b64(body)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(text))
	return text + "." + b64(string(m.Sum(nil)))
}

// claim signs the good body with one claim set to a value of JSON.
func (f forger) claim(name, value string) string {
	f.t.Helper()
	return f.signed(f.head, f.with(name, value))
}

func (f forger) with(name, value string) string {
	f.t.Helper()
	var body map[string]json.RawMessage
	require.NoError(f.t, json.Unmarshal([]byte(f.body), &body))
	body[name] = json.RawMessage(value)
	out, err := json.Marshal(body)
	require.NoError(f.t, err)
	return string(out)
}

func (f forger) without(name string) string {
	f.t.Helper()
	var body map[string]json.RawMessage
	require.NoError(f.t, json.Unmarshal([]byte(f.body), &body))
	delete(body, name)
	out, err := json.Marshal(body)
	require.NoError(f.t, err)
	return string(out)
}

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	head := func(alg, kid string) string { return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, alg, kid) }
	tests := []struct {
		name  string
		forge func(f forger) string
		want  token.Reason
	}{
		// No signature, or that of somebody else.
		{"none with an empty signature", func(f forger) string { return b64(head("none", f.kid)) + "." + b64(f.body) + "." }, token.Malformed},
		{"none with the good signature", func(f forger) string { return b64(head("none", f.kid)) + "." + b64(f.body) + "." + f.sig }, token.BadSignature},
		{"None in another case", func(f forger) string { return b64(head("nOnE", f.kid)) + "." + b64(f.body) + ".AA" }, token.BadSignature},
		{"the signature stripped", func(f forger) string { return strings.TrimSuffix(f.good, f.sig) }, token.Malformed},
		{"the signature and its dot stripped", func(f forger) string { return strings.TrimSuffix(f.good, "."+f.sig) }, token.Malformed},
		{"half the signature", func(f forger) string { return f.good[:len(f.good)-42] }, token.BadSignature},
		{"HS256 with the public key as the secret", func(f forger) string {
			return f.hmac(head("HS256", f.kid), f.body, f.private.Public().(ed25519.PublicKey))
		}, token.BadSignature},
		{"HS256 with an empty secret", func(f forger) string { return f.hmac(head("HS256", f.kid), f.body, nil) }, token.BadSignature},
		{"HS256 under the name of the shared secret", func(f forger) string { return f.hmac(head("HS256", "hs256"), f.body, nil) }, token.UnknownKid},
		{"EdDSA in the header, an HMAC below", func(f forger) string {
			return f.hmac(f.head, f.body, f.private.Public().(ed25519.PublicKey))
		}, token.BadSignature},
		{"ES256 with a key of its own", func(f forger) string {
			private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(f.t, err)
			forged := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"sub": "x"})
			forged.Header["kid"] = f.kid
			out, err := forged.SignedString(private)
			require.NoError(f.t, err)
			return out
		}, token.BadSignature},
		{"EdDSA with a key of its own", func(f forger) string {
			_, f.private, _ = ed25519.GenerateKey(rand.Reader)
			return f.signed(f.head, f.body)
		}, token.BadSignature},
		{"all zero signature", func(f forger) string { return strings.TrimSuffix(f.good, f.sig) + b64(strings.Repeat("\x00", 64)) }, token.BadSignature},
		{"the signature of another token", func(f forger) string {
			other := f.claim("jti", `"gr_2"`)
			return strings.TrimSuffix(f.good, f.sig) + other[strings.LastIndex(other, ".")+1:]
		}, token.BadSignature},
		{"a signature with its order added, the same point", func(f forger) string { return malleable(f) }, token.BadSignature},

		// The header.
		{"another kid", func(f forger) string { return f.signed(head("EdDSA", "000000000000000000000000"), f.body) }, token.UnknownKid},
		{"a kid that is a path", func(f forger) string { return f.signed(head("EdDSA", "../../../../dev/null"), f.body) }, token.UnknownKid},
		{"a kid that is a query", func(f forger) string { return f.signed(head("EdDSA", "x' UNION SELECT 'k"), f.body) }, token.UnknownKid},
		{"a kid with a zero byte", func(f forger) string { return f.signed(head("EdDSA", f.kid)[:35]+`\u0000","typ":"JWT"}`, f.body) }, token.UnknownKid},
		{"an empty kid", func(f forger) string { return f.signed(head("EdDSA", ""), f.body) }, token.Malformed},
		{"no kid", func(f forger) string { return f.signed(`{"alg":"EdDSA","typ":"JWT"}`, f.body) }, token.Malformed},
		{"a kid that is a list", func(f forger) string { return f.signed(`{"alg":"EdDSA","kid":["`+f.kid+`"],"typ":"JWT"}`, f.body) }, token.Malformed},
		{"no alg", func(f forger) string { return f.signed(`{"kid":"`+f.kid+`","typ":"JWT"}`, f.body) }, token.BadSignature},
		{"alg in another case", func(f forger) string { return f.signed(head("eddsa", f.kid), f.body) }, token.BadSignature},
		{"another typ", func(f forger) string { return f.signed(strings.Replace(f.head, "JWT", "JWE", 1), f.body) }, token.Malformed},
		{"an unknown crit", func(f forger) string {
			return f.signed(strings.Replace(f.head, `}`, `,"crit":["b64"],"b64":false}`, 1), f.body)
		}, token.Malformed},
		{"a key in the header", func(f forger) string { return f.signed(strings.Replace(f.head, `}`, `,"jwk":{}}`, 1), f.body) }, token.Malformed},
		{"the address of a key", func(f forger) string {
			return f.signed(strings.Replace(f.head, `}`, `,"jku":"https://evil.example"}`, 1), f.body)
		}, token.Malformed},
		{"two algorithms", func(f forger) string { return f.signed(strings.Replace(f.head, `{`, `{"alg":"none",`, 1), f.body) }, token.Malformed},
		{"a header in another case", func(f forger) string { return f.signed(strings.Replace(f.head, `"alg"`, `"ALG"`, 1), f.body) }, token.Malformed},
		{"a header that is null", func(f forger) string { return f.signed(`null`, f.body) }, token.Malformed},

		// The claims, rightly signed.
		{"exp in ten years", func(f forger) string { return f.claim("exp", unix(noon.AddDate(10, 0, 0))) }, token.TooLong},
		{"exp a second over the longest", func(f forger) string { return f.claim("exp", unix(noon.Add(24*time.Hour+time.Second))) }, token.TooLong},
		{"exp beyond all numbers", func(f forger) string { return f.claim("exp", `9223372036854775807`) }, token.Malformed},
		{"exp with a fraction", func(f forger) string { return f.claim("exp", unix(noon.Add(time.Minute))+".5") }, token.Malformed},
		{"exp with an exponent", func(f forger) string { return f.claim("exp", "2e9") }, token.Malformed},
		{"exp as text", func(f forger) string { return f.claim("exp", `"`+unix(noon.Add(time.Minute))+`"`) }, token.Malformed},
		{"exp before iat", func(f forger) string { return f.claim("exp", unix(noon.Add(-time.Second))) }, token.Malformed},
		{"exp before iat, but after nbf", func(f forger) string {
			f.body = f.with("nbf", unix(noon.Add(-time.Hour)))
			return f.claim("exp", unix(noon.Add(-time.Second)))
		}, token.Malformed},
		{"over", func(f forger) string {
			f.body = f.with("iat", unix(noon.Add(-time.Hour)))
			f.body = f.with("nbf", unix(noon.Add(-time.Hour)))
			return f.claim("exp", unix(noon.Add(-time.Minute)))
		}, token.Expired},
		{"iat in the future", func(f forger) string { return f.claim("iat", unix(noon.Add(time.Minute))) }, token.FutureIAT},
		{"iat before 1970", func(f forger) string { return f.claim("iat", "-1") }, token.Malformed},
		{"nbf later", func(f forger) string { return f.claim("nbf", unix(noon.Add(time.Minute))) }, token.NotYetValid},
		{"nbf after exp", func(f forger) string { return f.claim("nbf", unix(noon.Add(time.Hour))) }, token.Malformed},
		{"another audience", func(f forger) string { return f.claim("aud", `"m2"`) }, token.WrongAudience},
		{"an empty audience", func(f forger) string { return f.claim("aud", `""`) }, token.WrongAudience},
		{"a list of audiences", func(f forger) string { return f.claim("aud", `["m1","m2"]`) }, token.Malformed},
		{"another issuer", func(f forger) string { return f.claim("iss", `"node-b"`) }, token.WrongIssuer},
		{"an empty issuer", func(f forger) string { return f.claim("iss", `""`) }, token.WrongIssuer},
		{"an empty jti", func(f forger) string { return f.claim("jti", `""`) }, token.Malformed},
		{"jti null", func(f forger) string { return f.claim("jti", `null`) }, token.Malformed},
		{"an empty agent", func(f forger) string { return f.claim("sub", `""`) }, token.Malformed},
		{"an unknown scope", func(f forger) string { return f.claim("scope", `"root"`) }, token.Malformed},
		{"no scope", func(f forger) string { return f.claim("scope", `""`) }, token.Malformed},
		{"no uses", func(f forger) string { return f.claim("uses", `0`) }, token.Malformed},
		{"uses below zero", func(f forger) string { return f.claim("uses", `-1`) }, token.Malformed},
		{"a digest that binds nothing", func(f forger) string { return f.claim("args_sha256", `null`) }, token.Malformed},
		{"narrowed by nothing at all", func(f forger) string { return f.claim("args", `null`) }, token.Malformed},
		{"an unknown claim", func(f forger) string { return f.claim("admin", `true`) }, token.Malformed},
		{"a claim in another case beside the right one", func(f forger) string { return f.claim("Sub", `"root"`) }, token.Malformed},
		{"a duplicate claim", func(f forger) string { return f.signed(f.head, strings.Replace(f.body, `{`, `{"sub":"root",`, 1)) }, token.Malformed},
		{"a duplicate claim, spelt with an escape", func(f forger) string { return f.signed(f.head, strings.Replace(f.body, `{`, `{"s\u0075b":"root",`, 1)) }, token.Malformed},
		{"a duplicate member deep inside", func(f forger) string { return f.claim("args", `{"order":"1","order":"2"}`) }, token.Malformed},
		{"invalid UTF-8", func(f forger) string {
			return f.signed(f.head, strings.Replace(f.body, "claude-code", "claude\xffcode", 1))
		}, token.Malformed},
		{"claims that are a list", func(f forger) string { return f.signed(f.head, `[]`) }, token.Malformed},
		{"claims that are null", func(f forger) string { return f.signed(f.head, `null`) }, token.Malformed},
		{"two bodies", func(f forger) string { return f.signed(f.head, f.body+f.body) }, token.Malformed},

		// The text around.
		{"nothing", func(forger) string { return "" }, token.Malformed},
		{"dots only", func(forger) string { return ".." }, token.Malformed},
		{"an extra dot", func(f forger) string { return f.good + "." }, token.Malformed},
		{"a dot in front", func(f forger) string { return "." + f.good }, token.Malformed},
		{"a fourth text", func(f forger) string { return f.good + "." + f.sig }, token.Malformed},
		{"padding", func(f forger) string { return f.good + "==" }, token.Malformed},
		{"a space in front", func(f forger) string { return " " + f.good }, token.Malformed},
		{"a line break at the end", func(f forger) string { return f.good + "\n" }, token.Malformed},
		{"a line break inside, which the standard decoder skips", func(f forger) string { return f.good[:len(f.good)-10] + "\r\n" + f.good[len(f.good)-10:] }, token.Malformed},
		{"bits behind the last byte", func(f forger) string { return f.good[:len(f.good)-1] + string(next(f.good[len(f.good)-1])) }, token.Malformed},
		{"the other alphabet of base64", func(f forger) string { return strings.NewReplacer("-", "+", "_", "/").Replace(f.good) + "+" }, token.Malformed},
		{"the scheme before it", func(f forger) string { return "Bearer " + f.good }, token.Malformed},
		{"longer than a token may be", func(f forger) string { return f.good + strings.Repeat("A", 8<<10) }, token.Malformed},
		{"the form of JSON", func(f forger) string { return `{"payload":"` + b64(f.body) + `","signatures":[]}` }, token.Malformed},
	}
	require.GreaterOrEqual(t, len(tests), 25)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "node-a")
			f := newForger(t, n)
			_, err := n.Verify(f.good)
			require.NoError(t, err, "the token before it was forged")
			forged := tt.forge(f)
			require.NotEqual(t, f.good, forged)
			g, err := n.Verify(forged)
			requireRefused(t, err, tt.want)
			require.Zero(t, g)
			require.NotContains(t, err.Error(), f.sig)
		})
	}
}

// next returns the letter after c in the alphabet of base64url: of a text whose last
// letter holds unused bits, one that decodes to the same bytes.
func next(c byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, c)+1]
}

// malleable adds the order of the curve to S, which a careless verifier takes too.
func malleable(f forger) string {
	sig := []byte(unb64(f.t, f.sig))
	order := [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	carry := 0
	for i, b := range order {
		carry += int(sig[32+i]) + int(b)
		sig[32+i] = byte(carry)
		carry >>= 8
	}
	return strings.TrimSuffix(f.good, f.sig) + b64(string(sig))
}

func TestEachClaimIsUnderTheSignatureAndNeeded(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	f := newForger(t, n)
	_, err := n.Verify(f.signed(f.head, f.with("uses", "1")))
	require.NoError(t, err, "the order of members is free")

	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(f.body), &body))
	require.Len(t, body, 18)
	for name := range maps.Keys(body) {
		changed := `"changed"`
		switch body[name].(type) {
		case float64:
			changed = unix(noon.Add(2 * time.Minute))
		case map[string]any:
			changed = `{"order":"other"}`
		}
		_, err := n.Verify(b64(f.head) + "." + b64(f.with(name, changed)) + "." + f.sig)
		requireRefused(t, err, token.BadSignature)

		_, err = n.Verify(f.signed(f.head, f.without(name)))
		requireRefused(t, err, token.Malformed)
		require.ErrorContains(t, err, name)

		_, err = n.Verify(f.claim(name, `null`))
		requireRefused(t, err, token.Malformed)
	}
}

// A token is good in one spelling only: whatever else is tried, no panic and no grant.
func FuzzVerify(f *testing.F) {
	n := newNode(f, "node-a")
	good := sign(f, n, grant())
	f.Add(good)
	f.Add("..")
	f.Add(good + "\n")
	fo := newForger(f, n)
	f.Add(fo.body)
	for _, name := range []string{"exp", "jti", "sub", "args"} {
		f.Add(fo.signed(fo.head, fo.without(name)))
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := n.Verify(s)
		if s == good {
			require.NoError(t, err)
			return
		}
		var refused *token.Refusal
		require.ErrorAs(t, err, &refused)

		// What it says is judged too: sign the text as claims.
		g, err := n.Verify(fo.signed(fo.head, s))
		if err != nil {
			require.ErrorAs(t, err, &refused)
			return
		}
		again, err := n.Sign(g)
		require.NoError(t, err, "what is accepted can be signed")
		same, err := n.Verify(again)
		require.NoError(t, err)
		require.Equal(t, g, same)
	})
}
