package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
)

// index reads the log and what is derived from it in one state, as of a
// position: what came later is not there.
type index struct {
	tx     *bbolt.Tx
	tables *table.Reader
	log    *logReader
	upTo   mes.Position
	// corrected says whether anything was ever withdrawn, once that was looked up.
	corrected *corrected
	// numbered are names that were looked up by their numbers, by anybody; asked are
	// things that were looked up by their names.
	numbered *numbered
	asked    map[mes.Thing]thingEntry
	// kept are the mentions of one thing, for questions that ask for them again and
	// again.
	kept *keptMentions
	// emptied are answers of emptiedAfter: what is put into a parent together is
	// asked about together.
	emptied map[filled][]emptying
}

type corrected struct{ known, any bool }

// keptMentions are all mentions of a thing that hold, in the order of role and
// position. No thing has number 0.
type keptMentions struct {
	thing uint64
	list  []mention
}

// newest is the position of an index that leaves nothing out.
const newest = mes.Position(math.MaxUint64)

// newIndex reads the file of the indexes in a transaction, under layers that it
// does not have, the newest first.
func newIndex(tx *bbolt.Tx, layers []*layer, periods []*period, upTo mes.Position, numbered *numbered) index {
	return index{
		tx: tx, tables: table.NewReader(tx, tableNames, tablesOf(layers)...),
		log: &logReader{archive: newArchiveReader(periods), layers: layers}, upTo: upTo,
		corrected: new(corrected), emptied: make(map[filled][]emptying), numbered: numbered,
		asked: make(map[mes.Thing]thingEntry), kept: new(keptMentions),
	}
}

func (x *index) close() error {
	if x.tx == nil {
		return nil
	}
	return errors.Join(x.log.archive.close(), x.tx.Rollback())
}

func (x *index) get(t table.ID, k []byte) ([]byte, error) { return x.tables.Get(t, k) }

func (x *index) scan(t table.ID, prefix, from []byte, fn func(k, value []byte) (bool, error)) error {
	return x.tables.Scan(t, prefix, from, fn)
}

// read returns the entry at a position.
func (x index) read(position mes.Position, withEvent bool) (entry, error) {
	row, err := x.log.row(position)
	if err != nil {
		return entry{}, err
	}
	return entryOf(position, row, withEvent)
}

// withdrawnBy returns the position of the correction that withdraws an
// identity, 0 where it holds.
func (x index) withdrawnBy(id mes.Identity) (mes.Position, error) {
	if some, err := x.anyWithdrawn(); !some || err != nil {
		return 0, err
	}
	value, err := x.get(tableWithdrawn, withdrawnKey(id))
	if value == nil || err != nil {
		return 0, err
	}
	r := reader{b: value}
	by := mes.Position(r.number())
	if by > x.upTo {
		return 0, r.done("a withdrawal")
	}
	return by, r.done("a withdrawal")
}

// anyWithdrawn reports whether anything was ever withdrawn.
func (x index) anyWithdrawn() (bool, error) {
	if !x.corrected.known {
		first, _, err := x.tables.First(tableWithdrawn, nil, []byte{})
		if err != nil {
			return false, err
		}
		*x.corrected = corrected{true, first != nil}
	}
	return x.corrected.any, nil
}

func withdrawnKey(id mes.Identity) key {
	return key(nil).name(string(id.Source)).number(uint64(id.Epoch)).number(uint64(id.Sequence))
}

func (x index) durable(gateway mes.Gateway, spool string) (mes.Offset, error) {
	value, err := x.get(tableTransport, key(nil).name(string(gateway)).name(spool))
	if value == nil || err != nil {
		return 0, err
	}
	r := reader{b: value}
	return mes.Offset(r.number()), r.done("a spool's offset")
}

// role says how an event concerns a thing.
type role uint8

const (
	roleSubject role = 1 + iota
	roleConsumed
	roleProduced
	roleChild
	roleParent
	roleNamed
	roleSlot
	roleReported
	roleMentioned
	roles

	// roleCarried is no mention's own: the carrier was worked on.
	roleCarried = roles
)

// mention is one event's concern with one thing.
type mention struct {
	role     role
	position mes.Position
	moment
	// counts says whether the event is production.
	counts bool
	rest   []byte // what the role adds
}

// moment is a genealogy.Moment with its source as a number.
type moment struct {
	source   uint32
	epoch    mes.Epoch
	sequence mes.Sequence
	time     time.Time
}

func (k key) moment(m moment) key {
	return k.number32(m.source).number(uint64(m.epoch)).number(uint64(m.sequence)).time(m.time)
}

func (r *reader) moment() moment {
	return moment{r.number32(), mes.Epoch(r.number()), mes.Sequence(r.number()), r.time()}
}

func (x index) momentOf(m moment) (genealogy.Moment, error) {
	source, err := x.name(classSource, m.source)
	return genealogy.Moment{
		Identity: mes.Identity{Source: mes.Source(source), Epoch: m.epoch, Sequence: m.sequence}, Time: m.time,
	}, err
}

// mentions calls fn for each mention of a thing in a role (0 for all), in the
// order of role and position, until fn returns false. Withdrawn events are left
// out.
func (x index) mentions(thing uint64, in role, fn func(mention) (bool, error)) error {
	if thing == x.kept.thing {
		for _, m := range x.kept.list {
			if in != 0 && m.role != in {
				continue
			}
			if more, err := fn(m); err != nil || !more {
				return err
			}
		}
		return nil
	}
	prefix := key(nil).number(thing)
	if in != 0 {
		prefix = prefix.u8(uint8(in))
	}
	return x.mentionsIn(prefix, prefix, fn)
}

// keepMentions reads the mentions of a thing once for all, where they are few.
func (x index) keepMentions(thing uint64) error {
	const most = 1 << 10
	var list []mention
	err := x.mentions(thing, 0, func(m mention) (bool, error) {
		list = append(list, m)
		return len(list) <= most, nil
	})
	if err == nil && len(list) <= most {
		*x.kept = keptMentions{thing, list}
	}
	return err
}

// mentionsFrom is mentions for a role and all that come behind it.
func (x index) mentionsFrom(thing uint64, in role, fn func(mention) (bool, error)) error {
	prefix := key(nil).number(thing)
	return x.mentionsIn(prefix, prefix.fork().u8(uint8(in)), fn)
}

func (x index) mentionsIn(prefix, from key, fn func(mention) (bool, error)) error {
	return x.scan(tableMention, prefix, from, func(k, value []byte) (bool, error) {
		m, err := decodeMention(k, value)
		if err != nil || m.position > x.upTo {
			return true, err
		}
		if holds, err := x.holds(m.moment); err != nil || !holds {
			return true, err
		}
		return fn(m)
	})
}

// holds reports whether the event at a moment was not withdrawn.
func (x index) holds(m moment) (bool, error) {
	if some, err := x.anyWithdrawn(); !some || err != nil {
		return true, err
	}
	at, err := x.momentOf(m)
	if err != nil {
		return false, err
	}
	by, err := x.withdrawnBy(at.Identity)
	return by == 0, err
}

// What the first byte of a mention says.
const (
	mentionCounts uint8 = 1 << iota
	// mentionNanos says that the time has nanoseconds beside its milliseconds.
	mentionNanos
)

// encodeMention returns a mention's value. What neighbours have in common comes
// first, so that they share it.
func encodeMention(m moment, counts bool, rest key) key {
	millis, nanos := millisOf(m.time)
	var flags uint8
	if counts {
		flags |= mentionCounts
	}
	if nanos != 0 {
		flags |= mentionNanos
	}
	const most = 48
	k := make(key, 0, most+len(rest)).u8(flags).number(uint64(m.epoch)).number(millis)
	if nanos != 0 {
		k = k.number(nanos)
	}
	return append(k.uvarint(uint64(m.source)).uvarint(uint64(m.sequence)), rest...)
}

func decodeMention(k, value []byte) (mention, error) {
	r := reader{b: k}
	_ = r.number() // the thing
	m := mention{role: role(r.u8()), position: mes.Position(r.number())}
	if err := r.done("a mention's key"); err != nil {
		return m, err
	}
	r = reader{b: value}
	flags := r.u8()
	m.counts = flags&mentionCounts != 0
	m.epoch = mes.Epoch(r.number())
	millis, nanos := r.number(), uint64(0)
	if flags&mentionNanos != 0 {
		nanos = r.number()
	}
	m.time = r.instant(millis, nanos)
	m.source, m.sequence = r.uvarint32(), mes.Sequence(r.uvarint())
	if r.bad {
		return m, r.done("a mention")
	}
	m.rest = r.b
	return m, nil
}

// worked is what a mention of work on a thing adds.
type worked struct {
	segment, attempt uint32
	// put says whether the work put something into the thing.
	put bool
}

func (w worked) encode() key {
	return key(nil).number32(w.segment).number(uint64(w.attempt)<<1 | uint64(b2u(w.put)))
}

func decodeWorked(rest []byte) (worked, error) {
	r := reader{b: rest}
	w := worked{segment: r.number32()}
	n := r.number()
	if n>>1 > math.MaxUint32 {
		r.bad = true
	}
	w.attempt, w.put = uint32(n>>1), n&1 != 0 //nolint:gosec // refused where it is more
	return w, r.done("work on a thing")
}

// anyKind has moves leave out no kind of parents.
const anyKind mes.RefKind = 0

// moves returns a thing's goings in and out of parents of a kind, production
// only.
func (x index) moves(thing uint64, of mes.RefKind) ([]genealogy.Move, error) {
	var moves []genealogy.Move
	parents := make(map[uint64]mes.Thing)
	type filling struct {
		parent   uint64
		moment   moment
		position mes.Position
	}
	var filled []filling
	err := x.mentions(thing, roleChild, func(m mention) (bool, error) {
		r := reader{b: m.rest}
		action, kind, parent, place := mes.PlacementAction(r.u8()), mes.RefKind(r.u8()), r.number(), r.name()
		if err := r.done("a placement"); err != nil || !m.counts || of != anyKind && of != kind {
			return true, err
		}
		if _, known := parents[parent]; !known {
			t, err := x.thing(parent)
			if err != nil {
				return false, err
			}
			parents[parent] = t.thing
		}
		if action == mes.PlacementAdd {
			filled = append(filled, filling{parent, m.moment, m.position})
		}
		at, err := x.momentOf(m.moment)
		moves = append(moves, genealogy.Move{Moment: at, Action: action, Parent: parents[parent], Place: place, Position: m.position})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	// A parent that was emptied gave up this thing as well.
	for _, f := range filled {
		emptied, err := x.emptiedAfter(f.parent, f.moment, f.position)
		if err != nil {
			return nil, err
		}
		for _, e := range emptied {
			moves = append(moves, genealogy.Move{Moment: e.Moment, Action: mes.PlacementDelete, Parent: parents[f.parent], Position: e.position})
		}
	}
	return moves, nil
}

// changes returns what was done at a slot that may matter for a moment of a
// source: the last change of that source before it, and all those of others.
func (x index) changes(slot key, at moment) ([]genealogy.Change, error) {
	var changes []genealogy.Change
	prefix := append(slices.Clip(slot), slotChange)
	k, _, err := x.tables.First(tableSlot, prefix, prefix)
	for k != nil && err == nil {
		r := reader{b: k[len(prefix):]}
		source := r.number32()
		ofSource := append(slices.Clip(prefix), key(nil).number32(source)...)
		if source == at.source {
			last, err := x.lastChange(slot, ofSource, at)
			if err != nil {
				return nil, err
			}
			changes = append(changes, last...)
		} else if err := x.scan(tableSlot, ofSource, nil, func(k, value []byte) (bool, error) {
			c, holds, err := x.decodeChange(slot, k, value)
			if holds {
				changes = append(changes, c)
			}
			return true, err
		}); err != nil {
			return nil, err
		}
		k, _, err = x.tables.First(tableSlot, prefix, append(slices.Clip(prefix), key(nil).number32(source+1)...))
	}
	return changes, err
}

// lastChange returns the last change of a slot by the moment's own source
// before it, none where there is none.
func (x index) lastChange(slot, ofSource key, at moment) ([]genealogy.Change, error) {
	k := []byte(ofSource.fork().number(uint64(at.epoch)).number(uint64(at.sequence)))
	for {
		var value []byte
		var err error
		if k, value, err = x.tables.Before(tableSlot, ofSource, k); k == nil || err != nil {
			return nil, err
		}
		change, holds, err := x.decodeChange(slot, k, value)
		if err != nil {
			return nil, err
		}
		if holds {
			return []genealogy.Change{change}, nil
		}
	}
}

// The kinds of keys behind a slot.
const (
	slotChange uint8 = 0
	slotUse    uint8 = 1
)

func slotKey(equipment uint32, slot string) key { return key(nil).number32(equipment).name(slot) }

// decodeChange reads a slot's change, and whether it holds or was withdrawn.
func (x index) decodeChange(slot key, k, value []byte) (c genealogy.Change, holds bool, err error) {
	r := reader{b: k[len(slot)+1:]}
	m := moment{source: r.number32(), epoch: mes.Epoch(r.number()), sequence: mes.Sequence(r.number())}
	if err := r.done("a slot's key"); err != nil {
		return c, false, err
	}
	r = reader{b: value}
	c.Action = mes.SlotAction(r.u8())
	material := r.number()
	m.time = r.time()
	c.Position = mes.Position(r.number())
	if err := r.done("a slot's change"); err != nil {
		return c, false, err
	}
	if material != 0 {
		t, err := x.thing(material)
		if err != nil {
			return c, false, err
		}
		c.Material = t.thing
	}
	if c.Moment, err = x.momentOf(m); err != nil {
		return c, false, err
	}
	by, err := x.withdrawnBy(c.Identity)
	return c, by == 0 && c.Position <= x.upTo, err
}

// onSlot returns what may have been on an equipment's slot at a moment.
func (x index) onSlot(equipment uint32, slot string, at moment) ([]mes.Thing, error) {
	changes, err := x.changes(slotKey(equipment, slot), at)
	if err != nil {
		return nil, err
	}
	m, err := x.momentOf(at)
	if err != nil {
		return nil, err
	}
	return genealogy.OnSlot(changes, m), nil
}

// momentIn returns the moment of an entry of the log.
func (x index) momentIn(e *entry) (moment, error) {
	id := e.record.Identity
	source, err := x.number(classSource, string(id.Source))
	if err == nil && source == 0 {
		err = mes.Errorf(mes.CodeDamaged, "the source of position %d has no number; run takt check", e.position)
	}
	return moment{source, id.Epoch, id.Sequence, e.event.EventTime}, err
}

// span is the numbers that came from one epoch of a source.
type span struct {
	first, last mes.Sequence
	gaps        []gap
}

// gap is a stretch of numbers that did not come, both ends included.
type gap struct{ first, last mes.Sequence }

func decodeSpan(value []byte) (span, error) {
	r := reader{b: value}
	s := span{first: mes.Sequence(r.number()), last: mes.Sequence(r.number())}
	for len(r.b) > 0 && !r.bad {
		s.gaps = append(s.gaps, gap{mes.Sequence(r.number()), mes.Sequence(r.number())})
	}
	return s, r.done("a source's span")
}

func (s span) encode() []byte {
	k := key(nil).number(uint64(s.first)).number(uint64(s.last))
	for _, g := range s.gaps {
		k = k.number(uint64(g.first)).number(uint64(g.last))
	}
	return k
}

// with returns the span with one more number; the result depends on the set of
// numbers alone.
func (s span) with(n mes.Sequence) span {
	switch {
	case s.last == 0:
		return span{first: n, last: n}
	case n > s.last:
		if n > s.last+1 {
			s.gaps = append(s.gaps, gap{s.last + 1, n - 1})
		}
		s.last = n
	case n < s.first:
		if n+1 < s.first {
			s.gaps = append([]gap{{n + 1, s.first - 1}}, s.gaps...)
		}
		s.first = n
	default:
		for i, g := range s.gaps {
			if n < g.first || n > g.last {
				continue
			}
			var parts []gap
			if g.first < n {
				parts = append(parts, gap{g.first, n - 1})
			}
			if n < g.last {
				parts = append(parts, gap{n + 1, g.last})
			}
			s.gaps = append(append(append([]gap(nil), s.gaps[:i]...), parts...), s.gaps[i+1:]...)
			break
		}
	}
	return s
}

// missing returns how many numbers between first and last did not come.
func (s span) missing() (n uint64) {
	for _, g := range s.gaps {
		n += uint64(g.last-g.first) + 1
	}
	return n
}

func (s span) String() string {
	return fmt.Sprintf("%d to %d, %d missing", s.first, s.last, s.missing())
}
