package store

import (
	"iter"
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// Trace yields every edge that leads from a thing to what it was made of, or to
// what was made of it: nearest first, each once, to maxDepth steps (0 for all).
// CodeNotFound where no event names the thing. Where the way leads through things of
// which retention has removed events, an error says so at its end: what it yielded is
// right, and not all.
func (v *View) Trace(start mes.Thing, way genealogy.Direction, maxDepth int) iter.Seq2[genealogy.Edge, error] {
	return func(yield func(genealogy.Edge, error) bool) {
		if n, err := v.thingNumber(start); err != nil || n == 0 {
			if err == nil {
				err = notFound(start)
			}
			yield(genealogy.Edge{}, err)
			return
		}
		gone, err := v.expiry()
		if err != nil {
			yield(genealogy.Edge{}, err)
			return
		}
		var partly []mes.Thing
		more := true
		next := v.inputs
		if way == genealogy.Forward {
			next = v.outputs
		}
		genealogy.Walk(genealogy.Node{Thing: start}, maxDepth, func(n genealogy.Node) ([]genealogy.Edge, error) {
			if err := v.ctx.Err(); err != nil {
				return nil, err
			}
			if gone.upTo > 0 {
				number, err := v.thingNumber(n.Thing)
				if err != nil {
					return nil, err
				}
				if is, err := v.partly(number, gone); err != nil {
					return nil, err
				} else if is {
					partly = append(partly, n.Thing)
				}
			}
			return next(n)
		})(func(e genealogy.Edge, err error) bool {
			more = yield(e, err) && err == nil
			return more
		})
		if more && len(partly) > 0 {
			yield(genealogy.Edge{}, mes.Errorf(mes.CodeNotFound,
				"the trace is not all: it leads through %d things of which retention removed events that were recorded before %s, %s the first of them",
				len(partly), gone.before.Format(time.RFC3339), partly[0]))
		}
	}
}

func notFound(t mes.Thing) error {
	return mes.Errorf(mes.CodeNotFound, "nothing names %s; ids are compared to the byte", t).With("resource", t.String())
}

// making is one event that made a thing, or a stretch of it.
type making struct {
	entry
	moment  moment
	work    *mes.Work
	stretch *mes.Interval // which stretch of the thing it made, nil for all
	// candidates are what each of those that it consumed may have been, once that
	// was looked up.
	candidates [][]mes.Thing
}

// inputs returns what went into a node.
func (v *View) inputs(n genealogy.Node) ([]genealogy.Edge, error) {
	number, err := v.thingNumber(n.Thing)
	if err != nil {
		return nil, err
	}
	makings, err := v.makings(number, n.Thing)
	if err != nil {
		return nil, err
	}
	makings = within(makings, n)
	of := stretches(makings)
	var edges []genealogy.Edge
	var doubtful []bool           // whether it is an edge of a making that may be another's stretch
	in := make(map[mes.Thing]int) // in how many makings an input is for certain
	for _, m := range makings {
		from, err := v.consumedBy(n, m)
		if err != nil {
			return nil, err
		}
		sure := m.stretch == nil || of == 1 || !n.Part && (!n.HasInterval || surely(n.Interval, *m.stretch))
		for input := range certainInputs(from) {
			in[input]++
		}
		for range from {
			doubtful = append(doubtful, !sure)
		}
		edges = append(edges, from...)
	}
	for i, e := range edges {
		if doubtful[i] && e.Certainty == genealogy.Certain && in[e.Input] < len(makings) {
			edges[i].Certainty, edges[i].Alternatives = genealogy.Possible, of
		}
	}
	children, err := v.children(number, n.Thing)
	return append(edges, children...), err
}

// within returns those makings that may have made what a node means.
func within(makings []*making, n genealogy.Node) []*making {
	if !n.HasInterval {
		return makings
	}
	var overlapping []*making
	for _, m := range makings {
		if m.stretch == nil || m.stretch.Overlaps(n.Interval) {
			overlapping = append(overlapping, m)
		}
	}
	return overlapping
}

// stretches counts the makings of a stretch.
func stretches(makings []*making) (n int) {
	for _, m := range makings {
		if m.stretch != nil {
			n++
		}
	}
	return n
}

// certainInputs returns what edges name for certain.
func certainInputs(edges []genealogy.Edge) map[mes.Thing]bool {
	inputs := make(map[mes.Thing]bool)
	for _, e := range edges {
		if e.Certainty == genealogy.Certain {
			inputs[e.Input] = true
		}
	}
	return inputs
}

// surely reports whether a stretch overlaps another however their ends are off.
func surely(i, other mes.Interval) bool {
	d := i.Delta + other.Delta
	return i.Overlaps(other) && i.From+d < other.To && other.From+d < i.To
}

// makings returns the work that made a thing: that produced it, or that put
// something into it. What only scanned a stretch that other work made of something
// is none. They are asked for again for each stretch of a coil that is on the
// way, and so kept.
func (v *View) makings(number uint64, t mes.Thing) ([]*making, error) {
	if have, known := v.made[number]; known {
		return have, nil
	}
	var makings []*making
	for _, as := range []role{roleProduced, roleSubject} {
		err := v.mentions(number, as, func(m mention) (bool, error) {
			if as == roleSubject {
				if did, err := decodeWorked(m.rest); err != nil || !did.put {
					return true, err
				}
			}
			e, err := v.read(m.position, true)
			if err != nil {
				return false, err
			}
			work, ok := e.event.Fact.(*mes.Work)
			if !ok {
				return true, nil
			}
			made := &making{entry: e, moment: m.moment, work: work}
			for _, a := range work.Produced {
				if a.Ref.Thing == t && a.Interval != nil {
					made.stretch = a.Interval
				}
			}
			makings = append(makings, made)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	makings = withoutScans(makings)
	const most = 1 << 12 // each is some hundred bytes
	if v.madeKept > most {
		clear(v.made)
		v.madeKept = 0
	}
	v.made[number] = makings
	v.madeKept += 1 + len(makings)
	return makings, nil
}

// withoutScans leaves out the makings that used nothing for a stretch which lies
// in one that used something.
func withoutScans(makings []*making) []*making {
	var used []*making
	for _, m := range makings {
		if len(m.work.Consumed) > 0 {
			used = append(used, m)
		}
	}
	return slices.DeleteFunc(makings, func(m *making) bool {
		return len(m.work.Consumed) == 0 && m.stretch != nil && slices.ContainsFunc(used, func(u *making) bool {
			return u.stretch == nil || u.stretch.Lane == m.stretch.Lane && u.stretch.From <= m.stretch.From && m.stretch.To <= u.stretch.To
		})
	})
}

// consumedBy returns the edges from what one event consumed to the node that it
// made.
func (v *View) consumedBy(n genealogy.Node, m *making) ([]genealogy.Edge, error) {
	if err := v.lookUp(m); err != nil {
		return nil, err
	}
	var edges []genealogy.Edge
	for i, a := range m.work.Consumed {
		e := edgeOf(&m.entry, a, len(m.work.Produced) <= 1)
		e.Output = n.Thing
		candidates := m.candidates[i]
		if len(candidates) == 0 {
			e.Certainty = genealogy.Unknown
			edges = append(edges, e)
			continue
		}
		for _, c := range candidates {
			e := e
			e.Input, e.Certainty = c, genealogy.Certain
			if len(candidates) > 1 {
				e.Certainty, e.Alternatives = genealogy.Possible, len(candidates)
			}
			e.Next = genealogy.Node{Thing: c}
			switch {
			case n.Part || n.HasInterval || a.Interval == nil:
				// Some stretch of a coil; of what is no coil, this says nothing.
				e.Next.Part = c.Kind == mes.RefLot
			default:
				e.Next.Interval, e.Next.HasInterval = *a.Interval, true
			}
			edges = append(edges, e)
		}
	}
	return edges, nil
}

// lookUp finds what each of those that an event consumed may have been.
func (v *View) lookUp(m *making) error {
	if m.candidates != nil {
		return nil
	}
	candidates := make([][]mes.Thing, len(m.work.Consumed))
	for i, a := range m.work.Consumed {
		if !a.Ref.IsZero() {
			candidates[i] = []mes.Thing{a.Ref.Thing}
			continue
		}
		equipment, err := v.number(classEquipment, string(m.event.Equipment))
		if err != nil {
			return err
		}
		if candidates[i], err = v.onSlot(equipment, a.Slot, m.moment); err != nil {
			return err
		}
	}
	m.candidates = candidates
	return nil
}

// edgeOf returns what an event says of one thing that it consumed.
func edgeOf(e *entry, a mes.Actual, alone bool) genealogy.Edge {
	edge := genealogy.Edge{
		Interval: a.Interval, Slot: a.Slot,
		Equipment: e.event.Equipment, ProcessSegment: e.event.ProcessSegment, Time: e.event.EventTime, Position: e.position,
	}
	if alone { // what several things share cannot be said of one
		edge.Quantity = a.Quantity
	}
	return edge
}

// children returns the edges from what an item is built of.
func (v *View) children(number uint64, t mes.Thing) ([]genealogy.Edge, error) {
	if t.Kind != mes.RefItem {
		return nil, nil
	}
	var edges []genealogy.Edge
	err := v.mentions(number, roleParent, func(m mention) (bool, error) {
		e, err := v.read(m.position, true)
		if err != nil {
			return false, err
		}
		p, ok := e.event.Fact.(*mes.Placement)
		if !ok || p.Action != mes.PlacementAdd {
			return true, nil
		}
		for _, child := range p.Children {
			edge, err := v.placed(&e, child, t)
			if err != nil {
				return false, err
			}
			edge.Next = genealogy.Node{Thing: child.Ref.Thing}
			edges = append(edges, edge)
		}
		return true, nil
	})
	return edges, err
}

// placed returns the edge of one child that was put into an item.
func (v *View) placed(e *entry, child mes.Child, parent mes.Thing) (genealogy.Edge, error) {
	edge := edgeOf(e, mes.Actual{}, true)
	edge.Input, edge.Output, edge.Place, edge.Certainty = child.Ref.Thing, parent, child.Place, genealogy.Certain
	number, err := v.thingNumber(child.Ref.Thing)
	if err != nil {
		return edge, err
	}
	moves, err := v.moves(number, anyKind)
	if err != nil {
		return edge, err
	}
	edge.Removed = removed(moves, e, parent)
	return edge, nil
}

// removed reports whether what an event put into a parent was taken out again.
// One that says what was so already belongs to the stay that was there.
func removed(moves []genealogy.Move, e *entry, parent mes.Thing) bool {
	stays := genealogy.Stays(moves)
	id := e.record.Identity
	if !slices.ContainsFunc(moves, func(m genealogy.Move) bool { return m.Identity == id }) {
		return false // no production, which nothing else is compared with
	}
	var last *genealogy.Stay
	for _, m := range genealogy.InOrder(moves, func(m genealogy.Move) genealogy.Moment { return m.Moment }) {
		for i, s := range stays {
			if s.Since.Identity == m.Identity && s.Since.Parent == parent {
				last = &stays[i]
			}
		}
		if m.Identity == id {
			break
		}
	}
	return last != nil && last.Until != nil
}

// outputs returns what a node went into. Most things on the way went into
// nothing: one look at their mentions says so.
func (v *View) outputs(n genealogy.Node) ([]genealogy.Edge, error) {
	number, err := v.thingNumber(n.Thing)
	if err != nil {
		return nil, err
	}
	var edges []genealogy.Edge
	var loads []load
	var placed []mes.Position
	err = v.mentionsFrom(number, roleConsumed, func(m mention) (more bool, err error) {
		switch m.role {
		case roleConsumed:
			err = v.consumedIn(n, m.position, &edges)
		case roleChild:
			r := reader{b: m.rest}
			if action, kind := mes.PlacementAction(r.u8()), mes.RefKind(r.u8()); action == mes.PlacementAdd && kind == mes.RefItem {
				placed = append(placed, m.position)
			}
		case roleSlot:
			r := reader{b: m.rest}
			l := load{moment: m.moment, equipment: r.number32(), slot: r.name()}
			action := mes.SlotAction(r.u8())
			if err = r.done("a slot's mention"); action == mes.SlotLoad {
				loads = append(loads, l)
			}
		default: // no way to what was made of it
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	taken, err := v.takenFromSlots(n, loads)
	if err != nil {
		return nil, err
	}
	edges = append(edges, taken...)
	if err := v.weigh(n, number, edges); err != nil {
		return nil, err
	}
	parents, err := v.parents(n.Thing, placed)
	return append(edges, parents...), err
}

// consumedIn appends the edges from a node to what the event at a position made
// of it.
func (v *View) consumedIn(n genealogy.Node, position mes.Position, edges *[]genealogy.Edge) error {
	e, err := v.read(position, true)
	if err != nil {
		return err
	}
	work, ok := e.event.Fact.(*mes.Work)
	if !ok {
		return nil
	}
	for _, a := range work.Consumed {
		if a.Ref.Thing == n.Thing {
			*edges = append(*edges, into(n, &e, work, a)...)
		}
	}
	return nil
}

// into returns the edges from one thing that an event consumed to all that it
// made.
func into(n genealogy.Node, e *entry, work *mes.Work, a mes.Actual) []genealogy.Edge {
	made := make([]mes.Actual, 0, len(work.Produced)+len(work.Subjects))
	made = append(made, work.Produced...)
	if len(made) == 0 {
		for _, s := range work.Subjects {
			made = append(made, mes.Actual{Ref: s})
		}
	}
	if n.HasInterval && a.Interval != nil && !a.Interval.Overlaps(n.Interval) {
		return nil
	}
	var edges []genealogy.Edge
	for _, p := range made {
		if p.Ref.IsZero() {
			continue
		}
		edge := edgeOf(e, a, len(made) == 1)
		edge.Input, edge.Output, edge.Certainty = n.Thing, p.Ref.Thing, genealogy.Certain
		edge.Next = genealogy.Node{Thing: p.Ref.Thing}
		whole := !n.Part && (!n.HasInterval || a.Interval != nil && a.Interval.From >= n.Interval.From && a.Interval.To <= n.Interval.To)
		if n.Part || n.HasInterval && (a.Interval == nil || !surely(n.Interval, *a.Interval)) {
			edge.Certainty = genealogy.Possible
		}
		switch {
		case p.Ref.Kind != mes.RefLot:
			// An item is what it is made of, wherever in it that may be.
		case whole && p.Interval != nil:
			edge.Next.Interval, edge.Next.HasInterval = *p.Interval, true
		case !whole:
			edge.Next.Part = true
		}
		edges = append(edges, edge)
	}
	return edges
}

// weigh settles what into could not know of one event alone: among how many
// stretches of a coil an output's may be, and what is in every one of them.
func (v *View) weigh(n genealogy.Node, number uint64, edges []genealogy.Edge) error {
	if n.HasInterval {
		makings, err := v.makings(number, n.Thing)
		if err != nil {
			return err
		}
		for i := range edges {
			weighStretch(&edges[i], makings)
		}
		return nil
	}
	throughout := make(map[mes.Thing]bool)
	for i := range edges {
		e := &edges[i]
		switch {
		case n.Part:
			if e.Alternatives == 0 {
				e.Alternatives = n.Of
			}
			e.Next.Of = n.Of
		case e.Next.HasInterval && e.Certainty == genealogy.Certain:
			everywhere, known := throughout[e.Next.Thing]
			if !known {
				var err error
				if everywhere, err = v.throughout(n.Thing, e.Next.Thing); err != nil {
					return err
				}
				throughout[e.Next.Thing] = everywhere
			}
			if everywhere {
				e.Next = genealogy.Node{Thing: e.Next.Thing}
			}
		}
	}
	return nil
}

// weighStretch counts the makings of a coil that an edge may have used.
func weighStretch(e *genealogy.Edge, makings []*making) {
	used := genealogy.Node{HasInterval: e.Interval != nil}
	if used.HasInterval {
		used.Interval = *e.Interval
	}
	of := stretches(within(makings, used))
	e.Next.Of = of
	switch {
	case e.Certainty != genealogy.Possible || e.Alternatives != 0: // of a slot
	case of <= 1:
		e.Certainty = genealogy.Certain // nothing else can have been there
	default:
		e.Alternatives = of
	}
}

// throughout reports whether an input is in every stretch of a coil.
func (v *View) throughout(input, coil mes.Thing) (bool, error) {
	number, err := v.thingNumber(coil)
	if err != nil {
		return false, err
	}
	makings, err := v.makings(number, coil)
	if err != nil {
		return false, err
	}
	for _, m := range makings {
		from, err := v.consumedBy(genealogy.Node{Thing: coil}, m)
		if err != nil || !certainInputs(from)[input] {
			return false, err
		}
	}
	return true, nil
}

// load is a slot's being loaded with something.
type load struct {
	moment
	equipment uint32
	slot      string
}

// takenFromSlots returns the edges from a lot to what was made of it while it
// was on a slot.
func (v *View) takenFromSlots(n genealogy.Node, loads []load) ([]genealogy.Edge, error) {
	if len(loads) == 0 {
		return nil, nil
	}
	var edges []genealogy.Edge
	type taking struct {
		position mes.Position
		slot     string
	}
	taken := make(map[taking]bool)
	for _, l := range loads {
		err := v.usesAfter(slotKey(l.equipment, l.slot), l.source, l.epoch, l.sequence, func(u use) error {
			this := taking{u.position, l.slot}
			if taken[this] {
				return nil
			}
			from, err := v.takenBy(n, l.equipment, l.slot, u)
			taken[this] = len(from) > 0
			edges = append(edges, from...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return edges, nil
}

// takenBy returns the edges from a lot through one event's use of a slot.
func (v *View) takenBy(n genealogy.Node, equipment uint32, slot string, u use) ([]genealogy.Edge, error) {
	candidates, err := v.onSlot(equipment, slot, u.moment)
	if err != nil || !slices.Contains(candidates, n.Thing) {
		return nil, err
	}
	e, err := v.read(u.position, true)
	if err != nil {
		return nil, err
	}
	if by, err := v.withdrawnBy(e.record.Identity); err != nil || by != 0 {
		return nil, err
	}
	work, ok := e.event.Fact.(*mes.Work)
	if !ok {
		return nil, nil
	}
	var edges []genealogy.Edge
	for _, a := range work.Consumed {
		if a.Slot != slot || !a.Ref.IsZero() {
			continue
		}
		for _, edge := range into(n, &e, work, a) {
			if len(candidates) > 1 {
				edge.Certainty, edge.Alternatives = genealogy.Possible, len(candidates)
			}
			edges = append(edges, edge)
		}
	}
	return edges, nil
}

// parents returns the edges to what an item was built into, by the events at
// some positions.
func (v *View) parents(t mes.Thing, placed []mes.Position) ([]genealogy.Edge, error) {
	var edges []genealogy.Edge
	for _, position := range placed {
		e, err := v.read(position, true)
		if err != nil {
			return nil, err
		}
		p, ok := e.event.Fact.(*mes.Placement)
		if !ok || p.Action != mes.PlacementAdd || p.Parent.Kind != mes.RefItem {
			continue
		}
		for _, child := range p.Children {
			if child.Ref.Thing != t {
				continue
			}
			edge, err := v.placed(&e, child, p.Parent.Thing)
			if err != nil {
				return nil, err
			}
			edge.Next = genealogy.Node{Thing: p.Parent.Thing}
			edges = append(edges, edge)
		}
	}
	return edges, nil
}
