package source

import "strconv"

// segment is one step of a path, linked to the steps before it, so that a path
// costs text only when a problem is told. A nil segment is the top.
type segment struct {
	up   *segment
	name string
	at   int // index in a list; -1 for a field
}

func (s *segment) field(name string) *segment { return &segment{up: s, name: name, at: -1} }
func (s *segment) index(i int) *segment       { return &segment{up: s, at: i} }

func (s *segment) String() string {
	if s == nil {
		return ""
	}
	up := s.up.String()
	switch {
	case s.at >= 0:
		return up + "[" + strconv.Itoa(s.at) + "]"
	case up == "":
		return s.name
	default:
		return up + "." + s.name
	}
}
