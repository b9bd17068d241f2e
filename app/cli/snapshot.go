package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"m1/app"
	"m1/collector/snapshot"
	"m1/views"
)

func (p *program) snapshot() *cobra.Command {
	var asJSON bool
	var attach, size, page string
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Print the dashboard of a running engine once",
		Long: `Asks a running engine for its picture and prints one screen of it as text, or
with --json the whole picture as JSON. The token comes from M1_TOKEN or
--token-file.`,
		Example: "  m1 snapshot\n  m1 snapshot --page calls --size 200x60\n  m1 snapshot --json --window 1h",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			still, err := stillOf(size, page)
			if err != nil {
				return err
			}
			d, window, err := p.picture(cmd.Context(), attach)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(d)
			}
			still.Window = window
			_, err = fmt.Fprint(cmd.OutOrStdout(), app.Snapshot(d, still))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole picture as JSON")
	cmd.Flags().StringVar(&attach, "attach", "", "URL of the engine; default the --listen address of this machine")
	cmd.Flags().StringVar(&size, "size", "120x40", "columns x lines of the text")
	cmd.Flags().StringVar(&page, "page", "overview", "overview, calls, approvals, policy, cache or runs, or its number")
	return cmd
}

func stillOf(size, page string) (app.Still, error) {
	var s app.Still
	columns, lines, _ := strings.Cut(size, "x")
	var errs [2]error
	s.Width, errs[0] = strconv.Atoi(columns)
	s.Height, errs[1] = strconv.Atoi(lines)
	if errors.Join(errs[:]...) != nil || min(s.Width, s.Height) < 1 || max(s.Width, s.Height) > 1000 {
		return s, fmt.Errorf("--size %q: give columns x lines, such as 120x40", size)
	}
	pages := []string{"overview", "calls", "approvals", "policy", "cache", "runs"}
	numbers := []views.Page{views.Overview, views.Calls, views.Approvals, views.Policy, views.Cache, views.Runs}
	i := slices.Index(pages, page)
	if n, err := strconv.Atoi(page); err == nil {
		i = slices.Index(numbers, views.Page(n))
	}
	if i < 0 {
		return s, fmt.Errorf("--page %q: give one of %s", page, strings.Join(pages, ", "))
	}
	s.Page = numbers[i]
	return s, nil
}

// picture is the newest one of the engine at url.
func (p *program) picture(ctx context.Context, url string) (*snapshot.Dashboard, time.Duration, error) {
	c, err := p.loader.Load()
	if err != nil {
		return nil, 0, err
	}
	if url == "" {
		url = "http://" + c.Listen
	}
	client, err := p.dial(ctx, c, url)
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for d := range client.Subscribe(ctx, c.Window) {
		if d.Source.Err == "" {
			return d, c.Window, nil
		}
	}
	return nil, 0, fmt.Errorf("%s gave no picture within 10 s; see m1 --attach %s", url, url)
}
