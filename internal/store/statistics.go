package store

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// MaxValues is how many values a question may select; 32 MiB of them.
const MaxValues = 4 << 20

// StatisticsQuery says which values are asked for.
type StatisticsQuery struct {
	// Characteristic is what was measured, as `ocv1`.
	Characteristic string
	// Unit leaves out values in another unit, where it is not nil.
	Unit *string
	// ProcessSegment is the step that measured it; any where empty.
	ProcessSegment string
	// Equipment is where, or anything below that; anywhere where empty.
	Equipment mes.EquipmentID
	// From and To bound the event time, To excluded.
	From, To time.Time
	// AllModes takes what is no production as well.
	AllModes bool
}

// Sample is what was measured.
type Sample struct {
	// Unit is the unit of all values; empty where there are none and it might be
	// one of several.
	Unit string
	// Values are finite, in no order to rely on. They are the caller's.
	Values []float64
	// ProcessSegments are the steps that Values come from, in their order by name.
	ProcessSegments []string
	// Uncertain is how many of Values the source itself doubts.
	Uncertain int
	// Excluded counts what was asked for and is none of Values.
	Excluded ExcludedValues
}

// ExcludedValues counts values that enter no figure, each by the first reason
// that applies.
type ExcludedValues struct {
	// Withdrawn are of an event that a correction withdrew.
	Withdrawn int
	// OtherModes are of an event that is no production.
	OtherModes int
	// Missing are places in the schema that the source left empty.
	Missing int
	// NotFinite are NaN and the infinities.
	NotFinite int
	// Bad are numbers that the source says must not be relied on.
	Bad int
}

// Statistics returns what was measured of a characteristic. Of the sealed log it
// reads the blocks that have such values of the time asked for, and of those the
// columns it needs; of the end of the log the events that measured under such a
// schema.
//
// Errors: CodeNotFound where no schema has the characteristic, CodeInvalid where
// the values have several units or retention has removed some of the window, CodeTooLarge beyond MaxValues.
func (v *View) Statistics(q StatisticsQuery) (Sample, error) {
	if err := v.whole(q.From); err != nil {
		return Sample{}, err
	}
	columns, err := v.columnsOf(q.Characteristic, q.Unit)
	if err != nil {
		return Sample{}, err
	}
	s := sampler{view: v, query: q, columns: columns, segments: make(map[string]bool)}
	layers := v.log.layers
	for _, c := range columns {
		s.column = c
		err := v.log.archive.samples(c.schema, q.From, q.To, layers[len(layers)-1].first, s.block)
		if err != nil {
			return Sample{}, fmt.Errorf("read values of %s: %w", q.Characteristic, err)
		}
	}
	for _, l := range layers {
		if err := s.layer(l); err != nil {
			return Sample{}, fmt.Errorf("read values of %s: %w", q.Characteristic, err)
		}
	}
	for segment := range s.segments {
		s.sample.ProcessSegments = append(s.sample.ProcessSegments, segment)
	}
	slices.Sort(s.sample.ProcessSegments)
	other := func(c schemaColumn) bool { return c.unit != columns[0].unit }
	if len(s.sample.Values) == 0 && !slices.ContainsFunc(columns, other) {
		s.sample.Unit = columns[0].unit
	}
	return s.sample, nil
}

// schemaColumn is where a schema has a characteristic.
type schemaColumn struct {
	schema mes.SchemaID
	index  int
	unit   string
}

// columnsOf finds the schemas that have a characteristic. CodeNotFound where
// none has it.
func (v *View) columnsOf(characteristic string, unit *string) (columns []schemaColumn, err error) {
	known := make(map[string]bool)
	units := make(map[string]bool)
	err = v.scan(tableSchema, nil, []byte{}, func(k, value []byte) (bool, error) {
		s, err := mes.DecodeSchema(value)
		if err != nil {
			return false, mes.Errorf(mes.CodeDamaged, "read schema %s: %w", mes.SchemaID(k), err)
		}
		for i, c := range s.Columns {
			known[c.Characteristic] = true
			if c.Characteristic != characteristic {
				continue
			}
			units[c.Unit] = true
			if unit == nil || c.Unit == *unit {
				columns = append(columns, schemaColumn{mes.SchemaID(k), i, c.Unit})
			}
		}
		return true, nil
	})
	switch {
	case err != nil || len(columns) > 0:
		return columns, err
	case len(units) > 0:
		return nil, mes.Errorf(mes.CodeNotFound, "%s was never measured in %q, but in %s", characteristic, *unit, quoted(units)).With("field", "unit")
	case len(known) == 0:
		return nil, mes.Errorf(mes.CodeNotFound, "no characteristic is called %s; nothing was measured yet", characteristic).With("field", "characteristic")
	}
	return nil, mes.Errorf(mes.CodeNotFound, "no characteristic is called %s; there is %s", characteristic, like(characteristic, known)).
		With("field", "characteristic")
}

func quoted(set map[string]bool) string {
	var list []string
	for s := range set {
		list = append(list, strconv.Quote(s))
	}
	slices.Sort(list)
	return strings.Join(list, " and ")
}

// like lists some of the names, those that have something of a name first.
func like(name string, names map[string]bool) string {
	const most = 12
	part := func(n string) bool {
		n, name := strings.ToLower(n), strings.ToLower(name)
		return strings.Contains(n, name) || strings.Contains(name, n) || len(name) >= 3 && strings.HasPrefix(n, name[:3])
	}
	var near, far []string
	for n := range names {
		if part(n) {
			near = append(near, n)
		} else {
			far = append(far, n)
		}
	}
	slices.Sort(near)
	slices.Sort(far)
	all := slices.Concat(near, far)
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}

// sampler collects values.
type sampler struct {
	view    *View
	query   StatisticsQuery
	columns []schemaColumn
	// column is the schema that is being read.
	column   schemaColumn
	sample   Sample
	segments map[string]bool
	// segment is the one that was entered last.
	segment string
}

// enter makes room for more values.
func (s *sampler) enter(values int) error {
	if len(s.sample.Values)+values > MaxValues {
		return mes.Errorf(mes.CodeTooLarge, "there are more than %d values; ask for a shorter time, or for one process segment or equipment", MaxValues).
			With("limit", strconv.Itoa(MaxValues))
	}
	return s.view.ctx.Err()
}

// take takes one value that is asked for; quality is of what the source said.
func (s *sampler) take(segment string, value float64, quality mes.Quality) error {
	switch {
	case quality == mes.QualityMissing:
		s.sample.Excluded.Missing++
		return nil
	case math.IsNaN(value) || math.IsInf(value, 0):
		s.sample.Excluded.NotFinite++
		return nil
	case quality == mes.QualityBad:
		s.sample.Excluded.Bad++
		return nil
	case quality == mes.QualityUncertain:
		s.sample.Uncertain++
	}
	if err := s.of(segment); err != nil {
		return err
	}
	s.sample.Values = append(s.sample.Values, value)
	return nil
}

// of says where the values that follow come from.
func (s *sampler) of(segment string) error {
	if len(s.sample.Values) == 0 {
		s.sample.Unit = s.column.unit
	} else if s.sample.Unit != s.column.unit {
		return mes.Errorf(mes.CodeInvalid, "%s was measured in %q and in %q; ask for one unit, or for a process segment or equipment that has but one",
			s.query.Characteristic, min(s.sample.Unit, s.column.unit), max(s.sample.Unit, s.column.unit)).With("field", "unit")
	}
	if segment != s.segment || len(s.segments) == 0 {
		s.segment = segment
		s.segments[segment] = true
	}
	return nil
}

// block reads a sealed block.
func (s *sampler) block(tx *bbolt.Tx, f foundBlock) error {
	if err := s.enter(f.rows); err != nil {
		return err
	}
	if f.first > s.view.upTo {
		return nil
	}
	positions, err := s.view.log.archive.positions(&f, s.view.upTo)
	if err != nil {
		return err
	}
	b, err := readBlock(tx, &chunk{first: f.first, group: f.group}, f.block)
	if err != nil {
		return err
	}
	all, err := b.Samples()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(of *block.Samples) bool { return of.Schema() == f.schema })
	if i < 0 || len(all[i].Rows()) != f.rows {
		return mes.Errorf(mes.CodeDamaged, "block %d of the chunk at position %d has no such values; run takt check", f.block, f.first)
	}
	return s.rows(all[i], &f, positions)
}

// rows reads the rows of a block, which may have positions beyond the view's
// where they are given.
func (s *sampler) rows(of *block.Samples, f *foundBlock, positions []mes.Position) error {
	segments, err := of.ProcessSegments()
	if err != nil {
		return err
	}
	if segment, ok := segments.Constant(); ok && s.query.ProcessSegment != "" && segment != s.query.ProcessSegment {
		return nil
	}
	equipment, err := of.Equipment()
	if err != nil {
		return err
	}
	id, oneEquipment := equipment.Constant()
	if oneEquipment && !Below(id, s.query.Equipment) {
		return nil
	}
	modes, err := of.Modes()
	if err != nil {
		return err
	}
	values, err := of.Values(s.column.index)
	if err != nil {
		return err
	}
	withdrawn, err := s.withdrawn(of)
	if err != nil {
		return err
	}
	whole := !f.earliest.Before(s.query.From) && f.latest.Before(s.query.To)
	mode, oneMode := modes.Constant()
	segment, oneSegment := segments.Constant()
	if whole && positions == nil && withdrawn == nil && of.Plain() && oneSegment && (oneEquipment || s.query.Equipment == "") &&
		(s.query.AllModes || oneMode && mode == mes.ModeProduction) {
		if done, err := s.all(values, segment); done || err != nil {
			return err
		}
	}
	var times block.Column[time.Time]
	if !whole {
		if times, err = of.EventTimes(); err != nil {
			return err
		}
	}
	qualities, err := of.Qualities(s.column.index)
	if err != nil {
		return err
	}
	for i, row := range of.Rows() {
		switch {
		case positions != nil && (row >= len(positions) || positions[row] > s.view.upTo),
			!whole && (times.At(i).Before(s.query.From) || !times.At(i).Before(s.query.To)),
			s.query.ProcessSegment != "" && segments.At(i) != s.query.ProcessSegment,
			!Below(equipment.At(i), s.query.Equipment):
		case withdrawn != nil && withdrawn[i]:
			s.sample.Excluded.Withdrawn++
		case !s.query.AllModes && modes.At(i) != mes.ModeProduction:
			s.sample.Excluded.OtherModes++
		default:
			if err := s.take(segments.At(i), values.At(i), qualities.At(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// all takes all values of a block that are finite, of a schema whose rows have no
// notes; it takes nothing and says so where one is not.
func (s *sampler) all(values block.Column[float64], segment string) (done bool, err error) {
	start := len(s.sample.Values)
	list := slices.Grow(s.sample.Values, values.Len())
	sum := 0.0
	for i := range values.Len() {
		v := values.At(i)
		sum += v - v // 0 unless v is not finite
		list = append(list, v)
	}
	if sum != 0 || math.IsNaN(sum) {
		return false, nil
	}
	if err := s.of(segment); err != nil {
		return false, err
	}
	s.sample.Values = list
	return len(list) > start, nil
}

// withdrawn says of each row of a block whether it was withdrawn; nil where none
// was.
func (s *sampler) withdrawn(of *block.Samples) ([]bool, error) {
	if some, err := s.view.anyWithdrawn(); !some || err != nil {
		return nil, err
	}
	sources, err := of.Sources()
	if err != nil {
		return nil, err
	}
	epochs, err := of.Epochs()
	if err != nil {
		return nil, err
	}
	sequences, err := of.Sequences()
	if err != nil {
		return nil, err
	}
	// What was withdrawn is rare: it is looked up by stretches of sequences.
	type epochOf struct {
		source string
		epoch  uint64
	}
	stretches := make(map[epochOf]gap)
	for i := range of.Rows() {
		k, n := epochOf{sources.At(i), epochs.At(i)}, mes.Sequence(sequences.At(i))
		if have, known := stretches[k]; known {
			stretches[k] = gap{min(have.first, n), max(have.last, n)}
		} else {
			stretches[k] = gap{n, n}
		}
	}
	found := make(map[mes.Identity]bool)
	for k, g := range stretches {
		prefix := key(nil).name(k.source).number(k.epoch)
		err := s.view.scan(tableWithdrawn, prefix, prefix.fork().number(uint64(g.first)), func(k2, value []byte) (bool, error) {
			r := reader{b: k2[len(prefix):]}
			n := mes.Sequence(r.number())
			if err := r.done("a withdrawal's key"); err != nil || n > g.last {
				return false, err
			}
			r = reader{b: value}
			if by := mes.Position(r.number()); by <= s.view.upTo {
				found[mes.Identity{Source: mes.Source(k.source), Epoch: mes.Epoch(k.epoch), Sequence: n}] = true
			}
			return true, r.done("a withdrawal")
		})
		if err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	rows := make([]bool, len(of.Rows()))
	for i := range rows {
		rows[i] = found[mes.Identity{Source: mes.Source(sources.At(i)), Epoch: mes.Epoch(epochs.At(i)), Sequence: mes.Sequence(sequences.At(i))}]
	}
	return rows, nil
}

// layer reads what is not sealed: the entries of the schemas that are asked for.
func (s *sampler) layer(l *layer) error {
	wanted := make([]bool, len(l.schemas)+1)
	for n, schema := range l.schemas {
		wanted[n+1] = slices.ContainsFunc(s.columns, func(c schemaColumn) bool { return c.schema == schema })
	}
	for i, schema := range l.measured {
		if !wanted[schema] {
			continue
		}
		position := l.first + mes.Position(i)
		if position > s.view.upTo {
			break
		}
		if i%1024 == 0 {
			if err := s.enter(0); err != nil {
				return err
			}
		}
		row, err := headOf(position, l.entries[i])
		if err != nil {
			return err
		}
		if m, ok := mes.MeasuredOf(row.Event); ok && !m.Noted {
			if err := s.plain(&row, &m); err != nil {
				return err
			}
			continue
		}
		// No entryOf: the provenance says nothing here.
		e, err := mes.DecodeEvent(row.Event)
		if err != nil {
			return mes.Errorf(mes.CodeDamaged, "read position %d: %w", position, err)
		}
		if err := s.event(&row, e); err != nil {
			return err
		}
	}
	return nil
}

// asked reports whether what was measured under a schema is asked for, and makes
// that schema the one that is read.
func asked[T ~string | ~[]byte](s *sampler, schema T, at time.Time, segment, equipment T) bool {
	q := &s.query
	i := slices.IndexFunc(s.columns, func(c schemaColumn) bool { return string(c.schema) == string(schema) })
	if i < 0 || at.Before(q.From) || !at.Before(q.To) ||
		q.ProcessSegment != "" && string(segment) != q.ProcessSegment || q.Equipment != "" && !Below(mes.EquipmentID(equipment), q.Equipment) {
		return false
	}
	s.column = s.columns[i]
	return true
}

// plain is event for one without notes.
func (s *sampler) plain(row *block.Row, m *mes.Measured) error {
	if !asked(s, m.Schema, m.EventTime, m.ProcessSegment, m.Equipment) {
		return nil
	}
	value, quality := math.NaN(), mes.QualityMissing
	if s.column.index < m.Count() {
		value, quality = m.Value(s.column.index), mes.QualityGood
	}
	segment := s.segment
	if string(m.ProcessSegment) != segment {
		segment = string(m.ProcessSegment)
	}
	return s.one(row, m.Mode, segment, value, quality)
}

func (s *sampler) event(row *block.Row, e *mes.Event) error {
	w, ok := e.Fact.(*mes.Work)
	if !ok || w.Measurements == nil {
		return nil
	}
	m := w.Measurements
	if !asked(s, string(m.Schema), e.EventTime, e.ProcessSegment, string(e.Equipment)) {
		return nil
	}
	value, quality := math.NaN(), mes.QualityMissing
	if s.column.index < len(m.Values) {
		value, quality = m.Values[s.column.index], m.Quality(s.column.index)
	}
	return s.one(row, e.Mode, e.ProcessSegment, value, quality)
}

// one takes one event's value, unless the event does not count.
func (s *sampler) one(row *block.Row, mode mes.Mode, segment string, value float64, quality mes.Quality) error {
	withdrawn, err := s.view.anyWithdrawn()
	if withdrawn && err == nil {
		var by mes.Position
		by, err = s.view.withdrawnBy(mes.Identity{Source: mes.Source(row.Source), Epoch: mes.Epoch(row.Epoch), Sequence: mes.Sequence(row.Sequence)})
		withdrawn = by != 0
	}
	switch {
	case err != nil:
		return err
	case withdrawn:
		s.sample.Excluded.Withdrawn++
		return nil
	case !s.query.AllModes && mode != mes.ModeProduction:
		s.sample.Excluded.OtherModes++
		return nil
	case len(s.sample.Values) >= MaxValues:
		return s.enter(1)
	}
	return s.take(segment, value, quality)
}
