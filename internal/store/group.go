package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// entry is one record in the log: an event, or what was put in quarantine.
type entry struct {
	position mes.Position
	record   mes.Record
	// event is the decoded form; nil in quarantine.
	event *mes.Event
	// reason is why it is in quarantine; empty for an event.
	reason Reason
	detail string
}

// Reason says why a record is in quarantine.
type Reason uint8

// The reasons. They depend on the record alone, but for the conflict, which
// depends on its identity.
const (
	// ReasonMalformed cannot be decoded.
	ReasonMalformed Reason = 1 + iota
	// ReasonInvalid breaks a rule that needs no other event.
	ReasonInvalid
	// ReasonTooLarge is beyond mes.MaxEventBytes.
	ReasonTooLarge
	// ReasonConflict has an identity that is taken by other content.
	ReasonConflict
)

// String returns the reason as `malformed`.
func (r Reason) String() string {
	switch r {
	case ReasonMalformed:
		return "malformed"
	case ReasonInvalid:
		return "invalid"
	case ReasonTooLarge:
		return "too large"
	case ReasonConflict:
		return "conflict"
	}
	return strconv.FormatUint(uint64(uint8(r)), 10)
}

// encode returns the entry as it stands in the log.
func (e *entry) encode() []byte {
	b := make([]byte, 0, 64+len(e.record.Event))
	b = append(b, byte(e.reason))
	b = appendBytes(b, e.record.Identity.Source)
	b = binary.AppendUvarint(b, uint64(e.record.Identity.Epoch))
	b = binary.AppendUvarint(b, uint64(e.record.Identity.Sequence))
	b = appendBytes(b, e.record.Event)
	b = appendBytes(b, mes.AppendProvenance(nil, &e.record.Provenance))
	return appendBytes(b, e.detail)
}

// decodeEntry reads an entry; withEvent says whether to decode the event too.
func decodeEntry(position mes.Position, value []byte, withEvent bool) (entry, error) {
	r := reader{b: value}
	e := entry{position: position, reason: Reason(r.u8())}
	e.record.Identity.Source = mes.Source(r.bytes())
	e.record.Identity.Epoch = mes.Epoch(r.uvarint())
	e.record.Identity.Sequence = mes.Sequence(r.uvarint())
	e.record.Event = append([]byte(nil), r.bytes()...)
	provenance := r.bytes()
	e.detail = string(r.bytes())
	if err := r.done(fmt.Sprintf("the entry at position %d", position)); err != nil {
		return entry{}, err
	}
	var err error
	if e.record.Provenance, err = mes.DecodeProvenance(provenance); err != nil {
		return entry{}, mes.Errorf(mes.CodeDamaged, "read position %d: %w", position, err)
	}
	if withEvent && e.reason == 0 {
		if e.event, err = mes.DecodeEvent(e.record.Event); err != nil {
			return entry{}, mes.Errorf(mes.CodeDamaged, "read position %d: %w", position, err)
		}
	}
	return e, nil
}

// tally counts, for the ledger, what a group did not add to the log.
type tally struct {
	source              mes.Source
	duplicates, refused uint64
}

// durable is how far a gateway's spool is in the log.
type durable struct {
	gateway mes.Gateway
	spool   string
	offset  mes.Offset
}

// group is what one commit adds: the unit that is chained.
type group struct {
	number uint64
	// first is the position of its first entry; the next free one where it has
	// none.
	first    mes.Position
	time     time.Time
	previous mes.Hash
	entries  []entry
	schemas  []mes.Schema
	tallies  []tally
	durables []durable
}

// encode returns the group's own record: all but the entries, which stand by
// themselves, and the hash that chains it.
func (g *group) encode(entries [][]byte) (value []byte, hash mes.Hash) {
	var b key
	b = b.u64(uint64(g.first)).u32(uint32(len(g.entries))).time(g.time) //nolint:gosec // a group has few entries
	b = append(b, g.previous[:]...)
	b = binary.AppendUvarint(b, uint64(len(g.schemas)))
	for i := range g.schemas {
		b = appendBytes(b, mes.AppendSchema(nil, &g.schemas[i]))
	}
	b = binary.AppendUvarint(b, uint64(len(g.tallies)))
	for _, t := range g.tallies {
		b = appendBytes(b, t.source)
		b = binary.AppendUvarint(b, t.duplicates)
		b = binary.AppendUvarint(b, t.refused)
	}
	b = binary.AppendUvarint(b, uint64(len(g.durables)))
	for _, d := range g.durables {
		b = appendBytes(b, d.gateway)
		b = appendBytes(b, d.spool)
		b = binary.AppendUvarint(b, uint64(d.offset))
	}
	h := sha256.New()
	h.Write(b)
	for _, e := range entries {
		h.Write(e)
	}
	h.Sum(hash[:0])
	return append(b, hash[:]...), hash
}

// decodeGroup reads a group's own record, without its entries, and its hash.
func decodeGroup(number uint64, value []byte) (g group, count int, hash mes.Hash, err error) {
	r := reader{b: value}
	g.number = number
	g.first = mes.Position(r.u64())
	count = int(r.u32())
	g.time = r.time()
	g.previous = r.hash()
	for range bounded(&r) {
		s, err := mes.DecodeSchema(r.bytes())
		if err != nil {
			return g, 0, hash, mes.Errorf(mes.CodeDamaged, "read group %d: %w", number, err)
		}
		g.schemas = append(g.schemas, s)
	}
	for range bounded(&r) {
		g.tallies = append(g.tallies, tally{mes.Source(r.bytes()), r.uvarint(), r.uvarint()})
	}
	for range bounded(&r) {
		g.durables = append(g.durables, durable{mes.Gateway(r.bytes()), string(r.bytes()), mes.Offset(r.uvarint())})
	}
	hash = r.hash()
	return g, count, hash, r.done(fmt.Sprintf("group %d", number))
}

// bounded reads the length of a list, and refuses one that cannot be there.
func bounded(r *reader) int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n) //nolint:gosec // not above the length of a slice
}
