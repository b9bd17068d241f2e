package source

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fields is what Decode knows of a struct type.
type fields struct {
	index       map[string][]int // of every field by its name in documents
	self        [][]int          // Node fields that receive the mapping itself
	names       []string         // sorted
	unsupported map[string]bool
	open        bool
}

func (f *fields) hint(name string) string {
	hint := DidYouMean(name, f.names)
	if n, ok := Nearest(name, f.names); ok && f.unsupported[n] {
		hint += " (not supported by this version)"
	}
	return hint
}

// fieldsOf looks at each struct type once in a document.
func (d *decoder) fieldsOf(t reflect.Type) *fields {
	if f, ok := d.types[t]; ok {
		return f
	}
	f := &fields{index: map[string][]int{}, unsupported: map[string]bool{}}
	collect(t, nil, f)
	f.names = slices.Sorted(maps.Keys(f.index))
	if d.types == nil {
		d.types = map[reflect.Type]*fields{}
	}
	d.types[t] = f
	return f
}

func collect(t reflect.Type, under []int, f *fields) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(under), i)
		tag := sf.Tag.Get("yaml")
		name, opt, _ := strings.Cut(tag, ",")
		switch {
		case sf.Type == openType:
			f.open = true
		case opt == "inline":
			collect(sf.Type, at, f)
		case !sf.IsExported() || name == "-":
		case sf.Type == nodeType && name == "":
			f.self = append(f.self, at)
		default:
			if name == "" {
				name = strings.ToLower(sf.Name)
			}
			f.index[name] = at
			if sf.Type == unsupportedType {
				f.unsupported[name] = true
			}
		}
	}
}
