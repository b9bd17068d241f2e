package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

func (p *program) policyTest() *cobra.Command {
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Run the tests of a policy",
		Long: `Runs the tests that stand in the policy under "tests:" and prints one line for each
that fails, or with -v for every one: where it stands, what was wanted, what came, by
which rule and why. Ends with 0 if all pass, 1 if one fails or the policy does not load.`,
		Example: "  m1 policy test rules.yaml\n  m1 policy test rules.yaml -v --tools tools.yaml\n  m1 policy test rules.yaml --json",
		Args:    onePolicy,
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := p.policyTests(args[0])
			if err != nil {
				return found(cmd, args[0], err)
			}
			failed := 0
			for _, r := range results {
				if !r.OK {
					failed++
				}
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), map[string]any{"tests": results, "passed": len(results) - failed, "failed": failed})
			} else {
				err = printTests(cmd.OutOrStdout(), args[0], results, failed, verbose)
			}
			if err == nil && failed > 0 {
				err = fmt.Errorf("%s: %s of %d: %w", args[0], counted(failed, "failing test"), len(results), errCheck)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as JSON")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "also print the tests that pass, with rule and reason")
	return cmd
}

// testLine is what came of one test, for people and programs.
type testLine struct {
	Line  int    `json:"line"`
	Agent string `json:"agent"`
	Call  string `json:"call"`
	Args  string `json:"args,omitempty"`
	Want  string `json:"want"`
	Rule  string `json:"want_rule,omitempty"`
	OK    bool   `json:"ok"`
	Why   string `json:"why,omitempty"` // what came, by which rule and why
}

// policyTests runs the tests of a policy. One that fails is a problem of the file, as
// it is for an engine; here it is a result.
func (p *program) policyTests(name string) ([]testLine, error) {
	f, err := p.readPolicy(name)
	var ps source.Problems
	if err != nil && (f == nil || !errors.As(err, &ps)) {
		return nil, err
	}
	failures := map[string]string{} // by the path of the test
	for _, problem := range ps {
		why, ok := strings.CutPrefix(problem.Msg, "the test fails: ")
		if !ok || !strings.HasPrefix(problem.Field, "tests[") {
			return nil, err
		}
		failures[problem.Field] = why
	}
	lines, err := testLines(name, f.src, failures)
	if err != nil {
		return nil, err
	}
	for i, why := range whys(f.src, f.tools) {
		if i < len(lines) && lines[i].OK {
			lines[i].Why = withoutSchema(why)
		}
	}
	return lines, nil
}

// whys says for each test that passes what came, by which rule and why; it is empty
// for one of which that is not known. A policy tells this of tests that fail only,
// so each is asked what it says where the opposite is wanted.
func whys(src []byte, tools *tool.Catalogue) []string {
	var doc map[string]json.RawMessage
	var tests []map[string]json.RawMessage
	if source.Decode("", src, &doc) != nil || json.Unmarshal(doc["tests"], &tests) != nil {
		return nil
	}
	for _, t := range tests {
		want := "allow"
		if string(t["want"]) == `"allow"` {
			want = "deny"
		}
		t["want"] = json.RawMessage(`"` + want + `"`)
		delete(t, "rule")
	}
	out := make([]string, len(tests))
	var err error
	if doc["tests"], err = json.Marshal(tests); err != nil {
		return out
	}
	turned, err := json.Marshal(doc)
	if err != nil {
		return out
	}
	_, err = policy.Parse("", turned, tools)
	var ps source.Problems
	errors.As(err, &ps)
	for _, problem := range ps {
		var i int
		_, why, got := strings.Cut(problem.Msg, ", got ")
		if _, err := fmt.Sscanf(problem.Field, "tests[%d]", &i); err == nil && got && i < len(out) {
			out[i] = why
		}
	}
	return out
}

// testLines reads the tests as they are written, and adds what became of them.
func testLines(name string, src []byte, failures map[string]string) ([]testLine, error) {
	var doc struct {
		source.Open
		Tests source.Node `yaml:"tests"`
	}
	if err := source.Decode(name, src, &doc); err != nil {
		return nil, err
	}
	lines := []testLine{}
	for _, at := range doc.Tests.Items() {
		l := testLine{
			Line: at.Line(), Agent: at.Field("agent").Text(), Call: at.Field("call").Text(),
			Want: at.Field("want").Text(), Rule: at.Field("rule").Text(),
		}
		var args json.RawMessage
		if at.Has("args") && at.Field("args").Decode(&args) == nil {
			l.Args = string(args)
		}
		why, failed := failures[at.Path()]
		l.OK, l.Why = !failed, withoutSchema(why)
		lines = append(lines, l)
	}
	return lines, nil
}

// withoutSchema drops the name of the package that found bad arguments.
func withoutSchema(why string) string { return strings.Replace(why, ": schema: ", ": ", 1) }

// untested says how to write a test.
func untested(name string) string {
	return name + " has no tests; write some under \"tests:\", such as\n  tests:\n    - { agent: ci-1, call: TOOL, args: {}, want: deny }"
}

func printTests(out io.Writer, name string, results []testLine, failed int, verbose bool) error {
	var b strings.Builder
	for _, r := range results {
		what := fmt.Sprintf("%s:%d: %s calls %s", name, r.Line, r.Agent, r.Call)
		if r.Args != "" {
			what += " " + r.Args
		}
		switch {
		case !r.OK:
			fmt.Fprintf(&b, "FAIL %s\n     %s\n", what, r.Why)
		case verbose:
			fmt.Fprintf(&b, "ok   %s: %s\n", what, cmp.Or(r.Why, r.Want))
		}
	}
	switch {
	case len(results) == 0:
		fmt.Fprintln(&b, untested(name))
	case failed == 0:
		fmt.Fprintf(&b, "ok: %s passed\n", counted(len(results), "test"))
	default:
		fmt.Fprintf(&b, "%d passed, %d failed\n", len(results)-failed, failed)
	}
	_, err := io.WriteString(out, safe(b.String()))
	return err
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
