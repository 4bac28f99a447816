package store

import (
	"iter"
	"slices"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
)

// Reached is a thing that a trace leads to.
type Reached struct {
	// Thing is which.
	Thing mes.Thing
	// Definition is what it is made to be.
	Definition string
	// Certainty is Certain where some edge to it is, Possible otherwise.
	Certainty genealogy.Certainty
	// Removed says that every edge to it is removed.
	Removed bool
}

// Reach yields the things that the edges of a Trace lead to, each once: first
// those that are concerned for certain and were never taken out again, then the
// rest, and nearest first in both. CodeNotFound where no event names the thing.
//
// It reads no event where the index says what went into what, and goes through
// the index in the order of its keys, a step at a time. It remembers some bits a
// thing, and each stretch of a coil.
func (v *View) Reach(start mes.Thing, way genealogy.Direction, maxDepth int) iter.Seq2[Reached, error] {
	return func(yield func(Reached, error) bool) {
		number, err := v.thingNumber(start)
		if err == nil && number == 0 {
			err = notFound(start)
		}
		if err == nil {
			r := reach{view: v, start: number, way: way, maxDepth: maxDepth}
			err = r.all(func(found Reached) bool { return yield(found, nil) })
		}
		if err != nil {
			yield(Reached{}, err)
		}
	}
}

// reach is a walk that asks for things alone.
type reach struct {
	view     *View
	start    uint64
	way      genealogy.Direction
	maxDepth int
}

// hop is what a reach needs of an edge.
type hop struct {
	thing            uint64 // what it leads to
	next             genealogy.Node
	plain            bool // whether next is all of the thing; then it is not set
	certain, removed bool
}

// all yields everything that is reached. That one walk along what is certain and
// was not removed is enough is the rule. Where it is not, two more say of each
// thing whether it is certain, and whether it was removed, and the last one goes
// everywhere.
func (r *reach) all(yield func(Reached) bool) error {
	told, more, whole := new(numberSet), true, true
	err := r.walk(told, func(h *hop) bool {
		follow := h.certain && !h.removed
		whole = whole && follow
		return follow
	}, func(found *numberSet) (bool, error) {
		var err error
		more, err = r.tell(found, func(uint64) bool { return true }, func(uint64) (genealogy.Certainty, bool) { return genealogy.Certain, false }, yield)
		return more, err
	})
	if err != nil || whole || !more {
		return err
	}
	onward := func(*numberSet) (bool, error) { return true, nil }
	certain, present := new(numberSet), new(numberSet)
	if err := r.walk(certain, func(h *hop) bool { return h.certain }, onward); err != nil {
		return err
	}
	if err := r.walk(present, func(h *hop) bool { return !h.removed }, onward); err != nil {
		return err
	}
	return r.walk(new(numberSet), func(*hop) bool { return true }, func(found *numberSet) (bool, error) {
		return r.tell(found, func(number uint64) bool { return !told.has(number) }, func(number uint64) (genealogy.Certainty, bool) {
			if certain.has(number) {
				return genealogy.Certain, !present.has(number)
			}
			return genealogy.Possible, !present.has(number)
		}, yield)
	})
}

// front is where a walk stands: whole things, and stretches of coils.
type front struct {
	plain numberSet
	parts []genealogy.Node
}

// walk follows hops from the start on, notes what they reach, and calls found
// with what each step reached that none before it did, until that returns false.
func (r *reach) walk(reached *numberSet, follow func(*hop) bool, found func(*numberSet) (bool, error)) error {
	var plain numberSet
	parts := make(map[genealogy.Node]bool)
	plain.add(r.start)
	at := new(front)
	at.plain.add(r.start)
	for depth := 1; r.maxDepth == 0 || depth <= r.maxDepth; depth++ {
		if at.plain.empty() && len(at.parts) == 0 {
			return nil
		}
		below, fresh := new(front), new(numberSet)
		err := r.hops(at, func(h *hop) {
			if !follow(h) {
				return
			}
			if reached.add(h.thing) {
				fresh.add(h.thing)
			}
			switch {
			case h.plain:
				if plain.add(h.thing) {
					below.plain.add(h.thing)
				}
			case !parts[h.next]:
				parts[h.next] = true
				below.parts = append(below.parts, h.next)
			}
		})
		if err != nil {
			return err
		}
		if more, err := found(fresh); err != nil || !more {
			return err
		}
		at = below
	}
	return nil
}

// hops calls fn for each hop from where a walk stands.
func (r *reach) hops(at *front, fn func(*hop)) error {
	looked := &at.plain // where an event has to say it
	if r.way == genealogy.Forward {
		var err error
		if looked, err = r.view.onward(&at.plain, fn); err != nil {
			return err
		}
	}
	for number := range looked.all() {
		t, err := r.view.thing(number)
		if err != nil {
			return err
		}
		if err := r.edges(genealogy.Node{Thing: t.thing}, fn); err != nil {
			return err
		}
	}
	for _, n := range at.parts {
		if err := r.edges(n, fn); err != nil {
			return err
		}
	}
	return nil
}

// edges calls fn for the hop of each edge from a node.
func (r *reach) edges(n genealogy.Node, fn func(*hop)) error {
	if err := r.view.ctx.Err(); err != nil {
		return err
	}
	next := r.view.inputs
	if r.way == genealogy.Forward {
		next = r.view.outputs
	}
	edges, err := next(n)
	if err != nil {
		return err
	}
	for _, e := range edges {
		if e.Next.Thing == (mes.Thing{}) {
			continue // nobody knows what was used
		}
		number, err := r.view.thingNumber(e.Next.Thing)
		if err != nil {
			return err
		}
		h := hop{thing: number, next: e.Next, certain: e.Certainty == genealogy.Certain, removed: e.Removed}
		h.next.Of = 0 // of what may be there instead, nothing is told
		h.plain = h.next == genealogy.Node{Thing: e.Next.Thing}
		fn(&h)
	}
	return nil
}

// tell yields those of some things that are wanted, with what state says of
// them, until yield returns false.
func (r *reach) tell(things *numberSet, wanted func(uint64) bool, state func(uint64) (c genealogy.Certainty, removed bool), yield func(Reached) bool) (more bool, err error) {
	// Nobody may wait for who reads while the index is read.
	var names nameReader
	for run := range things.runs() {
		if err := r.view.ctx.Err(); err != nil {
			return false, err
		}
		if err := names.read(&r.view.index, run); err != nil {
			return false, err
		}
		for i, number := range run {
			if !wanted(number) {
				continue
			}
			certainty, removed := state(number)
			if !yield(Reached{names.things[i], names.definitions[i], certainty, removed}) {
				return false, nil
			}
		}
	}
	return true, nil
}

// nameReader reads the names of many things.
type nameReader struct {
	things      []mes.Thing
	definitions []string
	// ids are all ids one behind the other, ends where each ends: one text for
	// all of them.
	ids  []byte
	ends []int
}

// read reads the names of things by their numbers, which ascend.
func (l *nameReader) read(x *index, numbers []uint64) error {
	l.things, l.definitions, l.ids, l.ends = l.things[:0], l.definitions[:0], l.ids[:0], l.ends[:0]
	definition := ""
	err := x.join(tableThing, key(nil).u8(byNumber), numbers, func(_ uint64, _, value []byte) error {
		kind, id, of, err := thingFields(value)
		if string(of) != definition { // those that come together are mostly alike
			definition = string(of)
		}
		l.things, l.definitions = append(l.things, mes.Thing{Kind: kind}), append(l.definitions, definition)
		l.ids = append(l.ids, id...)
		l.ends = append(l.ends, len(l.ids))
		return err
	})
	if err == nil && len(l.things) < len(numbers) {
		err = mes.Errorf(mes.CodeDamaged, "a thing numbered %d or higher has no name; run takt check", numbers[0])
	}
	text, from := mes.ID(l.ids), 0
	for i, end := range l.ends {
		l.things[i].ID, from = text[from:end], end
	}
	return err
}

// seeEvent stands in the table onward in the place of what an event made of a
// thing, where that is more than the table can say.
const seeEvent = 0

// onwardKey begins the key of what the event made of a thing.
func (d *derivation) onwardKey(thing uint64) key {
	return key(nil).number(thing).number(uint64(d.entry.position))
}

// onward enters what work made of a thing that it consumed. Where that is a
// stretch of a coil, it takes the event to say which.
func (d *derivation) onward(thing uint64, f *mes.Work, made []uint64) {
	stretched := slices.ContainsFunc(f.Produced, func(p mes.Actual) bool { return p.Ref.Kind == mes.RefLot && p.Interval != nil })
	if stretched {
		made = []uint64{seeEvent}
	}
	k := d.onwardKey(thing)
	for _, m := range made {
		d.put(tableOnward, k.fork().number(m), nil)
	}
}

// onward calls fn for what whole things went into, and returns those of which an
// event has to say it, or more of it.
func (v *View) onward(things *numberSet, fn func(*hop)) (looked *numberSet, err error) {
	corrected, err := v.anyWithdrawn()
	if err != nil {
		return nil, err
	}
	looked = new(numberSet)
	h := hop{plain: true, certain: true}
	each := func(thing uint64, rest, _ []byte) error {
		r := reader{b: rest}
		position := mes.Position(r.number())
		h.thing = r.number()
		if err := r.done("what was made of a thing"); err != nil || position > v.upTo {
			return err
		}
		if h.thing == seeEvent {
			looked.add(thing)
			return nil
		}
		if corrected {
			if holds, err := v.mentionHolds(thing, roleConsumed, position); err != nil || !holds {
				return err
			}
		}
		fn(&h)
		return nil
	}
	for run := range things.runs() {
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		if err := v.join(tableOnward, nil, run, each); err != nil {
			return nil, err
		}
	}
	return looked, nil
}

// mentionHolds reports whether a mention is of an event that was not withdrawn.
func (x index) mentionHolds(thing uint64, as role, position mes.Position) (bool, error) {
	k := key(nil).number(thing).u8(uint8(as)).number(uint64(position))
	value, err := x.get(tableMention, k)
	if err == nil && value == nil {
		err = mes.Errorf(mes.CodeDamaged, "the thing numbered %d lacks a mention at position %d; run takt check", thing, position)
	}
	if err != nil {
		return false, err
	}
	m, err := decodeMention(k, value)
	if err != nil {
		return false, err
	}
	return x.holds(m.moment)
}

// join calls fn for each entry of a table whose key begins with a prefix and one
// of some numbers, which ascend, with what stands behind them in the key. It
// goes on to the next number entry by entry where that is near, and seeks it
// where it is not: numbers that stand in no key cost next to nothing.
func (x index) join(t table.ID, prefix key, numbers []uint64, fn func(number uint64, rest, value []byte) error) error {
	const near = 16
	for again := true; again && len(numbers) > 0; {
		passed := 0
		again = false
		err := x.scan(t, prefix, prefix.fork().number(numbers[0]), func(k, value []byte) (bool, error) {
			r := reader{b: k[len(prefix):]}
			n := r.number()
			if r.bad {
				return false, r.done("a number in a key")
			}
			for len(numbers) > 0 && numbers[0] < n {
				numbers = numbers[1:]
			}
			switch {
			case len(numbers) == 0:
				return false, nil
			case numbers[0] > n:
				passed++
				again = passed > near
				return !again, nil
			}
			passed = 0
			return true, fn(n, r.b, value)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
