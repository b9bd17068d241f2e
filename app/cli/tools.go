package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"m1/engine/tool"
)

func (p *program) tools() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tools",
		Short:   "Work with catalogues of tools",
		Args:    noArgs,
		Example: "  m1 tools import registry.json > tools.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.toolsImport())
	return cmd
}

func (p *program) toolsImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Turn a registry of tools into catalogue YAML",
		Long: `Reads a registry of tools (JSON with a list "tools" of name, scope, cacheable,
reads, changes, reads_arg, changes_arg and scope_by_arg) or a catalogue, checks
it, and prints a catalogue in YAML on standard output. The file is not changed.`,
		Example: "  m1 tools import registry.json > tools.yaml\n  m1 --tools tools.yaml --engine-only",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the registry: %w; name a registry or a catalogue", err)
			}
			c, err := tool.Parse(args[0], src)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(c.YAML())
			return err
		},
	}
}
