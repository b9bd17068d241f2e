package policy

import (
	_ "embed" // the built-in policies are files, so that people can read them
	"fmt"
	"maps"
	"slices"
)

var (
	//go:embed builtin/observe.yaml
	observe []byte
	//go:embed builtin/read-only.yaml
	readOnly []byte
)

var builtins = map[string][]byte{"observe": observe, "read-only": readOnly}

// Builtin returns a policy that comes with M1: "observe" holds nothing back and
// counts what the catalogue would say; "read-only" allows every agent to read,
// and nothing else.
func Builtin(name string) (*Set, bool) {
	src, ok := builtins[name]
	if !ok {
		return nil, false
	}
	s, err := Parse(name, src, nil)
	if err != nil {
		panic(fmt.Sprintf("policy: %v", err)) // a test reads every one
	}
	return s, true
}

// Builtins are the names that Builtin knows, sorted.
func Builtins() []string { return slices.Sorted(maps.Keys(builtins)) }
