package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
)

// operator lets do speak to the engine at url, with the token that the settings name;
// "" is the engine of this machine. It blocks for at most 30 s.
func (p *program) operator(ctx context.Context, url string, do func(context.Context, *operate.Client) error) error {
	c, err := p.loader.Load()
	if err != nil {
		return err
	}
	if url == "" {
		url = "http://" + c.Listen
	}
	token, err := c.Bearer()
	if err != nil {
		return err
	}
	conn, err := guard.Dial(url, token)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return advice(url, do(ctx, operate.NewClient(conn)))
}

// advice says what to do about an error of an engine where the engine cannot.
func advice(url string, err error) error {
	refusal, refused := errors.AsType[*guard.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, guard.ErrUnreachable):
		return fmt.Errorf("%w; start it there with m1 --engine-only, or check the address", err)
	case errors.Is(err, guard.ErrNotM1):
		return fmt.Errorf("%w; check the address: it must be the one that M1 listens on", err)
	case refused && refusal.Status == http.StatusUnauthorized:
		return fmt.Errorf("%s refuses the token; give that of an operator in M1_TOKEN or with --token-file: %w", url, err)
	case refused:
		return inCommands(refusal) // the engine's own sentence says it all
	default:
		return withoutPackage(err, "operate")
	}
}

// inCommands is e with the commands in place of the routes that they stand for.
func inCommands(e *guard.Error) *guard.Error {
	routes := strings.NewReplacer(
		"GET /v1/approvals lists", "m1 approval list shows",
		"GET /v1/approvals", "m1 approval list",
		"GET /v1/grants", "m1 grant list",
		"send args_sha256", "give --sha256 with args_sha256",
	)
	out := *e
	out.Message, out.Hint = routes.Replace(e.Message), routes.Replace(e.Hint)
	return &out
}
