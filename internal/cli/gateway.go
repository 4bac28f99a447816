package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
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
			stations := uint64(0)
			for _, plc := range file.PLCs {
				stations += uint64(len(plc.Stations))
			}
			tell(cmd.ErrOrStderr(), "gateway %s: %s, %s, nothing wrong", file.Gateway.Name,
				fmt.Sprintf("%d PLCs", len(file.PLCs)), plural(stations, "station"))
			return nil
		},
	}
}
