package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"

	"github.com/takt-mes/takt/internal/latency"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// block is a record block of a PLC in the middle of its handshake.
type block struct {
	line.Block
	plc *plc
	// slot is its place in the PLC's memory.
	slot int
	// resumed says that a record was offered before play begins.
	resumed bool
	// acked gets nil when the record that is offered was acknowledged, or the
	// error of the PLC's memory.
	acked chan error

	mu sync.Mutex
	// nodes are the variables of the server that runs; nil between two.
	nodes map[string]*server.VariableNode
	// state is what the memory has.
	state state
	// offered is the record that waits, or waited last; nil before the first.
	offered *line.Record
	values  values
	// waits says that it has no acknowledgement yet, since ready.
	waits bool
	ready time.Time
	// latencies are from Ready to Ack.
	latencies latency.Histogram
}

// number is what the PLC itself calls a record of the line.
func (b *block) number(r *line.Record) uint32 {
	return uint32(uint64(r.Identity.Sequence) - b.state[stateBase]) //nolint:gosec // a PLC counts in 32 bits
}

// identity is what a gateway makes of the PLC's number: each life of the numbers
// is an epoch.
func (b *block) identity(r *line.Record) mes.Identity {
	return mes.Identity{
		Source:   b.Source,
		Epoch:    mes.Epoch(1 + b.state[stateEpoch]),
		Sequence: mes.Sequence(b.number(r)),
	}
}

// play offers one record after the other until there are no more.
func (b *block) play(ctx context.Context, records <-chan *line.Record, log *journal, done func()) error {
	// What was offered before the PLC was switched on may have its
	// acknowledgement already.
	for waits := b.resumed; ; waits = false {
		if !waits {
			select {
			case r, ok := <-records:
				if !ok {
					return nil
				}
				if err := b.offer(r, log); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case err := <-b.acked:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		done()
	}
}

// offer shows a record and raises Ready. It is in the journal before a client
// can see it, and the memory knows that it was offered: after a restart it must
// stand there at once, since to a client that has seen it any lower number would
// be one that went back.
func (b *block) offer(r *line.Record, log *journal) error {
	v, err := valuesOf(r.Event)
	if err != nil {
		return fmt.Errorf("record %s of block %s: %w", r.Identity, b.Name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := log.offered(b.identity(r), r); err != nil {
		return err
	}
	if offered := uint64(r.Identity.Sequence); b.state[stateOffered] != offered {
		b.state[stateOffered] = offered
		if err := b.plc.memory.set(b.slot, b.state); err != nil {
			return err
		}
	}
	b.clear(r)
	b.offered, b.values, b.waits, b.ready = r, v, true, time.Now()
	b.write()
	return nil
}

// remember keeps an acknowledgement; mu must be held.
func (b *block) remember(r *line.Record) error {
	b.state[stateAcked] = uint64(r.Identity.Sequence)
	b.state[stateOffered] = b.state[stateAcked]
	return b.plc.memory.set(b.slot, b.state)
}

// show makes a record stand there as one that was acknowledged long ago, as it
// does in a PLC that has just been switched on again.
func (b *block) show(r *line.Record) error {
	v, err := valuesOf(r.Event)
	if err != nil {
		return fmt.Errorf("record %s of block %s: %w", r.Identity, b.Name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if uint64(r.Identity.Sequence) > b.state[stateBase] {
		b.offered, b.values = r, v
	}
	if uint64(r.Identity.Sequence) <= b.state[stateAcked] {
		return nil
	}
	return b.remember(r)
}

// attach gives the block the variables of a server that is about to start, and
// sets them to what the block shows.
func (b *block) attach(nodes map[string]*server.VariableNode) {
	nodes[tagAck].SetWriteValueHandler(b.acknowledge)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
	b.write()
}

// detach takes them away.
func (b *block) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nil
}

// renumber begins to count from 1: what is offered becomes number 1 of the next
// epoch, and what was acknowledged is forgotten.
func (b *block) renumber(log *journal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state[stateBase] = b.state[stateAcked]
	b.state[stateEpoch]++
	if !b.waits {
		b.offered, b.values = nil, nil
	} else if err := log.offered(b.identity(b.offered), b.offered); err != nil {
		return err
	}
	return b.plc.memory.set(b.slot, b.state)
}

// clear sets the tags of the record before to zero where this one is of another
// kind and will not write them; mu must be held.
func (b *block) clear(r *line.Record) {
	if b.nodes == nil || b.offered == nil || b.offered.Event.Fact.Kind() == r.Event.Fact.Kind() {
		return
	}
	kind, now := b.values[tagKind], time.Now()
	for i := range tags {
		if tags[i].kind == kind {
			b.nodes[tags[i].name].SetValue(good(tags[i].zero, now))
		}
	}
}

// write sets the variables, Ready last; mu must be held.
func (b *block) write() {
	if b.nodes == nil || b.offered == nil {
		return
	}
	now := time.Now()
	for i := range tags {
		t := &tags[i]
		if t.kind != 0 && t.kind != b.values[tagKind] {
			continue
		}
		v, ok := b.values[t.name]
		if !ok {
			v = t.zero
		}
		b.nodes[t.name].SetValue(good(v, now))
	}
	n := b.number(b.offered)
	b.nodes[tagRecord].SetValue(good(b.values.structure(n), now))
	if !b.waits {
		b.nodes[tagAck].SetValue(good(n, now))
	}
	b.nodes[tagSeq].SetValue(good(n, now))
	b.nodes[tagReady].SetValue(good(n, now))
}

// acknowledge is called when a client writes Ack. Before the client is told that
// it is written, the memory has it, so that the record is not offered again.
// Another number than the one that is offered may be written, and means nothing.
func (b *block) acknowledge(_ *server.Session, request ua.WriteValue) (ua.DataValue, ua.StatusCode) {
	n, ok := request.Value.Value.(uint32)
	if !ok {
		return ua.DataValue{}, ua.BadTypeMismatch
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waits && n == b.number(b.offered) {
		b.waits = false
		b.latencies.Observe(now.Sub(b.ready))
		err := b.remember(b.offered)
		b.acked <- err // Has room: one record waits at a time.
		if err != nil {
			return ua.DataValue{}, ua.BadInternalError
		}
	}
	return good(n, now), ua.Good
}

// good is a value as it is now.
func good(v ua.Variant, now time.Time) ua.DataValue {
	return ua.NewDataValue(v, ua.Good, now, 0, now, 0)
}
