package schema

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"m1/engine/source"
)

// ErrMismatch is wrapped by every error of Check.
var ErrMismatch = errors.New("schema: the arguments do not fit")

// mismatch is the first place that does not fit. The path is written from the
// inside out, and only then.
type mismatch struct{ path, msg string }

func (m *mismatch) under(step string) *mismatch {
	m.path = step + m.path
	return m
}

// Check returns an error if the arguments, as call.Canonical returned them, do not
// fit; it names the first place that does not, and what was wanted there. Any fits
// everything. An object is refused when two members have one name, and when a
// member has the name of a field in other letters (Path for path): some tools take
// one for the other. JSON that is not canonical is refused where it is looked at.
// Values are never part of the error. It allocates only to refuse, and to read
// names with escapes.
func (t *Type) Check(canonical []byte) error {
	end, bad := t.check(canonical, 0)
	if bad == nil && end != len(canonical) {
		bad = &mismatch{msg: "not canonical JSON"}
	}
	if bad == nil {
		return nil
	}
	return fmt.Errorf("%w: args%s: %s", ErrMismatch, bad.path, bad.msg)
}

// check looks at the value that begins at i and returns the offset after it.
func (t *Type) check(b []byte, i int) (int, *mismatch) {
	end := skip(b, i)
	if end < 0 {
		return 0, &mismatch{msg: "not canonical JSON"}
	}
	if t == nil || t.Kind == Any && t.Enum == nil {
		return end, nil
	}
	v := b[i:end]
	if t.Nullable && string(v) == "null" {
		return end, nil
	}
	if !t.holds(v) {
		return 0, &mismatch{msg: "want " + t.want() + ", got " + kindOf(v)}
	}
	if t.Enum != nil && !slices.ContainsFunc(t.Enum, func(e string) bool { return e == string(v) }) {
		return 0, &mismatch{msg: "want " + t.want()}
	}
	var bad *mismatch
	switch t.Kind {
	case List:
		bad = t.checkList(b, i, end)
	case Map:
		bad = t.checkMap(b, i, end)
	case Object:
		bad = t.checkObject(b, i, end)
	}
	return end, bad
}

// holds reports whether v, by itself, is of the kind.
func (t *Type) holds(v []byte) bool {
	switch t.Kind {
	case String:
		return v[0] == '"'
	case Bool:
		return string(v) == "true" || string(v) == "false"
	case Int:
		return isInt(v)
	case Double:
		return isFinite(v)
	case List:
		return v[0] == '['
	case Map, Object:
		return v[0] == '{'
	default:
		return true
	}
}

func isInt(v []byte) bool {
	whole, ok := number(v)
	if !ok {
		return false
	}
	if whole {
		_, err := strconv.ParseInt(string(v), 10, 64)
		return err == nil
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return err == nil && f == math.Trunc(f) && f >= -1<<63 && f < 1<<63
}

// finite is how many digits a whole number has at most that a float64 certainly
// reaches.
const finite = 308

func isFinite(v []byte) bool {
	whole, ok := number(v)
	if !ok || whole && len(v) <= finite {
		return ok
	}
	_, err := strconv.ParseFloat(string(v), 64)
	return err == nil
}

// checkList checks the elements of the list b[i:end].
func (t *Type) checkList(b []byte, i, end int) *mismatch {
	if i+2 == end {
		return nil
	}
	i++
	for n := 0; ; n++ {
		next, bad := t.Elem.check(b, i)
		if bad != nil {
			return bad.under("[" + strconv.Itoa(n) + "]")
		}
		if next == end-1 {
			return nil
		}
		if b[next] != ',' {
			return &mismatch{msg: "not canonical JSON"}
		}
		i = next + 1
	}
}

func (t *Type) checkMap(b []byte, i, end int) *mismatch {
	m := members{b: b, at: i, end: end}
	for m.next() {
		var bad *mismatch
		if m.at, bad = t.Elem.check(b, m.at); bad != nil {
			return bad.under(step(string(m.name)))
		}
	}
	return m.bad
}

func (t *Type) checkObject(b []byte, i, end int) *mismatch {
	m, needed := members{b: b, at: i, end: end}, 0
	for _, f := range t.Fields {
		if !f.Optional {
			needed++
		}
	}
	for m.next() {
		f := t.field(m.name)
		if f == nil {
			if bad := t.stranger(m.name); bad != nil {
				return bad.under(step(string(m.name)))
			}
			m.pass()
			continue
		}
		var bad *mismatch
		if m.at, bad = f.Type.check(b, m.at); bad != nil {
			return bad.under(step(f.Name))
		}
		if !f.Optional {
			needed--
		}
	}
	if m.bad != nil || needed == 0 {
		return m.bad
	}
	return t.missing(b, i, end)
}

// field finds a field by its exact name.
func (t *Type) field(name []byte) *Field {
	lo, hi := 0, len(t.Fields)
	for lo < hi {
		mid := (lo + hi) / 2
		switch f := &t.Fields[mid]; {
		case f.Name == string(name):
			return f
		case f.Name < string(name):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return nil
}

// stranger says what is wrong with a member that is no field.
func (t *Type) stranger(name []byte) *mismatch {
	for i := range t.Fields {
		if known := t.Fields[i].Name; twins(name, known) {
			return &mismatch{msg: fmt.Sprintf("too like the member %q; write it in exactly these letters", known)}
		}
	}
	if t.Open {
		return nil
	}
	msg := "unknown member"
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	if hint := source.DidYouMean(string(name), names); hint != "" {
		msg += "; " + hint
	}
	return &mismatch{msg: msg}
}

// missing names the first field that the object b[i:end], which is well formed,
// lacks.
func (t *Type) missing(b []byte, i, end int) *mismatch {
	for _, f := range t.Fields {
		there := false
		m := members{b: b, at: i, end: end}
		for !f.Optional && !there && m.next() {
			there = f.Name == string(m.name)
			m.pass()
		}
		if !f.Optional && !there {
			return (&mismatch{msg: "missing, want " + f.Type.want()}).under(step(f.Name))
		}
	}
	return &mismatch{msg: "a member is missing"}
}

// want says in words what fits.
func (t *Type) want() string {
	if t == nil {
		return "any value"
	}
	if t.Enum != nil {
		const shown = 10
		if len(t.Enum) > shown {
			return fmt.Sprintf("one of %s and %d more", strings.Join(t.Enum[:shown], ", "), len(t.Enum)-shown)
		}
		return "one of " + strings.Join(t.Enum, ", ")
	}
	return map[Kind]string{
		Any: "any value", String: "text", Int: "a whole number within 64 bits", Double: "a number",
		Bool: "true or false", List: "a list", Map: "an object", Object: "an object",
	}[t.Kind]
}

// kindOf says in words what v is; its value stays secret.
func kindOf(v []byte) string {
	switch v[0] {
	case '"':
		return "text"
	case '[':
		return "a list"
	case '{':
		return "an object"
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	}
	switch whole, ok := number(v); {
	case !ok:
		return "what is not JSON"
	case !isFinite(v):
		return "a number out of range"
	case whole && !isInt(v):
		return "a whole number beyond 64 bits"
	case whole:
		return "a whole number"
	}
	return "a number with a fraction"
}

// step is one step of a path. Names come from the caller, so they are bounded and
// what cannot be shown is escaped.
func step(name string) string {
	const shown = 60
	if len(name) > shown {
		name = strings.ToValidUTF8(name[:shown], "") + "…"
	}
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !strconv.IsPrint(r) || strings.ContainsRune(` ."[]`, r)
	}) {
		return "." + name
	}
	return "[" + strconv.Quote(name) + "]"
}
