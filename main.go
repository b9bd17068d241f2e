// Command m1 stands between AI agents and their tools: it decides every proposed
// call, answers repeated reads, prices tokens, records everything and shows it
// live.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"m1/app/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)      // a second signal ends the process at once
	hangup := make(chan os.Signal, 1) // one that nobody has heard yet is enough
	signal.Notify(hangup, syscall.SIGHUP)
	code := cli.Main(ctx, cli.Env{Args: os.Args[1:], Vars: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Hangup: hangup})
	stop()
	os.Exit(code)
}
