package condition

import (
	"errors"
	"fmt"

	"m1/engine/args"
	"m1/engine/schema"
)

var anything = &schema.Type{}

var errMissing = errors.New("missing")

// argument returns a member of the arguments, checked against t.
func (in *Input) argument(name string, t *schema.Type) value {
	v, ok, err := in.root.Get(name)
	if err != nil {
		return fail(err)
	}
	if !ok {
		return fail(fmt.Errorf("args.%s: %w", name, errMissing))
	}
	if loaded := in.load(v, t); loaded.kind != kindError {
		return loaded
	} else {
		return fail(fmt.Errorf("args.%s: %w", name, loaded.err()))
	}
}

// find returns a member of an object, which was checked when it was loaded.
func find(object value, name string) (args.Value, bool, error) {
	if object.kind != kindObject {
		return args.Value{}, false, fmt.Errorf("%s: want an object, found %s", name, kindNames[object.kind])
	}
	var m args.Members
	if err := m.Read(args.Again(object.text)); err != nil {
		return args.Value{}, false, err
	}
	return m.Get(name)
}

// member returns a member of an object.
func (in *Input) member(object value, name string) value {
	v, ok, err := find(object, name)
	switch {
	case err != nil:
		return fail(err)
	case !ok:
		return fail(fmt.Errorf("%s: %w", name, errMissing))
	}
	return in.take(v, member(object.x.(*schema.Type), name))
}

// of returns a part of the call, for call.name.
func (in *Input) of(name string) value {
	switch name {
	case "tool":
		return text(in.Tool)
	case "agent":
		return text(string(in.Agent))
	case "run":
		return text(string(in.Run))
	case "scope":
		return text(in.Scope.String())
	}
	return fail(errMissing)
}

// commands returns cmds(line) and keeps it: several rules ask about one line.
func (in *Input) commands(line string) value {
	if in.read && in.line == line {
		return in.cmds
	}
	in.line, in.read = string(append([]byte(nil), line...)), true
	found, err := cmds(in.line)
	if err != nil {
		in.cmds = fail(err)
	} else {
		in.cmds = value{kind: kindList, x: listOf(found)}
	}
	return in.cmds
}

// manyItems is from where on a list is looked up and not gone through.
const manyItems = 8

func listOf(texts []string) *list {
	l := &list{items: make([]value, len(texts))}
	for i, s := range texts {
		l.items[i] = text(s)
	}
	l.index()
	return l
}

func (l *list) index() {
	if len(l.items) <= manyItems {
		return
	}
	texts := make(map[string]struct{}, len(l.items))
	for _, v := range l.items {
		if v.kind != kindText {
			return
		}
		texts[v.text] = struct{}{}
	}
	l.texts = texts
}
