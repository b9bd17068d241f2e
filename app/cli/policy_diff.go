package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"m1/collector/snapshot"
	"m1/engine/policy"
)

func (p *program) policyDiff() *cobra.Command {
	var asJSON, exitCode bool
	var agents []string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what another policy would change",
		Long: `Compares two policies: the rules by their text, and the answer for every pair of a
known agent and a known tool. Known agents are those that the policies name, one that
stands for each of their patterns, and those of --agents. Where conditions or counters
decide, the answer is "depends". Ends with 0 also when they differ, unless --exit-code
is given.`,
		Example: "  m1 policy diff old.yaml new.yaml --tools tools.yaml\n  m1 policy diff read-only new.yaml --tools claude-code --agents ci-1,ci-2\n  m1 policy diff old.yaml new.yaml --exit-code",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%s wants OLD and NEW, but got %d; see %s --help", cmd.CommandPath(), len(args), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := p.readPolicy(args[0])
			if err != nil {
				return err
			}
			next, err := p.readPolicy(args[1])
			if err != nil {
				return err
			}
			d := policy.Diff(old.set, next.set, old.all(), next.all(), agents)
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), d)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), safe(difference(d)))
			}
			if err == nil && exitCode && !same(d) {
				err = fmt.Errorf("%s and %s differ: %w", args[0], args[1], errCheck)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the difference as JSON")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "end with 1 if the policies differ")
	cmd.Flags().StringSliceVar(&agents, "agents", nil, "ids of more agents to compare, parted by commas")
	return cmd
}

func same(d snapshot.PolicyDiff) bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+d.Flipped == 0
}

// difference is d for people: rules first, then what changes for whom.
func difference(d snapshot.PolicyDiff) string {
	var b strings.Builder
	if same(d) {
		fmt.Fprintf(&b, "the same rules, and the same answer for all %s of agent and tool\n", counted(d.Pairs, "pair"))
		return b.String()
	}
	for _, part := range []struct {
		sign  string
		rules []string
	}{{"+", d.Added}, {"-", d.Removed}, {"~", d.Changed}} {
		for _, id := range part.rules {
			fmt.Fprintf(&b, "%s %s\n", part.sign, id)
		}
	}
	fmt.Fprintf(&b, "rules: %d added, %d removed, %d changed\n", len(d.Added), len(d.Removed), len(d.Changed))
	if d.Flipped == 0 {
		fmt.Fprintf(&b, "no answer changes in kind, of %s of agent and tool; conditions and counters may\n", counted(d.Pairs, "pair"))
		return b.String()
	}
	fmt.Fprintf(&b, "answers: %d of %s of agent and tool change\n", d.Flipped, counted(d.Pairs, "pair"))
	for _, g := range flipsByKind(d.Flips) {
		fmt.Fprintf(&b, "\n%s (%s)\n", g[0].Before+" → "+g[0].After, counted(len(g), "pair"))
		for _, f := range g {
			fmt.Fprintf(&b, "  %s  %s   (%s)\n", f.Agent, f.Tool, f.Rules)
		}
	}
	if hidden := d.Flipped - len(d.Flips); hidden > 0 {
		fmt.Fprintf(&b, "\n… and %d more\n", hidden)
	}
	return b.String()
}

// flipsByKind groups flips by what they were and become, the most dangerous first:
// what is allowed from now on.
func flipsByKind(flips []snapshot.Flip) [][]snapshot.Flip {
	order := []string{"allow", "depends", "ask", "deny"}
	groups := map[string][]snapshot.Flip{}
	var keys []string
	for _, after := range order {
		for _, before := range slices.Backward(order) {
			keys = append(keys, before+after)
		}
	}
	for _, f := range flips {
		k := f.Before + f.After
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], f)
	}
	var out [][]snapshot.Flip
	for _, k := range keys {
		if len(groups[k]) > 0 {
			out = append(out, groups[k])
		}
	}
	return out
}
