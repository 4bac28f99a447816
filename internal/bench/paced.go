package bench

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

// pacedRun is one run of lines at a rate.
type pacedRun struct {
	*bench
	start time.Time
	// phase is how long a part of the run is, interval how far apart one line's
	// events are.
	phase, interval time.Duration
	memory          *memoryWatch
	flows           []*flow
	// cores is what the server took of the machine's in each phase.
	cores  []float64
	beside *companion
}

// deadlineSlack is how much too early a call's deadline may come.
const deadlineSlack = 50 * time.Millisecond

// phaseOf returns the phase of an instant.
func (p *pacedRun) phaseOf(at time.Time) int {
	return min(max(0, int(at.Sub(p.start)/p.phase)), phases-1)
}

// accompanied says whether the companion runs in a phase.
func accompanied(phase int) bool { return phase%2 == 1 }

func (p *pacedRun) run(ctx context.Context, list []*line.Line) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, l := range list {
		f := &flow{run: p, spool: p.takt.spool(l.Config().Name), schemas: schemasOf(l)}
		// The lines' first events are spread over the interval.
		f.first = p.start.Add(p.interval * time.Duration(i) / time.Duration(len(list)))
		p.flows = append(p.flows, f)
		group.Go(func() error { return f.send(ctx, p.takt.client, l) })
	}
	group.Go(func() error { return p.accompany(ctx) })
	group.Go(func() error { return p.watch(ctx) })
	return group.Wait()
}

// accompany has the companion do one after the other in every other phase. One that
// the end of its phase breaks off does not count.
func (p *pacedRun) accompany(ctx context.Context) error {
	for phase := range phases {
		if !accompanied(phase) {
			continue
		}
		end := p.start.Add(time.Duration(phase+1) * p.phase)
		if err := sleepUntil(ctx, end.Add(-p.phase)); err != nil {
			return err
		}
		inPhase, cancel := context.WithDeadline(ctx, end)
		for inPhase.Err() == nil {
			began := time.Now()
			err := p.beside.once(inPhase)
			// gRPC keeps the deadline by its own clock, which may be a little ahead.
			if inPhase.Err() != nil || err != nil && time.Until(end) < deadlineSlack {
				break
			}
			if err != nil {
				cancel()
				return fmt.Errorf("%s: %w", p.beside.name, err)
			}
			p.beside.took = append(p.beside.took, time.Since(began))
		}
		cancel()
	}
	return ctx.Err()
}

// watch reads the server's CPU time at the end of each phase.
func (p *pacedRun) watch(ctx context.Context) error {
	before, err := p.usage()
	for phase := 0; phase < phases && err == nil; phase++ {
		if err := sleepUntil(ctx, p.start.Add(time.Duration(phase+1)*p.phase)); err != nil {
			return err
		}
		var now usage
		if now, err = p.usage(); err == nil {
			p.cores = append(p.cores, (now.cpu-before.cpu).Seconds()/p.phase.Seconds())
			before = now
		}
		p.tell("phase %d of %d", phase+1, phases)
	}
	return err
}

// report adds the run's rows.
func (p *pacedRun) report(ctx context.Context) error {
	memory, err := p.memory.most()
	if err != nil && p.takt.process != nil {
		return err
	}
	var acks [phases][]time.Duration
	sent := 0
	for _, f := range p.flows {
		for phase, took := range f.took {
			acks[phase] = append(acks[phase], took...)
			sent += len(took)
		}
	}
	for _, with := range []bool{false, true} {
		var p50, p99, cores []float64
		for phase := range phases {
			if accompanied(phase) != with {
				continue
			}
			p50 = append(p50, milliseconds(percentile(acks[phase], 0.5)))
			p99 = append(p99, milliseconds(percentile(acks[phase], 0.99)))
			cores = append(cores, p.cores[phase])
		}
		when := "without " + p.beside.name
		if with {
			when = "with " + p.beside.name
		}
		p.addPaced("ack p50, "+when, "ms", p50)
		p.addPaced("ack p99, "+when, "ms", p99)
		if p.takt.process != nil {
			p.addPaced("cores in use, "+when, "cores", cores)
		}
	}
	var took []float64
	for _, t := range p.beside.took {
		took = append(took, milliseconds(t))
	}
	p.addPaced(p.beside.what(), "ms", took)
	if p.beside.after != nil {
		if err := p.beside.after(ctx, p); err != nil {
			return err
		}
	}
	p.addPaced("events a second", "events/s", []float64{float64(sent) / p.cfg.For.Seconds()})
	if p.takt.process != nil {
		p.addPaced("anonymous memory, most", "MB", []float64{float64(memory) / (1 << 20)})
	}
	p.bench.report.Choices = append(p.bench.report.Choices, choice(
		"%d lines, %g events/s of all, for %s; beside %d cells in the bench's shape", p.cfg.Lines, p.cfg.Rate, p.cfg.For, p.cfg.Cells))
	return nil
}

// addPaced adds a row that is none of the table's.
func (p *pacedRun) addPaced(name, unit string, values []float64) {
	rows := &p.bench.report.Rows
	m := metric{row: fmt.Sprintf("p%d", len(*rows)+1), name: name, unit: unit}
	r := rowOf(m, measured{takt: values}, "")
	if len(values) == 0 {
		r = notMeasured(m, "none ended within its phase")
	}
	*rows = append(*rows, r)
	p.tell("  %s: %s", r.Metric, r.summary())
}

// flow is one line's events on their way: a client.Source whose records come due
// one after the other.
type flow struct {
	run     *pacedRun
	spool   *spool
	schemas []mes.Schema
	first   time.Time
	next    func() (line.Record, bool)
	read    int
	ended   bool
	acked   int
	// took is how long each event waited for its acknowledgement from when it was
	// due, by phase.
	took [phases][]time.Duration
}

func (f *flow) send(ctx context.Context, c *client.Client, l *line.Line) error {
	next, stop := iter.Pull(l.Records())
	defer stop()
	f.next = next
	stream, err := c.OpenStream(ctx, f.spool.sender)
	if err != nil {
		return err
	}
	defer stream.Close()
	before := f.spool.sent
	return stream.Send(ctx, f, before, func(a client.Ack) error {
		now := time.Now()
		for ; f.acked < int(a.Durable-before); f.acked++ { //nolint:gosec // a count
			due := f.due(f.acked)
			phase := f.run.phaseOf(due)
			f.took[phase] = append(f.took[phase], now.Sub(due))
		}
		return nil
	})
}

// due returns when the nth event is.
func (f *flow) due(n int) time.Time { return f.first.Add(time.Duration(n) * f.run.interval) }

// Read is client.Source's: it returns what is due.
func (f *flow) Read(_ mes.Offset, maxRecords, _ int) ([]mes.Record, error) {
	var records []mes.Record
	for now := time.Now(); len(records) < min(maxRecords, messageEvents) && !f.over() && !f.due(f.read).After(now); f.read++ {
		r, ok := f.next()
		if !ok {
			f.ended = true
			break
		}
		records = append(records, sim.Record(r))
	}
	f.spool.take(records)
	return records, nil
}

// over says whether no event is left.
func (f *flow) over() bool {
	return f.ended || !f.due(f.read).Before(f.run.start.Add(f.run.phase*phases))
}

// Wait is client.Source's.
func (f *flow) Wait(ctx context.Context, _ mes.Offset) error {
	if f.over() {
		return io.EOF
	}
	return sleepUntil(ctx, f.due(f.read))
}

// Schemas is client.Source's.
func (f *flow) Schemas() ([]mes.Schema, error) { return f.schemas, nil }
