package sim

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/takt-mes/takt/internal/latency"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// ahead bounds how many records are ready and not acknowledged, over all blocks.
// Beyond it the line stands still, as a real one does whose PLCs cannot get rid
// of their records.
const ahead = 4096

// Config says how a line is played.
type Config struct {
	// Dir holds the PLCs' memories and certificates; it is made where it is
	// missing.
	Dir string
	// Listen is where each PLC listens, by its name, as `127.0.0.1:4841`; one
	// that is not named listens on a port of the loopback interface that the
	// system chooses.
	Listen map[string]string
	// User is who must log in; anybody where it is nil.
	User *User
	// Speed is how many seconds of the line pass in one of ours; 0 means as many
	// as there are acknowledgements.
	Speed float64
	// From is the virtual time at which playing begins: what is due before it is
	// offered at once. Where it is zero, playing begins with the first record
	// that has no acknowledgement.
	From time.Time
	// HistoryUntil is the virtual time before which records are history: they
	// are not offered, but the PLCs' numbers count them.
	HistoryUntil time.Time
	// Stands is the number up to which a source's records are history, whenever
	// they were due: the last of them stands in the block from the beginning.
	Stands map[mes.Source]mes.Sequence
	// Until is the virtual time at which the line ends; zero for never.
	Until time.Time
	// For is how long, in the line's time, records are offered before it ends; 0
	// for ever.
	For time.Duration
	// Records is how many records are offered before the line ends; 0 for all.
	Records uint64
	// Made says what a line is made of whose own Config does not: one that is
	// replayed, or joined. Memories of a line that is made of something else are
	// refused.
	Made string
}

// Streams are where the journal of a line goes.
type Streams struct {
	// Emitted gets a line `source epoch sequence hash` of each record before it
	// is offered; nil for none. One that is offered again is written again.
	Emitted io.Writer
	// Truth gets a line of JSON with the truth of each, as package recording
	// writes it; nil for none.
	Truth io.Writer
	// Recording gets a recording of all that is offered, complete when Play has
	// returned; nil for none.
	Recording io.Writer
}

// Sim is a line with its PLCs. Play is called once; all else at any time.
type Sim struct {
	config  Config
	line    *line.Line
	plcs    []*plc
	blocks  []*block
	journal *journal
	// now is the due time of the latest record that became ready, in Unix
	// milliseconds; held is how many are ready and not acknowledged.
	now          atomic.Int64
	offered      atomic.Uint64
	acknowledged atomic.Uint64
}

// New opens the PLCs' memories and takes their ports; clients are answered once
// Play runs. Memories of another line are refused with CodeFormat. Call Close in
// the end.
func New(l *line.Line, config Config, streams Streams) (*Sim, error) {
	if config.Dir == "" {
		return nil, mes.Invalid("sim.dir", "is empty")
	}
	if config.Speed < 0 {
		return nil, mes.Invalid("sim.speed", "is negative")
	}
	s := &Sim{config: config, line: l, journal: &journal{emitted: streams.Emitted, truth: streams.Truth}}
	err := s.open()
	if err == nil && streams.Recording != nil {
		s.journal.recorder, err = newRecorder(streams.Recording, l)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sim) open() error {
	if err := os.MkdirAll(s.config.Dir, 0o750); err != nil {
		return fmt.Errorf("make the simulator's folder: %w", err)
	}
	certificates, err := openCertificates(filepath.Join(s.config.Dir, "pki"))
	if err != nil {
		return err
	}
	sum, err := fingerprint(s.line, s.config.Made)
	if err != nil {
		return err
	}
	byName := make(map[string]*plc)
	for _, lb := range s.line.Blocks() {
		p, ok := byName[lb.PLC]
		if !ok {
			p = &plc{name: lb.PLC, user: s.config.User}
			byName[lb.PLC] = p
			s.plcs = append(s.plcs, p)
		}
		b := &block{Block: lb, plc: p, slot: 1 + len(p.blocks), acked: make(chan error, 1)}
		p.blocks = append(p.blocks, b)
		s.blocks = append(s.blocks, b)
	}
	for name := range s.config.Listen {
		if _, ok := byName[name]; !ok {
			return mes.Invalid("sim.listen", fmt.Sprintf("names %q, which is no PLC of the line", name))
		}
	}
	for _, p := range s.plcs {
		if p.memory, err = openMemory(filepath.Join(s.config.Dir, p.name+".mem"), sum, len(p.blocks)); err != nil {
			return err
		}
		for _, b := range p.blocks {
			b.state = p.memory.get(b.slot)
		}
		addr := s.config.Listen[p.name]
		if addr == "" {
			addr = "127.0.0.1:0"
		}
		if err := p.listen(addr); err != nil {
			return err
		}
		if p.certificate, p.key, err = certificates.of(p.name, Namespace+":"+p.name); err != nil {
			return err
		}
	}
	return nil
}

// fingerprint tells lines apart that make other records.
func fingerprint(l *line.Line, made string) ([32]byte, error) {
	c := l.Config()
	zone := c.Zone.String()
	c.Zone = nil
	b, err := json.Marshal(struct {
		line.Config
		Zone string
		Made string `json:",omitempty"`
	}{c, zone, made})
	if err != nil {
		return [32]byte{}, fmt.Errorf("fingerprint of the line: %w", err)
	}
	return sha256.Sum256(b), nil
}

// Close closes the memories and gives the ports back. Play must have ended.
func (s *Sim) Close() error {
	var errs []error
	for _, p := range s.plcs {
		if p.listener != nil {
			errs = append(errs, p.listener.Close())
			p.listener = nil
		}
		if p.memory != nil {
			errs = append(errs, p.memory.close())
			p.memory = nil
		}
	}
	s.plcs = nil
	return errors.Join(errs...)
}

// Endpoints returns where each PLC can be reached, as
// `opc.tcp://127.0.0.1:4841`, by its name.
func (s *Sim) Endpoints() map[string]string {
	endpoints := make(map[string]string, len(s.plcs))
	for _, p := range s.plcs {
		endpoints[p.name] = p.endpoint()
	}
	return endpoints
}

// Play starts the PLCs and offers the records, which must be those of the line
// in their order, and may begin with any of them that is not after the first
// without an acknowledgement. It returns nil when the line has ended and all of
// it is acknowledged, and otherwise when ctx ends or anything goes wrong. Then
// the PLCs have stopped.
func (s *Sim) Play(ctx context.Context, records iter.Seq[line.Record]) (err error) {
	defer func() { err = errors.Join(err, s.journal.end()) }()
	next, stop := iter.Pull(s.bounded(records))
	defer stop()
	waiting, err := s.resume(ctx, next)
	if err != nil {
		return err
	}
	if err := s.boot(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.halt()) }()

	group, ctx := errgroup.WithContext(ctx)
	ended := make(chan struct{})
	group.Go(func() error { return s.sync(ctx, ended) })
	players, playing := errgroup.WithContext(ctx)
	queues := make([]chan *line.Record, len(s.blocks))
	tokens := make(chan struct{}, ahead)
	for i, b := range s.blocks {
		queues[i] = make(chan *line.Record, ahead)
		if b.resumed {
			s.offered.Add(1)
			tokens <- struct{}{} // There are more tokens than blocks.
		}
		players.Go(func() error {
			return b.play(playing, queues[i], s.journal, func() {
				s.acknowledged.Add(1)
				<-tokens
			})
		})
	}
	players.Go(func() error { return s.produce(playing, waiting, next, queues, tokens) })
	group.Go(func() error {
		defer close(ended)
		return players.Wait()
	})
	return group.Wait()
}

// Run plays the line from its beginning.
func (s *Sim) Run(ctx context.Context) error { return s.Play(ctx, s.line.Records()) }

// bounded ends the records where the line is to end.
func (s *Sim) bounded(records iter.Seq[line.Record]) iter.Seq[line.Record] {
	if s.config.Until.IsZero() {
		return records
	}
	return func(yield func(line.Record) bool) {
		for r := range records {
			if !r.Due.Before(s.config.Until) || !yield(r) {
				return
			}
		}
	}
}

// resume skips what is history or was acknowledged and shows the last of it,
// offers again what had no acknowledgement, and returns those records between
// that were not offered yet.
func (s *Sim) resume(ctx context.Context, next func() (line.Record, bool)) ([]*line.Record, error) {
	acked := make([]uint64, len(s.blocks))
	missing := 0
	for i, b := range s.blocks {
		if acked[i] = max(b.state[stateAcked], uint64(s.config.Stands[b.Source])); acked[i] > 0 {
			missing++
		}
	}
	skipped := make([]*line.Record, len(s.blocks))
	var waiting []*line.Record
	// pending are the blocks that had offered a record before the stop.
	pending := make([]bool, len(s.blocks))
	for i, b := range s.blocks {
		if b.state[stateOffered] > acked[i] {
			pending[i] = true
			missing++
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		record, ok := next()
		if !ok {
			break
		}
		r, n := &record, uint64(record.Identity.Sequence)
		switch {
		case n <= acked[r.Block]:
			skipped[r.Block] = r
			if n == acked[r.Block] {
				missing--
			}
		case r.Due.Before(s.config.HistoryUntil):
			skipped[r.Block] = r
		default:
			if first := acked[r.Block]; first > 0 && skipped[r.Block] == nil {
				return nil, mes.Errorf(mes.CodeInvalid, "the records begin with %s; the PLC's memory goes on after %d", r.Identity, first)
			}
			s.journal.draw(r)
			if pending[r.Block] {
				pending[r.Block] = false
				missing--
				s.blocks[r.Block].resumed = true
				if err := s.blocks[r.Block].offer(r, s.journal); err != nil {
					return nil, err
				}
				break
			}
			waiting = append(waiting, r)
		}
		if missing == 0 && !r.Due.Before(s.config.HistoryUntil) {
			break
		}
	}
	if err := s.journal.begin(skipped); err != nil {
		return nil, err
	}
	for i, r := range skipped {
		if r == nil || s.blocks[i].resumed {
			continue
		}
		if err := s.blocks[i].show(r); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// boot starts all PLCs.
func (s *Sim) boot(ctx context.Context) error {
	var group errgroup.Group
	for _, p := range s.plcs {
		group.Go(func() error {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.boot()
		})
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		err = errors.Join(err, s.halt())
	}
	return err
}

func (s *Sim) halt() error {
	var group errgroup.Group
	for _, p := range s.plcs {
		group.Go(func() error {
			p.mu.Lock()
			defer p.mu.Unlock()
			return errors.Join(p.halt(), p.memory.sync())
		})
	}
	return group.Wait()
}

// sync makes the memories safe from a power cut once a second.
func (s *Sim) sync(ctx context.Context, ended <-chan struct{}) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ended:
			return nil
		case <-ctx.Done():
			return nil
		}
		for _, p := range s.plcs {
			if err := p.memory.sync(); err != nil {
				return err
			}
		}
	}
}

// produce puts records into their blocks' queues when they are due.
func (s *Sim) produce(ctx context.Context, waiting []*line.Record, next func() (line.Record, bool), queues []chan *line.Record, tokens chan<- struct{}) error {
	defer func() {
		for _, q := range queues {
			close(q)
		}
	}()
	started := time.Now()
	from, end := s.config.From, time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := uint64(0); s.config.Records == 0 || n < s.config.Records; n++ {
		var r *line.Record
		if len(waiting) > 0 {
			r, waiting = waiting[0], waiting[1:]
		} else {
			record, ok := next()
			if !ok {
				return nil
			}
			r = &record
			s.journal.draw(r)
		}
		if from.IsZero() {
			from = r.Due
		}
		if n == 0 && s.config.For > 0 {
			end = r.Due.Add(s.config.For)
		}
		if !end.IsZero() && !r.Due.Before(end) {
			return nil
		}
		if s.config.Speed > 0 {
			timer.Reset(time.Until(started.Add(time.Duration(float64(r.Due.Sub(from)) / s.config.Speed))))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case tokens <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.now.Store(r.Due.UnixMilli())
		s.offered.Add(1)
		queues[r.Block] <- r // Has room for as many as there are tokens.
	}
	return nil
}

// Restart switches a PLC off and on again. Its boot id changes; its numbers go
// on, or with renumber begin at 1 again, as in a PLC without retentive memory.
// What it offered without an acknowledgement it offers again.
func (s *Sim) Restart(name string, renumber bool) error {
	i := slices.IndexFunc(s.plcs, func(p *plc) bool { return p.name == name })
	if i < 0 {
		return mes.Errorf(mes.CodeNotFound, "the line has no PLC %q", name)
	}
	p := s.plcs[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving == nil {
		return mes.Errorf(mes.CodeUnavailable, "the PLC %s does not run", name)
	}
	if err := p.halt(); err != nil {
		return err
	}
	if renumber {
		for _, b := range p.blocks {
			if err := b.renumber(s.journal); err != nil {
				return err
			}
		}
	}
	return p.boot()
}

// Stats is what a line has done since it was opened.
type Stats struct {
	// Now is the virtual time of the latest record that became ready.
	Now time.Time
	// Ready is how many records became ready, Acknowledged how many of them were
	// acknowledged.
	Ready, Acknowledged uint64
	// Latency is from Ready to Ack, Blocks the same by block.
	Latency latency.Snapshot
	Blocks  []BlockStats
}

// BlockStats is what one block has done.
type BlockStats struct {
	// Name is the block's, Source its source.
	Name   string
	Source mes.Source
	// Latency is from Ready to Ack.
	Latency latency.Snapshot
}

// Stats returns what the line has done.
func (s *Sim) Stats() Stats {
	stats := Stats{Ready: s.offered.Load(), Acknowledged: s.acknowledged.Load()}
	if ms := s.now.Load(); ms != 0 {
		stats.Now = time.UnixMilli(ms).UTC()
	}
	for _, b := range s.blocks {
		of := b.latencies.Snapshot()
		stats.Latency = stats.Latency.Add(of)
		stats.Blocks = append(stats.Blocks, BlockStats{Name: b.Name, Source: b.Source, Latency: of})
	}
	return stats
}
