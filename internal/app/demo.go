package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/gateway"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
	"github.com/takt-mes/takt/internal/wire"
)

// demoZone is where the demo's site is.
const demoZone = "Europe/Berlin"

// past is what a demo's line did before it goes live.
type past struct {
	// days is how long it ran, at a slow takt, as after a start-up.
	days, slow time.Duration
	// full is how long it then ran at one cell a second, which must be enough
	// for cells, modules and packs to leave it at that rate.
	full time.Duration
	// dwell is how many times shorter than on a real line cells bake, soak and
	// age, ovenTrays how many trays an oven load has: the less, the less there is
	// to append before the demo can begin.
	dwell, ovenTrays int
}

// demoPast is some 105,000 events.
var demoPast = past{days: 72 * time.Hour, slow: 3 * time.Minute, full: 25 * time.Minute, dwell: 2000, ovenTrays: 1}

// DemoConfig says how to run the demo.
type DemoConfig struct {
	// Data is the directory that everything is kept in; a demo that is started
	// again with it goes on.
	Data string
	// GRPC and HTTP are the service's addresses; port 0 takes a free one.
	GRPC, HTTP string
	// AddressFile is written with the addresses; may be empty.
	AddressFile string
	// Speed is how many of the line's seconds pass in one; 0 is as fast as it
	// goes.
	Speed float64
	// Cells ends the demo after so many live finished cells; 0 is never.
	Cells uint64
	// Seed is where the line's chance comes from; 0 goes on with what is there,
	// or begins with 1.
	Seed uint64
	// Version is the program's.
	Version string
	// Out takes what the demo tells its user; Terminal says whether a line may be
	// overwritten.
	Out      io.Writer
	Terminal bool
	// Emitted takes a line `source epoch sequence hash` for every record that
	// the line has made, history included; may be nil.
	Emitted io.Writer
	// Log takes what an operator acts on.
	Log *slog.Logger

	past past // demoPast where zero
}

// demo is the line, the gateway and the service in one process. They share
// nothing but sockets.
type demo struct {
	cfg      DemoConfig
	setting  lineSetting
	line     *line.Line
	service  *service
	gateway  *gateway.Gateway
	sim      *sim.Sim
	client   *client.Client
	finished atomic.Uint64
}

// Demo runs a simulated line, a gateway and the service until ctx ends, or the
// asked-for number of cells is finished, or something fails. Ending it by ctx is
// no error.
func Demo(ctx context.Context, cfg DemoConfig) error {
	began := time.Now()
	d := &demo{cfg: cfg}
	d.say("takt %s: a simulated battery line, a gateway and the service; everything is kept in %s", cfg.Version, cfg.Data)
	if cfg.past == (past{}) {
		cfg.past = demoPast
	}
	setting := LineConfig{
		Seed: cfg.Seed, Warm: cfg.past.days, DwellDivisor: cfg.past.dwell, OvenTrays: cfg.past.ovenTrays,
	}.setting(began)
	setting.Phases = []phaseSetting{{From: 0, Takt: duration(cfg.past.slow)}, {From: duration(cfg.past.days - cfg.past.full), Takt: duration(time.Second)}}
	var err error
	if d.setting, err = setting.settle(filepath.Join(cfg.Data, "line")); err != nil {
		return err
	}
	if err := d.setting.keep(filepath.Join(cfg.Data, "line")); err != nil {
		return err
	}
	if d.line, err = d.setting.line(); err != nil {
		return err
	}
	d.say("cells bake, soak, charge and age %d times shorter than on a real line, so that there are some at every station: what follows from time, as K, means nothing here", d.setting.DwellDivisor)
	if err := d.open(ctx); err != nil {
		if d.service != nil {
			err = errors.Join(err, d.service.close())
		}
		return errors.Join(err, d.close())
	}
	// Each part ends before what it talks to: the gateway, then the line's PLCs,
	// then the service.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var served error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		served = d.service.run(serving)
	}()
	err = d.play(ctx, began, ended)
	stop()
	<-ended
	err = errors.Join(err, served, d.close())
	if err == nil {
		d.say("stopped; start it again with the same directory and it goes on")
	}
	return err
}

func (d *demo) done() bool { return d.cfg.Cells > 0 && d.finished.Load() >= d.cfg.Cells }

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.cfg.Out, format+"\n", args...)
}

// open opens the service, which serves only once it runs, and the line's PLCs.
func (d *demo) open(ctx context.Context) (err error) {
	site := Site{Zone: d.setting.Zone}
	for _, b := range d.line.Blocks() {
		for _, machine := range b.Machines {
			site.Equipment = append(site.Equipment, PlantEquipment{ID: string(machine)})
		}
	}
	d.service, err = newService(ctx, ServeConfig{
		Data: filepath.Join(d.cfg.Data, "store"), GRPC: d.cfg.GRPC, HTTP: d.cfg.HTTP, AddressFile: d.cfg.AddressFile,
		Version: d.cfg.Version, Log: d.cfg.Log,
	}, site)
	if err != nil {
		return err
	}
	d.sim, err = sim.New(d.line, sim.Config{
		Dir: filepath.Join(d.cfg.Data, "line"), Speed: d.cfg.Speed, HistoryUntil: d.setting.HistoryUntil,
	}, sim.Streams{Emitted: d.cfg.Emitted})
	if err != nil {
		return err
	}
	d.client, err = client.Dial(client.Config{Addr: d.service.grpc.Addr().String()})
	return err
}

// close closes what open opened, but the service, which closes itself when it
// has run.
func (d *demo) close() error {
	var errs []error
	if d.client != nil {
		errs = append(errs, d.client.Close())
	}
	if d.sim != nil {
		errs = append(errs, d.sim.Close())
	}
	return errors.Join(errs...)
}

// play appends the history, starts the gateway and the line, and tells how it
// goes until the line ends, or the service does, or ctx, which is no error.
func (d *demo) play(ctx context.Context, began time.Time, serviceEnded <-chan struct{}) error {
	script := sim.NewScript(d.line)
	defer script.Close()
	if err := d.history(ctx, script); err != nil {
		return unlessDone(ctx, err)
	}
	if err := d.suggest(ctx, began); err != nil {
		return unlessDone(ctx, err)
	}
	known, err := d.known(ctx)
	if err != nil {
		return unlessDone(ctx, err)
	}
	d.gateway, err = gateway.New(sim.GatewayConfig(d.line, d.sim.Endpoints(), config.Gateway{
		Name:   "line-1",
		Spool:  config.Spool{Dir: filepath.Join(d.cfg.Data, "gateway")},
		Server: config.Server{Addr: d.service.grpc.Addr().String()},
	}), d.cfg.Log)
	if err != nil {
		return err
	}
	parts := context.WithoutCancel(ctx)
	reading, stopGateway := context.WithCancel(parts)
	defer stopGateway()
	playing, stopLine := context.WithCancel(parts)
	defer stopLine()
	gatewayEnded, lineEnded := make(chan error, 1), make(chan error, 1)
	go func() { gatewayEnded <- d.gateway.Run(reading) }()
	go func() { lineEnded <- d.sim.Play(playing, d.counted(script.Rest(), known)) }()

	tell := d.teller()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	stop := func() error {
		stopGateway()
		err := <-gatewayEnded
		stopLine()
		tell(true)
		return errors.Join(err, unlessDone(playing, <-lineEnded))
	}
	for {
		select {
		case <-ticker.C:
			tell(false)
		case err := <-lineEnded: // the last cell that was asked for
			err = errors.Join(err, unlessDone(ctx, d.gateway.Drain(ctx)))
			stopGateway()
			tell(true)
			return errors.Join(err, <-gatewayEnded)
		case err := <-gatewayEnded:
			stopLine()
			return errors.Join(err, unlessDone(playing, <-lineEnded))
		case <-serviceEnded: // which says why itself
			return stop()
		case <-ctx.Done():
			return stop()
		}
	}
}

// unlessDone returns an error, but nil where its context has ended: then that
// is all that it says.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// known asks the service for the last number of each source.
func (d *demo) known(ctx context.Context) (map[mes.Source]mes.Sequence, error) {
	sources, err := taktv1.NewLedgerServiceClient(d.client.Conn()).ListSources(ctx, &taktv1.ListSourcesRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask for the sources: %w", wire.Error(err))
	}
	known := make(map[mes.Source]mes.Sequence)
	for _, s := range sources.GetSources() {
		for _, e := range s.GetEpochs() {
			known[mes.Source(s.GetSource())] = mes.Sequence(e.GetLast())
		}
	}
	return known, nil
}

// counted counts the finished cells among the records that the service does not
// know yet, and ends with the last one that was asked for.
func (d *demo) counted(records iter.Seq[line.Record], known map[mes.Source]mes.Sequence) iter.Seq[line.Record] {
	return func(yield func(line.Record) bool) {
		for r := range records {
			if !yield(r) {
				return
			}
			if !isFinished(r) || r.Identity.Sequence <= known[r.Identity.Source] {
				continue
			}
			if d.finished.Add(1); d.done() {
				return
			}
		}
	}
}

// history appends what the line made before it goes live, unless that was done.
func (d *demo) history(ctx context.Context, script *sim.Script) error {
	records := script.History(d.setting.HistoryUntil)
	if d.cfg.Emitted != nil {
		records = d.emitted(records)
	}
	started, told := time.Now(), time.Now()
	total, err := d.client.AppendAll(ctx, client.Sender{Gateway: sim.HistoryGateway, Spool: "seed-" + strconv.FormatUint(d.setting.Seed, 10)}, schemasOf(d.line), records,
		func(a client.Ack) error {
			if time.Since(told) > time.Second {
				told = time.Now()
				d.progress("history: %d events", a.Durable)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("append history: %w", err)
	}
	if total.Sent > 0 {
		d.say("history: %d events of the %s before %s, in %.1f s", total.Durable, days(d.setting.HistoryUntil.Sub(d.setting.Start)),
			d.setting.HistoryUntil.Format("2006-01-02 15:04 MST"), time.Since(started).Seconds())
	}
	return nil
}

// emitted writes each record of the history to the emitted log as well.
func (d *demo) emitted(records iter.Seq2[mes.Record, error]) iter.Seq2[mes.Record, error] {
	return func(yield func(mes.Record, error) bool) {
		for r, err := range records {
			if err == nil {
				err = sim.WriteEmitted(d.cfg.Emitted, r.Identity, r.Event)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func days(t time.Duration) string { return fmt.Sprintf("%g days", t.Hours()/24) }
