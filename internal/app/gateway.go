package app

import (
	"context"
	"log/slog"

	"github.com/takt-mes/takt/internal/gateway"
)

// Gateway runs the gateway that a file describes until ctx ends or it fails.
func Gateway(ctx context.Context, path string, log *slog.Logger) error {
	file, err := gateway.Load(path)
	if err != nil {
		return err
	}
	g, err := gateway.New(file, log)
	if err != nil {
		return err
	}
	if err := g.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}
