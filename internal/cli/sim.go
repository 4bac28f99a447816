package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
)

func newSim(c *connection) *cobra.Command {
	var cfg app.SimConfig
	var emitted, truth string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "A simulated line as OPC UA servers",
		Long: help(`
Plays a battery line through real OPC UA servers, one for each PLC, until it is
interrupted: the same seed plays the same line. It writes the gateway file with
which a gateway reads it, and, where asked for, what it offered and what was true.`),
		Example: "  takt sim --config-out gateway.yaml\n  takt sim --speed 10 --seed 7 --emitted emitted.txt --truth truth.txt --port 0",
		Args:    arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Data, "data", defaultData+"/line", "the `folder` of the PLCs' memories; started again with it, the line goes on")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "where the line's chance comes from; 0 goes on with what is there, or begins with 1")
	flags.Float64Var(&cfg.Speed, "speed", 1, "how many of the line's seconds pass in one; 0 is as fast as records are acknowledged")
	flags.Uint64Var(&cfg.Records, "records", 0, "end after this many `records`; 0 does not end")
	flags.DurationVar(&cfg.Warm, "warm", 0, "how long the line ran before, so that finished cells leave it from the start")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1", "the `host` that the PLCs listen on")
	flags.IntVar(&cfg.Port, "port", 4840, "the first PLC's `port`, each further one takes the next; 0 takes free ones")
	flags.StringVar(&cfg.ConfigOut, "config-out", "gateway.yaml", "write the gateway `file` of this line")
	flags.StringVar(&cfg.Spool, "spool", defaultData+"/gateway", "the spool's `folder`, as the gateway file says")
	flags.StringVar(&emitted, "emitted", "", "add a line for each record that was offered to this `file`: source, epoch, sequence, content hash")
	flags.StringVar(&truth, "truth", "", "add what was true of each record to this `file`")
	verboseFlag(cmd, &verbose)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cfg.Speed < 0 {
			return usage(cmd, "--speed %g is negative", cfg.Speed)
		}
		journals, err := openJournals(emitted, truth)
		if err != nil {
			return err
		}
		defer func() { err = journals.close(err) }()
		cfg.Emitted, cfg.Truth = journals.writer(0), journals.writer(1)
		cfg.Server = c.server
		cfg.Out, cfg.Log = cmd.ErrOrStderr(), newLog(cmd, verbose, slog.LevelWarn)
		return app.Sim(cmd.Context(), cfg)
	}
	return cmd
}
