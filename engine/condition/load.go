package condition

import (
	"fmt"

	"m1/engine/args"
	"m1/engine/schema"
)

// check refuses what does not fit t, in the whole depth of v: whoever looks at a
// list then sees good elements only, or an error.
func check(v args.Value, t *schema.Type) error {
	if t == nil {
		t = anything
	}
	kind := v.Kind()
	if kind == args.Null && (t.Nullable || t.Kind == schema.Any) {
		return nil
	}
	var err error
	switch t.Kind {
	case schema.String:
		return want(v, args.String)
	case schema.Bool:
		return want(v, args.Bool)
	case schema.Int:
		_, err = v.Int()
		return err
	case schema.Double:
		_, err = v.Double()
		return err
	case schema.List:
		if err := want(v, args.List); err != nil {
			return err
		}
		return checkElements(v, t.Elem)
	case schema.Map, schema.Object:
		if err := want(v, args.Object); err != nil {
			return err
		}
		return checkMembers(v, t)
	}
	switch kind {
	case args.Number:
		if v.Whole() {
			return nil
		}
		_, err = v.Double()
	case args.List:
		err = checkElements(v, t)
	case args.Object:
		err = checkMembers(v, t)
	}
	return err
}

var wanted = [...]string{args.Bool: "a bool", args.String: "text", args.List: "a list", args.Object: "an object"}

func want(v args.Value, kind args.Kind) error {
	if v.Kind() != kind {
		return fmt.Errorf("want %s, found %s", wanted[kind], v.Kind())
	}
	return nil
}

func checkElements(v args.Value, elem *schema.Type) error {
	elements, err := v.Elements()
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		e, ok := elements.Next()
		if !ok {
			return nil
		}
		if err := check(e, elem); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
}

func checkMembers(v args.Value, t *schema.Type) error {
	var m args.Members
	if err := m.Read(v); err != nil {
		return err
	}
	for i := range m.Len() {
		name, v := m.At(i)
		if err := check(v, member(t, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// member is the type of a member of t, Any for what nothing is known of.
func member(t *schema.Type, name string) *schema.Type {
	switch t.Kind {
	case schema.Map:
		return known(t.Elem)
	case schema.Object:
		if f := field(t, name); f != nil {
			return known(f.Type)
		}
	}
	return anything
}

func known(t *schema.Type) *schema.Type {
	if t == nil {
		return anything
	}
	return t
}

func field(t *schema.Type, name string) *schema.Field {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

// load checks v and returns it.
func (in *Input) load(v args.Value, t *schema.Type) value {
	switch t.Kind { // the common ones in one step
	case schema.String:
		if v.Kind() == args.String {
			return text(in.text(v))
		}
	case schema.Double:
		if v.Kind() == args.Number {
			f, err := v.Double()
			if err != nil {
				return fail(err)
			}
			return double(f)
		}
	case schema.Int:
		if v.Kind() == args.Number {
			n, err := v.Int()
			if err != nil {
				return fail(err)
			}
			return integer(n)
		}
	}
	if err := check(v, t); err != nil {
		return fail(err)
	}
	return in.take(v, t)
}

// take returns a value that check let through.
func (in *Input) take(v args.Value, t *schema.Type) value {
	t = known(t)
	switch v.Kind() {
	case args.Null:
		return value{kind: kindNull}
	case args.Bool:
		return boolean(v.True())
	case args.String:
		return text(in.text(v))
	case args.List:
		elem := anything
		if t.Kind == schema.List {
			elem = known(t.Elem)
		}
		return value{kind: kindJSON, text: v.Raw(), x: elem}
	case args.Object:
		return value{kind: kindObject, text: v.Raw(), x: t}
	case args.Number:
		if t.Kind != schema.Double {
			if n, err := v.Int(); err == nil {
				return integer(n)
			}
		}
		f, err := v.Double()
		if err != nil {
			return fail(err)
		}
		return double(f)
	}
	return fail(errNoValue)
}
