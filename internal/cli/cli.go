// Package cli holds the commands of the program takt: it reads flags, asks the
// service or starts a part of it, and writes the answer as table, JSON or CSV.
//
// Data goes to stdout, and everything else to stderr. Run tells by its result
// how it went: 0 done, 1 error, 2 usage, 3 not found, 4 found a problem.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Process is what a program has from its surroundings, in one value, so that a
// test can be them.
type Process struct {
	// Args are the arguments without the program's own name.
	Args []string
	// Env is the environment as `KEY=value`.
	Env []string
	// Stdin, Stdout and Stderr are the streams.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// env returns a variable of the environment, or "".
func (p Process) env(key string) string {
	for _, entry := range p.Env {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value
		}
	}
	return ""
}

// Run does what the arguments say until it is done or ctx ends, and returns the
// program's exit code.
func Run(ctx context.Context, p Process) int {
	root := newRoot(p)
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if message := message(ctx, err); message != "" {
		tell(p.Stderr, "takt: %s", message)
	}
	return exitCode(err)
}

const rootHelp = `Takt keeps the record of a battery line: what every station did to every cell,
from the PLC into a log that is never changed, and answers where a cell came
from, where a lot went, and what the yield is.

Exit codes: 0 done, 1 error, 2 usage, 3 not found, 4 found a problem (a damaged
store, a flag, a record in quarantine).

Ids are shown percent-escaped, as L1%2FWND, and may be typed so.`

func newRoot(p Process) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "takt",
		Short: "Battery-line MES and traceability",
		Long:  rootHelp,
		Example: `  takt demo
  takt trace backward CEL-26327-000142
  takt item show CEL-26327-000142`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%w", err) })
	connection := connectionFlags(root, p)

	root.AddGroup(
		&cobra.Group{ID: "ask", Title: "Questions:"},
		&cobra.Group{ID: "run", Title: "Programs:"},
		&cobra.Group{ID: "keep", Title: "The store:"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	add("ask",
		newItem(connection), newLot(connection), newSearch(connection), newFlags(connection), newTrace(connection),
		newYield(connection), newStatistics(connection), newEvents(connection), newEquipment(connection),
		newLedger(connection), newSources(connection), newQuarantine(connection),
	)
	add("run", newDemo(), newServe(), newGateway(), newSim(connection), newPush(connection, p), newBench(connection))
	add("keep", newBackup(connection), newRestore(), newCheck(connection), newRebuild(), newMigrate(), newRetention(), newInfo(connection))
	root.AddCommand(newVersion())
	return root
}

// group makes a command of one that only holds others: alone, or with a word
// that is none of them, it is misused.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			cmd.SetOut(cmd.ErrOrStderr())
			if err := cmd.Help(); err != nil {
				return err
			}
			return &exit{code: exitUsage}
		}
		suggestion := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			suggestion = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage(cmd, "%s has no command %q%s", cmd.CommandPath(), args[0], suggestion)
	}
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// arguments takes exactly the named arguments.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(cmd, "%s is missing", strings.Join(names[len(args):], " "))
		case len(args) > len(names):
			return usage(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// usage returns the error of a command that is misused.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
}

// usageError is a command that is misused.
type usageError struct {
	error
	command string
}

// Unwrap returns the cause.
func (e *usageError) Unwrap() error { return errors.Unwrap(e.error) }
