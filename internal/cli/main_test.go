package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test's own program is takt: a script starts it as takt, in a process of
// its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"takt": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := Run(ctx, Process{
				Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			})
			stop()
			os.Exit(code)
		},
	})
}
