package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/gateway/operate"
)

func (p *program) approval() *cobra.Command {
	var attach string
	cmd := &cobra.Command{
		Use:   "approval",
		Short: "List and answer the questions of a running engine",
		Long: `For scripts, and for people without the screen: lists the calls that wait for a
person, and approves or rejects one. The commands speak to a running engine with the
token of an operator, from M1_TOKEN or --token-file.`,
		Example: "  m1 approval list\n  m1 approval approve ap_…\n  m1 approval reject ap_… --reason 'not on a Friday'",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	attachFlag(cmd, &attach)
	cmd.AddCommand(p.approvalList(&attach), p.approvalApprove(&attach), p.approvalReject(&attach))
	return cmd
}

func (p *program) approvalList(attach *string) *cobra.Command {
	var asJSON bool
	status := snapshot.Pending
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the calls that wait for a person",
		Long:    "Lists questions with exactly what would run, the newest first.",
		Example: "  m1 approval list\n  m1 approval list --status all --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			known := []string{snapshot.Pending, snapshot.Approved, snapshot.Rejected, snapshot.Expired, "all"}
			if !slices.Contains(known, status) {
				return fmt.Errorf("--status %q: give one of %s", status, strings.Join(known, ", "))
			}
			asked := status
			if status == "all" {
				asked = ""
			}
			return p.operator(cmd.Context(), *attach, func(ctx context.Context, c *operate.Client) error {
				list, err := c.Approvals(ctx, asked)
				switch {
				case err != nil:
					return err
				case asJSON:
					return printJSON(cmd.OutOrStdout(), map[string]any{"approvals": list})
				case len(list) == 0 && status == snapshot.Pending:
					fmt.Fprintln(cmd.ErrOrStderr(), "nothing waits for an answer")
					return nil
				case len(list) == 0:
					fmt.Fprintln(cmd.ErrOrStderr(), "no approvals")
					return nil
				}
				return printApprovals(cmd.OutOrStdout(), list)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	cmd.Flags().StringVar(&status, "status", status, "pending, approved, rejected, expired or all")
	return cmd
}

func printApprovals(out io.Writer, list []snapshot.Approval) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATUS\tAGENT\tRULE\tVOTES\tENDS\tCALL")
	for i := range list {
		a := &list[i]
		yes := 0
		for _, v := range a.Votes {
			if v.Approve {
				yes++
			}
		}
		row := []string{
			a.ID, a.Status, string(a.Agent), a.Rule, fmt.Sprintf("%d/%d", yes, a.Needed),
			a.ExpiresAt.UTC().Format(time.RFC3339), a.Tool + " " + string(a.Args),
		}
		for j := range row {
			row[j] = safe(row[j])
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush() // a Builder never fails
	_, err := io.WriteString(out, b.String())
	return err
}

func (p *program) approvalApprove(attach *string) *cobra.Command {
	var narrow string
	var a approval.Answer
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let a call through that waits for a person",
		Long: `Approves the question with this ID. The agent then gets a grant for exactly the
arguments that m1 approval list shows, for one use. --narrow opens all calls that have
the members it names, --uses and --ttl open more of them; the rule's ceiling holds.
--sha256 takes args_sha256 of what you saw, and refuses if it is anything else.`,
		Example: "  m1 approval approve ap_…\n  m1 approval approve ap_… --narrow '{\"env\":\"staging\"}' --uses 3 --ttl 15m",
		Args:    oneID("m1 approval list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("uses") && a.Uses < 1:
				return fmt.Errorf("--uses %d: give a number from 1", a.Uses)
			case cmd.Flags().Changed("ttl") && a.TTL < time.Second:
				return fmt.Errorf("--ttl %s: give a time from 1s, such as 10m", a.TTL)
			}
			var err error
			if a.Narrow, err = p.jsonFlag("narrow", narrow); err != nil {
				return err
			}
			a.Approve = true
			return p.answer(cmd, *attach, args[0], a)
		},
	}
	cmd.Flags().StringVar(&a.Reason, "reason", "", "a word to the agent")
	cmd.Flags().IntVar(&a.Uses, "uses", 0, "how many calls it opens; default 1")
	cmd.Flags().DurationVar(&a.TTL, "ttl", 0, "how long the grant is valid; default 5m, or less where the rule gives less")
	cmd.Flags().StringVar(&narrow, "narrow", "", "members that the arguments must have, in place of all: JSON, @file or -")
	cmd.Flags().StringVar(&a.Digest, "sha256", "", "args_sha256 of the arguments that you saw")
	return cmd
}

func (p *program) approvalReject(attach *string) *cobra.Command {
	var a approval.Answer
	cmd := &cobra.Command{
		Use:     "reject ID",
		Short:   "Refuse a call that waits for a person",
		Long:    "Rejects the question with this ID. A reason reaches the agent: say what to do instead.",
		Example: "  m1 approval reject ap_…\n  m1 approval reject ap_… --reason 'use the staging cluster'",
		Args:    oneID("m1 approval list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.answer(cmd, *attach, args[0], a)
		},
	}
	cmd.Flags().StringVar(&a.Reason, "reason", "", "why, and what to do instead; it reaches the agent")
	return cmd
}

// answer sends a and says what came of it, and what was answered.
func (p *program) answer(cmd *cobra.Command, attach, id string, a approval.Answer) error {
	a.ID = id
	return p.operator(cmd.Context(), attach, func(ctx context.Context, c *operate.Client) error {
		got, err := c.Answer(ctx, a)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s %s: %s calls %s %s", got.ID, got.Status, got.Agent, got.Tool, got.Args)
		if got.Status == snapshot.Pending {
			text += fmt.Sprintf("; %d of %d votes; another person must approve too", len(got.Votes), got.Needed)
		}
		if got.GrantID != "" {
			text += "; grant " + got.GrantID
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), safe(text))
		return err
	})
}
