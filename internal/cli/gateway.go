package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
	"github.com/takt-mes/takt/internal/gateway"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

func newGateway() *cobra.Command {
	var file string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Reads PLCs over OPC UA and sends what they report",
		Long: help(`
Runs a gateway until it is interrupted: it reads the stations of its file over OPC
UA, keeps each record on disk before it acknowledges it to the PLC, and sends what
it keeps to the service, from where that stopped.`),
		Example: "  takt gateway -c gateway.yaml\n  takt gateway check gateway.yaml",
		Args:    arguments(),
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the gateway `file`")
	verboseFlag(cmd, &verbose)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			return usage(cmd, "-c is missing")
		}
		return app.Gateway(cmd.Context(), file, newLog(cmd, verbose, slog.LevelInfo))
	}
	cmd.AddCommand(newGatewayCheck())
	return cmd
}

func newGatewayCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Read a gateway file, and say what is wrong with it",
		Long:    "Reads a gateway file and says what is wrong with it, with line and column, without connecting to anything.",
		Example: "  takt gateway check gateway.yaml",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := config.Load(args[0])
			if errors.Is(err, fs.ErrNotExist) {
				return mes.Errorf(mes.CodeNotFound, "there is no file %s", args[0])
			}
			if err != nil {
				return err
			}
			if err := tryGateway(args[0], file); err != nil {
				return err
			}
			plcs, stations := uint64(len(file.PLCs)), uint64(0)
			for _, plc := range file.PLCs {
				stations += uint64(len(plc.Stations))
			}
			tell(cmd.ErrOrStderr(), "gateway %s: %s, %s, nothing wrong", mes.Printable(file.Gateway.Name), plural(plcs, "PLC"), plural(stations, "station"))
			return nil
		},
	}
}

// tryGateway makes a gateway of the file, which connects to nothing before it
// runs, over a spool that is thrown away: so every template is looked at as it
// will be used.
func tryGateway(path string, file config.Config) (err error) {
	dir, err := os.MkdirTemp("", "takt-gateway-check-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file.Gateway.Spool.Dir = dir
	g, err := gateway.New(file, slog.New(slog.DiscardHandler))
	if err == nil {
		return g.Close()
	}
	if text, readErr := os.ReadFile(path); readErr == nil { //nolint:gosec // the user names the file
		err = config.Locate(text, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
