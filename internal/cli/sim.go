package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
)

const simHelp = `
Plays battery lines through real OPC UA servers, one for each PLC, until it is
interrupted: the same seed plays the same line, from a supplier's powder to a pack.
It writes the gateway file with which a gateway reads them, and, where asked for,
what it offered and what was true.

A line that ran before (--warm) is generated up to its present, which is counted
and not offered: ten days of a whole line, 20 million records, take a minute or two.
` + "`takt sim history`" + ` appends them to a service instead, and then the line goes on.

What was true of a record is what went into what by lot, amount and metres, without
error of measurement, a JSON object a record. --faults-out writes one for each thing
that a fault concerns, of all records since the line's start and not only of those
that are offered: fault, the record's source, epoch, sequence and due, the thing,
whether it is certain, which metres of a coil, and why. The file is written anew at
each start, and then has all of them.

A recording (--record) has what was offered, when, and all that is needed to play it
again (--replay) without a generator: lines of JSON, compressed where the name ends
in .gz. A recording that is damaged is not played.`

func newSim(c *connection) *cobra.Command {
	var cfg app.SimConfig
	var emitted, truth, touches string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Simulated lines as OPC UA servers",
		Long:  help(simHelp + lineHelp()),
		Example: `  takt sim --config-out gateway.yaml
  takt sim --warm 240h --lines 2 --data lines --port 0
  takt sim --warm 240h --fault F3@230h --fault F5@239h --faults-out faults.jsonl
  takt sim --dwell-divisor 1000 --oven-trays 1 --warm 1h --record hour.jsonl.gz
  takt sim --replay hour.jsonl.gz --data replay --speed 10`,
		Args: arguments(),
	}
	lineFlags(cmd, &cfg.Data, &cfg.Line)
	flags := cmd.Flags()
	flags.Float64Var(&cfg.Speed, "speed", 1, "how many of the line's seconds pass in one; 0 is as fast as records are acknowledged")
	flags.Uint64Var(&cfg.Records, "records", 0, "end after this many `records`; 0 does not end")
	flags.DurationVar(&cfg.For, "for", 0, "end after so much of the lines' time; 0 does not end")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1", "the `host` that the PLCs listen on")
	flags.IntVar(&cfg.Port, "port", 4840, "the first PLC's `port`, each further one takes the next; 0 takes free ones")
	flags.StringVar(&cfg.ConfigOut, "config-out", "gateway.yaml", "write the gateway `file` of these lines")
	flags.StringVar(&cfg.Spool, "spool", defaultData+"/gateway", "the spool's `folder`, as the gateway file says")
	flags.StringVar(&emitted, "emitted", "", "add a line for each record that was offered to this `file`: source, epoch, sequence, content hash")
	flags.StringVar(&truth, "truth", "", "add what was true of each record to this `file`")
	flags.StringVar(&touches, "faults-out", "", "write what faults did into this `file`")
	flags.StringVar(&cfg.Record, "record", "", "record what is offered in this `file`")
	flags.StringVar(&cfg.Replay, "replay", "", "play the recording in this `file`")
	verboseFlag(cmd, &verbose)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cfg.Speed < 0 {
			return usage(cmd, "--speed %g is negative", cfg.Speed)
		}
		if err := checkLine(cmd, cfg.Line); err != nil {
			return err
		}
		if cfg.Replay != "" {
			for _, name := range lineFlagNames {
				if cmd.Flags().Changed(name) {
					return usage(cmd, "--%s stands beside --replay, which says itself what is played", name)
				}
			}
		}
		files, err := openJournals(emitted, truth)
		if err != nil {
			return err
		}
		defer func() { err = files.close(err) }()
		cfg.Emitted, cfg.Truth = files.writer(0), files.writer(1)
		anew, err := createJournals(touches)
		if err != nil {
			return err
		}
		defer func() { err = anew.close(err) }()
		cfg.Touches = anew.writer(0)
		cfg.Server = c.server
		cfg.Out, cfg.Log = cmd.ErrOrStderr(), newLog(cmd, verbose, slog.LevelWarn)
		return app.Sim(cmd.Context(), cfg)
	}
	cmd.AddCommand(newSimHistory(c))
	return cmd
}
