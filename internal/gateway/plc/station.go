package plc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/mes"
)

// station is one record block. One goroutine owns it from the PLC to the spool;
// the fields that others touch are atomic.
type station struct {
	counters
	client  *Client
	source  mes.Source
	mapping *mapping
	log     *slog.Logger

	// woken holds when it was woken, at most once.
	woken chan time.Time
	// rings counts the doorbell's; rung is how many of them were heeded.
	rings, rung atomic.Uint64
	// busy says that it is at work on a record, or will try at it again soon.
	busy atomic.Bool

	// missed is a record whose acknowledgement the PLC had no more when it was
	// asked last; the audit's alone.
	missed struct {
		ready  int64
		audits int // in a row
	}

	// lastIdentity and lastEvent are what was spooled last in this life.
	lastIdentity mes.Identity
	lastEvent    []byte
	// attempts counts the tries at the record in hand.
	attempts int
	// checked says that the types of all tags have been looked at on this
	// connection.
	checked bool
}

func newStation(c *Client, source mes.Source, m *mapping) *station {
	return &station{
		client:  c,
		source:  source,
		mapping: m,
		log:     c.log.With(slog.String("source", string(source))),
		woken:   make(chan time.Time, 1),
	}
}

// ring is what the doorbell does.
func (st *station) ring(now time.Time) {
	st.rings.Add(1)
	st.wake(now)
}

// wake lets the station look at its record.
func (st *station) wake(now time.Time) {
	select {
	case st.woken <- now:
	default: // It is awake.
	}
}

// The times of a station that cannot take its record.
const (
	minRetry = 50 * time.Millisecond
	maxRetry = 2 * time.Second
	// stopRetry is how often a stopped station looks whether it was mended: a
	// PLC's program can be, without a restart of the gateway.
	stopRetry = 30 * time.Second
	// patience is how many tries go by before somebody is called.
	patience = 3
)

// retryError is one that may be over soon.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// stopError is one that a person must mend. The PLC keeps its record meanwhile.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }

// finding is what an audit makes of the record that a PLC shows.
type finding int

const (
	// heard is a record that was acknowledged, is being read, or is about to be.
	heard finding = iota
	// unheard is one that did not ring.
	unheard
	// unacknowledged is one that was acknowledged, and the PLC knows nothing of
	// it. It has rung, and will not again.
	unacknowledged
)

// audit judges a record that the PLC shows, with the number of the last one that
// was acknowledged and the rings up to the moment before. It is for one goroutine.
func (st *station) audit(ready, ack int64, rings uint64) finding {
	switch {
	case ready == 0 || ready == ack:
		st.missed.audits = 0
		return heard
	case st.busy.Load():
		return heard
	case st.rung.Load() != rings:
		return heard // It rang, and is about to be read.
	}
	if last := st.last.Load(); last == nil || int64(last.Sequence) != ready { //nolint:gosec // a UInt32 of the PLC
		return unheard
	}
	if st.missed.ready != ready {
		st.missed.ready, st.missed.audits = ready, 0
	}
	st.missed.audits++
	if st.missed.audits == 1 {
		return heard // It may have been acknowledged after the PLC was asked.
	}
	return unacknowledged
}

// run looks after the station on one connection.
func (st *station) run(ctx context.Context, s *session, ids []*ua.NodeID) error {
	st.checked, st.attempts = false, 0
	woken := time.Now() // What happened before the connection has not rung.
	for {
		st.rung.Store(st.rings.Load())
		st.busy.Store(true)
		err := st.handle(ctx, s, ids, woken)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var retry <-chan time.Time
		stop, again := (*stopError)(nil), (*retryError)(nil)
		switch {
		case err == nil:
			st.attempts = 0
			st.stop(ctx, nil)
		case errors.As(err, &again):
			st.attempts++
			if st.attempts == patience {
				st.log.WarnContext(ctx, "station waits", slog.Int("attempts", st.attempts), slog.Any("error", err))
			}
			retry = time.After(min(minRetry<<min(st.attempts, 10), maxRetry))
		case errors.As(err, &stop):
			st.stop(ctx, err)
			retry = time.After(stopRetry)
		default:
			return err
		}
		// The record has rung and will not again; a station that stopped says so by now.
		st.busy.Store(again != nil)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case woken = <-st.woken:
		case <-retry:
		}
	}
}

// stop says why the station stands, once while the reason is the same.
func (st *station) stop(ctx context.Context, err error) {
	if err == nil {
		if st.stopped.Swap(nil) != nil {
			st.log.InfoContext(ctx, "station goes on")
		}
		return
	}
	reason := err.Error()
	if old := st.stopped.Swap(&reason); old == nil || *old != reason {
		st.log.ErrorContext(ctx, "station stopped; its PLC keeps the record until this is mended", slog.Any("error", err))
	}
}

// handle takes the record that the station offers, if it offers one.
func (st *station) handle(ctx context.Context, s *session, ids []*ua.NodeID, woken time.Time) error {
	r, results, err := st.read(ctx, s, ids)
	if err != nil {
		return err
	}
	ready, err := r.number(st.mapping.ready)
	if err != nil {
		return st.unread(err)
	}
	ack, err := r.number(st.mapping.ack)
	if err != nil {
		return st.unread(err)
	}
	// Once a record is acknowledged its tags are the PLC's again, and what stands
	// in them may be half of the next.
	if ready == 0 || ready == ack {
		st.log.DebugContext(ctx, "no record is offered", slog.Uint64("ready", ready))
		return nil
	}
	sh, err := st.whole(r, results, ready)
	if err != nil {
		return st.unread(err)
	}
	event, err := r.event(sh, st.client.facts.Zone)
	if err != nil {
		return st.misfit(err)
	}
	if err := st.keep(ctx, r, results, sh, mes.Sequence(ready), event, woken); err != nil {
		return err
	}
	return st.acknowledge(ctx, s, ids, r, ready)
}

// unread counts a read that gave no record; what a retry does not help stops the
// station.
func (st *station) unread(err error) error {
	if again := (*retryError)(nil); !errors.As(err, &again) {
		return st.misfit(err)
	}
	st.rereads.Add(1)
	return err
}

// misfit names the station in an error that stops it.
func (st *station) misfit(err error) error {
	return &stopError{mes.Errorf(mes.CodeInvalid, "station %s: %w", st.source, err)}
}

// read reads all of the station's tags, and ready once more at the end.
func (st *station) read(ctx context.Context, s *session, ids []*ua.NodeID) (*reading, []*ua.DataValue, error) {
	results, err := s.read(ctx, append(slices.Clip(ids), ids[st.mapping.ready]))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", st.source, err)
	}
	r := &reading{m: st.mapping}
	for i := range ids {
		r.values = append(r.values, valueOf(results[i]))
		r.status = append(r.status, uint32(results[i].Status))
		if remedy := remedyOf(results[i].Status); remedy != "" {
			return nil, nil, st.misfit(fmt.Errorf("tag %s: %w; %s", st.mapping.tags[i], results[i].Status, remedy))
		}
	}
	if !st.checked {
		if err := r.check(); err != nil {
			return nil, nil, st.misfit(err)
		}
		st.checked = true
	}
	return r, results, nil
}

// remedyOf says what a person can do about a status that will not go away by
// itself.
func remedyOf(status ua.StatusCode) string {
	switch status {
	case ua.StatusBadNodeIDUnknown, ua.StatusBadNodeIDInvalid:
		return "the PLC has no such tag; look for it in the PLC's program, and whether it is made visible to OPC UA"
	case ua.StatusBadAttributeIDInvalid:
		return "it is no variable; name the one within it"
	case ua.StatusBadUserAccessDenied, ua.StatusBadNotReadable:
		return "the gateway's user may not read it; give it the right in the PLC"
	case ua.StatusBadDataTypeIDUnknown:
		return "it is a structure; name the tags within it"
	}
	return ""
}

// number returns the number that a tag of the handshake holds.
func (r *reading) number(tag int) (uint64, error) {
	if severity(r.status[tag]) >= severityBad {
		return 0, &retryError{fmt.Errorf("tag %s: %w", r.m.tags[tag], ua.StatusCode(r.status[tag]))}
	}
	if r.values[tag] == nil {
		return 0, nil
	}
	n, exact, ok := whole(r.values[tag])
	if !ok {
		return 0, &mismatchError{tag: r.m.tags[tag], path: "the handshake", got: typeName(r.values[tag]), want: "an integer"}
	}
	if n < 0 || !exact {
		return 0, fmt.Errorf("tag %s is %v, which is no number of a record", r.m.tags[tag], r.values[tag])
	}
	return uint64(n), nil
}

// whole returns the shape of a record that was read as one.
func (st *station) whole(r *reading, results []*ua.DataValue, ready uint64) (*shape, error) {
	m := st.mapping
	seq, err := r.number(m.seq)
	if err != nil {
		return nil, err
	}
	after, _, ok := whole(valueOf(results[len(results)-1]))
	if seq != ready || !ok || uint64(after) != ready { //nolint:gosec // compared, not counted with
		return nil, &retryError{fmt.Errorf("the record changed while it was read: ready was %d, then %d, with %d within", ready, after, seq)}
	}
	kind := int64(0)
	if m.kind >= 0 {
		n, err := r.number(m.kind)
		if err != nil {
			return nil, err
		}
		kind = int64(n) //nolint:gosec // it came from an int64
	}
	sh, ok := m.shapes[kind]
	if !ok && m.kind < 0 {
		for _, sh = range m.shapes {
			ok = true
		}
	}
	if !ok {
		return nil, fmt.Errorf("record %d is of kind %d, which its template has no fields for; add it to records", ready, kind)
	}
	for _, tag := range append([]int{m.boot}, sh.used...) {
		if severity(r.status[tag]) >= severityBad {
			return nil, &retryError{fmt.Errorf("tag %s: %w", m.tags[tag], ua.StatusCode(r.status[tag]))}
		}
	}
	return sh, nil
}

// keep puts the record into the spool; when it returns it is on disk.
func (st *station) keep(ctx context.Context, r *reading, results []*ua.DataValue, sh *shape, n mes.Sequence, event []byte, woken time.Time) error {
	sp := st.client.facts.Spool
	state, err := sp.State(st.source)
	if err != nil {
		return &fatalError{fmt.Errorf("spool: %w", err)}
	}
	known, err := decodeMemory(state)
	if err != nil {
		return &fatalError{err}
	}
	last, _ := sp.Last(st.source)
	boot := strings.TrimSpace(fmt.Sprint(r.values[st.mapping.boot]))
	if t, ok := r.values[st.mapping.boot].(time.Time); ok {
		boot = t.UTC().Format(time.RFC3339Nano)
	}
	epoch, evidence, err := decide(last, known, boot, n, func() (bool, error) {
		return st.spooled(mes.Identity{Source: st.source, Epoch: last.Epoch, Sequence: n}, event)
	})
	if err != nil {
		return &fatalError{fmt.Errorf("spool: %w", err)}
	}
	now := time.Now()
	record := mes.Record{
		Identity:   mes.Identity{Source: st.source, Epoch: epoch, Sequence: n},
		Event:      event,
		Provenance: st.provenance(r, results, sh, now),
	}
	var done spool.Appended
	if evidence != "" {
		done, err = st.client.facts.Append(ctx, now, &mes.SourceFact{
			Topic: mes.SourceEpochOpened, Source: st.source, Epoch: epoch, Evidence: evidence, OpenTail: true,
		}, record)
	} else {
		done, err = sp.Append(ctx, record)
	}
	if err != nil {
		return st.unspooled(ctx, err)
	}
	// After the record: where this is lost, the record's epoch is still known, and
	// the boot id is learnt again.
	if now := (memory{Epoch: epoch, Boot: boot}); now != known {
		state, err := now.encode()
		if err == nil {
			err = sp.SetState(st.source, state)
		}
		if err != nil {
			return &fatalError{fmt.Errorf("spool: %w", err)}
		}
	}
	st.count(ctx, last, record.Identity, done, evidence)
	if done.New > 0 && st.attempts == 0 {
		st.counters.spooled.Observe(time.Since(woken))
	}
	st.lastIdentity, st.lastEvent = record.Identity, event
	return nil
}

// unspooled sorts what a spool refuses.
func (st *station) unspooled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch mes.CodeOf(err) {
	case mes.CodeBusy:
		return &retryError{err}
	case mes.CodeTooLarge, mes.CodeInvalid:
		return st.misfit(err)
	default:
		return &fatalError{fmt.Errorf("spool: %w", err)}
	}
}

// searched is how many records are looked through for one that was spooled
// before this start of the gateway. It is done after a restart of the PLC alone,
// whose record then was the source's last.
const searched = 50_000

// spooled reports whether the spool has the identity with this event.
func (st *station) spooled(id mes.Identity, event []byte) (bool, error) {
	if st.lastIdentity == id {
		return bytes.Equal(st.lastEvent, event), nil
	}
	sp := st.client.facts.Spool
	stats := sp.Stats()
	after := stats.First - 1
	if stats.Last > searched {
		after = max(after, stats.Last-searched)
	}
	for after < stats.Last {
		entries, err := sp.Read(after, 0, 0)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if e.Record.Identity == id {
				return bytes.Equal(e.Record.Event, event), nil
			}
			after = e.Offset
		}
		if len(entries) == 0 {
			break
		}
	}
	return false, nil
}

// provenance is how the record got here.
func (st *station) provenance(r *reading, results []*ua.DataValue, sh *shape, now time.Time) mes.Provenance {
	ready := results[st.mapping.ready]
	p := mes.Provenance{
		Gateway:     st.client.facts.Gateway,
		SourceTime:  ready.SourceTimestamp,
		ServerTime:  ready.ServerTimestamp,
		GatewayTime: now,
	}
	if sh.eventTime >= 0 {
		if t, ok := r.values[sh.eventTime].(time.Time); ok {
			p.PLCTime = t
		}
	}
	for _, tag := range sh.used {
		if severity(r.status[tag]) > severity(p.Status) || p.Status == 0 {
			p.Status = r.status[tag]
		}
	}
	if k := st.client.clock.Load(); k != nil {
		p.ClockOffset, p.ClockQuality = k.offset, k.quality
	}
	return p
}

// count counts what became of a record, and says what somebody should know.
func (st *station) count(ctx context.Context, last, id mes.Identity, done spool.Appended, evidence string) {
	st.last.Store(&id)
	if evidence != "" {
		st.epochs.Add(1)
		st.log.WarnContext(ctx, "epoch opened; the source numbers anew", slog.Uint64("epoch", uint64(id.Epoch)), slog.String("evidence", evidence))
		last = mes.Identity{Source: id.Source, Epoch: id.Epoch}
	}
	if len(done.Conflicts) > 0 {
		st.conflicts.Add(1)
		st.log.ErrorContext(ctx, "number is taken by other content; both are kept, the later one in the server's quarantine", slog.String("identity", id.String()))
		return
	}
	if done.New == 0 {
		st.duplicates.Add(1)
		st.log.DebugContext(ctx, "record was spooled already", slog.String("identity", id.String()))
		return
	}
	st.records.Add(1)
	if last.Epoch == id.Epoch && id.Sequence > last.Sequence+1 {
		st.missing.Add(uint64(id.Sequence - last.Sequence - 1))
		st.log.WarnContext(ctx, "numbers are missing", slog.Uint64("epoch", uint64(id.Epoch)),
			slog.Uint64("first", uint64(last.Sequence+1)), slog.Uint64("last", uint64(id.Sequence-1)))
	}
}

// acknowledge tells the PLC that it may forget the record.
func (st *station) acknowledge(ctx context.Context, s *session, ids []*ua.NodeID, r *reading, n uint64) error {
	m := st.mapping
	v, err := likeValue(r.values[m.ack], n)
	if err != nil {
		return st.misfit(fmt.Errorf("tag %s %w; make it as wide as %s", m.tags[m.ack], err, m.tags[m.ready]))
	}
	start := time.Now()
	status, err := s.write(ctx, ids[m.ack], v)
	if err != nil {
		return fmt.Errorf("acknowledge %s record %d: %w", st.source, n, err)
	}
	if severity(uint32(status)) < severityBad {
		st.acked.Observe(time.Since(start))
		return nil
	}
	err = fmt.Errorf("tag %s does not take the acknowledgement: %w", m.tags[m.ack], status)
	switch status {
	case ua.StatusBadNotWritable, ua.StatusBadUserAccessDenied, ua.StatusBadTypeMismatch, ua.StatusBadWriteNotSupported, ua.StatusBadNodeIDUnknown:
		return st.misfit(fmt.Errorf("%w; make it writable for the gateway's user", err))
	}
	return &retryError{err}
}
