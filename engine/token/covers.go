package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	jsonv2 "github.com/go-json-experiment/json"

	"m1/engine/call"
)

// Call is what is about to run.
type Call struct {
	Agent   call.AgentID
	Run     call.RunID
	Tool    string
	Scope   call.Scope
	Digest  string          // as call.DigestOf gives it
	Args    json.RawMessage // canonical
	Schema  string
	Version string
}

// Covers says whether the grant is for c. The error is a *Refusal with the reason
// WrongBinding, and names all of agent, run, tool, scope, args, schema and policy
// that differ. Covers looks at no clock and counts no uses.
func (g *Grant) Covers(c Call) error {
	var differ []string
	check := func(what string, ok bool) {
		if !ok {
			differ = append(differ, what)
		}
	}
	check("agent", g.Agent != "" && g.Agent == c.Agent)
	check("run", g.Run == "" || g.Run == c.Run)
	check("tool", g.Tool != "" && g.Tool == c.Tool)
	check("scope", c.Scope != call.NoScope && c.Scope <= g.Scope)
	check("args", g.Digest == "" || g.Digest == c.Digest)
	if err := Fits(g.Narrow, c.Args); err != nil {
		differ = append(slices.DeleteFunc(differ, func(s string) bool { return s == "args" }), "args ("+err.Error()+")")
	}
	check("schema", g.Schema == c.Schema)
	check("policy", g.Version != "" && g.Version == c.Version)
	if len(differ) > 0 {
		return refuse(WrongBinding, "the grant is for another call: %s differs", strings.Join(differ, ", "))
	}
	return nil
}

// Fits says whether the arguments have every member of narrow with the same value.
// Both are canonical objects; an empty narrow fits all arguments. The error names
// one member, never a value.
func Fits(narrow, args json.RawMessage) error {
	if len(narrow) == 0 {
		return nil
	}
	var want, have map[string]jsontext.Value
	if jsonv2.Unmarshal(narrow, &want) != nil || jsonv2.Unmarshal(args, &have) != nil || want == nil || have == nil {
		return errors.New("not a JSON object")
	}
	var missing []string
	for name, value := range want {
		if got, ok := have[name]; !ok || !bytes.Equal(got, value) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("member %q", shortened(slices.Min(missing)))
	}
	return nil
}
