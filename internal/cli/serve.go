package cli

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
)

// Where the service listens.
const (
	defaultHTTP = "127.0.0.1:7680"
	defaultData = "takt-data"
)

func newServe() *cobra.Command {
	var cfg app.ServeConfig
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "The service: takes events, keeps them, answers questions",
		Long: help(`
Runs the service until it is interrupted: gRPC for gateways and questions, HTTP for
the page, JSON, metrics and health. Everything is kept in one folder, which one
process has open at a time. A site file gives the zone and the shifts that days are
cut by, and the plant model.

It keeps its memory within 256 MB under a full load, beside the pages of its files;
GOGC and GOMEMLIMIT in the environment bound it as in any Go program. While less of
the disk is free than the reserve, events are sent back to their gateways and
questions are answered; it goes on by itself when there is room.`),
		Example: "  takt serve\n  takt serve --data /var/lib/takt --grpc 10.20.0.5:7600 --site site.yaml",
		Args:    arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Data, "data", defaultData+"/store", "the `folder` that the store is kept in")
	listenFlags(cmd, &cfg.GRPC, &cfg.HTTP, &cfg.AddressFile)
	flags.StringVar(&cfg.Site, "site", "", "the site `file`: zone, shifts, plant model")
	flags.Int64Var(&cfg.Reserve, "reserve", 0, "how many `bytes` of the disk stay free; 0 is a twentieth of it, and at most 1 GiB")
	flags.BoolVar(&cfg.NoReflection, "no-reflection", false, "do not tell gRPC clients what can be asked")
	verboseFlag(cmd, &verbose)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg.Version, cfg.Log = version(), newLog(cmd, verbose, slog.LevelInfo)
		return app.Serve(cmd.Context(), cfg)
	}
	return cmd
}

// listenFlags are those of what listens.
func listenFlags(cmd *cobra.Command, grpc, http, addressFile *string) {
	cmd.Flags().StringVar(grpc, "grpc", defaultServer, "the `address` of gRPC; port 0 takes a free one")
	cmd.Flags().StringVar(http, "http", defaultHTTP, "the `address` of the page, JSON, metrics and health")
	cmd.Flags().StringVar(addressFile, "address-file", "", "write the addresses into this `file` when the service listens, as grpc=… and http=…")
}

func verboseFlag(cmd *cobra.Command, verbose *bool) {
	cmd.Flags().BoolVarP(verbose, "verbose", "v", false, "log what a developer wants to know, too")
}

// newLog returns what writes the log to stderr.
func newLog(cmd *cobra.Command, verbose bool, level slog.Level) *slog.Logger {
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// isTerminal reports whether what is written goes to somebody's screen.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
