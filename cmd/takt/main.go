// Takt is a battery-line MES and traceability service: `takt demo` shows it,
// `takt --help` names its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/takt-mes/takt/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the work in order; a second one, the process.
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, cli.Process{
		Args:   os.Args[1:],
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	})
}
