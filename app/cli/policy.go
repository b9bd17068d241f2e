package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

func (p *program) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, test, explain, compare and import policies",
		Long: `Works on policy files without an engine: what these commands say of a file is what
an engine would do with it. A FILE may also be "-" for standard input, or the name
of a built-in policy (read-only, observe). The tools come from --tools, and from the
file itself.`,
		Example: "  m1 policy check rules.yaml --tools tools.yaml\n  m1 policy test rules.yaml -v",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.policyCheck(), p.policyTest(), p.policyExplain(), p.policyDiff(), p.policyImport())
	return cmd
}

// policyFile is a policy as a command was given it.
type policyFile struct {
	name  string
	src   []byte
	tools *tool.Catalogue // from --tools; may be nil
	set   *policy.Set     // nil if there are problems
}

// all are the tools that the policy decides about.
func (f *policyFile) all() *tool.Catalogue { return tool.Merge(f.tools, f.set.Tools()) }

// readPolicy reads the policy at name with the tools of the settings. The error is
// source.Problems if something was read and is wrong; the file comes back then too.
func (p *program) readPolicy(name string) (*policyFile, error) {
	c, err := p.loader.Load()
	if err != nil {
		return nil, err
	}
	f := &policyFile{name: name}
	if f.src, err = p.input(name, "name a policy file, - for standard input, or one of the built-in "+strings.Join(policy.Builtins(), " and ")); err != nil {
		return nil, err
	}
	var ps source.Problems
	f.tools, err = catalogue(c.Tools)
	if _, wrong := errors.AsType[source.Problems](err); err != nil && !wrong {
		return nil, err // it cannot be read at all
	}
	ps.Add(err)
	f.set, err = policy.Parse(name, f.src, f.tools)
	ps.Add(err)
	if len(ps) > 0 {
		f.set = nil
	}
	return f, ps.Err()
}

// input is the text at name: of a file, of standard input, or of a built-in policy.
func (p *program) input(name, hint string) ([]byte, error) {
	if name == "-" {
		src, err := io.ReadAll(io.LimitReader(p.env.Stdin, source.MaxBytes+1))
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return src, nil
	}
	if s, ok := policy.Builtin(name); ok {
		return []byte(s.Source()), nil
	}
	return readFile(name, hint)
}

func readFile(name, hint string) ([]byte, error) {
	src, err := os.ReadFile(name)
	if cause, is := errors.AsType[*os.PathError](err); is {
		return nil, fmt.Errorf("%s cannot be read: %w; %s", name, cause.Err, hint)
	}
	return src, err
}

// catalogue reads what --tools names; "" is no tools.
func catalogue(name string) (*tool.Catalogue, error) {
	if name == "" {
		return nil, nil
	}
	if c, ok := tool.Builtin(name); ok {
		return c, nil
	}
	src, err := readFile(name, "--tools names a catalogue file, or the built-in "+strings.Join(tool.Builtins(), " or "))
	if err != nil {
		return nil, err
	}
	return tool.Parse(name, src)
}

// onePolicy is for commands whose only argument is a policy.
func onePolicy(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants one FILE, but got %d; see %s --help", cmd.CommandPath(), len(args), cmd.CommandPath())
	}
	return nil
}

// found prints problems of what was to be checked, and is the error for that.
func found(cmd *cobra.Command, name string, err error) error {
	ps, ok := errors.AsType[source.Problems](err)
	if !ok {
		return err
	}
	for _, problem := range ps {
		fmt.Fprintln(cmd.ErrOrStderr(), safe(problem.String()))
	}
	return fmt.Errorf("%s: %s: %w", name, counted(len(ps), "problem"), errCheck)
}

// counted is "1 rule" or "2 rules".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
