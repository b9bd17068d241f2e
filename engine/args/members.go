package args

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Members are the members of one object, read in one pass. The zero value is an
// empty object; Read fills it again and again without allocating, unless the
// object has more than 16 members or escapes in its names. Not safe for
// concurrent use while it is read into.
type Members struct {
	doc   string
	few   [fewMembers]member
	n     int
	many  []member       // all of them, once few does not hold them
	index map[string]int // by folded name, when there are many
	names []byte         // unescaped names
}

const fewMembers = 16

type member struct {
	name, nameEnd   int // offsets in doc, or in names when escaped
	value, valueEnd int
	escaped, ascii  bool
}

// ReadDocument reads the one object of a document.
func (m *Members) ReadDocument(doc []byte) error {
	s := view(doc)
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '{' {
		m.reset("")
		if v, err := Parse(doc); err == nil {
			return fmt.Errorf("%w: want an object, found %s", ErrKind, v.Kind())
		}
		return syntax(i, "want an object")
	}
	end, err := m.read(s, i)
	if err != nil {
		return err
	}
	if end = skipSpace(s, end); end != len(s) {
		m.reset("")
		return syntax(end, "want the end")
	}
	return nil
}

// Read reads the members of v. After an error there are none.
func (m *Members) Read(v Value) error {
	if v.Kind() != Object {
		m.reset("")
		return fmt.Errorf("%w: want an object, found %s", ErrKind, v.Kind())
	}
	_, err := m.read(v.raw, 0)
	return err
}

func (m *Members) reset(doc string) {
	m.doc, m.n, m.many, m.index, m.names = doc, 0, m.many[:0], nil, m.names[:0]
}

func (m *Members) read(s string, i int) (end int, err error) {
	m.reset(s)
	if end, err = m.walk(s, i); err != nil {
		m.reset("")
	}
	return end, err
}

func (m *Members) walk(s string, i int) (int, error) {
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == '}' {
		return i + 1, nil
	}
	for {
		nameEnd, value, plain, err := skipName(s, i)
		if err != nil {
			return 0, err
		}
		end, err := skip(s, value, 1)
		if err != nil {
			return 0, err
		}
		if err := m.add(i+1, nameEnd-1, value, end, plain); err != nil {
			return 0, err
		}
		i = skipSpace(s, end)
		switch {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == '}':
			return i + 1, nil
		default:
			return 0, syntax(i, "want a comma or the end of the object")
		}
	}
}

func (m *Members) add(name, nameEnd, value, valueEnd int, plain bool) error {
	next := member{name: name, nameEnd: nameEnd, value: value, valueEnd: valueEnd}
	if !plain {
		begin := len(m.names)
		m.names = unescape(m.names, m.doc[name:nameEnd])
		next.name, next.nameEnd, next.escaped = begin, len(m.names), true
	}
	text := m.nameOf(&next)
	next.ascii = isASCII(text)
	if m.n < fewMembers {
		for i := range m.n {
			if x := &m.few[i]; x.ascii && next.ascii && x.nameEnd-x.name != len(text) {
				continue // the common case, without a call
			}
			if m.twins(&m.few[i], &next, text) {
				return ambiguous(m.nameOf(&m.few[i]), text)
			}
		}
		m.few[m.n] = next
		m.n++
		return nil
	}
	if m.n == fewMembers {
		m.many = append(m.many[:0], m.few[:]...)
		m.index = make(map[string]int, 2*fewMembers)
		for i := range m.many {
			m.index[fold(m.nameOf(&m.many[i]))] = i
		}
	}
	folded := fold(text)
	if i, ok := m.index[folded]; ok {
		return ambiguous(m.nameOf(&m.many[i]), text)
	}
	m.index[folded] = m.n
	m.many = append(m.many, next)
	m.n++
	return nil
}

func (m *Members) twins(a, b *member, name string) bool {
	if a.ascii && b.ascii {
		if a.nameEnd-a.name != b.nameEnd-b.name {
			return false
		}
		other := m.nameOf(a)
		return len(other) == 0 || (other[0]^name[0])&^0x20 == 0 && strings.EqualFold(other, name)
	}
	return strings.EqualFold(m.nameOf(a), name)
}

func (m *Members) nameOf(x *member) string {
	if x.escaped {
		return view(m.names[x.name:x.nameEnd])
	}
	return m.doc[x.name:x.nameEnd]
}

// Len is how many members there are.
func (m *Members) Len() int { return m.n }

// At returns a member in the order of the document. The name is good until the
// next Read.
func (m *Members) At(i int) (name string, v Value) {
	x := m.at(i)
	return m.nameOf(x), Value{m.doc[x.value:x.valueEnd]}
}

func (m *Members) at(i int) *member {
	if m.n > fewMembers {
		return &m.many[i]
	}
	return &m.few[i]
}

// Get returns the member called name; false when there is none. It is an error
// when one is called so in another letter case only: a lenient reader would take
// it.
func (m *Members) Get(name string) (Value, bool, error) {
	if m.n > fewMembers {
		i, ok := m.index[fold(name)]
		if !ok {
			return Value{}, false, nil
		}
		return m.exactly(i, name)
	}
	for i := range m.n {
		if x := &m.few[i]; x.nameEnd-x.name == len(name) && m.nameOf(x) == name {
			return Value{m.doc[x.value:x.valueEnd]}, true, nil
		}
	}
	for i := range m.n {
		if strings.EqualFold(m.nameOf(&m.few[i]), name) {
			return m.exactly(i, name)
		}
	}
	return Value{}, false, nil
}

func (m *Members) exactly(i int, name string) (Value, bool, error) {
	found, v := m.At(i)
	if found != name {
		return Value{}, false, ambiguous(found, name)
	}
	return v, true, nil
}

func ambiguous(a, b string) error {
	if a == b {
		return fmt.Errorf("%w: %q stands twice", ErrAmbiguous, shortened(a))
	}
	return fmt.Errorf("%w: %q and %q differ in letter case only", ErrAmbiguous, shortened(a), shortened(b))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
