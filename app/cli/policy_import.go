package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"m1/engine/permission"
	"m1/engine/policy"
	"m1/engine/tool"
)

func (p *program) policyImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import",
		Short:   "Turn the permissions of another client into a policy",
		Long:    "Turns what the settings of another client permit into a policy. Claude Code is the\nonly client so far.",
		Args:    knownClient,
		Example: "  m1 policy import claude-code ~/.claude/settings.json > rules.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.policyImportClaudeCode())
	return cmd
}

// knownClient refuses clients whose settings nobody can read.
func knownClient(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("the settings of %q cannot be imported: claude-code is the only client that m1 policy import knows", args[0])
}

func (p *program) policyImportClaudeCode() *cobra.Command {
	var o permission.Options
	cmd := &cobra.Command{
		Use:   "claude-code SETTINGS.json",
		Short: "Turn the permissions of Claude Code into a policy",
		Long: `Reads settings of Claude Code (a file, or - for standard input) and prints a policy
on standard output that allows, asks about and denies what permissions.allow, ask and
deny say, with tests. What no statement covers is asked about, as Claude Code does.
The policy never permits more: every statement that cannot be translated is named on
standard error with the reason. Statements about relative paths need --root, the
folder that the settings are for; those with ~ need --home.

The policy is for the tools of the built-in catalogue: m1 --tools claude-code.`,
		Example: `  m1 policy import claude-code .claude/settings.json --root "$PWD" --home "$HOME" > rules.yaml
  m1 policy check rules.yaml --tools claude-code`,
		Args: onePolicy,
		RunE: func(cmd *cobra.Command, args []string) error {
			for flag, dir := range map[string]string{"root": o.Root, "home": o.Home} {
				if dir != "" && !filepath.IsAbs(dir) {
					return fmt.Errorf("--%s %q: give an absolute path", flag, dir)
				}
			}
			src, err := p.settings(args[0])
			if err != nil {
				return err
			}
			o.Name = args[0]
			r, err := permission.Import(o, src)
			if err != nil {
				return withoutPackage(err, "permission")
			}
			tools, _ := tool.Builtin("claude-code")
			if _, err := policy.Parse("the policy", r.Policy, tools); err != nil {
				return fmt.Errorf("the translation of %s does not load, which is a mistake in M1; remove the statements that it is about and report them: %w", args[0], err)
			}
			var notes strings.Builder
			for _, refused := range r.Refused {
				fmt.Fprintf(&notes, "not translated: %s\n", refused)
			}
			for _, note := range r.Notes {
				fmt.Fprintf(&notes, "note: %s\n", note)
			}
			fmt.Fprintf(&notes, "%d of %s translated\n", r.Translated, counted(r.Statements, "statement"))
			fmt.Fprint(cmd.ErrOrStderr(), safe(notes.String()))
			_, err = cmd.OutOrStdout().Write(r.Policy)
			return err
		},
	}
	cmd.Flags().StringVar(&o.Root, "root", "", "folder that the settings are for, as an absolute path")
	cmd.Flags().StringVar(&o.Home, "home", "", "home folder of their user, as an absolute path")
	return cmd
}

// settings is the text of a settings file, or of standard input.
func (p *program) settings(name string) ([]byte, error) {
	if name == "-" {
		return p.input(name, "")
	}
	return readFile(name, "name a settings file of Claude Code, such as .claude/settings.json")
}
