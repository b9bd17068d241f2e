package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"m1/app/config"
	"m1/app/daemon"
	"m1/engine/source"
	"m1/themes"
)

func (p *program) config() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Work with settings",
		Args:    cobra.NoArgs,
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
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, r, err := p.load(daemon.ReadOnly)
			if err != nil {
				return err
			}
			for _, w := range r.Policy.Unlisted(r.Tools) {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			from := c.File
			if from == "" {
				from = "no file"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: settings (%s), %d tools, policy %s with %d rules (%.19s)\n",
				from, r.Tools.Len(), r.Policy.Name(), r.Policy.Rules(), r.Policy.Version())
			return err
		},
	})
	return cmd
}

// load reads the settings and the rules that they name. A policy that nobody
// named is the given built-in. All problems come back at once.
func (p *program) load(builtin string) (*config.Config, daemon.Rules, error) {
	var ps source.Problems
	c, err := p.settings()
	ps.Add(err)
	policy := c.Policy
	if policy == "" {
		policy = builtin
	}
	r, err := daemon.LoadRules(c.Tools, policy)
	ps.Add(err)
	return c, r, ps.Err()
}

// settings reads the settings alone.
func (p *program) settings() (*config.Config, error) {
	var ps source.Problems
	c, err := p.loader.Load()
	ps.Add(err)
	if !slices.Contains(themes.Names(), c.Theme) {
		ps = append(ps, source.Problem{File: "settings", Field: "theme", Msg: fmt.Sprintf("%q is no theme", c.Theme),
			Hint: fmt.Sprintf("choose one of %v", themes.Names())})
	}
	return c, ps.Err()
}

// token is the bearer token for attaching to a running engine.
func (p *program) token(c *config.Config) (string, error) {
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		return firstLine(b), nil
	}
	for _, v := range p.env.Vars {
		if len(v) > len(config.Token) && v[:len(config.Token)+1] == config.Token+"=" {
			return v[len(config.Token)+1:], nil
		}
	}
	return "", nil
}

func firstLine(b []byte) string {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			return string(b[:i])
		}
	}
	return string(b)
}
