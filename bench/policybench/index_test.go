package policybench

import "m1/bench/policybench/mix"

// index is what a program would build around an engine that has none: the rules
// that can be about a tool, denies first. Tools that no rule names have the
// patterns of their server.
type index[T any] struct {
	tools, servers map[string][]T
}

// newIndex keeps what compile makes of each rule.
func newIndex[T any](m *mix.Mix, compile func(*mix.Rule) T) *index[T] {
	x := &index[T]{map[string][]T{}, map[string][]T{}}
	named := map[string][]string{} // tools that rules name, by server
	for i := range m.Rules {
		if t := m.Rules[i].Tools; !t.Wild {
			if _, ok := x.tools[t.Head]; !ok {
				x.tools[t.Head] = nil
				named[t.Server()] = append(named[t.Server()], t.Head)
			}
		}
	}
	for _, deny := range []bool{true, false} {
		for i := range m.Rules {
			r := &m.Rules[i]
			if r.Deny != deny {
				continue
			}
			c := compile(r)
			if !r.Tools.Wild {
				x.tools[r.Tools.Head] = append(x.tools[r.Tools.Head], c)
				continue
			}
			server := r.Tools.Server()
			x.servers[server] = append(x.servers[server], c)
			for _, t := range named[server] {
				if r.Tools.Match(t) {
					x.tools[t] = append(x.tools[t], c)
				}
			}
		}
	}
	return x
}

func (x *index[T]) about(tool string) []T {
	if list, ok := x.tools[tool]; ok {
		return list
	}
	return x.servers[mix.Server(tool)]
}
