package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"m1/engine/bearer"
)

func (p *program) token() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke the tokens that open the API",
		Long: `Tokens say who speaks to M1. Each has one role:

  agent     proposes calls, and can never approve one
  viewer    reads the dashboard, approvals and the policy
  operator  also approves and rejects, and issues and revokes grants
  admin     also changes the policy, the tokens and the keys

Whoever may write the state folder may use these commands; no running engine is
needed, and one that runs follows within a second.`,
		Args:    noArgs,
		Example: "  m1 token create --role agent --name ci\n  m1 token list\n  m1 token revoke ci",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.tokenCreate(), p.tokenList(), p.tokenRevoke())
	return cmd
}

func (p *program) tokenCreate() *cobra.Command {
	var spec bearer.Spec
	var role string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "create --role ROLE --name NAME",
		Short: "Make a token and print it",
		Long: `Makes a token and prints it alone on standard output. It is shown this once: M1
keeps only its digest. The roles are agent, viewer, operator and admin; see
m1 token --help.`,
		Example: `  m1 token create --role agent --name ci --agent 'ci-*' > ci.token
  m1 token create --role operator --name maria --group oncall --ttl 720h
  m1 token create --role viewer --name prometheus`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.loader.Load()
			if err != nil {
				return err
			}
			switch {
			case spec.Name == "":
				return errors.New("--name: give the token a name, such as --name ci")
			case role == "":
				return errors.New("--role: give agent, viewer, operator or admin; m1 token --help says what each may do")
			case ttl < 0 || cmd.Flags().Changed("ttl") && ttl == 0:
				return fmt.Errorf("--ttl %s: give a time above 0, such as 720h, or leave it out for a token that does not end", ttl)
			case ttl > 0:
				end := time.Now().Add(ttl)
				spec.Expires = &end
			}
			spec.Role = bearer.Role(role)
			token, err := bearer.Create(c.State, spec)
			if err != nil {
				return withoutPackage(err, "bearer")
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), token); err != nil {
				// Nobody has seen it, so nobody may hold it.
				return errors.Join(err, withoutPackage(bearer.Revoke(c.State, spec.Name, true), "bearer"))
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %q with role %s: shown this once and kept as a digest. Send it as Authorization: Bearer.\n", spec.Name, spec.Role)
			if spec.Role == bearer.Agent && len(spec.Agents) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "It speaks for any agent; --agent PATTERN narrows that.")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "agent, viewer, operator or admin; required")
	cmd.Flags().StringVar(&spec.Name, "name", "", "what logs, the ledger and policies call its holder; required, unlike any other token's")
	cmd.Flags().StringArrayVar(&spec.Groups, "group", nil, "a group that a policy's approvers may list; only for operators and admins; may be repeated")
	cmd.Flags().StringArrayVar(&spec.Agents, "agent", nil, "id of an agent that it may speak for, with * for any text; only for agents; may be repeated; default any")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long it is valid, such as 720h; default for ever")
	return cmd
}

func (p *program) tokenList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without what opens the API",
		Long:    "Lists name, role, groups, agents and end of each token, the oldest first.",
		Example: "  m1 token list\n  m1 token list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.loader.Load()
			if err != nil {
				return err
			}
			tokens, err := bearer.List(c.State)
			if err != nil {
				return withoutPackage(err, "bearer")
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(map[string]any{"tokens": tokens})
			}
			if len(tokens) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "no tokens in %s; m1 token create makes one\n", safe(c.State))
				return nil
			}
			return printTokens(cmd.OutOrStdout(), tokens)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func printTokens(out io.Writer, tokens []bearer.Token) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tROLE\tGROUPS\tAGENTS\tCREATED\tENDS")
	for _, t := range tokens {
		agents := strings.Join(t.Agents, " ")
		if t.Role == bearer.Agent && agents == "" {
			agents = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.Role, orDash(strings.Join(t.Groups, " ")), orDash(agents), t.Created.Format(time.RFC3339), ends(t))
	}
	return table.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ends(t bearer.Token) string {
	switch {
	case t.Expires == nil:
		return "never"
	case time.Now().Before(*t.Expires):
		return t.Expires.Format(time.RFC3339)
	default:
		return "ended " + t.Expires.Format(time.RFC3339)
	}
}

func (p *program) tokenRevoke() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "End a token",
		Long: `Ends the token called NAME for good. A running engine refuses it within a second.
The last admin is revoked only with --force.`,
		Example: "  m1 token revoke ci",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s wants one NAME, but got %d; m1 token list shows them", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.loader.Load()
			if err != nil {
				return err
			}
			if err := bearer.Revoke(c.State, args[0], force); err != nil {
				return withoutPackage(err, "bearer")
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %q revoked; a running M1 refuses it within a second\n", args[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also if it is the last admin")
	return cmd
}

// withoutPackage is err without the name of the package that its text begins with,
// which says nothing to people; nil stays nil.
func withoutPackage(err error, name string) error {
	if err == nil || !strings.HasPrefix(err.Error(), name+": ") {
		return err
	}
	return &shorter{err, name + ": "}
}

// shorter is an error whose text is told without its beginning.
type shorter struct {
	err    error
	prefix string
}

func (e *shorter) Error() string { return strings.TrimPrefix(e.err.Error(), e.prefix) }
func (e *shorter) Unwrap() error { return e.err }
