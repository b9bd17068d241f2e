package pricing

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// MaxTokens is the largest count that ParseUsage takes. It is far beyond any
// model call; above it a figure is a mistake.
const MaxTokens = 1_000_000_000_000

// UsageError says which field of a usage object is wrong. Field is empty when
// the object as a whole is.
type UsageError struct {
	Field string // dotted path, such as "prompt_tokens_details.cached_tokens"
	Msg   string
}

func (e *UsageError) Error() string {
	if e.Field == "" {
		return "pricing: usage: " + e.Msg
	}
	return fmt.Sprintf("pricing: usage field %q: %s", e.Field, e.Msg)
}

// ParseUsage reads a usage object as the vendor sent it: of Anthropic, of
// OpenAI's chat completions and responses (also as DeepSeek and LiteLLM write
// them), of Gemini, or M1's own {input_tokens, output_tokens, cache_read_tokens,
// cache_write_tokens, cache_write_1h_tokens}. The result has counts, Tier and
// Provider; all else is for the caller to fill in.
//
// The vendors count differently: with OpenAI and Gemini the prompt includes
// cached tokens, with Anthropic and M1 it does not. The fields tell which form
// it is; provider decides only where an object has the fields of several.
// Unknown fields are left alone, for vendors add some. Every error is a
// *UsageError.
//
// Fees that are not counted in tokens, such as those for web searches, are not
// part of a usage.
func ParseUsage(provider string, raw json.RawMessage) (call.Usage, error) {
	o := object{}
	if err := jsonv2.Unmarshal(raw, &o.fields); err != nil || o.fields == nil {
		return call.Usage{}, &UsageError{Msg: "want a JSON object with the token counts of one model call"}
	}
	f, err := o.form(provider)
	if err != nil {
		return call.Usage{}, err
	}
	u := f.read(&o)
	u.Provider = provider
	if provider == "" {
		u.Provider = f.vendor
	}
	u.Tier = o.tier()
	if o.wrong != nil {
		return call.Usage{}, o.wrong
	}
	return u, nil
}

// form is one vendor's way of writing usage.
type form struct {
	vendor string
	marks  []string // fields that only this form has
	read   func(*object) call.Usage
}

var (
	anthropic = form{"anthropic", []string{"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"}, readAnthropic}
	chat      = form{"openai", []string{"prompt_tokens", "completion_tokens"}, readChat}
	responses = form{"openai", []string{"input_tokens_details"}, readResponses}
	gemini    = form{"google", []string{"promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount", "thoughtsTokenCount"}, readGemini}
	neutral   = form{"", []string{"cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"}, readNeutral}
	// plain has nothing cached: then all forms with these names agree.
	plain = form{"", []string{"input_tokens", "output_tokens"}, readNeutral}
)

// vendors are the names under which callers know the vendor of a form.
var vendors = map[string]string{
	"anthropic": "anthropic", "openai": "openai", "azure": "openai", "deepseek": "openai",
	"google": "google", "gemini": "google", "vertex_ai": "google", "m1": "",
}

func (o *object) form(provider string) (form, error) {
	found := o.forms()
	switch len(found) {
	case 0:
		return form{}, &UsageError{Msg: "no known token count in it: want fields such as input_tokens and output_tokens, or prompt_tokens and completion_tokens"}
	case 1:
		return found[0], nil
	}
	if vendor, ok := vendors[provider]; ok {
		for _, f := range found {
			if f.vendor == vendor {
				return f, nil
			}
		}
	}
	return form{}, &UsageError{
		Field: o.first(found[1].marks),
		Msg: fmt.Sprintf("stands beside %q, which is counted differently: send one of them, or name the provider (anthropic, openai, google or m1)",
			o.first(found[0].marks)),
	}
}

// forms are all that the object could be.
func (o *object) forms() (found []form) {
	for _, f := range []form{chat, gemini} {
		if o.first(f.marks) != "" {
			found = append(found, f)
		}
	}
	// LiteLLM adds Anthropic's cache fields to a chat object, whose prompt
	// includes them: the chat form reads both.
	own := o.first(plain.marks) != ""
	if len(found) > 0 && !own {
		return found
	}
	n := len(found)
	for _, f := range []form{anthropic, responses, neutral} {
		if o.first(f.marks) != "" {
			found = append(found, f)
		}
	}
	if len(found) == n && own {
		found = append(found, plain)
	}
	return found
}

// object is a usage object being read; it keeps the first complaint.
type object struct {
	fields map[string]jsontext.Value
	wrong  error
}

// first is the first of the names that has a value.
func (o *object) first(names []string) string {
	for _, name := range names {
		if v := o.fields[name]; len(v) > 0 && v.Kind() != 'n' {
			return name
		}
	}
	return ""
}

// count reads the first of the fields that has a value; none is 0. A name may
// have one dot: the field of an object inside.
func (o *object) count(names ...string) int64 {
	for _, name := range names {
		v := o.value(name)
		if len(v) == 0 || v.Kind() == 'n' {
			continue
		}
		n, err := strconv.ParseUint(string(v), 10, 64)
		if err != nil || n > MaxTokens {
			got := "a value that is no number"
			if v.Kind() == '0' {
				got = fmt.Sprintf("%.24s", v)
			}
			o.fail(name, fmt.Sprintf("want a whole number from 0 to %d, got %s", int64(MaxTokens), got))
			return 0
		}
		return int64(n)
	}
	return 0
}

func (o *object) value(name string) jsontext.Value {
	outer, inner, nested := strings.Cut(name, ".")
	v := o.fields[outer]
	if !nested || len(v) == 0 || v.Kind() == 'n' {
		return v
	}
	var fields map[string]jsontext.Value
	if v.Kind() != '{' || jsonv2.Unmarshal(v, &fields) != nil {
		o.fail(outer, "want an object")
		return nil
	}
	return fields[inner]
}

func (o *object) fail(field, msg string) {
	if o.wrong == nil {
		o.wrong = &UsageError{Field: field, Msg: msg}
	}
}

// without takes what was cached off a prompt that includes it.
func (o *object) without(field string, prompt int64, cached ...int64) int64 {
	rest := prompt
	for _, n := range cached {
		rest -= n
	}
	if rest < 0 {
		o.fail(field, fmt.Sprintf("want at least the %d cached tokens that it includes, got %d", prompt-rest, prompt))
	}
	return rest
}
