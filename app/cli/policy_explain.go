package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/gateway/operate"
	"m1/engine/limit"
	"m1/engine/policy"
)

func (p *program) policyExplain() *cobra.Command {
	var q call.Proposal
	var agent, run, args, attach string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain FILE --agent A --tool T",
		Short: "Say how a call would be decided, and why",
		Long: `Says what a policy decides about one call: the decision, then every rule that is
for this agent and tool, whether it matched, the parts of its condition with their
values, and the nearest miss. Nothing is counted and nothing runs.

With a FILE nothing has happened before the call. With --attach in place of the FILE
a running engine is asked, which knows its counters and what happened in a run; the
token comes from M1_TOKEN or --token-file.`,
		Example: `  m1 policy explain rules.yaml --agent claude-code/1 --tool Bash --args '{"command":"git push"}'
  m1 policy explain rules.yaml --tools tools.yaml --agent ci-1 --tool get_order --args @args.json
  m1 policy explain --attach http://127.0.0.1:7600 --agent ci-1 --run r1 --tool get_order`,
		Args: func(cmd *cobra.Command, files []string) error {
			switch {
			case attach == "":
				return onePolicy(cmd, files)
			case len(files) > 0:
				return fmt.Errorf("%s takes a FILE or --attach, not both", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			switch {
			case agent == "":
				return errors.New("--agent: give the id of an agent, such as --agent ci-1")
			case q.Tool == "":
				return errors.New("--tool: give the name of a tool, such as --tool get_order")
			}
			q.Agent, q.Run = call.AgentID(agent), call.RunID(run)
			raw, err := p.jsonFlag("args", args)
			if err != nil {
				return err
			}
			q.Args = raw
			var x snapshot.Explanation
			if attach != "" {
				err = p.operator(cmd.Context(), attach, func(ctx context.Context, c *operate.Client) error {
					x, err = c.Explain(ctx, q)
					return err
				})
			} else {
				x, err = p.explain(files[0], q)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), x)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), safe(explanation(x)))
			return err
		},
	}
	cmd.Flags().StringVar(&agent, "agent", "", "id of the agent; required")
	cmd.Flags().StringVar(&q.Tool, "tool", "", "name of the tool; required")
	cmd.Flags().StringVar(&args, "args", "{}", "arguments as JSON, @file for those in a file, - for standard input")
	cmd.Flags().StringVar(&run, "run", "", "id of the run that the call belongs to; default none")
	cmd.Flags().StringVar(&attach, "attach", "", "URL of a running engine to ask in place of a FILE")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole explanation as JSON")
	return cmd
}

// jsonFlag is the JSON object that a flag gives: as text, as @file or as -; nil if
// the flag is empty.
func (p *program) jsonFlag(flag, value string) (json.RawMessage, error) {
	src := []byte(value)
	var err error
	switch file, isFile := strings.CutPrefix(value, "@"); {
	case value == "":
		return nil, nil
	case value == "-":
		src, err = p.input("-", "")
	case isFile:
		src, err = readFile(file, "--"+flag+" @FILE names a file with one JSON object")
	}
	if err != nil {
		return nil, err
	}
	object, err := call.Canonical(src)
	if err != nil {
		return nil, fmt.Errorf("--%s: want one JSON object: %s", flag, strings.TrimPrefix(err.Error(), "call: "))
	}
	return object, nil
}

// explain asks a policy as an engine that has just started would.
func (p *program) explain(file string, q call.Proposal) (snapshot.Explanation, error) {
	f, err := p.readPolicy(file)
	if err != nil {
		return snapshot.Explanation{}, err
	}
	r := policy.Request{
		Agent: q.Agent, Run: q.Run, Tool: q.Tool, Args: q.Args, Digest: call.DigestOf(q.Tool, q.Args),
		Now: time.Now(), Facts: limit.New(limit.Options{}), Dry: true,
	}
	var bad error
	if e, ok := f.all().Lookup(q.Tool); ok {
		r.Known, r.Scope = true, e.Use(q.Args).Scope
		bad = e.Check(q.Args)
	}
	if q.Run != "" {
		r.RunState = policy.RunState{Calls: 1, Streak: 1, Started: r.Now}
	}
	began := time.Now()
	x := f.set.Explain(&r)
	x.TookUS = float64(time.Since(began)) / float64(time.Microsecond)
	if bad != nil { // an engine denies before it asks the policy
		x.Effect, x.Rule, x.Reason = call.Deny, policy.BadArguments, strings.TrimPrefix(bad.Error(), "schema: ")
		x.ForModel, x.ForPerson, x.NearestMiss = x.Reason, x.Reason, ""
		for i := range x.Candidates {
			x.Candidates[i].Decides = false
		}
	}
	return x, nil
}

// explanation is x for people: the decision first, then what led to it.
func explanation(x snapshot.Explanation) string {
	var b strings.Builder
	if x.Rule == "" { // an agent is told no more
		fmt.Fprintf(&b, "the model is told: %s\n", x.ForModel)
		return b.String()
	}
	fmt.Fprintf(&b, "%s by %s: %s\n", strings.ToUpper(x.Effect.String()), x.Rule, x.Reason)
	if x.Observe {
		b.WriteString("  the policy only observes: the call runs all the same\n")
	}
	fmt.Fprintf(&b, "  agent  %s%s\n", x.Agent, entry(x))
	known := "scope " + x.Scope.String()
	if !x.Known {
		known = "in no catalogue"
	}
	fmt.Fprintf(&b, "  tool   %s (%s)\n  args   %s\n", x.Tool, known, x.Args)
	if len(x.Candidates) == 0 {
		b.WriteString("\nno rule was asked\n")
	} else {
		b.WriteString("\nrules for this agent and tool, the strongest first\n")
	}
	for i := range x.Candidates {
		candidate(&b, &x.Candidates[i])
	}
	if x.NearestMiss != "" {
		fmt.Fprintf(&b, "\nnearest miss: %s\n", x.NearestMiss)
	}
	fmt.Fprintf(&b, "\nthe model is told: %s\n", x.ForModel)
	return b.String()
}

func entry(x snapshot.Explanation) string {
	if x.Entry == "" {
		return ""
	}
	return fmt.Sprintf(" (%s, at most %s)", x.Entry, x.MaxScope)
}

func candidate(b *strings.Builder, c *snapshot.Candidate) {
	mark := "✗"
	if c.Matched {
		mark = "✓"
	}
	note := ""
	switch {
	case c.Decides:
		note = "  ← decides"
	case c.Shadow:
		note = "  (shadow: counted, never decides)"
	}
	fmt.Fprintf(b, "  %s %-5s %s (line %d): %s%s\n", mark, c.Effect, c.Rule, c.Line, c.Why, note)
	for _, t := range c.Terms {
		fmt.Fprintf(b, "            %s = %s", t.Text, t.Value)
		if t.Inputs != "" {
			fmt.Fprintf(b, "   with %s", t.Inputs)
		}
		b.WriteByte('\n')
	}
	for _, n := range c.Counters {
		fmt.Fprintf(b, "            %s: %g of %g", n.Text, n.Used, n.Max)
		if n.Retry != "" {
			fmt.Fprintf(b, ", again in %s", n.Retry)
		}
		b.WriteByte('\n')
	}
}
