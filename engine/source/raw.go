package source

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// raw writes the value at n as compact JSON, members in the order of the
// document. Null stays empty.
func (d *decoder) raw(n *yaml.Node, v reflect.Value, at *segment) {
	if resolve(n).ShortTag() == "!!null" {
		v.SetBytes(nil)
		return
	}
	if out, ok := d.appendJSON(nil, n, at); ok {
		v.Set(reflect.ValueOf(json.RawMessage(out)))
	}
}

func (d *decoder) appendJSON(out []byte, written *yaml.Node, at *segment) ([]byte, bool) {
	n := resolve(written)
	ok := true
	switch n.Kind {
	case yaml.MappingNode:
		out = append(out, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				out = append(out, ',')
			}
			key := resolve(n.Content[i])
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return out, false // told by structure
			}
			out = appendText(out, key.Value)
			var good bool
			out, good = d.appendJSON(append(out, ':'), n.Content[i+1], at.field(key.Value))
			ok = ok && good
		}
		return append(out, '}'), ok
	case yaml.SequenceNode:
		out = append(out, '[')
		for i, c := range n.Content {
			if i > 0 {
				out = append(out, ',')
			}
			var good bool
			out, good = d.appendJSON(out, c, at.index(i))
			ok = ok && good
		}
		return append(out, ']'), ok
	}
	switch n.ShortTag() {
	case "!!null":
		return append(out, "null"...), true
	case "!!bool":
		if b, ok := truth(n); ok {
			return strconv.AppendBool(out, b), true
		}
	case "!!int", "!!float":
		return d.appendNumber(out, n, written, at)
	}
	if !isText(n) {
		d.add(written, at, "found "+found(n)+", want a value that JSON has", "")
		return out, false
	}
	return appendText(out, n.Value), true
}

// appendNumber keeps the digits of a number that JSON can write, and turns the
// other forms of YAML (0x1f, 1_000, .5) into one.
func (d *decoder) appendNumber(out []byte, n, written *yaml.Node, at *segment) ([]byte, bool) {
	f, err := strconv.ParseFloat(n.Value, 64)
	if jsonNumber.MatchString(n.Value) && err == nil {
		return append(out, n.Value...), true
	}
	if i, err := strconv.ParseInt(digits(n), 0, 64); err == nil {
		return strconv.AppendInt(out, i, 10), true
	}
	if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && digits(n) == n.Value {
		return strconv.AppendFloat(out, f, 'g', -1, 64), true
	}
	d.add(written, at, "found "+found(n)+", want a number that JSON can write", "")
	return out, false
}

func appendText(out []byte, s string) []byte {
	// It fails on text that is not UTF-8 only, and such a document is not read.
	out, _ = jsontext.AppendQuote(out, s)
	return out
}
