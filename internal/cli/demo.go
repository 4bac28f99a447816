package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
)

func newDemo() *cobra.Command {
	var cfg app.DemoConfig
	var emitted string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A simulated line, a gateway and the service, in one process",
		Long: help(`
Runs a simulated battery line as real OPC UA servers, a gateway that reads them, and
the service with its page, in one process that shares nothing but sockets, until it
is interrupted. It begins with three days of history, marked as such, and goes on
live, with a cell a second at every station from winding to pack; started again with
the same folder, it goes on where it was. When it is ready it says what to try next.

So that it is ready soon, cells bake, soak, charge and age 2000 times shorter than on
a real line, minutes instead of nine days. What follows from time means nothing then:
K is a difference over seconds. ` + "`takt sim`" + ` plays the line with its real times.`),
		Example: "  takt demo\n  takt demo --speed 10 --cells 100 --data /tmp/takt-demo",
		Args:    arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Data, "data", defaultData, "the `folder` that everything is kept in")
	flags.Float64Var(&cfg.Speed, "speed", 1, "how many of the line's seconds pass in one; 0 is as fast as it goes")
	flags.Uint64Var(&cfg.Cells, "cells", 0, "end after this many finished live `cells`; 0 does not end")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "where the line's chance comes from; 0 goes on with what is there, or begins with 1")
	flags.StringVar(&emitted, "emitted", "", "add a line for each record that the line made to this `file`: source, epoch, sequence, content hash")
	listenFlags(cmd, &cfg.GRPC, &cfg.HTTP, &cfg.AddressFile)
	verboseFlag(cmd, &verbose)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cfg.Speed < 0 {
			return usage(cmd, "--speed %g is negative", cfg.Speed)
		}
		journals, err := openJournals(emitted)
		if err != nil {
			return err
		}
		defer func() { err = journals.close(err) }()
		cfg.Emitted = journals.writer(0)
		cfg.Version, cfg.Log = version(), newLog(cmd, verbose, slog.LevelWarn)
		cfg.Out, cfg.Terminal = cmd.OutOrStdout(), isTerminal(cmd.OutOrStdout())
		return app.Demo(cmd.Context(), cfg)
	}
	return cmd
}
