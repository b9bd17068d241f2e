package source

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Decode reads the document src, called name in problems, into v, a pointer.
// JSON documents are read by the rules of JSON, everything else as YAML. The
// error is Problems with every mistake of the document, sorted by place, and v
// then holds what could be read.
//
// v may be built of structs (fields named by their yaml tag, or by their name in
// lower case; "inline" for embedded structs), maps with text keys, slices,
// pointers, text, bool, numbers, time.Duration ("1m30s"), json.RawMessage (any
// value, as compact JSON), types that implement encoding.TextUnmarshaler, Node,
// Unsupported and Open. A field that the struct does not name is a problem, and
// so is a value of another type: no number becomes text, no text becomes a bool.
// Only pointers and json.RawMessage may be null.
func Decode(name string, src []byte, v any) error {
	top, problem := parse(name, src)
	if problem != nil {
		return Problems{*problem}
	}
	d := decoder{file: name}
	var sound bool
	if d.problems, sound = structure(name, top); sound {
		d.into(top, v, nil)
	}
	return d.problems.Err()
}

type decoder struct {
	file     string
	problems Problems
	types    map[reflect.Type]*fields
	texts    map[reflect.Type]bool // whether a type reads itself from text
}

// into panics on a v that the documentation of Decode does not allow: that is a
// mistake of the program, not of the document.
func (d *decoder) into(n *yaml.Node, v any, at *segment) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		panic(fmt.Sprintf("source: cannot decode into %T", v))
	}
	d.value(n, rv.Elem(), at)
}

var (
	nodeType        = reflect.TypeFor[Node]()
	unsupportedType = reflect.TypeFor[Unsupported]()
	openType        = reflect.TypeFor[Open]()
	rawType         = reflect.TypeFor[json.RawMessage]()
	durationType    = reflect.TypeFor[time.Duration]()
	textType        = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value reads what was written at n into v. The cases are tried from the most
// special to the most general.
func (d *decoder) value(written *yaml.Node, v reflect.Value, at *segment) {
	n := resolve(written)
	t := v.Type()
	switch {
	case t == nodeType:
		*v.Addr().Interface().(*Node) = Node{file: d.file, at: at, n: written}
	case t == unsupportedType:
		d.add(written, at, "not supported by this version", "leave it out only if the rest is right without it")
	case t == rawType:
		d.raw(written, v, at)
	case t.Kind() == reflect.Pointer:
		if n.ShortTag() == "!!null" {
			v.SetZero()
			return
		}
		v.Set(reflect.New(t.Elem()))
		d.value(written, v.Elem(), at)
	case d.readsText(t):
		d.text(written, v, at)
	case t.Kind() == reflect.Struct:
		if d.kind(written, yaml.MappingNode, "a mapping", at) {
			d.structure(written, v, at)
		}
	case t.Kind() == reflect.Map:
		if d.kind(written, yaml.MappingNode, "a mapping", at) {
			d.mapping(n, v, at)
		}
	case t.Kind() == reflect.Slice:
		if d.kind(written, yaml.SequenceNode, "a list", at) {
			d.list(n, v, at)
		}
	default:
		d.scalar(written, v, at)
	}
}

// readsText asks each type once: the answer is slow to find.
func (d *decoder) readsText(t reflect.Type) bool {
	if t.PkgPath() == "" { // has no name, or comes with Go: has no methods
		return false
	}
	is, known := d.texts[t]
	if !known {
		if d.texts == nil {
			d.texts = map[reflect.Type]bool{}
		}
		is = reflect.PointerTo(t).Implements(textType)
		d.texts[t] = is
	}
	return is
}

func (d *decoder) structure(written *yaml.Node, v reflect.Value, at *segment) {
	n := resolve(written)
	fields := d.fieldsOf(v.Type())
	for _, self := range fields.self {
		*v.FieldByIndex(self).Addr().Interface().(*Node) = Node{file: d.file, at: at, n: written}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			continue // told by structure
		}
		if f, ok := fields.index[key.Value]; ok && isText(key) {
			d.value(n.Content[i+1], v.FieldByIndex(f), at.field(key.Value))
		} else if !fields.open {
			d.add(n.Content[i], at.field(key.Value), "unknown field", fields.hint(key.Value))
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, at *segment) {
	t := v.Type()
	m := reflect.MakeMapWithSize(t, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			continue // told by structure
		}
		if !isText(key) {
			d.add(n.Content[i], at.field(key.Value), "found "+found(key)+", want text",
				fmt.Sprintf("write %q in quotes if text is meant", key.Value))
			continue
		}
		elem := reflect.New(t.Elem()).Elem()
		d.value(n.Content[i+1], elem, at.field(key.Value))
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(t.Key()), elem)
	}
	v.Set(m)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, at *segment) {
	s := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, s.Index(i), at.index(i))
	}
	v.Set(s)
}

func (d *decoder) text(written *yaml.Node, v reflect.Value, at *segment) {
	n := resolve(written)
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.add(written, at, "found "+found(n)+", want text", "")
		return
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value))
	if err != nil {
		d.add(written, at, withoutPackage(err.Error()), "")
	}
}

// kind reports whether what was written is of the wanted kind, and tells if not.
func (d *decoder) kind(written *yaml.Node, want yaml.Kind, name string, at *segment) bool {
	if n := resolve(written); n.Kind != want {
		d.add(written, at, "found "+found(n)+", want "+name, "")
		return false
	}
	return true
}

func (d *decoder) add(n *yaml.Node, at *segment, msg, hint string) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: n.Line, Col: n.Column, Field: at.String(), Msg: msg, Hint: hint,
	})
}

// withoutPackage drops the "package: " that errors of this project begin with:
// the reader of a document knows no packages.
func withoutPackage(msg string) string {
	if pkg, rest, ok := strings.Cut(msg, ": "); ok && strings.Trim(pkg, "abcdefghijklmnopqrstuvwxyz") == "" {
		return rest
	}
	return msg
}
