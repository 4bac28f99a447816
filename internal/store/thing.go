package store

import "github.com/takt-mes/takt/internal/mes"

// thingEntry is what is known of a thing by its name alone.
type thingEntry struct {
	number     uint64
	thing      mes.Thing
	definition string
}

// knownThing is what the writer knows of a thing.
type knownThing struct {
	number     uint64
	definition string
	// worked has a bit for each process segment that the thing was worked on at,
	// by segmentBit. One that is not set says that it was not.
	worked uint64
}

func segmentBit(segment uint32) uint64 { return 1 << (segment % 64) }

// knownThings are the things that were lately asked for: those since so many
// others were, and those of the time before.
type knownThings struct{ young, old map[mes.Thing]*knownThing }

// maxThings is how many things the young may be.
const maxThings = 1 << 16

func (k *knownThings) get(t mes.Thing) *knownThing {
	if known := k.young[t]; known != nil {
		return known
	}
	known := k.old[t]
	if known != nil {
		k.put(t, known)
	}
	return known
}

func (k *knownThings) put(t mes.Thing, known *knownThing) {
	if k.young == nil || len(k.young) >= maxThings {
		k.young, k.old = make(map[mes.Thing]*knownThing), k.young
	}
	k.young[t] = known
}

func thingKey(t mes.Thing) key { return key(nil).u8(byName).u8(uint8(t.Kind)).name(string(t.ID)) }

// decodeNamed reads what a thing's name leads to.
func decodeNamed(value []byte) (number uint64, definition string, err error) {
	r := reader{b: value}
	definition, number = r.name(), r.number()
	return number, definition, r.done("a thing's number")
}

// thingNumber returns the number of a thing, 0 where no event names it.
func (x index) thingNumber(t mes.Thing) (uint64, error) {
	named, err := x.thingNamed(t)
	return named.number, err
}

// thingNamed returns what is known of a thing by its name; its number is 0 where no
// event names it. A question asks about the same things again and again.
func (x index) thingNamed(t mes.Thing) (thingEntry, error) {
	if named, known := x.asked[t]; known {
		return named, nil
	}
	value, err := x.get(tableThing, thingKey(t))
	if value == nil || err != nil {
		return thingEntry{}, err
	}
	named := thingEntry{thing: t}
	if named.number, named.definition, err = decodeNamed(value); err != nil {
		return thingEntry{}, err
	}
	const most = 1 << 12
	if len(x.asked) > most {
		clear(x.asked)
	}
	x.asked[t] = named
	return named, nil
}

func (x index) thing(number uint64) (thingEntry, error) {
	value, err := x.get(tableThing, key(nil).u8(byNumber).number(number))
	if err == nil && value == nil {
		err = mes.Errorf(mes.CodeDamaged, "the thing numbered %d has no name; run takt check", number)
	}
	if err != nil {
		return thingEntry{}, err
	}
	return decodeThing(number, value)
}

func decodeThing(number uint64, value []byte) (thingEntry, error) {
	kind, id, definition, err := thingFields(value)
	return thingEntry{number, mes.Thing{Kind: kind, ID: mes.ID(id)}, string(definition)}, err
}

// thingFields reads what is known of a thing, in slices of it.
func thingFields(value []byte) (kind mes.RefKind, id, definition []byte, err error) {
	r := reader{b: value}
	definition, kind, id = r.nameBytes(), mes.RefKind(r.u8()), r.nameBytes()
	return kind, id, definition, r.done("a thing")
}

// thingNumber returns the number of a thing, 0 where no event names it.
func (w *writer) thingNumber(t mes.Thing) (uint64, error) {
	known, err := w.findThing(t)
	if known == nil {
		return 0, err
	}
	return known.number, nil
}

// findThing returns what is known of a thing, nil where no event names it.
func (w *writer) findThing(t mes.Thing) (*knownThing, error) {
	if known := w.things.get(t); known != nil {
		return known, nil
	}
	value, err := w.get(tableThing, thingKey(t))
	if value == nil || err != nil {
		return nil, err
	}
	known := new(knownThing)
	if known.number, known.definition, err = decodeNamed(value); err != nil {
		return nil, err
	}
	if t.Kind == mes.RefItem {
		err := w.work(known.number, func(_ mention, did worked) error {
			known.worked |= segmentBit(did.segment)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	w.things.put(t, known)
	return known, nil
}

// internThing returns the number of the thing that a Ref names, as enterThing.
func (w *writer) internThing(ref mes.Ref) (uint64, error) {
	t, err := w.enterThing(ref)
	if err != nil {
		return 0, err
	}
	return t.number, nil
}

// enterThing returns what is known of the thing that a Ref names, which gets a
// number where it has none, and keeps what it is made to be: of several
// definitions the first in the alphabet, so that the order of arrival does not
// matter.
func (w *writer) enterThing(ref mes.Ref) (*knownThing, error) {
	t, err := w.findThing(ref.Thing)
	if err != nil {
		return nil, err
	}
	write := t == nil
	if t == nil {
		n, err := w.nextThing()
		if err != nil {
			return nil, err
		}
		t = &knownThing{number: n}
		w.things.put(ref.Thing, t)
	}
	d := clip(ref.MaterialDefinition)
	if d != "" && d != t.definition {
		w.put(tableDefinition, key(nil).name(d).number(t.number), nil)
		if t.definition == "" || d < t.definition {
			t.definition, write = d, true
		}
	}
	if write {
		definition := key(nil).name(t.definition)
		w.put(tableThing, thingKey(ref.Thing), definition.fork().number(t.number))
		w.put(tableThing, key(nil).u8(byNumber).number(t.number), definition.fork().u8(uint8(ref.Kind)).name(string(ref.ID)))
	}
	return t, nil
}

// nextThing returns the number of the next thing.
func (w *writer) nextThing() (uint64, error) {
	if w.lastThing == 0 {
		last, _, err := w.tables.Before(tableThing, key(nil).u8(byNumber), key(nil).u8(byNumber+1))
		if err != nil {
			return 0, err
		}
		if last != nil {
			r := reader{b: last[1:]}
			w.lastThing = r.number()
		}
	}
	w.lastThing++
	return w.lastThing, nil
}
