package condition

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"

	"m1/engine/args"
	"m1/engine/schema"
)

type kind uint8

const (
	kindError kind = iota // the zero value: no answer
	kindNull
	kindBool
	kindInt
	kindDouble
	kindText
	kindList   // x is *list
	kindJSON   // a list in the arguments; text is raw, x the *schema.Type of elements
	kindObject // an object in the arguments; text is raw, x its *schema.Type
	kindCall   // the whole call
)

var kindNames = [...]string{"an error", "null", "a bool", "an int", "a double", "text", "a list", "a list", "an object", "the call"}

// value is the result of one part of a condition. It is passed in registers.
type value struct {
	kind kind
	n    uint64 // bool, int, double
	text string
	x    any
}

// list is a list that a policy or a function made.
type list struct {
	items []value
	texts map[string]struct{} // all items, when they are many and all text; else nil
}

var (
	errOverload = errors.New("the operation does not fit the kinds of its values")
	errNoValue  = errors.New("no value")
)

func fail(err error) value     { return value{x: err} }
func boolean(b bool) value     { return value{kind: kindBool, n: bit(b)} }
func integer(n int64) value    { return value{kind: kindInt, n: uint64(n)} }
func double(f float64) value   { return value{kind: kindDouble, n: math.Float64bits(f)} }
func text(s string) value      { return value{kind: kindText, text: s} }
func (v value) int() int64     { return int64(v.n) }
func (v value) float() float64 { return math.Float64frombits(v.n) }
func (v value) err() error {
	if err, ok := v.x.(error); ok {
		return err
	}
	return errNoValue
}

// failure is why v is no answer to the question src.
func (v value) failure(src string) error {
	if v.kind == kindError {
		return fmt.Errorf("condition: %w", v.err())
	}
	return fmt.Errorf("condition: %s came to %s", shortened(src), kindNames[v.kind])
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// same is CEL's ==: values of different kinds differ, except numbers. Lists and
// objects are never compared here.
func same(a, b value) bool {
	switch a.kind {
	case kindText:
		return b.kind == kindText && a.text == b.text
	case kindBool:
		return b.kind == kindBool && a.n == b.n
	case kindNull:
		return b.kind == kindNull
	case kindInt, kindDouble:
		if b.kind != kindInt && b.kind != kindDouble {
			return false
		}
		return compareNumbers(a, b) == 0
	}
	return false
}

// compare is the order of <; false when there is none.
func compare(a, b value) (int, bool) {
	switch {
	case a.kind == kindText && b.kind == kindText:
		return strings.Compare(a.text, b.text), true
	case a.kind == kindBool && b.kind == kindBool:
		return cmp.Compare(a.n, b.n), true
	case (a.kind == kindInt || a.kind == kindDouble) && (b.kind == kindInt || b.kind == kindDouble):
		return compareNumbers(a, b), true
	}
	return 0, false
}

func compareNumbers(a, b value) int {
	switch {
	case a.kind == kindInt && b.kind == kindInt:
		return cmp.Compare(a.int(), b.int())
	case a.kind == kindDouble && b.kind == kindDouble:
		return cmp.Compare(a.float(), b.float())
	case a.kind == kindDouble:
		return compareMixed(a.float(), b.int())
	default:
		return -compareMixed(b.float(), a.int())
	}
}

// compareMixed rounds the integer to a double, as CEL does.
func compareMixed(f float64, n int64) int {
	switch {
	case f < math.MinInt64:
		return -1
	case f > math.MaxInt64:
		return 1
	}
	return cmp.Compare(f, float64(n))
}

// cursor goes over a list.
type cursor struct {
	elements args.Elements
	elem     *schema.Type
	items    []value
	made     bool
}

func iterate(v value) (cursor, bool) {
	switch v.kind {
	case kindList:
		return cursor{items: v.x.(*list).items, made: true}, true
	case kindJSON:
		elements, err := args.Again(v.text).Elements()
		return cursor{elements: elements, elem: v.x.(*schema.Type)}, err == nil
	}
	return cursor{}, false
}

func (c *cursor) next(in *Input) (value, bool) {
	if c.made {
		if len(c.items) == 0 {
			return value{}, false
		}
		v := c.items[0]
		c.items = c.items[1:]
		return v, true
	}
	v, ok := c.elements.Next()
	if !ok {
		return value{}, false
	}
	return in.take(v, c.elem), true
}

func shortened(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
