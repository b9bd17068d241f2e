package source

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// scalar reads text, bool and numbers.
func (d *decoder) scalar(written *yaml.Node, v reflect.Value, at *segment) {
	n := resolve(written)
	tag := n.ShortTag()
	wrong := func(want, hint string) { d.add(written, at, "found "+found(n)+", want "+want, hint) }
	switch k := v.Kind(); {
	case v.Type() == durationType:
		pause, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			wrong("a duration", "write it like 250ms, 30s or 1h30m")
			return
		}
		v.SetInt(int64(pause))
	case k == reflect.String:
		if !isText(n) {
			hint := ""
			if n.Kind == yaml.ScalarNode && tag != "!!null" {
				hint = fmt.Sprintf("write %q in quotes if text is meant", n.Value)
			}
			wrong("text", hint)
			return
		}
		v.SetString(n.Value)
	case k == reflect.Bool:
		b, ok := truth(n)
		if !ok {
			wrong("true or false", "")
			return
		}
		v.SetBool(b)
	case v.CanInt():
		i, err := strconv.ParseInt(digits(n), 0, v.Type().Bits())
		if n.Kind != yaml.ScalarNode || tag != "!!int" || err != nil {
			most := int64(math.MaxInt64) >> (64 - v.Type().Bits())
			wrong(fmt.Sprintf("a whole number from %d to %d", -most-1, most), "")
			return
		}
		v.SetInt(i)
	case v.CanUint():
		u, err := strconv.ParseUint(digits(n), 0, v.Type().Bits())
		if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || err != nil {
			wrong(fmt.Sprintf("a whole number from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits())), "")
			return
		}
		v.SetUint(u)
	case v.CanFloat():
		f, err := strconv.ParseFloat(digits(n), v.Type().Bits())
		if (tag != "!!int" && tag != "!!float") || err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			wrong("a number", "")
			return
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("source: cannot decode into %s", v.Type()))
	}
}

// isText reports whether n is text. A date is text to everybody but YAML.
func isText(n *yaml.Node) bool {
	tag := n.ShortTag()
	return n.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp")
}

// truth reads a bool. A tag can claim anything to be one, so the text counts too.
func truth(n *yaml.Node) (value, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// digits is the text of a number as strconv reads it.
func digits(n *yaml.Node) string {
	s := n.Value
	// strconv takes a leading 0 for octal, YAML 1.2 does not have such numbers.
	if t := strings.TrimLeft(s, "+-"); len(t) > 1 && t[0] == '0' && t[1] >= '0' && t[1] <= '9' {
		return "octal"
	}
	return s
}

const shown = 40 // characters of a wrong value that a problem repeats

// found says in words what stands at n.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	text := n.Value
	if r := []rune(text); len(r) > shown {
		text = string(r[:shown]) + "…"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return text
	case "!!int", "!!float":
		return "the number " + text
	case "!!str", "!!timestamp":
		return fmt.Sprintf("the text %q", text)
	default:
		return fmt.Sprintf("a value with the tag %s", n.Tag)
	}
}
