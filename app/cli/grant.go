package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/operate"
)

func (p *program) grant() *cobra.Command {
	var attach string
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Issue, list and revoke grants of a running engine",
		Long: `A grant is a signed permission for calls that the policy would ask about: for one
agent and tool, for a time, for a number of uses. It opens nothing that a deny rule
forbids. The commands speak to a running engine with the token of an operator, from
M1_TOKEN or --token-file.`,
		Example: "  m1 grant issue --agent deploy-1 --tool release --ttl 10m\n  m1 grant list\n  m1 grant revoke gr_…",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	attachFlag(cmd, &attach)
	cmd.AddCommand(p.grantIssue(&attach), p.grantList(&attach), p.grantRevoke(&attach), p.grantRotate(&attach))
	return cmd
}

func attachFlag(cmd *cobra.Command, url *string) {
	cmd.PersistentFlags().StringVar(url, "attach", "", "URL of the engine; default the --listen address of this machine")
}

func (p *program) grantIssue(attach *string) *cobra.Command {
	var agent, scope, run, args, narrow string
	var o operate.GrantOrder
	cmd := &cobra.Command{
		Use:   "issue --agent A --tool T",
		Short: "Permit calls before they are asked about",
		Long: `Issues a grant and prints the signed token alone on standard output; what it opens
is told beside. The agent sends it as "grant" with its proposal. The token is shown
this once. A change of the policy ends it. --args binds it to exactly these arguments, --narrow to all that have these
members; without either it opens every call of the tool.`,
		Example: `  m1 grant issue --agent deploy-1 --tool release --ttl 10m > grant
  m1 grant issue --agent deploy-1 --tool release --args '{"version":"1.4.2"}'
  m1 grant issue --agent deploy-1 --tool release --narrow '{"env":"staging"}' --uses 5 --ttl 1h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case agent == "":
				return errors.New("--agent: give the id of the agent that may use it, such as --agent deploy-1")
			case o.Tool == "":
				return errors.New("--tool: give the name of a tool, such as --tool release")
			case o.Uses < 1:
				return fmt.Errorf("--uses %d: give a number from 1", o.Uses)
			case o.TTL < time.Second:
				return fmt.Errorf("--ttl %s: give a time from 1s, such as 10m", o.TTL)
			case args != "" && narrow != "":
				return errors.New("--args binds to exact arguments and --narrow to some of them: give one")
			}
			o.Agent, o.Run = call.AgentID(agent), call.RunID(run)
			if scope != "" {
				if err := o.Scope.UnmarshalText([]byte(scope)); err != nil {
					return fmt.Errorf("--scope %q: give read, write or execute", scope)
				}
			}
			var err error
			if o.Args, err = p.jsonFlag("args", args); err != nil {
				return err
			}
			if o.Narrow, err = p.jsonFlag("narrow", narrow); err != nil {
				return err
			}
			return p.operator(cmd.Context(), *attach, func(ctx context.Context, c *operate.Client) error {
				g, token, err := c.IssueGrant(ctx, o)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), token); err != nil {
					// Nobody has seen it, so nobody may hold it.
					return errors.Join(err, c.RevokeGrant(ctx, g.ID))
				}
				fmt.Fprintln(cmd.ErrOrStderr(), safe(opens(g)))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&agent, "agent", "", "id of the agent that may use it; required")
	cmd.Flags().StringVar(&o.Tool, "tool", "", "name of the tool; required")
	cmd.Flags().StringVar(&scope, "scope", "", "the most that a call may reach: read, write or execute; default that of the tool")
	cmd.Flags().IntVar(&o.Uses, "uses", 1, "how many calls it opens")
	cmd.Flags().DurationVar(&o.TTL, "ttl", approval.DefaultTTL, "how long it is valid")
	cmd.Flags().StringVar(&run, "run", "", "id of the only run that may use it; default any")
	cmd.Flags().StringVar(&args, "args", "", "exactly these arguments: JSON, @file or - for standard input")
	cmd.Flags().StringVar(&narrow, "narrow", "", "members that the arguments must have: JSON, @file or -")
	return cmd
}

// opens says what a grant permits.
func opens(g snapshot.Grant) string {
	what := "any arguments"
	switch {
	case g.Args != "":
		what = "exactly the arguments given"
	case len(g.Narrow) > 0:
		what = "arguments with " + string(g.Narrow)
	}
	where := "any run"
	if g.Run != "" {
		where = "run " + string(g.Run)
	}
	return fmt.Sprintf("grant %s: %s may call %s with %s, up to scope %s, in %s, %s until %s. Shown this once; m1 grant revoke %s ends it.",
		g.ID, g.Agent, g.Tool, what, g.Scope, where, counted(g.Uses, "time"), g.ExpiresAt.UTC().Format(time.RFC3339), g.ID)
}

func (p *program) grantList(attach *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the grants, without their tokens",
		Long:    "Lists the grants that the engine knows, the newest first: for whom, for what, how\noften used and until when.",
		Example: "  m1 grant list\n  m1 grant list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.operator(cmd.Context(), *attach, func(ctx context.Context, c *operate.Client) error {
				grants, err := c.Grants(ctx)
				switch {
				case err != nil:
					return err
				case asJSON:
					return printJSON(cmd.OutOrStdout(), map[string]any{"grants": grants})
				case len(grants) == 0:
					fmt.Fprintln(cmd.ErrOrStderr(), "no grants; m1 grant issue makes one")
					return nil
				}
				return printGrants(cmd.OutOrStdout(), grants)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func printGrants(out io.Writer, grants []snapshot.Grant) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tAGENT\tTOOL\tARGS\tRUN\tUSED\tBY\tENDS")
	for _, g := range grants {
		what := "any"
		switch {
		case g.Args != "":
			what = "exact"
		case len(g.Narrow) > 0:
			what = string(g.Narrow)
		}
		end := g.ExpiresAt.UTC().Format(time.RFC3339)
		switch {
		case g.RevokedAt != nil:
			end = "revoked " + g.RevokedAt.UTC().Format(time.RFC3339)
		case !time.Now().Before(g.ExpiresAt):
			end = "ended " + end
		}
		row := []string{g.ID, string(g.Agent), g.Tool, what, orDash(string(g.Run)), fmt.Sprintf("%d/%d", g.Used, g.Uses), orDash(g.By), end}
		for i := range row {
			row[i] = safe(row[i])
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush() // a Builder never fails
	_, err := io.WriteString(out, b.String())
	return err
}

func (p *program) grantRevoke(attach *string) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a grant at once",
		Long:    "Ends the grant with this ID for good. m1 grant list shows the IDs.",
		Example: "  m1 grant revoke gr_…",
		Args:    oneID("m1 grant list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.operator(cmd.Context(), *attach, func(ctx context.Context, c *operate.Client) error {
				if err := c.RevokeGrant(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintln(cmd.ErrOrStderr(), safe("grant "+args[0]+" revoked"))
				return nil
			})
		},
	}
}

func (p *program) grantRotate(attach *string) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Sign with a new key from now on",
		Long: `Makes the engine sign grants with a new key. Grants signed before stay valid until
they end. Takes the token of an admin.`,
		Example: "  m1 grant rotate",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.operator(cmd.Context(), *attach, func(ctx context.Context, c *operate.Client) error {
				kid, err := c.RotateKeys(ctx)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), safe(kid))
				return err
			})
		},
	}
}

// oneID is for commands whose only argument is an ID that list shows.
func oneID(list string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return fmt.Errorf("%s wants one ID, but got %d; %s shows them", cmd.CommandPath(), len(args), list)
		}
		return nil
	}
}
