package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// Item is what is known of an item.
type Item struct {
	// ID is its name.
	ID mes.ID
	// Number orders items by when they were first named; a page goes on behind
	// it.
	Number uint64
	// Definition is what it is made to be.
	Definition string
	// ProcessSegment, Disposition and EventTime are of the last work on it.
	ProcessSegment string
	Disposition    mes.Disposition
	EventTime      time.Time
	// Aliases are its other names.
	Aliases []Alias
	// Stays are the parents that it is in now.
	Stays []genealogy.Stay
	// Flags are what contradicts itself.
	Flags []Flag
}

// Alias is another name of a thing.
type Alias struct {
	// Kind is what kind of name.
	Kind string
	// Value is the name.
	Value mes.ID
	// Position is the event that bound it.
	Position mes.Position
}

// Match is a thing that bears a name.
type Match struct {
	// Thing is which.
	Thing mes.Thing
	// AliasKind is what it bears it as; empty where it is its id.
	AliasKind string
	// Definition is what it is made to be.
	Definition string
}

// Search returns everything that bears a name, as its id or as an alias,
// compared to the byte.
func (v *View) Search(value mes.ID) ([]Match, error) {
	var matches []Match
	for kind := mes.RefItem; kind <= mes.RefShipment; kind++ {
		n, err := v.thingNumber(mes.Thing{Kind: kind, ID: value})
		if err != nil {
			return nil, err
		}
		if n != 0 {
			t, err := v.thing(n)
			if err != nil {
				return nil, err
			}
			matches = append(matches, Match{t.thing, "", t.definition})
		}
	}
	claims, err := v.claims(value)
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		t, err := v.thing(c.thing)
		if err != nil {
			return nil, err
		}
		m := Match{t.thing, c.kind, t.definition}
		if !slices.Contains(matches, m) {
			matches = append(matches, m)
		}
	}
	return matches, nil
}

// Resolve returns the one thing of a kind that bears a name, as its id or else
// as an alias. CodeNotFound where none does, CodeInvalid with all of them where
// several do: nothing is guessed.
func (v *View) Resolve(t mes.Thing) (mes.Thing, error) {
	n, err := v.thingNumber(t)
	if err != nil || n != 0 {
		return t, err
	}
	claims, err := v.claims(t.ID)
	if err != nil {
		return t, err
	}
	var things []string
	var found mes.Thing
	for _, c := range claims {
		named, err := v.thing(c.thing)
		if err != nil {
			return t, err
		}
		if named.thing.Kind == t.Kind && !slices.Contains(things, named.thing.String()) {
			things = append(things, named.thing.String())
			found = named.thing
		}
	}
	switch len(things) {
	case 0:
		return t, notFound(t)
	case 1:
		return found, nil
	}
	slices.Sort(things)
	return t, mes.Invalid("name", fmt.Sprintf("%s is claimed by %s; ask for one of them", t.ID, strings.Join(things, " and by ")))
}

// Item returns an item by its id. CodeNotFound where no event names it.
func (v *View) Item(id mes.ID) (Item, error) {
	t := mes.Thing{Kind: mes.RefItem, ID: id}
	n, err := v.thingNumber(t)
	if err != nil {
		return Item{}, err
	}
	if n == 0 {
		return Item{}, notFound(t)
	}
	return v.item(n)
}

func (v *View) item(number uint64) (Item, error) {
	t, err := v.thing(number)
	if err == nil {
		err = v.keepMentions(number)
	}
	if err != nil {
		return Item{}, err
	}
	item := Item{ID: t.thing.ID, Number: number, Definition: t.definition}
	type done struct {
		genealogy.Moment
		position mes.Position
	}
	var works []done
	err = v.mentions(number, roleSubject, func(m mention) (bool, error) {
		at, err := v.momentOf(m.moment)
		works = append(works, done{at, m.position})
		return true, err
	})
	if err != nil {
		return Item{}, err
	}
	if ordered := genealogy.InOrder(works, func(d done) genealogy.Moment { return d.Moment }); len(ordered) > 0 {
		e, err := v.read(ordered[len(ordered)-1].position, true)
		if err != nil {
			return Item{}, err
		}
		item.ProcessSegment, item.EventTime = e.event.ProcessSegment, e.event.EventTime
		if f, ok := e.event.Fact.(*mes.Work); ok {
			item.Disposition = f.Disposition
		}
	}
	err = v.mentions(number, roleNamed, func(m mention) (bool, error) {
		e, err := v.read(m.position, true)
		if err != nil {
			return false, err
		}
		if f, ok := e.event.Fact.(*mes.AliasBinding); ok {
			item.Aliases = append(item.Aliases, Alias{f.AliasKind, f.Value, m.position})
		}
		return true, nil
	})
	if err != nil {
		return Item{}, err
	}
	moves, err := v.moves(number, anyKind)
	if err != nil {
		return Item{}, err
	}
	item.Stays = slices.DeleteFunc(genealogy.Stays(moves), func(s genealogy.Stay) bool { return s.Until != nil })
	item.Flags, err = v.flagsOf(number)
	return item, err
}

// things yields the things of a kind behind a number, by number; of one
// definition where it is not empty.
func (v *View) things(kind mes.RefKind, definition string, after uint64) iter.Seq2[thingEntry, error] {
	return func(yield func(thingEntry, error) bool) {
		visit := func(number uint64) (bool, error) {
			t, err := v.thing(number)
			if err != nil || t.thing.Kind != kind {
				return err == nil, err
			}
			if named, err := v.named(number); err != nil || !named {
				return err == nil, err
			}
			return yield(t, nil), nil
		}
		var err error
		if definition != "" {
			prefix := key(nil).name(clip(definition))
			err = v.scan(tableDefinition, prefix, slices.Clip(prefix).number(after+1), func(k, _ []byte) (bool, error) {
				r := reader{b: k[len(prefix):]}
				return visit(r.number())
			})
		} else {
			err = v.scan(tableThing, key(nil).u8(byNumber), key(nil).u8(byNumber).number(after+1), func(k, _ []byte) (bool, error) {
				r := reader{b: k[1:]}
				return visit(r.number())
			})
		}
		if err != nil {
			yield(thingEntry{}, err)
		}
	}
}

// named reports whether an event of the view names a thing, withdrawn or not.
func (v *View) named(thing uint64) (named bool, err error) {
	if v.upTo == v.position {
		return true, nil
	}
	prefix := key(nil).number(thing)
	return named, v.scan(tableMention, prefix, nil, func(k, _ []byte) (bool, error) {
		r := reader{b: k[len(prefix)+1:]}
		named = mes.Position(r.number()) <= v.upTo
		return !named, r.done("a mention's key")
	})
}

// Items yields the items behind a number in the order in which they were first
// named; of one material definition where it is not empty.
func (v *View) Items(definition string, after uint64) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for t, err := range v.things(mes.RefItem, definition, after) {
			var item Item
			if err == nil {
				item, err = v.item(t.number)
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Definition returns what a thing is made to be; empty where no event says.
func (v *View) Definition(t mes.Thing) (string, error) {
	named, err := v.thingNamed(t)
	return named.definition, err
}

// Role is how an event concerns an item.
type Role uint8

// The roles.
const (
	RoleSubject   = Role(roleSubject)   // it was worked on
	RoleConsumed  = Role(roleConsumed)  // it went into something
	RoleProduced  = Role(roleProduced)  // it came to be
	RoleChild     = Role(roleChild)     // it went into a parent, or came out
	RoleParent    = Role(roleParent)    // something went into it, or came out
	RoleNamed     = Role(roleNamed)     // it was named
	RoleMentioned = Role(roleMentioned) // it was asked about or decided on
	RoleCarried   = Role(roleCarried)   // the carrier that it was in was worked on
)

// ItemEntry is one event and how it concerns an item.
type ItemEntry struct {
	// Event is the event.
	Event
	// Role is how it concerns the item.
	Role Role
	// Carrier is the carrier through which it does, for RoleCarried.
	Carrier mes.Thing
	// Slots says what was on the slots that it consumed from.
	Slots []ResolvedSlot
}

// ResolvedSlot is what was on a slot when something was taken from it: one lot
// where it is certain, several where it may be any of them, none where nothing
// was on.
type ResolvedSlot struct {
	// Slot is the place.
	Slot string
	// Lots are the candidates.
	Lots []mes.Thing
}

// MaxItemEntries is how many events an ItemRecord shows.
const MaxItemEntries = 10_000

// ItemRecord returns the events that concern an item, directly or by the
// carrier that it was in, in the order in which they happened: the first
// MaxItemEntries in the log. Withdrawn events are left out.
func (v *View) ItemRecord(id mes.ID) ([]ItemEntry, error) {
	number, err := v.thingNumber(mes.Thing{Kind: mes.RefItem, ID: id})
	if err != nil {
		return nil, err
	}
	var entries []ItemEntry
	seen := make(map[mes.Position]bool)
	add := func(position mes.Position, as role, carrier mes.Thing) error {
		if seen[position] || len(entries) >= MaxItemEntries {
			return nil
		}
		seen[position] = true
		event, err := v.Event(position)
		if err != nil {
			return err
		}
		slots, err := v.resolvedSlots(event)
		entries = append(entries, ItemEntry{event, Role(as), carrier, slots})
		return err
	}
	err = v.mentions(number, 0, func(m mention) (bool, error) { return true, add(m.position, m.role, mes.Thing{}) })
	if err != nil {
		return nil, err
	}
	moves, err := v.moves(number, anyKind)
	if err != nil {
		return nil, err
	}
	err = v.carried(moves, func(position mes.Position, carrier mes.Thing) error { return add(position, roleCarried, carrier) })
	if err != nil {
		return nil, err
	}
	return genealogy.InOrder(entries, func(e ItemEntry) genealogy.Moment {
		return genealogy.Moment{Identity: e.Identity, Time: e.Event.Event.EventTime}
	}), nil
}

// carried calls fn for the work on carriers while something was in them, by its
// moves.
func (v *View) carried(moves []genealogy.Move, fn func(position mes.Position, carrier mes.Thing) error) error {
	for _, s := range genealogy.Stays(moves) {
		if s.Since.Parent.Kind != mes.RefCarrier {
			continue
		}
		during, err := v.workDuring(s)
		if err != nil {
			return err
		}
		for _, position := range during {
			if err := fn(position, s.Since.Parent); err != nil {
				return err
			}
		}
	}
	return nil
}

// workDuring returns the work on a carrier while something was in it.
func (v *View) workDuring(s genealogy.Stay) ([]mes.Position, error) {
	carrier, err := v.thingNumber(s.Since.Parent)
	if err != nil {
		return nil, err
	}
	type happening struct {
		genealogy.Moment
		position mes.Position
	}
	happened := []happening{{s.Since.Moment, 0}}
	if s.Until != nil {
		happened = append(happened, happening{s.Until.Moment, 0})
	}
	err = v.mentions(carrier, roleSubject, func(m mention) (bool, error) {
		at, err := v.momentOf(m.moment)
		happened = append(happened, happening{at, m.position})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	var during []mes.Position
	within := false
	for _, h := range genealogy.InOrder(happened, func(h happening) genealogy.Moment { return h.Moment }) {
		switch {
		case h.position == 0:
			within = !within
		case within:
			during = append(during, h.position)
		}
	}
	return during, nil
}

func (v *View) resolvedSlots(e Event) ([]ResolvedSlot, error) {
	work, ok := e.Event.Fact.(*mes.Work)
	if !ok {
		return nil, nil
	}
	var slots []ResolvedSlot
	for _, a := range work.Consumed {
		if !a.Ref.IsZero() {
			continue
		}
		equipment, err := v.number(classEquipment, string(e.Event.Equipment))
		if err != nil {
			return nil, err
		}
		at, err := v.momentIn(&entry{position: e.Position, record: mes.Record{Identity: e.Identity}, event: e.Event})
		if err != nil {
			return nil, err
		}
		lots, err := v.onSlot(equipment, a.Slot, at)
		if err != nil {
			return nil, err
		}
		slots = append(slots, ResolvedSlot{a.Slot, lots})
	}
	return slots, nil
}
