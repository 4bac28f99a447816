package store

import (
	"context"
	"iter"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// View is a consistent view of the store. It is valid within the function that
// Store.View calls, in that goroutine.
type View struct {
	index
	ctx      context.Context //nolint:containedctx // a View lives within one call and ends with its context
	position mes.Position
	store    *Store
	// files is what the view holds of the files, with all views as of another
	// position that were made of it.
	files *index
	// made are answers of makings, madeKept how many they are.
	made     map[uint64][]*making
	madeKept int
}

// Position returns the position that the view is of.
func (v *View) Position() mes.Position { return v.upTo }

// AsOf returns the view at an earlier position: what came later is not there.
// Flags, counts and first attempts are those of the newest position all the
// same.
func (v *View) AsOf(position mes.Position) *View {
	earlier := *v
	earlier.upTo = min(position, v.position)
	earlier.emptied = make(map[filled][]emptying)
	earlier.made, earlier.madeKept = make(map[uint64][]*making), 0
	earlier.kept = new(keptMentions)
	return &earlier
}

// Pause lets go of the files while fn runs, and then reads on from their newest
// state as of the same position: what waits for somebody else must not keep
// pages from being reused. Nothing may be read in fn, nor while the view yields
// from within a table; Trace is at no table when it yields. The view is of no
// use any more where Pause returns an error.
func (v *View) Pause(fn func() error) error {
	err := v.files.close()
	v.files.tx = nil
	if err == nil {
		err = fn()
	}
	if err != nil {
		return err
	}
	x, err := v.store.read()
	if err != nil {
		return err
	}
	*v.files, *v.tables, *v.log = x, *x.tables, *x.log
	v.position = x.upTo
	return nil
}

// Event is an event as the log has it.
type Event struct {
	// Position is its place in the log.
	Position mes.Position
	// RecordTime is when the store took it.
	RecordTime time.Time
	// Identity, Provenance and Bytes are as they came; Bytes in canonical form.
	Identity   mes.Identity
	Provenance mes.Provenance
	Bytes      []byte
	// Event is Bytes, decoded.
	Event *mes.Event
	// WithdrawnBy is the correction that withdrew it; 0 where it holds.
	WithdrawnBy mes.Position
}

// Event returns the event at a position, withdrawn or not. CodeNotFound where
// there is none, or a quarantined record.
func (v *View) Event(position mes.Position) (Event, error) {
	if position == 0 || position > v.upTo {
		return Event{}, mes.Errorf(mes.CodeNotFound, "there is nothing at position %d; the log ends at %d", position, v.upTo)
	}
	e, err := v.read(position, true)
	if err != nil {
		return Event{}, err
	}
	switch {
	case e.reason == reasonTombstone:
		return Event{}, mes.Errorf(mes.CodeNotFound, "position %d is the tombstone of what retention removed", position)
	case e.reason.expired():
		return Event{}, mes.Errorf(mes.CodeNotFound, "what was at position %d, %s, was removed by retention", position, e.record.Identity)
	case e.reason != 0:
		return Event{}, mes.Errorf(mes.CodeNotFound, "position %d is in quarantine; ask for quarantinedRecords/%d", position, position)
	}
	return v.event(&e)
}

func (v *View) event(e *entry) (Event, error) {
	t, err := v.log.time(e.position)
	if err != nil {
		return Event{}, err
	}
	by, err := v.withdrawnBy(e.record.Identity)
	return Event{
		Position: e.position, RecordTime: t, Identity: e.record.Identity, Provenance: e.record.Provenance,
		Bytes: e.record.Event, Event: e.event, WithdrawnBy: by,
	}, err
}

// Filter matches events that match every field that is set.
type Filter struct {
	// Thing is what it must concern, directly.
	Thing mes.Thing
	// Source is who it must come from.
	Source mes.Source
	// Equipment is where it must have happened, or anything below that: `L1`
	// matches `L1.WND.07`.
	Equipment mes.EquipmentID
	// ProcessSegment is the step that it must belong to.
	ProcessSegment string
	// From and To bound its event time, To excluded.
	From, To time.Time
}

// Below reports whether equipment is the given one or below it.
func Below(equipment, of mes.EquipmentID) bool {
	return of == "" || equipment == of || len(equipment) > len(of) && equipment[:len(of)] == of && equipment[len(of)] == '.'
}

func (f *Filter) matches(e *entry) bool {
	return (f.Source == "" || e.record.Identity.Source == f.Source) &&
		Below(e.event.Equipment, f.Equipment) &&
		(f.ProcessSegment == "" || e.event.ProcessSegment == f.ProcessSegment) &&
		(f.From.IsZero() || !e.event.EventTime.Before(f.From)) &&
		(f.To.IsZero() || e.event.EventTime.Before(f.To))
}

// Events yields the events behind a position that match a filter, in the order
// of the log, withdrawn ones too. It reads every event on the way, unless the
// filter names a thing. It yields (Event{Position: p}, nil) with a nil Event
// now and then to say how far it has come.
func (v *View) Events(after mes.Position, f Filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		visit := func(position mes.Position) (bool, error) {
			e, err := v.read(position, true)
			if err != nil {
				return false, err
			}
			if e.reason != 0 || !f.matches(&e) {
				const often = 1024
				if position%often != 0 {
					return true, nil
				}
				return yield(Event{Position: position}, v.ctx.Err()), nil
			}
			ev, err := v.event(&e)
			if err != nil {
				return false, err
			}
			return yield(ev, nil), nil
		}
		var err error
		if f.Thing != (mes.Thing{}) {
			err = v.eventsOf(f.Thing, after, visit)
		} else {
			for more := true; more && err == nil && after < v.upTo; {
				after++
				more, err = visit(after)
			}
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

// eventsOf visits the events that concern a thing, by position.
func (v *View) eventsOf(t mes.Thing, after mes.Position, visit func(mes.Position) (bool, error)) error {
	n, err := v.thingNumber(t)
	if err != nil || n == 0 {
		return err
	}
	for {
		// The roles are a few ranges; the next position is the least of theirs.
		next := newest
		for as := role(1); as < roles; as++ {
			prefix := key(nil).number(n).u8(uint8(as))
			err := v.scan(tableMention, prefix, prefix.fork().number(uint64(after)+1), func(k, _ []byte) (bool, error) {
				r := reader{b: k[len(prefix):]}
				next = min(next, mes.Position(r.number()))
				return false, nil
			})
			if err != nil {
				return err
			}
		}
		if next > v.upTo {
			return nil
		}
		if more, err := visit(next); err != nil || !more {
			return err
		}
		after = next
	}
}

// Schema returns a schema by its id, and whether the log has it.
func (v *View) Schema(id mes.SchemaID) (mes.Schema, bool, error) {
	value, err := v.get(tableSchema, []byte(id))
	if value == nil || err != nil {
		return mes.Schema{}, false, err
	}
	s, err := mes.DecodeSchema(value)
	return s, err == nil, err
}

// Durable returns the offset up to which a spool is in the log.
func (v *View) Durable(gateway mes.Gateway, spool string) (mes.Offset, error) {
	return v.durable(gateway, spool)
}

// QuarantinedRecord is a record that was kept, but is no event.
type QuarantinedRecord struct {
	// Position is its place in the log.
	Position mes.Position
	// RecordTime is when the store took it.
	RecordTime time.Time
	// Reason and Detail say why.
	Reason Reason
	Detail string
	// Record is as it came.
	Record mes.Record
}

// Err returns the reason as an error.
func (q *QuarantinedRecord) Err() error { return quarantineError(q.Reason, q.Detail) }

// Quarantine yields what is in quarantine behind a position, in the order of
// the log.
func (v *View) Quarantine(after mes.Position) iter.Seq2[QuarantinedRecord, error] {
	return func(yield func(QuarantinedRecord, error) bool) {
		prefix := key(nil).u8(0)
		err := v.scan(tableQuarantine, prefix, key(nil).u8(0).number(uint64(after)+1), func(k, _ []byte) (bool, error) {
			r := reader{b: k[1:]}
			q, err := v.Quarantined(mes.Position(r.number()))
			if err != nil || q.Position > v.upTo {
				return false, err
			}
			return yield(q, nil), nil
		})
		if err != nil {
			yield(QuarantinedRecord{}, err)
		}
	}
}

// Quarantined returns the quarantined record at a position; CodeNotFound where
// there is none.
func (v *View) Quarantined(position mes.Position) (QuarantinedRecord, error) {
	e, err := v.read(position, false)
	switch {
	case err != nil:
	case e.reason == 0:
		err = mes.Errorf(mes.CodeNotFound, "position %d is an event and not in quarantine", position)
	case e.reason == reasonTombstone, e.reason.expired():
		err = mes.Errorf(mes.CodeNotFound, "position %d is not in quarantine; see what retention removed", position)
	}
	if err != nil {
		return QuarantinedRecord{}, err
	}
	t, err := v.log.time(position)
	return QuarantinedRecord{position, t, e.reason, e.detail, e.record}, err
}

// Ledger yields the ledger by source and hour, from behind the given source and
// hour on (the zero LedgerEntry for all).
func (v *View) Ledger() iter.Seq2[LedgerEntry, error] {
	return func(yield func(LedgerEntry, error) bool) {
		err := v.scan(tableLedger, nil, []byte{}, func(k, value []byte) (bool, error) {
			r := reader{b: k}
			number, hour := r.number32(), r.time()
			source, err := v.name(classSource, number)
			if err != nil {
				return false, err
			}
			c, err := decodeCount(value)
			if err != nil {
				return false, err
			}
			return yield(LedgerEntry{mes.Source(source), hour, c.stored, c.duplicates, c.quarantined, c.refused}, nil), nil
		})
		if err != nil {
			yield(LedgerEntry{}, err)
		}
	}
}

// SourceEpoch is what came from one epoch of a source.
type SourceEpoch struct {
	// Source and Epoch say which.
	Source mes.Source
	Epoch  mes.Epoch
	// First and Last are the lowest and the highest number.
	First, Last mes.Sequence
	// Missing is how many between them did not come.
	Missing uint64
	// Gaps are the missing stretches, both ends included.
	Gaps [][2]mes.Sequence
}

// Sources yields every epoch of every source, in the order in which the sources
// were first heard of.
func (v *View) Sources() iter.Seq2[SourceEpoch, error] {
	return func(yield func(SourceEpoch, error) bool) {
		err := v.scan(tableCoverage, nil, []byte{}, func(k, value []byte) (bool, error) {
			e, err := v.sourceEpoch(k, value)
			if err != nil {
				return false, err
			}
			return yield(e, nil), nil
		})
		if err != nil {
			yield(SourceEpoch{}, err)
		}
	}
}

func (v *View) sourceEpoch(k, value []byte) (SourceEpoch, error) {
	r := reader{b: k}
	number, epoch := r.number32(), mes.Epoch(r.number())
	source, err := v.name(classSource, number)
	if err != nil {
		return SourceEpoch{}, err
	}
	s, err := decodeSpan(value)
	e := SourceEpoch{mes.Source(source), epoch, s.first, s.last, s.missing(), nil}
	for _, g := range s.gaps {
		e.Gaps = append(e.Gaps, [2]mes.Sequence{g.first, g.last})
	}
	return e, err
}

// Last returns the highest identity that came from a source, and whether there
// is one.
func (v *View) Last(source mes.Source) (mes.Identity, bool, error) {
	number, err := v.number(classSource, string(source))
	if number == 0 || err != nil {
		return mes.Identity{}, false, err
	}
	var last mes.Identity
	err = v.scan(tableCoverage, key(nil).number32(number), nil, func(k, value []byte) (bool, error) {
		e, err := v.sourceEpoch(k, value)
		last = mes.Identity{Source: source, Epoch: e.Epoch, Sequence: e.Last}
		return true, err
	})
	return last, last.Epoch != 0, err
}

// Flags yields what contradicts itself, by thing, unknown equipment last.
func (v *View) Flags() iter.Seq2[Flag, error] {
	return func(yield func(Flag, error) bool) {
		more := true
		err := v.scan(tableFlag, nil, []byte{}, func(k, value []byte) (bool, error) {
			f, err := v.decodeFlag(k, value)
			if err != nil {
				return false, err
			}
			more = yield(f, nil)
			return more, nil
		})
		if err == nil && more {
			err = v.unknownEquipment(func(f Flag) bool { return yield(f, nil) })
		}
		if err != nil {
			yield(Flag{}, err)
		}
	}
}

// unknownEquipment flags equipment that reported but is not in the plant model,
// where there is one.
func (v *View) unknownEquipment(yield func(Flag) bool) error {
	var unknown []Flag
	model := false
	for q, err := range v.Equipment() {
		if err != nil {
			return err
		}
		model = model || q.Known
		if !q.Known && q.Events > 0 {
			unknown = append(unknown, Flag{Equipment: q.ID, Kind: FlagUnknownEquipment, Detail: "reports events but is not in the plant model"})
		}
	}
	for _, f := range unknown {
		if !model || !yield(f) {
			break
		}
	}
	return nil
}

// flagsOf returns the flags of one thing.
func (v *View) flagsOf(thing uint64) (flags []Flag, err error) {
	err = v.scan(tableFlag, key(nil).number(thing), nil, func(k, value []byte) (bool, error) {
		f, err := v.decodeFlag(k, value)
		flags = append(flags, f)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	e, err := v.expiry()
	if err != nil {
		return nil, err
	}
	partly, err := v.partly(thing, e)
	if partly {
		t, err := v.thing(thing)
		if err != nil {
			return nil, err
		}
		flags = append(flags, Flag{Thing: t.thing, Kind: FlagExpired, Detail: "events that were recorded before " +
			e.before.Format(time.RFC3339) + " were removed by retention; what is here is not all"})
	}
	return flags, err
}

// Equipment is what is known of a piece of equipment.
type Equipment struct {
	// ID is its name.
	ID mes.EquipmentID
	// DisplayName is the plant model's.
	DisplayName string
	// Known says whether the plant model has it.
	Known bool
	// Events is how many it reported, LastEventTime the latest event time.
	Events        uint64
	LastEventTime time.Time
	// Slots are its places for material, with what is on them now.
	Slots []SlotContent
}

// SlotContent is what is on a slot now.
type SlotContent struct {
	// Slot is the place.
	Slot string
	// Material is what is on it; zero where nothing is.
	Material mes.Thing
	// Since is when it was put on or taken off.
	Since time.Time
}

// Equipment yields the equipment in the order in which it was first heard of.
func (v *View) Equipment() iter.Seq2[Equipment, error] {
	return func(yield func(Equipment, error) bool) {
		err := v.scan(tableEquipment, nil, []byte{}, func(k, value []byte) (bool, error) {
			r := reader{b: k}
			number := r.number32()
			if len(r.b) > 0 {
				return true, nil // a revision of it
			}
			q, err := decodeEquipment(value)
			if err != nil {
				return false, err
			}
			id, err := v.name(classEquipment, number)
			if err != nil {
				return false, err
			}
			slots, err := v.slotsOf(number)
			if err != nil {
				return false, err
			}
			return yield(Equipment{mes.EquipmentID(id), q.displayName, q.known, q.events, q.last, slots}, nil), nil
		})
		if err != nil {
			yield(Equipment{}, err)
		}
	}
}
