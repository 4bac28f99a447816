package store

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// entry is one record in the log: an event, or what was put in quarantine.
type entry struct {
	position mes.Position
	record   mes.Record
	// event is the decoded form; nil in quarantine.
	event *mes.Event
	// reason is why it is in quarantine, or what else it is; 0 for an event.
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

	// reasonTombstone is no record of anybody's, but says what retention removed.
	reasonTombstone Reason = 0x40
	// reasonExpired is added to the reason of an entry of which retention left the
	// identity alone.
	reasonExpired Reason = 0x80
)

// expired reports whether retention removed an entry.
func (r Reason) expired() bool { return r&reasonExpired != 0 }

// was is the reason as it was before that.
func (r Reason) was() Reason { return r &^ reasonExpired }

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
	case reasonTombstone:
		return "tombstone"
	case reasonExpired:
		return "expired"
	}
	return strconv.FormatUint(uint64(uint8(r)), 10)
}

// encode appends the entry as the write-ahead log has it, and as it is hashed.
// It builds the provenance in scratch, which it returns to be used again.
func (e *entry) encode(b, scratch []byte) (encoded, again []byte) {
	scratch = mes.AppendProvenance(scratch[:0], &e.record.Provenance)
	return appendRow(b, block.Row{
		Reason: uint8(e.reason), Source: []byte(e.record.Identity.Source),
		Epoch: uint64(e.record.Identity.Epoch), Sequence: uint64(e.record.Identity.Sequence),
		Event: e.record.Event, Provenance: scratch, Detail: []byte(e.detail),
	}), scratch
}

// appendRow appends an entry's canonical form.
func appendRow(b []byte, r block.Row) []byte {
	b = append(b, r.Reason)
	b = appendBytes(b, r.Source)
	b = binary.AppendUvarint(b, r.Epoch)
	b = binary.AppendUvarint(b, r.Sequence)
	b = appendBytes(b, r.Event)
	b = appendBytes(b, r.Provenance)
	return appendBytes(b, r.Detail)
}

// rowOf reads an entry's canonical form as far as its fields. They are slices
// of it.
func rowOf(position mes.Position, encoded []byte) (block.Row, error) {
	r := reader{b: encoded}
	row := block.Row{
		Reason: r.u8(), Source: r.bytes(), Epoch: r.uvarint(), Sequence: r.uvarint(),
		Event: r.bytes(), Provenance: r.bytes(), Detail: r.bytes(),
	}
	if !r.bad && len(r.b) == 0 {
		return row, nil // without naming what is in order
	}
	return row, r.done(fmt.Sprintf("the entry at position %d", position))
}

// headOf reads what stands before an entry's provenance, of one in memory: what
// stands behind is not touched.
func headOf(position mes.Position, encoded []byte) (block.Row, error) {
	r := reader{b: encoded}
	row := block.Row{Reason: r.u8(), Source: r.bytes(), Epoch: r.uvarint(), Sequence: r.uvarint(), Event: r.bytes()}
	if r.bad {
		return row, r.done(fmt.Sprintf("the entry at position %d", position))
	}
	return row, nil
}

// entryOf reads an entry; withEvent says whether to decode the event too.
func entryOf(position mes.Position, row block.Row, withEvent bool) (entry, error) {
	e := entry{position: position, reason: Reason(row.Reason), detail: string(row.Detail)}
	e.record.Identity = mes.Identity{Source: mes.Source(row.Source), Epoch: mes.Epoch(row.Epoch), Sequence: mes.Sequence(row.Sequence)}
	e.record.Event = append([]byte(nil), row.Event...)
	var err error
	if e.record.Provenance, err = mes.DecodeProvenance(row.Provenance); err != nil {
		return entry{}, mes.Errorf(mes.CodeDamaged, "read position %d: %w", position, err)
	}
	if withEvent && e.reason == 0 {
		if e.event, err = mes.DecodeEvent(e.record.Event); err != nil {
			return entry{}, mes.Errorf(mes.CodeDamaged, "read position %d: %w", position, err)
		}
	}
	return e, nil
}
