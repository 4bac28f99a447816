package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// derive enters one entry of the log into every index. What it leaves behind
// depends on the set of events, but for the numbers that names are given.
func (w *writer) derive(e *entry) error {
	if err := w.deriveIdentity(e); err != nil {
		return err
	}
	if e.reason != 0 {
		return w.deriveQuarantine(e)
	}
	d := derivation{writer: w, entry: e, event: e.event}
	var err error
	if d.moment, err = w.momentIn(e); err != nil {
		return err
	}
	if d.equipment, err = w.intern(classEquipment, string(e.event.Equipment)); err != nil {
		return err
	}
	if err := d.reported(); err != nil {
		return err
	}
	if err := d.fact(); err != nil {
		return err
	}
	// The correction of an event may have come before it: then it never held.
	by, err := w.withdrawnBy(e.record.Identity)
	if err != nil || by == 0 {
		return err
	}
	return w.settleAgain(e.event)
}

// deriveIdentity enters the source, its numbers, and the identity.
func (w *writer) deriveIdentity(e *entry) error {
	id := e.record.Identity
	source, err := w.intern(classSource, ledgerSource(id.Source))
	if err != nil {
		return err
	}
	count := ledgerCount{stored: 1}
	if e.reason != 0 {
		count = ledgerCount{quarantined: 1}
	}
	if err := w.count(source, w.group.time, count); err != nil || id.Validate() != nil {
		return err
	}
	k := key(nil).u32(source).u64(uint64(id.Epoch))
	have, known := w.pending.spans[string(k)]
	if !known {
		value, err := get(w.tx.Bucket(bucketCoverage), k)
		if err != nil {
			return err
		}
		if value != nil {
			if have, err = decodeSpan(value); err != nil {
				return err
			}
		}
	}
	w.pending.spans[string(k)] = have.with(id.Sequence)
	if e.reason != 0 {
		return nil
	}
	return put(w.tx.Bucket(bucketIdentity), k.u64(uint64(id.Sequence)), key(nil).u64(uint64(e.position)))
}

func (w *writer) deriveQuarantine(e *entry) error {
	b := w.tx.Bucket(bucketQuarantine)
	source, err := w.intern(classSource, ledgerSource(e.record.Identity.Source))
	if err != nil {
		return err
	}
	if err := put(b, key(nil).u8(0).u64(uint64(e.position)), key(nil).u32(source)); err != nil {
		return err
	}
	return put(b, quarantineKey(&e.record), key(nil).u64(uint64(e.position)))
}

// deriveGroup enters what a group says beside its entries.
func (w *writer) deriveGroup(g *group) error {
	for _, t := range g.tallies {
		source, err := w.intern(classSource, ledgerSource(t.source))
		if err != nil {
			return err
		}
		if err := w.count(source, g.time, ledgerCount{duplicates: t.duplicates, refused: t.refused}); err != nil {
			return err
		}
	}
	for _, d := range g.durables {
		k := key(nil).name(string(d.gateway)).name(d.spool)
		if err := put(w.tx.Bucket(bucketTransport), k, key(nil).u64(uint64(d.offset))); err != nil {
			return err
		}
	}
	return nil
}

// intern returns the number of a name, and gives it one where it has none.
func (w *writer) intern(class nameClass, name string) (uint32, error) {
	if n, ok := w.names[nameKey{class, name}]; ok {
		return n, nil
	}
	n, err := w.number(class, name)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		b := w.tx.Bucket(bucketName)
		c := b.Cursor()
		last, _ := c.Seek(key(nil).u8(byNumber).u8(uint8(class) + 1))
		if last == nil {
			last, _ = c.Last()
		} else {
			last, _ = c.Prev()
		}
		n = 1
		if prefix := key(nil).u8(byNumber).u8(uint8(class)); hasPrefix(last, prefix) {
			n = binary.BigEndian.Uint32(last[2:]) + 1
		}
		if err := put(b, key(nil).u8(byName).u8(uint8(class)).name(name), key(nil).u32(n)); err != nil {
			return 0, err
		}
		if err := put(b, key(nil).u8(byNumber).u8(uint8(class)).u32(n), []byte(name)); err != nil {
			return 0, err
		}
	}
	w.names[nameKey{class, name}] = n
	return n, nil
}

// internThing returns the number of the thing that a Ref names, and keeps what
// it is made to be: of several definitions the first in the alphabet, so that
// the order of arrival does not matter.
func (w *writer) internThing(ref mes.Ref) (uint64, error) {
	t, ok := w.things[ref.Thing]
	if !ok {
		n, err := w.thingNumber(ref.Thing)
		if err != nil {
			return 0, err
		}
		if n != 0 {
			if t, err = w.thing(n); err != nil {
				return 0, err
			}
		}
	}
	b := w.tx.Bucket(bucketThing)
	write := false
	if t.number == 0 {
		k, _ := b.Cursor().Last()
		t = thingEntry{number: 1, thing: ref.Thing}
		if len(k) == 9 && k[0] == byNumber {
			t.number = binary.BigEndian.Uint64(k[1:]) + 1
		}
		if err := put(b, key(nil).u8(byName).u8(uint8(ref.Kind)).name(string(ref.ID)), key(nil).u64(t.number)); err != nil {
			return 0, err
		}
		write = true
	}
	d := clip(ref.MaterialDefinition)
	if d != "" && d != t.definition {
		if err := put(w.tx.Bucket(bucketDefinition), key(nil).name(d).u64(t.number), nil); err != nil {
			return 0, err
		}
	}
	if d != "" && (t.definition == "" || d < t.definition) {
		t.definition, write = d, true
	}
	if write {
		value := key(nil).u8(uint8(ref.Kind)).name(string(ref.ID)).name(t.definition)
		if err := put(b, key(nil).u8(byNumber).u64(t.number), value); err != nil {
			return 0, err
		}
	}
	w.things[ref.Thing] = t
	return t.number, nil
}

// derivation is one event on its way into the indexes.
type derivation struct {
	*writer
	entry     *entry
	event     *mes.Event
	moment    moment
	equipment uint32
}

func (d *derivation) counts() bool { return d.event.Mode == mes.ModeProduction }

// mention enters that the event concerns a thing; rest is what the role adds.
func (d *derivation) mention(thing uint64, as role, rest key) error {
	value := key(nil).u8(b2u(d.counts())).moment(d.moment)
	return put(d.tx.Bucket(bucketMention), key(nil).u64(thing).u8(uint8(as)).u64(uint64(d.entry.position)), append(value, rest...))
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// mentionAll enters that the event concerns several things in one role.
func (d *derivation) mentionAll(refs []mes.Ref, as role) error {
	for _, ref := range refs {
		n, err := d.internThing(ref)
		if err != nil {
			return err
		}
		if err := d.mention(n, as, nil); err != nil {
			return err
		}
	}
	return nil
}

func (d *derivation) fact() error {
	switch f := d.event.Fact.(type) {
	case *mes.Work:
		return d.work(f)
	case *mes.CoilGeometry:
		refs := []mes.Ref{{Thing: mes.Thing{Kind: mes.RefLot, ID: f.Coil}}}
		if f.Parent != "" {
			refs = append(refs, mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: f.Parent}})
		}
		return d.mentionAll(refs, roleReported)
	case *mes.SlotChange:
		return d.slotChange(f)
	case *mes.Placement:
		return d.placement(f)
	case *mes.AliasBinding:
		return d.alias(f)
	case *mes.LotReport:
		return d.mentionAll([]mes.Ref{f.Lot}, roleReported)
	case *mes.Verdict:
		return d.mentionAll(f.Subjects, roleMentioned)
	case *mes.Decision:
		return d.mentionAll(f.Selection.Things, roleMentioned)
	case *mes.Correction:
		return d.correction(f)
	case *mes.MasterData:
		return d.masterData(f)
	case *mes.EquipmentReport, *mes.SourceFact:
		return nil // found by their equipment and their source
	}
	return fmt.Errorf("no index for a fact of kind %s", d.event.Fact.Kind())
}

func (d *derivation) work(f *mes.Work) error {
	segment, err := d.intern(classSegment, d.event.ProcessSegment)
	if err != nil {
		return err
	}
	var made []uint64
	for _, ref := range f.Subjects {
		n, err := d.internThing(ref)
		if err != nil {
			return err
		}
		if err := d.mention(n, roleSubject, key(nil).u32(segment).u32(f.Attempt)); err != nil {
			return err
		}
		if ref.Kind == mes.RefItem && counted(d.event, f) {
			if err := d.settleAttempt(n, segment, f, d.moment); err != nil {
				return err
			}
		}
		if len(f.Produced) == 0 {
			made = append(made, n)
		}
	}
	for i, a := range f.Produced {
		if a.Ref.IsZero() {
			continue
		}
		n, err := d.internThing(a.Ref)
		if err != nil {
			return err
		}
		made = append(made, n)
		if err := d.mention(n, roleProduced, nil); err != nil {
			return err
		}
		if a.Ref.Kind == mes.RefItem && !slices.ContainsFunc(f.Produced[:i], func(b mes.Actual) bool { return b.Ref.Thing == a.Ref.Thing }) {
			if err := d.settleBirths(n); err != nil {
				return err
			}
		}
	}
	for _, a := range f.Consumed {
		if a.Ref.IsZero() {
			k := slotKey(d.equipment, a.Slot).u8(slotUse)
			k = k.u32(d.moment.source).u64(uint64(d.moment.epoch)).u64(uint64(d.moment.sequence))
			if err := put(d.tx.Bucket(bucketSlot), k, key(nil).time(d.moment.time).u64(uint64(d.entry.position))); err != nil {
				return err
			}
			continue
		}
		n, err := d.internThing(a.Ref)
		if err != nil {
			return err
		}
		var into key
		if a.Ref.Kind == mes.RefItem {
			for _, m := range made {
				into = into.u64(m)
			}
		}
		if err := d.mention(n, roleConsumed, into); err != nil {
			return err
		}
		if a.Ref.Kind == mes.RefItem {
			if err := d.settleParents(n); err != nil {
				return err
			}
		}
	}
	if f.Carrier != "" {
		return d.mentionAll([]mes.Ref{{Thing: mes.Thing{Kind: mes.RefCarrier, ID: f.Carrier}}}, roleMentioned)
	}
	return nil
}

func (d *derivation) slotChange(f *mes.SlotChange) error {
	var material uint64
	if !f.Material.IsZero() {
		var err error
		if material, err = d.internThing(f.Material); err != nil {
			return err
		}
		rest := key(nil).u32(d.equipment).name(f.Slot).u8(uint8(f.Action))
		if err := d.mention(material, roleSlot, rest); err != nil {
			return err
		}
	}
	k := slotKey(d.equipment, f.Slot).u8(slotChange)
	k = k.u32(d.moment.source).u64(uint64(d.moment.epoch)).u64(uint64(d.moment.sequence))
	value := key(nil).u8(uint8(f.Action)).u64(material).time(d.moment.time).u64(uint64(d.entry.position))
	return put(d.tx.Bucket(bucketSlot), k, value)
}

func (d *derivation) placement(f *mes.Placement) error {
	parent, err := d.internThing(f.Parent)
	if err != nil {
		return err
	}
	if err := d.mention(parent, roleParent, nil); err != nil {
		return err
	}
	emptied := f.Action == mes.PlacementDelete && len(f.Children) == 0
	if emptied {
		if err := d.mention(parent, roleEmptied, nil); err != nil {
			return err
		}
	}
	for _, child := range f.Children {
		n, err := d.internThing(child.Ref)
		if err != nil {
			return err
		}
		rest := key(nil).u8(uint8(f.Action)).u64(parent).name(clip(child.Place))
		if err := d.mention(n, roleChild, rest); err != nil {
			return err
		}
		if err := d.settleParents(n); err != nil {
			return err
		}
	}
	if !emptied {
		return nil
	}
	return d.settleChildren(parent)
}

// settleChildren finds anew what settleParents does for all that were in a
// parent: for who ever was put into it.
func (w *writer) settleChildren(parent uint64) error {
	var children []uint64
	err := w.mentions(parent, roleParent, func(m mention) (bool, error) {
		e, err := w.read(m.position, true)
		if err != nil {
			return false, err
		}
		p, ok := e.event.Fact.(*mes.Placement)
		if !ok {
			return true, nil
		}
		for _, child := range p.Children {
			n, err := w.thingNumber(child.Ref.Thing)
			if err != nil {
				return false, err
			}
			children = append(children, n)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.Sort(children)
	for _, n := range slices.Compact(children) {
		if err := w.settleParents(n); err != nil {
			return err
		}
	}
	return nil
}

// clip keeps a text that stands in a key or a value short enough for its
// length. It does not cut within a letter: half of one is no text.
func clip(s string) string {
	if len(s) <= mes.MaxIDBytes {
		return s
	}
	n := mes.MaxIDBytes
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (d *derivation) alias(f *mes.AliasBinding) error {
	n, err := d.internThing(f.Item)
	if err != nil {
		return err
	}
	if err := d.mention(n, roleNamed, nil); err != nil {
		return err
	}
	k := key(nil).name(string(f.Value)).u64(n).u64(uint64(d.entry.position))
	value := key(nil).u8(b2u(d.counts())).moment(d.moment).name(clip(f.AliasKind))
	if err := put(d.tx.Bucket(bucketAlias), k, value); err != nil {
		return err
	}
	return d.settleName(f.Value)
}

func (d *derivation) correction(f *mes.Correction) error {
	b := d.tx.Bucket(bucketWithdrawn)
	k := withdrawnKey(f.Withdraws)
	if have := b.Get(k); have == nil {
		if err := put(b, k, key(nil).u64(uint64(d.entry.position))); err != nil {
			return err
		}
	}
	target, err := d.positionOf(f.Withdraws)
	if err != nil || target == 0 {
		return err
	}
	e, err := d.read(target, true)
	if err != nil {
		return err
	}
	return d.settleAgain(e.event)
}

// settleAgain derives anew what an event contributed to, after it was
// withdrawn.
func (w *writer) settleAgain(event *mes.Event) error {
	switch f := event.Fact.(type) {
	case *mes.Work:
		segment, err := w.intern(classSegment, event.ProcessSegment)
		if err != nil {
			return err
		}
		for _, ref := range f.Subjects {
			if ref.Kind != mes.RefItem {
				continue // lots and carriers have no attempts
			}
			n, err := w.thingNumber(ref.Thing)
			if err != nil {
				return err
			}
			if err := w.settleFirst(n, segment); err != nil {
				return err
			}
		}
		for _, list := range [][]mes.Actual{f.Produced, f.Consumed} {
			for _, a := range list {
				if a.Ref.Kind != mes.RefItem {
					continue
				}
				n, err := w.thingNumber(a.Ref.Thing)
				if err != nil {
					return err
				}
				if err := w.settleBirths(n); err != nil {
					return err
				}
				if err := w.settleParents(n); err != nil {
					return err
				}
			}
		}
	case *mes.Placement:
		for _, child := range f.Children {
			n, err := w.thingNumber(child.Ref.Thing)
			if err != nil {
				return err
			}
			if err := w.settleParents(n); err != nil {
				return err
			}
		}
		if f.Action == mes.PlacementDelete && len(f.Children) == 0 {
			n, err := w.thingNumber(f.Parent.Thing)
			if err != nil {
				return err
			}
			return w.settleChildren(n)
		}
	case *mes.AliasBinding:
		// The thing no longer claims the name, so that settleName does not come
		// by it.
		n, err := w.thingNumber(f.Item.Thing)
		if err != nil {
			return err
		}
		if err := w.settleNamesOf(n); err != nil {
			return err
		}
		return w.settleName(f.Value)
	case *mes.MasterData:
		return w.settleEquipment(f)
	}
	return nil
}

// counted reports whether work is an attempt that enters yield: production, and
// judged. A destructive sample is counted apart.
func counted(e *mes.Event, f *mes.Work) bool {
	return e.Mode == mes.ModeProduction && f.Disposition != mes.DispositionUnknown && f.Disposition != mes.DispositionSample
}

// firstAttempt is a thing's first attempt at a process segment.
type firstAttempt struct {
	position mes.Position
	moment
	equipment uint32
	number    uint32
	passed    bool
}

func (a firstAttempt) encode() []byte {
	return key(nil).u64(uint64(a.position)).moment(a.moment).u32(a.equipment).u32(a.number).u8(b2u(a.passed))
}

func decodeFirst(value []byte) (firstAttempt, error) {
	r := reader{b: value}
	a := firstAttempt{mes.Position(r.u64()), r.moment(), r.u32(), r.u32(), r.u8() != 0}
	return a, r.done("a first attempt")
}

func attemptKey(segment uint32, a firstAttempt, thing uint64) key {
	return key(nil).u32(segment).time(a.time).u64(thing)
}

// settleAttempt enters a new attempt of an item at a segment. Most items have
// one, which needs no look at any other.
func (d *derivation) settleAttempt(thing uint64, segment uint32, f *mes.Work, at moment) error {
	have, err := get(d.tx.Bucket(bucketFirst), key(nil).u32(segment).u64(thing))
	if err != nil {
		return err
	}
	switch {
	case have != nil:
		return d.settleFirst(thing, segment)
	case f.Attempt > 1:
		return nil
	}
	return d.putFirst(thing, segment, firstAttempt{
		d.entry.position, at, d.equipment, f.Attempt, f.Disposition == mes.DispositionConformant,
	})
}

func (w *writer) putFirst(thing uint64, segment uint32, a firstAttempt) error {
	if err := put(w.tx.Bucket(bucketFirst), key(nil).u32(segment).u64(thing), a.encode()); err != nil {
		return err
	}
	return put(w.tx.Bucket(bucketAttempt), attemptKey(segment, a, thing), key(nil).u32(a.equipment).u8(b2u(a.passed)))
}

// settleFirst finds an item's first attempt at a segment anew.
func (w *writer) settleFirst(thing uint64, segment uint32) error {
	k := key(nil).u32(segment).u64(thing)
	have, err := get(w.tx.Bucket(bucketFirst), k)
	if err != nil {
		return err
	}
	if have != nil {
		old, err := decodeFirst(have)
		if err != nil {
			return err
		}
		if err := w.tx.Bucket(bucketAttempt).Delete(attemptKey(segment, old, thing)); err != nil {
			return err
		}
		if err := w.tx.Bucket(bucketFirst).Delete(k); err != nil {
			return err
		}
	}
	var attempts []genealogy.Attempt
	moments := make(map[mes.Position]moment)
	err = w.mentions(thing, roleSubject, func(m mention) (bool, error) {
		r := reader{b: m.rest}
		at, number := r.u32(), r.u32()
		if err := r.done("work on a thing"); err != nil || at != segment || !m.counts {
			return true, err
		}
		g, err := w.momentOf(m.moment)
		attempts = append(attempts, genealogy.Attempt{Moment: g, Number: number, Position: m.position})
		moments[m.position] = m.moment
		return true, err
	})
	if err != nil {
		return err
	}
	for {
		first, found := genealogy.First(attempts)
		if !found {
			return nil
		}
		e, err := w.read(first.Position, true)
		if err != nil {
			return err
		}
		f, ok := e.event.Fact.(*mes.Work)
		if !ok || !counted(e.event, f) {
			attempts = slices.DeleteFunc(attempts, func(a genealogy.Attempt) bool { return a.Position == first.Position })
			continue
		}
		equipment, err := w.intern(classEquipment, string(e.event.Equipment))
		if err != nil {
			return err
		}
		return w.putFirst(thing, segment, firstAttempt{
			first.Position, moments[first.Position], equipment, f.Attempt, f.Disposition == mes.DispositionConformant,
		})
	}
}

// settleParents finds anew whether an item is built into two parents, or a
// thing is in two carriers at once.
func (w *writer) settleParents(thing uint64) error {
	moves, err := w.moves(thing)
	if err != nil {
		return err
	}
	stays := genealogy.Stays(moves)
	for _, q := range []struct {
		kind FlagKind
		of   mes.RefKind
		says string
	}{{FlagTwoParents, mes.RefItem, "is built into %s and %s at once"}, {FlagTwoCarriers, mes.RefCarrier, "is in %s and %s at once"}} {
		var f *flag
		if a, b, found := genealogy.AtOnce(stays, q.of); found {
			f = &flag{fmt.Sprintf(q.says, a.Since.Parent, b.Since.Parent), []mes.Position{a.Since.Position, b.Since.Position}}
		}
		if q.kind == FlagTwoParents && f == nil {
			if f, err = w.consumedTwice(thing, stays); err != nil {
				return err
			}
		}
		if err := w.setFlag(thing, q.kind, f); err != nil {
			return err
		}
	}
	return nil
}

// consumedTwice reports an item that went into two different things, or into
// one while it is built into another.
func (w *writer) consumedTwice(thing uint64, stays []genealogy.Stay) (*flag, error) {
	type end struct {
		into     uint64
		position mes.Position
	}
	var ends []end
	err := w.mentions(thing, roleConsumed, func(m mention) (bool, error) {
		for r := (reader{b: m.rest}); m.counts && len(r.b) > 0 && !r.bad; {
			ends = append(ends, end{r.u64(), m.position})
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range stays {
		if s.Until == nil && s.Since.Parent.Kind == mes.RefItem {
			n, err := w.thingNumber(s.Since.Parent)
			if err != nil {
				return nil, err
			}
			ends = append(ends, end{n, s.Since.Position})
		}
	}
	names := make(map[uint64]string)
	var positions []mes.Position
	for _, e := range ends {
		t, err := w.thing(e.into)
		if err != nil {
			return nil, err
		}
		names[e.into] = t.thing.String()
		positions = append(positions, e.position)
	}
	if len(names) < 2 {
		return nil, nil
	}
	slices.Sort(positions)
	return &flag{"went into " + strings.Join(slices.Sorted(maps.Values(names)), " and into "), slices.Compact(positions)}, nil
}

// settleBirths finds anew whether an item came to be twice.
func (w *writer) settleBirths(thing uint64) error {
	var births []mes.Position
	err := w.mentions(thing, roleProduced, func(m mention) (bool, error) {
		if m.counts {
			births = append(births, m.position)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if len(births) < 2 {
		return w.setFlag(thing, FlagSecondBirth, nil)
	}
	return w.setFlag(thing, FlagSecondBirth, &flag{fmt.Sprintf("came to be %d times", len(births)), births})
}

// settleName finds anew whether several things claim a name.
func (w *writer) settleName(value mes.ID) error {
	claims, err := w.claims(value)
	if err != nil {
		return err
	}
	var things []uint64
	for _, c := range claims {
		if !slices.Contains(things, c.thing) {
			things = append(things, c.thing)
		}
	}
	for _, n := range things {
		if err := w.settleNamesOf(n); err != nil {
			return err
		}
	}
	return nil
}

// settleNamesOf flags a thing that has a name which another thing claims too.
func (w *writer) settleNamesOf(thing uint64) error {
	var details []string
	var positions []mes.Position
	err := w.mentions(thing, roleNamed, func(m mention) (bool, error) {
		e, err := w.read(m.position, true)
		if err != nil {
			return false, err
		}
		f, ok := e.event.Fact.(*mes.AliasBinding)
		if !ok || !m.counts {
			return true, nil
		}
		claims, err := w.claims(f.Value)
		if err != nil {
			return false, err
		}
		for _, c := range claims {
			if c.thing == thing || !c.counts {
				continue
			}
			other, err := w.thing(c.thing)
			if err != nil {
				return false, err
			}
			details = append(details, fmt.Sprintf("%s is claimed by %s too", f.Value, other.thing))
			positions = append(positions, m.position, c.position)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if len(details) == 0 {
		return w.setFlag(thing, FlagNameTaken, nil)
	}
	slices.Sort(details)
	details = slices.Compact(details)
	slices.Sort(positions)
	return w.setFlag(thing, FlagNameTaken, &flag{strings.Join(details, "; "), slices.Compact(positions)})
}

// reported enters what an event's equipment did last.
func (d *derivation) reported() error {
	if d.event.Equipment == "" {
		return nil
	}
	q, err := d.pendingEquipment(d.equipment)
	if err != nil {
		return err
	}
	q.events++
	if d.moment.time.After(q.last) {
		q.last = d.moment.time
	}
	d.pending.equipment[d.equipment] = q
	return nil
}

// pendingEquipment returns what is kept of a piece of equipment, this group
// included.
func (w *writer) pendingEquipment(number uint32) (equipmentEntry, error) {
	if q, known := w.pending.equipment[number]; known {
		return q, nil
	}
	return w.equipmentEntry(number)
}

// masterData enters a revision of a piece of equipment.
func (d *derivation) masterData(f *mes.MasterData) error {
	id, ok := equipmentOf(f)
	if !ok {
		return nil
	}
	n, err := d.intern(classEquipment, id)
	if err != nil {
		return err
	}
	k := key(nil).u32(n).u32(d.moment.source).u64(uint64(d.moment.epoch)).u64(uint64(d.moment.sequence))
	value := key(nil).time(d.moment.time).u8(b2u(!f.Deleted)).name(clip(displayName(f.Content)))
	if err := put(d.tx.Bucket(bucketEquipment), k, value); err != nil {
		return err
	}
	return d.settleEquipment(f)
}

// equipmentOf returns the equipment that a revision is of. One of another
// resource, or of a name that nothing could report by, is kept, and is of none.
func equipmentOf(f *mes.MasterData) (id string, ok bool) {
	escaped, ok := strings.CutPrefix(f.Resource, "equipment/")
	if !ok {
		return "", false
	}
	id, err := mes.Unescape(escaped)
	return id, err == nil && id != "" && len(id) <= mes.MaxIDBytes
}

// settleEquipment finds anew what the plant model says of a piece of equipment:
// what the last revision that holds does.
func (w *writer) settleEquipment(f *mes.MasterData) error {
	id, ok := equipmentOf(f)
	if !ok {
		return nil
	}
	n, err := w.number(classEquipment, id)
	if err != nil {
		return err
	}
	q, err := w.pendingEquipment(n)
	if err != nil {
		return err
	}
	revisions, err := w.revisions(n)
	if err != nil {
		return err
	}
	q.known, q.displayName = false, ""
	if ordered := genealogy.InOrder(revisions, func(r revision) genealogy.Moment { return r.Moment }); len(ordered) > 0 {
		last := ordered[len(ordered)-1]
		q.known, q.displayName = last.known, last.displayName
	}
	w.pending.equipment[n] = q
	return nil
}
