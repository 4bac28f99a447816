package line

import "github.com/takt-mes/takt/internal/mes"

// work is a record of work in the making, in one piece of memory.
type work struct {
	event    mes.Event
	work     mes.Work
	measured mes.Measurements
	subject  [2]mes.Ref
	defect   [1]mes.Defect
	tool     [1]mes.Tool
	truth    Truth
}

// newWork begins a record of work; see begin.
func (r *run) newWork(s *station, subject mes.Ref, began moment, found int, attempt uint32, values []float64) *work {
	w := new(work)
	w.begin(r, s, subject, began, found, attempt, values)
	return w
}

// begin fills in a record of work on a subject that ends now, with the outcome
// of a judgement at that attempt. Values may be nil.
func (w *work) begin(r *run, s *station, subject mes.Ref, began moment, found int, attempt uint32, values []float64) {
	w.subject[0] = subject
	w.event.Fact = &w.work
	w.event.Recipe = s.recipe
	r.dress(s, &w.event, began)
	w.event.JobOrder = r.calendar.jobOrder
	w.work.Subjects = w.subject[:1]
	w.work.Attempt = attempt
	w.work.Disposition = s.disposition(found, attempt)
	if found >= 0 {
		w.defect[0].Code = s.defects[found].code
		w.work.Defects = w.defect[:]
	}
	if len(values) > 0 {
		w.measured = mes.Measurements{Schema: s.schemaID, Values: values}
		w.work.Measurements = &w.measured
	}
	if s.tool.life > 0 {
		w.tool[0] = s.mounted
		w.work.Tools = w.tool[:]
	}
}

// newItemWork begins a record of work on an item, or on a pair of jelly rolls
// that has no name of its own yet.
func (r *run) newItemWork(s *station, c *item, began moment, found int, attempt uint32, values []float64) *work {
	w := new(work)
	if !c.ref.IsZero() {
		w.begin(r, s, c.ref, began, found, attempt, values)
		return w
	}
	w.begin(r, s, c.parts[0].ref, began, found, attempt, values)
	w.subject[1] = c.parts[1].ref
	w.work.Subjects = w.subject[:2]
	return w
}

// lost reports whether the subject does not go on.
func (w *work) lost() bool {
	return w.work.Disposition == scrap || w.work.Disposition == downgrade
}

// input adds something consumed, and what is true of it.
func (w *work) input(a mes.Actual, k Link) {
	w.work.Consumed, w.truth.Links = append(w.work.Consumed, a), append(w.truth.Links, k)
}

// consume takes some of what is on a slot. The record names the slot alone.
func (w *work) consume(t *slot, a amount) {
	k := Link{Into: w.subject[0].Thing}
	if len(w.work.Subjects) == 2 {
		k.With = w.subject[1].Thing
	}
	w.input(t.consume(a, k))
}

// build takes a thing in whole. The record names it.
func (w *work) build(part mes.Ref) {
	w.input(mes.Actual{Ref: part, Quantity: &piece}, Link{From: part.Thing, Into: w.subject[0].Thing, Quantity: piece})
}

// touch adds what a fault has done to the item, where that is news.
func (w *work) touch(c *item, t Touch) {
	if c.concern(t) {
		w.truth.Touches = append(w.truth.Touches, t)
	}
}
