package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"m1/app/config"
	"m1/app/daemon"
	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

func (p *program) config() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Work with settings",
		Args:    noArgs,
		Example: "  m1 config check",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Check settings, catalogue and policy without starting anything",
		Long: `Reads the settings from flags, environment (M1_…) and file, and the catalogue
and the policy that they name. Prints every problem with its place and ends with
exit code 2, or says that all is well.`,
		Example: "  m1 config check --config m1.yaml --policy policy.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, r, err := p.load()
			if err != nil {
				return err
			}
			tools := tool.Merge(r.Tools, r.Policy.Tools())
			if _, builtin := policy.Builtin(r.Policy.Name()); !builtin { // its author knew no tools
				for _, w := range r.Policy.Unlisted(tools) {
					fmt.Fprintln(cmd.ErrOrStderr(), safe("warning: "+w.String()))
				}
				for _, name := range r.Policy.Tools().Names() {
					if _, both := r.Tools.Lookup(name); both {
						fmt.Fprintln(cmd.ErrOrStderr(), safe("warning: "+name+" is in the catalogue and in the policy; the policy's entry counts"))
					}
				}
			}
			from := c.File
			if from == "" {
				from = "no file"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: settings (%s), tools %d, policy %s, rules %d (%.19s)\n",
				from, tools.Len(), r.Policy.Name(), r.Policy.Rules(), r.Policy.Version())
			return err
		},
	})
	return cmd
}

// load reads the settings and the rules that they name, as a live engine needs
// them. All problems come back at once.
func (p *program) load() (*config.Config, daemon.Rules, error) {
	var ps source.Problems
	c, err := p.loader.Load()
	ps.Add(err)
	rules := c.Policy
	if rules == "" {
		rules = daemon.ReadOnly
	}
	r, err := daemon.LoadRules(c.Tools, rules)
	ps.Add(err)
	return c, r, ps.Err()
}
