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
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

// SimConfig says how to run lines alone.
type SimConfig struct {
	// Line says which lines.
	Line LineConfig
	// Replay is a recording that is played instead; may be empty.
	Replay string
	// Data is where the PLCs keep their memories; a line that is started again
	// with it goes on.
	Data string
	// Speed is how many of the line's seconds pass in one; 0 is as fast as
	// records are acknowledged.
	Speed float64
	// Records and For end the lines after so many records, and after so much of
	// their time; 0 is never.
	Records uint64
	For     time.Duration
	// Listen and Port are where the first PLC listens; each further one takes
	// the next port. Port 0 takes free ones.
	Listen string
	Port   int
	// ConfigOut is where the gateway file for these lines is written; may be
	// empty.
	ConfigOut string
	// Server and Spool are what that file says.
	Server, Spool string
	// Record is the file that a recording of what is offered is written to; may
	// be empty.
	Record string
	// Emitted and Truth take the journal of what is offered, Touches what faults
	// did, from the line's start; may be nil.
	Emitted, Truth, Touches io.Writer
	// Out takes what is told to the user.
	Out io.Writer
	// Log takes what an operator acts on.
	Log *slog.Logger
}

// Sim plays simulated lines through OPC UA servers until ctx ends or their
// records do. Their history is generated and not offered, but the PLCs' numbers
// count it.
func Sim(ctx context.Context, cfg SimConfig) (err error) {
	l, play, failed, err := cfg.played()
	if err != nil {
		return err
	}
	play.Dir, play.Speed, play.Records, play.For = cfg.Data, cfg.Speed, cfg.Records, cfg.For
	play.Listen = cfg.ports(l)
	streams := sim.Streams{Emitted: cfg.Emitted, Truth: cfg.Truth}
	if cfg.Record != "" {
		file, err := createRecording(cfg.Record)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		streams.Recording = file
	}
	s, err := sim.New(l, play, streams)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file := sim.GatewayConfig(l, s.Endpoints(), config.Gateway{
		Name: "line-1", Spool: config.Spool{Dir: cfg.Spool}, Server: config.Server{Addr: cfg.Server},
	})
	if err := cfg.writeConfig(file); err != nil {
		return err
	}
	for _, p := range file.PLCs {
		_, _ = fmt.Fprintf(cfg.Out, "%s %s, %d record blocks\n", p.Name, p.Endpoint, len(p.Stations))
	}
	o, touched := new(odometer), &touches{out: cfg.Touches}
	quiet := o.tell(cfg.Out, func() bool { return s.Stats().Ready > 0 })
	err = unlessDone(ctx, s.Play(ctx, o.count(touched.watch(l.Records()))))
	quiet()
	stats := s.Stats()
	_, _ = fmt.Fprintf(cfg.Out, "%d records acknowledged, up to %s; ready to ack p50 %s, p99 %s\n", stats.Acknowledged,
		stats.Now.Format(time.RFC3339), milliseconds(stats.Latency.Quantile(.5)), milliseconds(stats.Latency.Quantile(.99)))
	return errors.Join(err, touched.err, failed())
}

// played returns the line to play, and how: the folder's lines, or a recording.
// failed says in the end why the line's records ended early.
func (cfg SimConfig) played() (l *line.Line, play sim.Config, failed func() error, err error) {
	if cfg.Replay != "" {
		r, err := openReplay(cfg.Replay)
		if err != nil {
			return nil, sim.Config{}, nil, err
		}
		_, _ = fmt.Fprintf(cfg.Out, "replays %d records of %s, from %s to %s\n", r.Records, mes.Printable(r.Line), r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
		return r.line, sim.Config{Stands: r.Stands, Made: r.ID}, func() error { return r.err }, nil
	}
	setting, err := cfg.Line.setting(time.Now()).settle(cfg.Data)
	if err != nil {
		return nil, sim.Config{}, nil, err
	}
	if err := setting.keep(cfg.Data); err != nil {
		return nil, sim.Config{}, nil, err
	}
	made, err := setting.made()
	if err != nil {
		return nil, sim.Config{}, nil, err
	}
	l, err = setting.line()
	return l, sim.Config{HistoryUntil: setting.HistoryUntil, Made: made}, func() error { return nil }, err
}

// ports gives the PLCs their ports, in the order of their blocks.
func (cfg SimConfig) ports(l *line.Line) map[string]string {
	listen := make(map[string]string)
	for _, b := range l.Blocks() {
		if _, known := listen[b.PLC]; !known && cfg.Port != 0 {
			listen[b.PLC] = net.JoinHostPort(cfg.Listen, strconv.Itoa(cfg.Port+len(listen)))
		}
	}
	return listen
}

// writeConfig writes the gateway file, so that a reader sees all of it or none.
func (cfg SimConfig) writeConfig(file config.Config) error {
	if cfg.ConfigOut == "" {
		return nil
	}
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
	return nil
}
