package tool

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
	"m1/engine/schema"
)

// YAML writes the catalogue as a file that Parse reads back as an equal one. The
// same catalogue is always the same bytes.
func (c *Catalogue) YAML() []byte {
	w := &writer{}
	if c.Len() == 0 {
		return []byte("version: 1\ntools: {}\n")
	}
	w.line(0, "version: 1")
	w.line(0, "tools:")
	for _, name := range c.names {
		w.line(1, text(name)+":")
		w.entry(c.entries[name])
	}
	return w.Bytes()
}

type writer struct{ bytes.Buffer }

func (w *writer) line(depth int, s string) {
	w.WriteString(strings.Repeat("  ", depth))
	w.WriteString(s)
	w.WriteByte('\n')
}

func (w *writer) entry(e *Entry) {
	for _, f := range fieldsOf(e.base()) {
		w.line(2, f)
	}
	if e.keeps() {
		w.line(2, "cache: "+cacheFlow(e))
	}
	if told := e.fromParameters(); e.Args != nil && (told == nil || e.Args.Digest() != told.Digest()) {
		w.args(e.Args)
	}
	if by := e.ByArg; by != nil {
		w.line(2, "scope_by_arg:")
		w.line(3, "arg: "+text(by.Arg))
		w.values(by.Values)
		if by.Otherwise != nil {
			w.line(3, "otherwise: "+flow(*by.Otherwise))
		}
	}
	if e.Description != "" {
		w.line(2, "description: "+text(e.Description))
	}
	if e.Parameters != nil {
		w.WriteString("    parameters:")
		w.value(jsontext.NewDecoder(bytes.NewReader(e.Parameters)), 3)
	}
}

func cacheFlow(e *Entry) string {
	var parts []string
	if e.TTL != 0 {
		parts = append(parts, "ttl: "+e.TTL.String())
	}
	if e.Key != nil {
		keys := make([]string, len(e.Key))
		for i, k := range e.Key {
			keys[i] = text(k)
		}
		parts = append(parts, "key: ["+strings.Join(keys, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (w *writer) args(t *schema.Type) {
	if len(t.Fields) == 0 {
		w.line(2, "args: {}")
		return
	}
	w.line(2, "args:")
	for _, f := range t.Fields {
		w.key(3, text(f.Name))
		w.WriteString(" " + shape(f.Type, f.Optional) + "\n")
	}
}

func (w *writer) values(values map[string]Case) {
	if len(values) == 0 {
		w.line(3, "values: {}")
		return
	}
	w.line(3, "values:")
	for _, v := range slices.Sorted(maps.Keys(values)) {
		key := v
		if s, err := jsontext.AppendUnquote(nil, v); err == nil {
			key = text(string(s))
		}
		w.key(4, key)
		w.WriteString(" " + flow(values[v]) + "\n")
	}
}

// fieldsOf spells a Case, leaving out what Parse adds by itself. What a tool
// changes is always spelled out, because leaving it out means everything.
func fieldsOf(c Case) []string {
	fs := []string{"scope: " + c.Scope.String()}
	if c.Cacheable {
		fs = append(fs, "cacheable: true")
	}
	if c.Cacheable || len(c.Reads) > 0 {
		fs = append(fs, "reads: "+list(c.Reads))
	}
	switch {
	case c.ChangesAll:
		fs = append(fs, "changes: "+list([]Collection{{Name: Everything}}))
	case c.Scope > call.Read:
		fs = append(fs, "changes: "+list(c.Changes))
	}
	return fs
}

func flow(c Case) string { return "{" + strings.Join(fieldsOf(c), ", ") + "}" }

func list(cs []Collection) string {
	parts := make([]string, len(cs))
	for i, c := range cs {
		parts[i] = text(c.String())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// value writes the next JSON value of dec after a key or a dash.
func (w *writer) value(dec *jsontext.Decoder, depth int) {
	tok, err := dec.ReadToken()
	if err != nil {
		// Parameters are valid JSON in every catalogue.
		panic(fmt.Sprintf("tool: parameters: %v", err))
	}
	switch tok.Kind() {
	case '{':
		if dec.PeekKind() == '}' {
			w.WriteString(" {}\n")
			break
		}
		w.WriteByte('\n')
		for dec.PeekKind() != '}' {
			name, _ := dec.ReadToken()
			w.key(depth, text(name.String()))
			w.value(dec, depth+1)
		}
	case '[':
		if dec.PeekKind() == ']' {
			w.WriteString(" []\n")
			break
		}
		w.WriteByte('\n')
		for dec.PeekKind() != ']' {
			w.WriteString(strings.Repeat("  ", depth) + "-")
			w.value(dec, depth+1)
		}
	case '"':
		w.WriteString(" " + text(tok.String()) + "\n")
		return
	default:
		w.WriteString(" " + tok.String() + "\n")
		return
	}
	_, _ = dec.ReadToken() // the closing bracket, which PeekKind saw
}

// longKey is how long a key may be in front of its colon; YAML gives up at 1,024
// characters and wants such a key marked.
const longKey = 900

// key writes a key up to its colon.
func (w *writer) key(depth int, key string) {
	indent := strings.Repeat("  ", depth)
	if len(key) > longKey {
		w.WriteString(indent + "? " + key + "\n")
		key = ""
	}
	w.WriteString(indent + key + ":")
}

var (
	plain    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// text writes s so that every YAML reader takes it for text.
func text(s string) string {
	if plain.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
