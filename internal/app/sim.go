package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/sim"
)

// SimConfig says how to run the line alone.
type SimConfig struct {
	// Data is where the PLCs keep their memories; a line that is started again
	// with it goes on.
	Data string
	// Seed is where the line's chance comes from; 0 goes on with what is there,
	// or begins with 1.
	Seed uint64
	// Speed is how many of the line's seconds pass in one; 0 is as fast as
	// records are acknowledged.
	Speed float64
	// Records ends the line after so many records; 0 is never.
	Records uint64
	// Warm is how long the line ran before: finished cells leave it from the
	// start. Its records are not offered, but the PLCs' numbers count them.
	Warm time.Duration
	// Listen and Port are where the first PLC listens; each further one takes
	// the next port. Port 0 takes free ones.
	Listen string
	Port   int
	// ConfigOut is where the gateway file for this line is written; may be empty.
	ConfigOut string
	// Server and Spool are what that file says.
	Server, Spool string
	// Emitted and Truth take the journal of what is offered; may be nil.
	Emitted, Truth io.Writer
	// Out takes what is told to the user.
	Out io.Writer
	// Log takes what an operator acts on.
	Log *slog.Logger
}

// Sim plays a simulated line through OPC UA servers until ctx ends or its
// records do.
func Sim(ctx context.Context, cfg SimConfig) (err error) {
	setting, err := LineConfig{Seed: cfg.Seed, Warm: cfg.Warm}.setting(time.Now()).settle(cfg.Data)
	if err != nil {
		return err
	}
	l, err := setting.line()
	if err != nil {
		return err
	}
	listen := make(map[string]string)
	for _, b := range l.Blocks() {
		if _, known := listen[b.PLC]; !known && cfg.Port != 0 {
			listen[b.PLC] = net.JoinHostPort(cfg.Listen, strconv.Itoa(cfg.Port+len(listen)))
		}
	}
	s, err := sim.New(l, sim.Config{
		Dir: cfg.Data, Listen: listen, Speed: cfg.Speed, HistoryUntil: setting.HistoryUntil, Records: cfg.Records,
	}, sim.Streams{Emitted: cfg.Emitted, Truth: cfg.Truth})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file := sim.GatewayConfig(l, s.Endpoints(), config.Gateway{
		Name: "line-1", Spool: config.Spool{Dir: cfg.Spool}, Server: config.Server{Addr: cfg.Server},
	})
	if cfg.ConfigOut != "" {
		text, err := file.YAML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(cfg.ConfigOut+".new", text, 0o600); err != nil {
			return fmt.Errorf("write the gateway file: %w", err)
		}
		if err := os.Rename(cfg.ConfigOut+".new", cfg.ConfigOut); err != nil {
			return fmt.Errorf("write the gateway file: %w", err)
		}
	}
	for _, p := range file.PLCs {
		_, _ = fmt.Fprintf(cfg.Out, "%s %s, %d record blocks\n", p.Name, p.Endpoint, len(p.Stations))
	}
	err = s.Run(ctx)
	stats := s.Stats()
	_, _ = fmt.Fprintf(cfg.Out, "%d records acknowledged, up to %s; ready to ack p50 %s, p99 %s\n", stats.Acknowledged,
		stats.Now.Format(time.RFC3339), milliseconds(stats.Latency.Quantile(.5)), milliseconds(stats.Latency.Quantile(.99)))
	return unlessDone(ctx, err)
}
