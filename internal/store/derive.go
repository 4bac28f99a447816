package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// derive enters one entry of the log into every index, but for its identity.
// What it leaves behind
// depends on the set of events, but for the numbers that names are given.
func (w *writer) derive(e *entry) error {
	if e.reason != 0 {
		return nil
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
	return w.settleAgain(e)
}

// deriveIdentity enters the source, its numbers, and the identity, or what is in
// quarantine.
func (w *writer) deriveIdentity(e *entry) error {
	if e.reason == reasonTombstone {
		return w.deriveTombstone(e)
	}
	id, event := e.record.Identity, e.reason.was() == 0
	source, err := w.intern(classSource, ledgerSource(id.Source))
	if err != nil {
		return err
	}
	count := ledgerCount{stored: 1}
	if !event {
		count = ledgerCount{quarantined: 1}
	}
	if err := w.count(source, w.group.time, count); err != nil {
		return err
	}
	if !event && !e.reason.expired() {
		w.put(tableQuarantine, key(nil).u8(0).number(uint64(e.position)), key(nil).number32(source))
		w.put(tableQuarantine, quarantineKey(&e.record), key(nil).number(uint64(e.position)))
	}
	if id.Validate() != nil {
		return nil //nolint:nilerr // in quarantine: no identity that numbers could be kept of
	}
	if !event {
		return w.enterIdentity(source, id, 0)
	}
	return w.enterIdentity(source, id, e.position)
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
		w.put(tableTransport, k, key(nil).number(uint64(d.offset)))
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
		last, _, err := w.tables.Before(tableName, key(nil).u8(byNumber).u8(uint8(class)), key(nil).u8(byNumber).u8(uint8(class)+1))
		if err != nil {
			return 0, err
		}
		n = 1
		if last != nil {
			r := reader{b: last[2:]}
			n = r.number32() + 1
		}
		w.put(tableName, key(nil).u8(byName).u8(uint8(class)).name(name), key(nil).number32(n))
		w.put(tableName, key(nil).u8(byNumber).u8(uint8(class)).number32(n), []byte(name))
	}
	w.names[nameKey{class, name}] = n
	return n, nil
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
	k := make(key, 0, 24).number(thing).u8(uint8(as)).number(uint64(d.entry.position))
	d.put(tableMention, k, encodeMention(d.moment, d.counts(), rest))
	return nil
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
		t, err := d.enterThing(ref)
		if err != nil {
			return err
		}
		did := worked{segment, f.Attempt, len(f.Consumed) > 0 && len(f.Produced) == 0}
		if err := d.mention(t.number, roleSubject, did.encode()); err != nil {
			return err
		}
		if ref.Kind == mes.RefItem && counted(d.event, f) {
			if err := d.settleAttempt(t, segment, f); err != nil {
				return err
			}
		}
		if len(f.Produced) == 0 {
			made = append(made, t.number)
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
			k = k.number32(d.moment.source).number(uint64(d.moment.epoch)).number(uint64(d.moment.sequence))
			d.put(tableSlot, k, key(nil).time(d.moment.time).number(uint64(d.entry.position)))
			continue
		}
		n, err := d.internThing(a.Ref)
		if err != nil {
			return err
		}
		var into key
		if a.Ref.Kind == mes.RefItem {
			for _, m := range made {
				into = into.number(m)
			}
		}
		if err := d.mention(n, roleConsumed, into); err != nil {
			return err
		}
		d.onward(n, f, made)
		if a.Ref.Kind == mes.RefItem {
			if err := d.settleParents(n, mes.RefItem); err != nil {
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
		rest := key(nil).number32(d.equipment).name(f.Slot).u8(uint8(f.Action))
		if err := d.mention(material, roleSlot, rest); err != nil {
			return err
		}
		if f.Action == mes.SlotLoad {
			d.put(tableOnward, d.onwardKey(material).number(seeEvent), nil)
		}
	}
	k := slotKey(d.equipment, f.Slot).u8(slotChange)
	k = k.number32(d.moment.source).number(uint64(d.moment.epoch)).number(uint64(d.moment.sequence))
	value := key(nil).u8(uint8(f.Action)).number(material).time(d.moment.time).number(uint64(d.entry.position))
	d.put(tableSlot, k, value)
	return nil
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
	switch {
	case emptied:
		d.contain(parent, partEmptied)
	case f.Action == mes.PlacementAdd:
		d.contain(parent, partFilled)
	}
	for _, child := range f.Children {
		n, err := d.internThing(child.Ref)
		if err != nil {
			return err
		}
		rest := key(nil).u8(uint8(f.Action)).u8(uint8(f.Parent.Kind)).number(parent).name(clip(child.Place))
		if err := d.mention(n, roleChild, rest); err != nil {
			return err
		}
		if f.Action == mes.PlacementAdd && f.Parent.Kind == mes.RefItem {
			d.put(tableOnward, d.onwardKey(n).number(seeEvent), nil)
		}
		if err := d.settleParents(n, f.Parent.Kind); err != nil {
			return err
		}
	}
	if !emptied {
		return nil
	}
	return d.settleChildren(parent, f.Parent.Kind, d.moment)
}

// settleChildren finds anew what settleParents does for those that a parent's
// being emptied at a moment may have ended the stay of.
func (w *writer) settleChildren(parent uint64, kind mes.RefKind, at moment) error {
	filled, err := w.filledBefore(parent, at)
	if err != nil {
		return err
	}
	var children []uint64
	for _, position := range filled {
		e, err := w.read(position, true)
		if err != nil {
			return err
		}
		p, ok := e.event.Fact.(*mes.Placement)
		if !ok {
			continue
		}
		for _, child := range p.Children {
			n, err := w.thingNumber(child.Ref.Thing)
			if err != nil {
				return err
			}
			children = append(children, n)
		}
	}
	slices.Sort(children)
	for _, n := range slices.Compact(children) {
		if err := w.settleParents(n, kind); err != nil {
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
	k := key(nil).name(string(f.Value)).number(n).number(uint64(d.entry.position))
	value := key(nil).u8(b2u(d.counts())).moment(d.moment).name(clip(f.AliasKind))
	d.put(tableAlias, k, value)
	return d.settleName(f.Value)
}

func (d *derivation) correction(f *mes.Correction) error {
	k := withdrawnKey(f.Withdraws)
	have, err := d.get(tableWithdrawn, k)
	if err != nil {
		return err
	}
	if have == nil {
		d.put(tableWithdrawn, k, key(nil).number(uint64(d.entry.position)))
		*d.corrected = corrected{true, true}
		clear(d.emptied)
	}
	// What stands behind it in the same group is known, and not yet derived: it
	// finds that it was withdrawn itself.
	target, err := d.positionOf(f.Withdraws)
	if err != nil || target == 0 || target > d.entry.position {
		return err
	}
	e, err := d.read(target, true)
	if err != nil || e.reason.expired() {
		return err
	}
	return d.settleAgain(&e)
}

// settleAgain derives anew what an event contributed to, after it was
// withdrawn.
func (w *writer) settleAgain(e *entry) error {
	event := e.event
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
				if err := w.settleParents(n, mes.RefItem); err != nil {
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
			if err := w.settleParents(n, f.Parent.Kind); err != nil {
				return err
			}
		}
		if f.Action == mes.PlacementDelete && len(f.Children) == 0 {
			n, err := w.thingNumber(f.Parent.Thing)
			if err != nil {
				return err
			}
			at, err := w.momentIn(e)
			if err != nil {
				return err
			}
			return w.settleChildren(n, f.Parent.Kind, at)
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

func attemptKey(segment uint32, at time.Time, thing uint64) key {
	return key(nil).number32(segment).time(at).number(thing)
}

// attemptResult is where a first attempt was, and whether it was conformant.
type attemptResult struct {
	equipment uint32
	passed    bool
}

func (a attemptResult) encode() []byte {
	return make(key, 0, 8).u8(b2u(a.passed)).number32(a.equipment)
}

func decodeAttempt(value []byte) (attemptResult, error) {
	r := reader{b: value}
	a := attemptResult{passed: r.u8() != 0, equipment: r.number32()}
	return a, r.done("an attempt")
}

// settleAttempt enters a new attempt of an item at a segment. Most items have
// one, which needs no look at any other.
func (d *derivation) settleAttempt(thing *knownThing, segment uint32, f *mes.Work) error {
	bit := segmentBit(segment)
	if thing.worked&bit != 0 {
		return d.settleFirst(thing.number, segment)
	}
	thing.worked |= bit
	if f.Attempt > 1 {
		return nil
	}
	return d.putFirst(thing.number, segment, d.moment.time, d.equipment, f)
}

func (w *writer) putFirst(thing uint64, segment uint32, at time.Time, equipment uint32, f *mes.Work) error {
	r := attemptResult{equipment, f.Disposition == mes.DispositionConformant}
	w.put(tableAttempt, attemptKey(segment, at, thing), r.encode())
	return w.countTested(segment, at, r, 1)
}

// deleteFirst takes back what putFirst did with an item's attempt at a time, where
// that was the first.
func (w *writer) deleteFirst(thing uint64, segment uint32, at time.Time) error {
	k := attemptKey(segment, at, thing)
	value, err := w.get(tableAttempt, k)
	if value == nil || err != nil {
		return err
	}
	r, err := decodeAttempt(value)
	if err != nil {
		return err
	}
	w.delete(tableAttempt, k)
	return w.countTested(segment, at, r, -1)
}

// work calls fn for each mention of a thing as the subject of work, withdrawn or
// not.
func (x index) work(thing uint64, fn func(m mention, did worked) error) error {
	return x.scan(tableMention, key(nil).number(thing).u8(uint8(roleSubject)), nil, func(k, value []byte) (bool, error) {
		m, err := decodeMention(k, value)
		if err != nil {
			return false, err
		}
		did, err := decodeWorked(m.rest)
		if err != nil {
			return false, err
		}
		return true, fn(m, did)
	})
}

// settleFirst finds an item's first attempt at a segment anew.
func (w *writer) settleFirst(thing uint64, segment uint32) error {
	var attempts []genealogy.Attempt
	err := w.work(thing, func(m mention, did worked) error {
		if did.segment != segment || !m.counts {
			return nil
		}
		if err := w.deleteFirst(thing, segment, m.time); err != nil {
			return err
		}
		if holds, err := w.holds(m.moment); err != nil || !holds {
			return err
		}
		g, err := w.momentOf(m.moment)
		attempts = append(attempts, genealogy.Attempt{Moment: g, Number: did.attempt, Position: m.position})
		return err
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
		return w.putFirst(thing, segment, first.Time, equipment, f)
	}
}

// settleParents finds anew whether a thing is in two parents of a kind at once:
// an item is built into two, or something is in two carriers.
func (w *writer) settleParents(thing uint64, of mes.RefKind) error {
	kind, says := FlagTwoParents, "is built into %s and %s at once"
	switch of {
	case mes.RefItem:
	case mes.RefCarrier:
		kind, says = FlagTwoCarriers, "is in %s and %s at once"
	default:
		return nil
	}
	moves, err := w.moves(thing, of)
	if err != nil {
		return err
	}
	stays := genealogy.Stays(moves)
	var f *flag
	if a, b, found := genealogy.AtOnce(stays, of); found {
		f = &flag{fmt.Sprintf(says, a.Since.Parent, b.Since.Parent), []mes.Position{a.Since.Position, b.Since.Position}}
	}
	if f == nil && of == mes.RefItem {
		if f, err = w.consumedTwice(thing, stays); err != nil {
			return err
		}
	}
	return w.setFlag(thing, kind, f)
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
			ends = append(ends, end{r.number(), m.position})
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
	k := key(nil).number32(n).number32(d.moment.source).number(uint64(d.moment.epoch)).number(uint64(d.moment.sequence))
	value := key(nil).time(d.moment.time).u8(b2u(!f.Deleted)).name(clip(displayName(f.Content)))
	d.put(tableEquipment, k, value)
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
