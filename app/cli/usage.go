package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"m1/engine/source"
)

// noArgs is for commands that take flags alone, or a subcommand.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasSubCommands():
		return fmt.Errorf("%s takes no argument, but got %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if hint := source.DidYouMean(args[0], names); hint != "" {
		return fmt.Errorf("%s has no command %q; %s", cmd.CommandPath(), args[0], hint)
	}
	return fmt.Errorf("%s has no command %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// oneFile is for commands that work on what their only argument names.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants one FILE, but got %d; see %s --help", cmd.CommandPath(), len(args), cmd.CommandPath())
	}
	return nil
}

func badFlag(cmd *cobra.Command, err error) error {
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		slices.Sort(names)
		if n, ok := source.Nearest(missing.GetSpecifiedName(), names); ok {
			return fmt.Errorf("%w; did you mean --%s?", err, n)
		}
	}
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// polish gives the commands that the library brings what all of ours have.
func polish(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Example = "  m1 help replay"
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil || len(rest) == 0 {
					return err
				}
				return noArgs(found, rest)
			}
		case "completion":
			cmd.Short = "Print a completion script for a shell"
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			cmd.Example = "  source <(m1 completion bash)\n  m1 completion zsh > \"${fpath[1]}/_m1\"\n  m1 completion fish > ~/.config/fish/completions/m1.fish"
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
				shell.Example = "  m1 completion " + shell.Name()
			}
		}
	}
}
