package daemon

import (
	"errors"
	"fmt"
	"os"

	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

// ReadOnly is the policy of a live engine that was given none: the safe one.
const ReadOnly = "read-only"

// Observe is the policy of a replay that was given none: nothing is held back.
const Observe = "observe"

// Rules are what an engine decides by.
type Rules struct {
	Tools  *tool.Catalogue
	Policy *policy.Set

	toolsName, policyName string // as they were given; empty if the rules are not from files
}

// files are those that the rules were read from.
func (r Rules) files() []string {
	var out []string
	if _, builtin := tool.Builtin(r.toolsName); r.toolsName != "" && !builtin {
		out = append(out, r.toolsName)
	}
	if _, builtin := policy.Builtin(r.policyName); r.policyName != "" && !builtin {
		out = append(out, r.policyName)
	}
	return out
}

// LoadRules reads the catalogue and the policy. Both are a file or the name of a
// built-in; an empty tools is an empty catalogue. All mistakes of both come back
// at once as source.Problems.
func LoadRules(tools, rules string) (Rules, error) {
	r := Rules{toolsName: tools, policyName: rules}
	var ps source.Problems
	var err error
	if r.Tools, err = loadTools(tools); err != nil {
		ps.Add(err)
	}
	src, err := policySource(rules)
	if err == nil {
		// Without a catalogue the conditions can still be read, if not all be judged.
		r.Policy, err = policy.Parse(rules, src, r.Tools)
	}
	ps.Add(err)
	return r, ps.Err()
}

func loadTools(name string) (*tool.Catalogue, error) {
	if name == "" {
		return tool.Parse("no tools", []byte("version: 1\ntools: {}\n"))
	}
	if c, ok := tool.Builtin(name); ok {
		return c, nil
	}
	src, err := read(name, "--tools", "name a catalogue file, or the built-in claude-code")
	if err != nil {
		return nil, err
	}
	return tool.Parse(name, src)
}

// policySource is the text of a policy: of a file, or of a built-in.
func policySource(name string) ([]byte, error) {
	if s, ok := policy.Builtin(name); ok {
		return []byte(s.Source()), nil
	}
	return read(name, "--policy", "name a policy file, or one of the built-in read-only and observe")
}

func read(path, flag, hint string) ([]byte, error) {
	// A pipe would block for as long as nobody writes to it, at every reload.
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir() || !info.Mode().IsRegular():
		return nil, source.Problem{File: path, Msg: flag + " is no file", Hint: hint}
	case info.Size() > source.MaxBytes:
		return nil, source.Problem{File: path, Msg: fmt.Sprintf("%s has %d bytes, more than the limit of %d", flag, info.Size(), source.MaxBytes), Hint: "split it"}
	}
	src, err := os.ReadFile(path)
	if err == nil {
		return src, nil
	}
	var cause *os.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return nil, source.Problem{File: path, Msg: fmt.Sprintf("%s cannot be read: %s", flag, err), Hint: hint}
}
