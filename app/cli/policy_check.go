package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"m1/engine/policy"
	"m1/engine/source"
)

func (p *program) policyCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say everything that is wrong with a policy",
		Long: `Reads a policy as an engine would and prints every problem with line and column,
failing tests included. Warnings tell what loads and is mostly not meant: rules for
tools that nobody knows, rules that have expired, tools that --tools and the policy
both describe. Ends with 0 if the policy loads, 1 if it does not, 2 if it cannot be
read at all.`,
		Example: "  m1 policy check rules.yaml --tools tools.yaml\n  m1 policy import claude-code settings.json | m1 policy check - --tools claude-code",
		Args:    onePolicy,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := p.readPolicy(args[0])
			if err != nil {
				return found(cmd, args[0], err)
			}
			for _, w := range f.warnings() {
				fmt.Fprintln(cmd.ErrOrStderr(), safe("warning: "+w.String()))
			}
			tests := "no tests"
			if n := len(f.set.Test()); n > 0 {
				tests = fmt.Sprintf("tests %d passed", n)
			} else if _, builtin := policy.Builtin(f.name); !builtin {
				fmt.Fprintln(cmd.ErrOrStderr(), safe(untested(f.name)))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: rules %d, tools %d, %s, version %s\n",
				f.set.Rules(), f.all().Len(), tests, f.set.Version())
			return err
		},
	}
}

// warnings are what loads and is mostly not meant.
func (f *policyFile) warnings() source.Problems {
	if _, builtin := policy.Builtin(f.name); builtin { // its author knew no tools
		return nil
	}
	ps := f.set.Warnings(time.Now())
	ps = append(ps, f.set.Unlisted(f.all())...)
	for _, name := range f.set.Tools().Names() {
		if _, both := f.tools.Lookup(name); both {
			ps = append(ps, source.Problem{File: f.name, Field: "tools." + name, Msg: "--tools describes this tool too", Hint: "the entry of the policy counts"})
		}
	}
	ps.Sort()
	return ps
}
