package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
)

// writer adds one group at a time to a layer, and everything that is derived
// from it. Live appends, opening and Rebuild go through the same one, so that
// what is derived is a function of the log alone. One goroutine uses it.
type writer struct {
	index
	db      *bbolt.DB
	periods []*period
	// active is the layer that grows; below are those that are being sealed.
	active *layer
	below  []*layer
	// last is the end of the log.
	last sealed

	group   group
	entries []entry
	encoded [][]byte
	next    mes.Position
	// slab has room for what is encoded next, scratch for a part of it.
	slab, scratch []byte
	// lastThing is the number of the newest thing, 0 where it was not looked up.
	lastThing uint64
	// names, things and epochs were looked up before; a failed group ends the
	// writer, so they never hold what is not in the log.
	names  map[nameKey]uint32
	things knownThings
	epochs map[spanKey]*epoch
	// changedEpochs are those that the group at hand changes.
	changedEpochs []*epoch
	// tested are counters as of the group at hand, and counted those that it
	// changes.
	tested  map[testedKey]*testedWindow
	counted []*testedWindow
	// pending is what a group changes again and again, written at its end.
	pending pending
}

// pending holds counts, by what their keys are made of.
type pending struct {
	ledger    map[ledgerKey]ledgerCount
	equipment map[uint32]equipmentEntry
}

func newPending() pending {
	return pending{make(map[ledgerKey]ledgerCount), make(map[uint32]equipmentEntry)}
}

// spanKey is an epoch of a source.
type spanKey struct {
	source uint32
	epoch  mes.Epoch
}

func (k spanKey) key() key { return key(nil).number32(k.source).number(uint64(k.epoch)) }

// flush writes what is pending.
func (w *writer) flush() {
	for k, c := range w.pending.ledger {
		w.put(tableLedger, k.key(), key(nil).number(c.stored).number(c.duplicates).number(c.quarantined).number(c.refused))
	}
	for n, q := range w.pending.equipment {
		w.put(tableEquipment, key(nil).number32(n), q.encode())
	}
	w.flushEpochs()
	w.flushTested()
	clear(w.pending.ledger)
	clear(w.pending.equipment)
}

// newWriter goes on where the file of the indexes ends.
func newWriter(db *bbolt.DB, periods []*period) (*writer, error) {
	w := &writer{
		db: db, periods: periods,
		index: index{numbered: newNumbered()}, names: make(map[nameKey]uint32), epochs: make(map[spanKey]*epoch),
		tested: make(map[testedKey]*testedWindow), pending: newPending(),
	}
	err := look(db, func(tx *bbolt.Tx) (err error) {
		w.last, err = readSealed(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	w.active = newLayer(w.last)
	return w, w.reopen()
}

// reopen reads what is in the files now, until close. It must not be long: what
// makes a file larger than its mapping waits for all who read it, and all who
// begin to read then wait for that.
func (w *writer) reopen() error {
	if err := w.close(); err != nil {
		return err
	}
	tx, err := begin(w.db)
	if err != nil {
		return err
	}
	w.index = newIndex(tx, append([]*layer{w.active}, w.below...), w.periods, newest, w.numbered)
	return nil
}

// close ends the reading.
func (w *writer) close() error {
	if w.tx == nil {
		return nil
	}
	err := w.index.close()
	w.tx = nil
	return err
}

func (w *writer) put(t table.ID, k, value []byte) { w.active.tables.Put(t, k, value) }
func (w *writer) delete(t table.ID, k []byte)     { w.active.tables.Delete(t, k) }

// maxEpochs and maxTested bound what is kept of what was looked up.
const (
	maxEpochs = 1 << 13
	maxTested = 1 << 13
)

// begin starts the next group.
func (w *writer) begin(now time.Time) {
	w.next = w.last.position + 1
	w.group = group{number: w.last.group + 1, first: w.next, time: now.UTC()}
	w.entries = w.entries[:0]
	w.encoded = w.encoded[:0]
	if len(w.epochs) > maxEpochs {
		clear(w.epochs)
	}
	if len(w.tested) > maxTested {
		clear(w.tested)
	}
}

// number returns the number of a name, 0 where it has none.
func (w *writer) number(class nameClass, name string) (uint32, error) {
	if n, known := w.names[nameKey{class, name}]; known {
		return n, nil
	}
	n, err := w.index.number(class, name)
	if n != 0 {
		w.names[nameKey{class, name}] = n
	}
	return n, err
}

// momentIn returns the moment of an entry of the log.
func (w *writer) momentIn(e *entry) (moment, error) {
	id := e.record.Identity
	source, err := w.intern(classSource, string(id.Source))
	return moment{source, id.Epoch, id.Sequence, e.event.EventTime}, err
}

// enter puts an entry at the end of the group, so that what comes again is known.
// The rest is derived at the end.
func (w *writer) enter(e entry, encoded []byte) error {
	w.next++
	w.group.count++
	w.entries = append(w.entries, e)
	w.encoded = append(w.encoded, encoded)
	w.active.add(&e, encoded)
	return w.deriveIdentity(&e)
}

// encode returns an entry's canonical form, in memory that is asked for in large
// pieces: entries are many and stay until they are sealed.
func (w *writer) encode(e *entry) []byte {
	const slabBytes = 1 << 18
	if cap(w.slab)-len(w.slab) < len(e.record.Event)+len(e.detail)+2*mes.MaxIDBytes {
		w.slab = make([]byte, 0, max(slabBytes, 2*len(e.record.Event)))
	}
	start := len(w.slab)
	w.slab, w.scratch = e.encode(w.slab, w.scratch)
	return w.slab[start:len(w.slab):len(w.slab)]
}

// derived derives what the group says.
func (w *writer) derived() error {
	for i := range w.entries {
		if err := w.derive(&w.entries[i]); err != nil {
			return err
		}
	}
	return w.deriveGroup(&w.group)
}

// end makes the group part of the log, whose chain has the given hash then.
func (w *writer) end(hash mes.Hash) {
	w.flush()
	w.last = sealed{w.group.number, w.next - 1, hash}
	w.active.groups = append(w.active.groups, w.group)
	w.active.after = hash
}

// payload returns the parts of the group as the write-ahead log has it, and the
// hash of the chain behind it.
func (w *writer) payload() (parts [][]byte, hash mes.Hash) {
	record := w.group.encode()
	hash = chain(w.last.hash, record, w.encoded)
	parts = append(parts, appendBytes(nil, record))
	lengths := make([]byte, 0, binary.MaxVarintLen32*len(w.encoded))
	for _, e := range w.encoded {
		start := len(lengths)
		lengths = binary.AppendUvarint(lengths, uint64(len(e)))
		parts = append(parts, lengths[start:], e)
	}
	return append(parts, hash[:]), hash
}

// replayPayload appends a group of the write-ahead log.
func (w *writer) replayPayload(number uint64, payload []byte) error {
	r := reader{b: payload}
	g, err := decodeGroup(number, r.bytes())
	if err != nil {
		return err
	}
	entries := make([][]byte, min(g.count, len(r.b)))
	for i := range entries {
		entries[i] = slices.Clone(r.bytes())
	}
	want := r.hash()
	if err := r.done(fmt.Sprintf("group %d", number)); err != nil {
		return err
	}
	return w.replay(g, entries, want)
}

// replay appends a group as the log has it, and refuses one that does not
// belong there, or does not hash to what it should (zero for anything).
func (w *writer) replay(g group, entries [][]byte, want mes.Hash) error {
	w.begin(g.time)
	if g.number != w.group.number || g.first != w.group.first || g.count != len(entries) {
		return mes.Errorf(mes.CodeDamaged, "group %d begins at position %d with %d entries; group %d at %d comes next; restore a backup",
			g.number, g.first, g.count, w.group.number, w.group.first)
	}
	for _, s := range g.schemas {
		if err := w.addSchema(s); err != nil {
			return err
		}
	}
	for _, encoded := range entries {
		row, err := rowOf(w.next, encoded)
		if err != nil {
			return err
		}
		e, err := entryOf(w.next, row, true)
		if err != nil {
			return err
		}
		if err := w.unknown(&e); err != nil {
			return err
		}
		if err := w.enter(e, encoded); err != nil {
			return err
		}
	}
	w.group.tallies, w.group.durables = g.tallies, g.durables
	if err := w.derived(); err != nil {
		return err
	}
	hash := chain(w.last.hash, w.group.encode(), w.encoded)
	if want != (mes.Hash{}) && hash != want {
		return mes.Errorf(mes.CodeDamaged, "the chain of hashes breaks at group %d (positions %d to %d); restore a backup",
			g.number, g.first, w.next-1)
	}
	w.end(hash)
	return nil
}

// unknown refuses an event of the log that the indexes have already: what says how far
// they are is damaged, or of a time before, and everything would be counted twice.
func (w *writer) unknown(e *entry) error {
	if e.reason.was() != 0 {
		return nil
	}
	have, err := w.positionOf(e.record.Identity)
	if err == nil && have != 0 {
		err = mes.Errorf(mes.CodeDamaged, "the indexes have the event at position %d, and say that they end before it; run takt rebuild", e.position)
	}
	return err
}

// addSchema keeps a schema that the log does not have.
func (w *writer) addSchema(s mes.Schema) error {
	id := s.ID()
	have, err := w.get(tableSchema, []byte(id))
	if have != nil || err != nil {
		return err
	}
	w.group.schemas = append(w.group.schemas, s)
	w.put(tableSchema, []byte(id), mes.AppendSchema(nil, &s))
	return nil
}

// durable returns how far a spool is in the log, this group included.
func (w *writer) durable(gateway mes.Gateway, spool string) (mes.Offset, error) {
	i := slices.IndexFunc(w.group.durables, func(d durable) bool { return d.gateway == gateway && d.spool == spool })
	if i >= 0 {
		return w.group.durables[i].offset, nil
	}
	return w.index.durable(gateway, spool)
}

func (w *writer) setDurable(d durable) {
	i := slices.IndexFunc(w.group.durables, func(have durable) bool { return have.gateway == d.gateway && have.spool == d.spool })
	if i >= 0 {
		w.group.durables[i] = d
		return
	}
	w.group.durables = append(w.group.durables, d)
}

// quarantined returns where a record is in quarantine, 0 where it is not.
func (w *writer) quarantined(r *mes.Record) (mes.Position, error) {
	value, err := w.get(tableQuarantine, quarantineKey(r))
	if value == nil || err != nil {
		return 0, err
	}
	v := reader{b: value}
	return mes.Position(v.number()), v.done("a quarantine index entry")
}

// quarantineKey tells a record by its identity and its bytes: one that comes
// again is not kept again.
func quarantineKey(r *mes.Record) key {
	k := key(nil).u8(1)
	h := sha256.New()
	h.Write(appendBytes(nil, r.Identity.Source))
	h.Write(key(nil).number(uint64(r.Identity.Epoch)).number(uint64(r.Identity.Sequence)))
	h.Write(r.Event)
	return h.Sum(k)
}
