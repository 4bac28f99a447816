package store

import (
	"crypto/sha256"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// writer adds one group at a time to the log and to everything derived from
// it. Live appends and Rebuild go through the same one, so that what is derived
// is a function of the log alone. One goroutine uses it.
type writer struct {
	index
	log     *bbolt.Bucket
	group   group
	encoded [][]byte
	next    mes.Position
	// names and things were looked up before; a failed commit ends the writer,
	// so they never hold what was rolled back.
	names  map[nameKey]uint32
	things map[mes.Thing]thingEntry
	// pending is what a group changes again and again, written at its end.
	pending pending
}

// pending holds counts, by the keys that they have in their buckets.
type pending struct {
	ledger    map[string]ledgerCount
	spans     map[string]span
	equipment map[uint32]equipmentEntry
}

func newPending() pending {
	return pending{make(map[string]ledgerCount), make(map[string]span), make(map[uint32]equipmentEntry)}
}

// flush writes what is pending.
func (w *writer) flush() error {
	for k, c := range w.pending.ledger {
		value := key(nil).u64(c.stored).u64(c.duplicates).u64(c.quarantined).u64(c.refused)
		if err := put(w.tx.Bucket(bucketLedger), []byte(k), value); err != nil {
			return err
		}
	}
	for k, s := range w.pending.spans {
		if err := put(w.tx.Bucket(bucketCoverage), []byte(k), s.encode()); err != nil {
			return err
		}
	}
	for n, q := range w.pending.equipment {
		if err := put(w.tx.Bucket(bucketEquipment), key(nil).u32(n), q.encode()); err != nil {
			return err
		}
	}
	w.pending = newPending()
	return nil
}

func newWriter() *writer {
	return &writer{names: make(map[nameKey]uint32), things: make(map[mes.Thing]thingEntry), pending: newPending()}
}

// maxThings bounds the cache of things.
const maxThings = 1 << 17

// begin starts the next group in a transaction.
func (w *writer) begin(tx *bbolt.Tx, now time.Time) error {
	number, hash, last, err := lastGroup(tx)
	if err != nil {
		return err
	}
	w.index = newIndex(tx, newest)
	w.log = tx.Bucket(bucketLog)
	w.log.FillPercent = 1 // positions only ascend
	w.next = last + 1
	w.group = group{number: number + 1, first: w.next, time: now.UTC(), previous: hash}
	w.encoded = w.encoded[:0]
	if len(w.things) > maxThings {
		clear(w.things)
	}
	return nil
}

// end writes the group's own record, and returns the last position and the hash
// that names the log up to it.
func (w *writer) end() (mes.Position, mes.Hash, error) {
	value, hash := w.group.encode(w.encoded)
	groups := w.tx.Bucket(bucketGroup)
	groups.FillPercent = 1
	if err := put(groups, key(nil).u64(w.group.number), value); err != nil {
		return 0, hash, err
	}
	if err := w.deriveGroup(&w.group); err != nil {
		return 0, hash, err
	}
	return w.next - 1, hash, w.flush()
}

// addSchema keeps a schema that the log does not have.
func (w *writer) addSchema(s mes.Schema) error {
	b := w.tx.Bucket(bucketSchema)
	id := s.ID()
	if have := b.Get([]byte(id)); have != nil {
		return nil
	}
	w.group.schemas = append(w.group.schemas, s)
	return put(b, []byte(id), mes.AppendSchema(nil, &s))
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
	value, err := get(w.tx.Bucket(bucketQuarantine), quarantineKey(r))
	if value == nil || err != nil {
		return 0, err
	}
	v := reader{b: value}
	return mes.Position(v.u64()), v.done("a quarantine index entry")
}

// quarantineKey tells a record by its identity and its bytes: one that comes
// again is not kept again.
func quarantineKey(r *mes.Record) key {
	k := key(nil).u8(1)
	h := sha256.New()
	h.Write(appendBytes(nil, r.Identity.Source))
	h.Write(key(nil).u64(uint64(r.Identity.Epoch)).u64(uint64(r.Identity.Sequence)))
	h.Write(r.Event)
	return h.Sum(k)
}

// lastGroup returns the number and the hash of the last group, and the last
// position. All are zero in an empty log.
func lastGroup(tx *bbolt.Tx) (number uint64, hash mes.Hash, last mes.Position, err error) {
	k, sealed := tx.Bucket(bucketGroup).Cursor().Last()
	if k == nil {
		return 0, mes.Hash{}, 0, nil
	}
	value, err := unseal(k, sealed)
	if err != nil {
		return 0, mes.Hash{}, 0, err
	}
	r := reader{b: k}
	number = r.u64()
	g, count, hash, err := decodeGroup(number, value)
	return number, hash, g.first + mes.Position(count) - 1, err //nolint:gosec // a count is never negative
}
