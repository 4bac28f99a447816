package block

import (
	"math"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Samples are the rows of a block that are work measured under one schema,
// column by column. Columns are decoded when they are asked for, each from the
// block alone: no event is decoded but work that the block keeps as exact bytes,
// and work with notes. All columns have the same rows. Errors have CodeDamaged.
type Samples struct {
	block  *Block
	layout layout
	schema mes.SchemaID
	rows   []int
	// events are the decoded form of rows, nil where columns say it all.
	events []*mes.Event
}

// Samples returns what the block's work has measured, by schema, in the order in
// which the rows first have one; none where nothing was measured.
func (b *Block) Samples() ([]*Samples, error) {
	l := layoutOf(b.shape)
	if b.shape[0] != 0 || !l.measured && !l.odd {
		return nil, nil
	}
	var all []*Samples
	of := func(id mes.SchemaID) *Samples {
		for _, s := range all {
			if s.schema == id {
				return s
			}
		}
		all = append(all, &Samples{block: b, layout: l, schema: id})
		return all[len(all)-1]
	}
	if l.odd {
		err := b.measured(func(row int, e *mes.Event, id mes.SchemaID) {
			s := of(id)
			s.rows, s.events = append(s.rows, row), append(s.events, e)
		})
		return all, err
	}
	schemas := constant("", b.rows)
	if l.schema >= 0 {
		var err error
		if schemas, err = b.strings(l.schema); err != nil {
			return nil, err
		}
	}
	if id, ok := schemas.Constant(); ok {
		s := of(mes.SchemaID(id))
		s.rows = make([]int, b.rows)
		for row := range s.rows {
			s.rows[row] = row
		}
		return all, nil
	}
	for row := range schemas.Len() {
		s := of(mes.SchemaID(schemas.At(row)))
		s.rows = append(s.rows, row)
	}
	return all, nil
}

// measured decodes the work of every row, and calls f where it has measurements.
func (b *Block) measured(f func(row int, e *mes.Event, id mes.SchemaID)) error {
	for i := range b.rows {
		r, err := b.Row(i)
		if err != nil {
			return err
		}
		if !statesWork(r.Event) {
			continue
		}
		e, err := mes.DecodeEvent(r.Event)
		if err != nil {
			return damaged("row %d of a block: %w", i, err)
		}
		if w, ok := e.Fact.(*mes.Work); ok && w.Measurements != nil {
			f(i, e, w.Measurements.Schema)
		}
	}
	return nil
}

// statesWork says whether an event may state work; it looks no deeper.
func statesWork(event []byte) bool {
	c := cursor{b: event}
	for len(c.b) > 0 {
		tag := c.uvarint()
		switch {
		case tag>>3 == 16:
			return true
		case tag&7 == wireVarint:
			c.uvarint()
		case tag&7 == wireFixed8:
			c.take(8)
		case tag&7 == wireBytes:
			c.bytes()
		default:
			c.fail()
		}
	}
	return c.bad // What cannot be read is for mes to say.
}

// Schema returns the schema that all rows have.
func (s *Samples) Schema() mes.SchemaID { return s.schema }

// Rows returns which rows of the block they are, ascending. It must not be
// changed.
func (s *Samples) Rows() []int { return s.rows }

// Plain says that no value has a note: NaN and the infinities are bad, all
// others good.
func (s *Samples) Plain() bool { return s.events == nil }

// Sources returns the source of each row.
func (s *Samples) Sources() (Column[string], error) { return s.strings(colSource) }

// Epochs returns the epoch of each row.
func (s *Samples) Epochs() (Column[uint64], error) { return s.numbers(colEpoch) }

// Sequences returns the sequence of each row.
func (s *Samples) Sequences() (Column[uint64], error) { return s.numbers(colSequence) }

// EventTimes returns when each row happened, in UTC.
func (s *Samples) EventTimes() (Column[time.Time], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) time.Time { return e.EventTime }), nil
	}
	if s.layout.eventTime < 0 {
		return constant(time.Time{}, len(s.rows)), nil
	}
	return converted(s.numbers, s.layout.eventTime, func(at uint64) (time.Time, bool) {
		return time.Unix(0, int64(at)).UTC(), true //nolint:gosec // the bits of an int64
	})
}

// Equipment returns where each row happened.
func (s *Samples) Equipment() (Column[mes.EquipmentID], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) mes.EquipmentID { return e.Equipment }), nil
	}
	return converted(s.strings, s.layout.equipment, func(id string) (mes.EquipmentID, bool) { return mes.EquipmentID(id), true })
}

// ProcessSegments returns the step of the route that each row belongs to.
func (s *Samples) ProcessSegments() (Column[string], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) string { return e.ProcessSegment }), nil
	}
	return s.strings(s.layout.segment)
}

// Modes returns whether each row counts.
func (s *Samples) Modes() (Column[mes.Mode], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) mes.Mode { return e.Mode }), nil
	}
	return converted(s.numbers, s.layout.mode, within[mes.Mode])
}

// Dispositions returns what became of the subjects of each row.
func (s *Samples) Dispositions() (Column[mes.Disposition], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) mes.Disposition { return workOf(e).Disposition }), nil
	}
	return converted(s.numbers, s.layout.disposition, within[mes.Disposition])
}

// Attempts returns the attempt of each row.
func (s *Samples) Attempts() (Column[uint32], error) {
	if s.events != nil {
		return fromEvents(s, func(e *mes.Event) uint32 { return workOf(e).Attempt }), nil
	}
	return converted(s.numbers, s.layout.attempt, within[uint32])
}

// Values returns the value at an index of the schema, with every bit; NaN where
// a row has fewer values.
func (s *Samples) Values(index int) (Column[float64], error) {
	switch {
	case s.events != nil:
		return fromEvents(s, func(e *mes.Event) float64 {
			if m := workOf(e).Measurements; index >= 0 && index < len(m.Values) {
				return m.Values[index]
			}
			return math.NaN()
		}), nil
	case index < 0 || index >= s.layout.count:
		return constant(math.NaN(), len(s.rows)), nil
	}
	return converted(s.numbers, s.layout.values+index, func(bits uint64) (float64, bool) { return math.Float64frombits(bits), true })
}

// Qualities returns the quality of the value at an index, as
// mes.Measurements.Quality does; missing where a row has fewer values.
func (s *Samples) Qualities(index int) (Column[mes.Quality], error) {
	switch {
	case s.events != nil:
		return fromEvents(s, func(e *mes.Event) mes.Quality {
			if m := workOf(e).Measurements; index >= 0 && index < len(m.Values) {
				return m.Quality(index)
			}
			return mes.QualityMissing
		}), nil
	case index < 0 || index >= s.layout.count:
		return constant(mes.QualityMissing, len(s.rows)), nil
	}
	return converted(s.numbers, s.layout.values+index, func(bits uint64) (mes.Quality, bool) {
		if v := math.Float64frombits(bits); math.IsNaN(v) || math.IsInf(v, 0) {
			return mes.QualityBad, true
		}
		return mes.QualityGood, true
	})
}

// numbers returns a column's numbers in these rows; zeros where there is no such
// column.
func (s *Samples) numbers(col int) (Column[uint64], error) {
	if col < 0 {
		return constant(uint64(0), len(s.rows)), nil
	}
	c, err := s.block.numbers(col)
	return c.pick(s.rows), err
}

// strings returns a column's texts in these rows; empty ones where there is no
// such column.
func (s *Samples) strings(col int) (Column[string], error) {
	if col < 0 {
		return constant("", len(s.rows)), nil
	}
	c, err := s.block.strings(col)
	return c.pick(s.rows), err
}

// converted reads a column and makes of each value what f makes of it.
func converted[S, T any](read func(col int) (Column[S], error), col int, f func(S) (T, bool)) (Column[T], error) {
	c, err := read(col)
	if err != nil {
		return Column[T]{}, err
	}
	to, ok := convert(c, f)
	if !ok {
		return Column[T]{}, damaged("column %d of a block has a number that is out of range", col)
	}
	return to, nil
}

// fromEvents asks each event.
func fromEvents[T any](s *Samples, f func(*mes.Event) T) Column[T] {
	c := Column[T]{values: make([]T, len(s.events)), rows: len(s.events)}
	for i, e := range s.events {
		c.values[i] = f(e)
	}
	return c
}

// workOf returns what an event of Samples states.
func workOf(e *mes.Event) *mes.Work {
	w, _ := e.Fact.(*mes.Work) // Block.measured has looked.
	return w
}

// within narrows a number, where it is in range.
func within[T ~uint8 | ~uint32](v uint64) (T, bool) {
	return T(v), uint64(T(v)) == v
}
