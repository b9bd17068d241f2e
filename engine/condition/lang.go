package condition

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"m1/engine/args"
	"m1/engine/schema"
)

// language is cel-go prepared for one Env.
type language struct {
	env *cel.Env
	provider
}

// common is everything but the variables, which differ by tool.
var common = sync.OnceValues(func() (*cel.Env, error) {
	one := func(name, id string, in, out *cel.Type, f func(string) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(id, []*cel.Type{in}, out, cel.UnaryBinding(func(v ref.Val) ref.Val {
			s, ok := v.(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(v)
			}
			return f(string(s))
		})))
	}
	textOr := func(f func(string) (string, error)) func(string) ref.Val {
		return func(s string) ref.Val {
			out, err := f(s)
			if err != nil {
				return types.WrapErr(err)
			}
			return types.String(out)
		}
	}
	return cel.NewEnv(
		cel.CrossTypeNumericComparisons(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.EnableMacroCallTracking(),
		cel.EnableErrorOnBadPresenceTest(true),
		cel.ParserRecursionLimit(64),
		one("host", "m1_host", cel.StringType, cel.StringType, textOr(host)),
		one("domain", "m1_domain", cel.StringType, cel.StringType, textOr(domain)),
		one("cmds", "m1_cmds", cel.StringType, cel.ListType(cel.StringType), func(s string) ref.Val {
			found, err := cmds(s)
			if err != nil {
				return types.WrapErr(err)
			}
			return types.NewStringList(types.DefaultTypeAdapter, found)
		}),
		cel.Function("within", cel.Overload("m1_within", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				p, ok1 := a.(types.String)
				root, ok2 := b.(types.String)
				if !ok1 || !ok2 {
					return types.NoSuchOverloadErr()
				}
				return types.Bool(within(string(p), string(root)))
			}))),
		cel.Function("mentions", cel.Overload("m1_mentions", []*cel.Type{cel.DynType, cel.ListType(cel.StringType)}, cel.BoolType,
			cel.BinaryBinding(celMentions))),
	)
})

func (e *Env) language() (*language, error) {
	e.once.Do(func() {
		base, err := common()
		if err != nil {
			e.failed = err
			return
		}
		l := &language{provider: provider{Provider: base.CELTypeProvider(), env: e, types: map[string]*schema.Type{}}}
		l.env, e.failed = base.Extend(
			cel.CustomTypeProvider(&l.provider),
			cel.Variable("args", types.NewObjectType(argsName)),
			cel.Variable("lists", types.NewObjectType(listsName)),
			cel.Variable("call", types.NewObjectType(callName)),
		)
		l.types[argsName] = e.args()
		e.prepared = l
	})
	return e.prepared, e.failed
}

// No condition can spell these names.
const (
	argsName   = "@args"
	listsName  = "@lists"
	callName   = "@call"
	objectName = "@object" // of values; types have a path
)

var callFields = []string{"agent", "run", "scope", "tool"}

func (e *Env) args() *schema.Type {
	if e.Args == nil {
		return anything
	}
	return e.Args
}

// list returns a named list, or nil.
func (e *Env) list(name string) *list {
	e.named.Do(func() {
		e.lists = make(map[string]*list, len(e.Lists))
		for name, texts := range e.Lists {
			e.lists[name] = listOf(texts)
		}
		e.names = slices.Sorted(maps.Keys(e.Lists))
	})
	return e.lists[name]
}

// provider tells cel-go of the fields of objects.
type provider struct {
	types.Provider
	env   *Env
	mu    sync.Mutex
	types map[string]*schema.Type // objects inside the arguments, by path
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if name != "" && name[0] == '@' {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) typeOf(name string) *schema.Type {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.types[name]
}

func (p *provider) FindStructFieldType(object, name string) (*types.FieldType, bool) {
	switch object {
	case callName:
		if !slices.Contains(callFields, name) {
			return nil, false
		}
		return &types.FieldType{Type: types.StringType, IsSet: func(any) bool { return true },
			GetFrom: func(v any) (any, error) {
				o, err := objectOf(v)
				if err != nil {
					return nil, err
				}
				return native(o.in.of(name))
			}}, true
	case listsName:
		l := p.env.list(name)
		if l == nil {
			return nil, false
		}
		texts := p.env.Lists[name]
		return &types.FieldType{Type: types.NewListType(types.StringType), IsSet: func(any) bool { return true },
			GetFrom: func(any) (any, error) { return types.NewStringList(types.DefaultTypeAdapter, texts), nil }}, true
	}
	t := p.typeOf(object)
	if t == nil {
		return p.Provider.FindStructFieldType(object, name)
	}
	if t.Kind == schema.Object && !t.Open && field(t, name) == nil {
		return nil, false
	}
	ft := member(t, name)
	return &types.FieldType{
		Type: p.celType(ft, object+"."+name),
		IsSet: func(v any) bool {
			o, err := objectOf(v)
			return err == nil && o.has(name)
		},
		GetFrom: func(v any) (any, error) {
			o, err := objectOf(v)
			if err != nil {
				return nil, err
			}
			return native(o.get(name, ft))
		},
	}, true
}

func objectOf(v any) (*celObject, error) {
	if o, ok := v.(*celObject); ok {
		return o, nil
	}
	return nil, errOverload // null
}

func (p *provider) celType(t *schema.Type, name string) *types.Type {
	var out *types.Type
	switch t.Kind {
	case schema.String:
		out = types.StringType
	case schema.Int:
		out = types.IntType
	case schema.Double:
		out = types.DoubleType
	case schema.Bool:
		out = types.BoolType
	case schema.List, schema.Map:
		if t.Nullable {
			return types.DynType
		}
		elem := p.celType(known(t.Elem), name+"[]")
		if t.Kind == schema.List {
			return types.NewListType(elem)
		}
		return types.NewMapType(types.StringType, elem)
	case schema.Object:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.types[name] = t
		return types.NewObjectType(name)
	default:
		return types.DynType
	}
	if t.Nullable {
		return types.NewNullableType(out)
	}
	return out
}

// celObject is an object with known fields, or the call, as cel-go sees it.
type celObject struct {
	in   *Input
	name string
	v    value // kindObject; else the arguments themselves, or the call
}

func (o *celObject) get(name string, t *schema.Type) value {
	if o.name == argsName {
		return o.in.argument(name, t)
	}
	return o.in.member(o.v, name)
}

// has holds also where the name is ambiguous, because it cannot fail: whoever
// looks at the member then fails.
func (o *celObject) has(name string) bool {
	var ok bool
	var err error
	if o.name == argsName {
		_, ok, err = o.in.root.Get(name)
	} else {
		_, ok, err = find(o.v, name)
	}
	return ok || err != nil
}

func (o *celObject) ConvertToNative(reflect.Type) (any, error) { return nil, errOverload }
func (o *celObject) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errOverload) }
func (o *celObject) Equal(ref.Val) ref.Val                     { return types.WrapErr(errOverload) }
func (o *celObject) Type() ref.Type                            { return types.NewObjectType(o.name) }
func (o *celObject) Value() any                                { return o }

var _ traits.FieldTester = (*celObject)(nil)

// IsSet is for has() where cel-go does not know the type.
func (o *celObject) IsSet(name ref.Val) ref.Val {
	s, ok := name.(types.String)
	if !ok {
		return types.WrapErr(errOverload)
	}
	return types.Bool(o.has(string(s)))
}

// Get is for fields where cel-go does not know the type.
func (o *celObject) Get(name ref.Val) ref.Val {
	s, ok := name.(types.String)
	if !ok {
		return types.WrapErr(errOverload)
	}
	return refOf(o.get(string(s), anything))
}

func native(v value) (any, error) {
	if v.kind == kindError {
		return nil, v.err()
	}
	return refOf(v), nil
}

// refOf returns a value that was checked as cel-go knows it.
func refOf(v value) ref.Val {
	switch v.kind {
	case kindNull:
		return types.NullValue
	case kindBool:
		return types.Bool(v.n != 0)
	case kindInt:
		return types.Int(v.int())
	case kindDouble:
		return types.Double(v.float())
	case kindText:
		return types.String(v.text)
	case kindList, kindJSON:
		c, _ := iterate(v)
		var items []ref.Val
		var scratch Input // texts with escapes go into memory of their own
		for {
			e, ok := c.next(&scratch)
			if !ok {
				return types.NewRefValList(types.DefaultTypeAdapter, items)
			}
			items = append(items, refOf(e))
		}
	case kindObject:
		t := v.x.(*schema.Type)
		if t.Kind == schema.Object {
			return &celObject{in: &Input{}, name: objectName, v: v}
		}
		var m args.Members
		if err := m.Read(args.Again(v.text)); err != nil {
			return types.WrapErr(err)
		}
		members := make(map[ref.Val]ref.Val, m.Len())
		var scratch Input
		for i := range m.Len() {
			key, e := m.At(i)
			members[types.String(string([]byte(key)))] = refOf(scratch.take(e, member(t, key)))
		}
		return types.NewRefValMap(types.DefaultTypeAdapter, members)
	}
	return types.WrapErr(v.err())
}

// celMentions is mentions for cel-go.
func celMentions(v, patterns ref.Val) ref.Val {
	native, err := patterns.ConvertToNative(reflect.TypeFor[[]string]())
	if err != nil {
		return types.WrapErr(err)
	}
	gs, err := globsOf(native.([]string))
	if err != nil {
		return types.WrapErr(err)
	}
	found, err := mentionsRef(v, gs)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(found)
}

func mentionsRef(v ref.Val, gs []glob) (bool, error) {
	switch v := v.(type) {
	case types.String:
		return mentionsText(string(v), gs), nil
	case *celObject:
		if v.name == argsName || v.name == callName {
			return v.in.mentionsMembers(&v.in.root, gs)
		}
		return v.in.mentionsObject(args.Again(v.v.text), gs)
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			for _, part := range []ref.Val{key, v.Get(key)} {
				if found, err := mentionsRef(part, gs); found || err != nil {
					return found, err
				}
			}
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if found, err := mentionsRef(it.Next(), gs); found || err != nil {
				return found, err
			}
		}
	case *types.Err:
		return false, v
	}
	return false, nil
}

// activation gives cel-go the variables of one call.
type activation struct{ in *Input }

func (a activation) ResolveName(name string) (any, bool) {
	switch name {
	case "args":
		return &celObject{in: a.in, name: argsName}, true
	case "lists":
		return &celObject{in: a.in, name: listsName}, true
	case "call":
		return &celObject{in: a.in, name: callName, v: value{kind: kindCall}}, true
	}
	return nil, false
}

func (a activation) Parent() cel.Activation { return nil }
