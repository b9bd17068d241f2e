package tool

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"m1/engine/schema"
	"m1/engine/source"
)

// Check returns an error, which wraps schema.ErrMismatch, if arguments that
// call.Canonical returned do not fit the tool. It is nil if nothing is known of
// them. It does not allocate when they fit.
func (e *Entry) Check(canonicalArgs json.RawMessage) error { return e.Args.Check(canonicalArgs) }

// Digest is "sha256:…" of what the tool may do and takes: its scopes, what it reads
// and changes, and its arguments. It changes when they do, and not with texts for
// people. It is made when the catalogue is, and costs nothing to ask for.
func (e *Entry) Digest() string {
	if e.plan != nil {
		return e.plan.digest
	}
	return e.digest()
}

func (e *Entry) digest() string {
	h := sha256.New()
	// The lines of a catalogue keep everything apart: text in them is quoted.
	say := func(c Case) {
		c.Cacheable = false // says nothing of what the tool does
		fmt.Fprintf(h, "%q\n", fieldsOf(c))
	}
	say(e.base())
	if by := e.ByArg; by != nil {
		fmt.Fprintf(h, "by %q\n", by.Arg)
		for _, v := range slices.Sorted(maps.Keys(by.Values)) {
			fmt.Fprintf(h, "%q ", v)
			say(by.Values[v])
		}
		if by.Otherwise != nil {
			fmt.Fprint(h, "otherwise ")
			say(*by.Otherwise)
		}
	}
	fmt.Fprintln(h, e.Args.Digest())
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

const (
	argsDiffer     = "says something else than parameters"
	argsDifferHint = "leave one of the two out, or let them name the same arguments with the same types"
)

// settleArgs takes Args from Parameters unless it is there. It is false if both are
// there and say different things. That the short form knows no other members, and
// the schema may, is no difference: the stricter one holds.
func (e *Entry) settleArgs() bool {
	told := e.fromParameters()
	switch {
	case told == nil:
		return true
	case e.Args == nil:
		e.Args = told
		return true
	default:
		return e.Args.Closed().Digest() == told.Closed().Digest()
	}
}

// fromParameters is what Parameters says, or nil.
func (e *Entry) fromParameters() *schema.Type {
	if e.Parameters == nil {
		return nil
	}
	t, err := schema.FromJSONSchema(e.Parameters)
	if err != nil || t.Kind != schema.Object && t.Kind != schema.Map {
		return nil // a schema of something else; then nothing is known
	}
	return t
}

// checkArgs checks Args of an entry that was written in Go.
func (e *Entry) checkArgs(ps *source.Problems, at string) {
	told := e.fromParameters()
	switch {
	case !e.settleArgs():
		ps.Add(source.Problem{Field: at + ".args", Msg: argsDiffer, Hint: argsDifferHint})
	case e.Args == nil || told != nil && e.Args.Digest() == told.Digest():
	case e.Args.Kind != schema.Object || !spellable(e.Args):
		ps.Add(source.Problem{
			Field: at + ".args", Msg: "a catalogue file cannot say this type", Hint: "give Parameters, a JSON Schema, instead",
		})
	}
}

// badKey says what is wrong with Key[i].
func (e *Entry) badKey(i int) (msg, hint string) {
	arg := e.Key[i]
	switch {
	case arg == "" || badArg(arg):
		return "want the name of an argument", ""
	case slices.Contains(e.Key[:i], arg):
		return fmt.Sprintf("the argument %q is there twice", arg), ""
	case e.Args == nil || e.Args.Kind != schema.Object:
		return "", "" // nobody said which arguments there are
	}
	names := make([]string, len(e.Args.Fields))
	for n, f := range e.Args.Fields {
		if names[n] = f.Name; f.Name == arg {
			return "", ""
		}
	}
	return fmt.Sprintf("the tool has no argument %q", arg), source.DidYouMean(arg, names)
}
