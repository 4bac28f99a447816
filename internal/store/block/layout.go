package block

// layout says which columns of a shape hold what a statistic asks of work; -1
// where the shape has no such field.
type layout struct {
	eventTime, equipment, segment, mode int
	disposition, attempt, schema        int
	// values is the first of count columns.
	values, count int
	// work says that the event states work, and measured that it has
	// measurements.
	work, measured bool
	// odd says that the columns cannot be taken at their word: the event is exact
	// bytes, its fields come out of order, or values have notes.
	odd bool
}

// level says which message a field is in.
type level uint8

const (
	inEvent level = iota
	inWork
	inMeasurements
	elsewhere
)

// layoutOf finds the layout of a shape that was opened.
func layoutOf(shape []byte) layout {
	l := layout{eventTime: -1, equipment: -1, segment: -1, mode: -1, disposition: -1, attempt: -1, schema: -1, values: -1}
	ops := cursor{b: shape}
	ops.u8()
	if ops.u8() == partText {
		l.odd = true
		return l
	}
	r := layoutReader{ops: ops, col: fixedColumns, layout: &l}
	r.message(inEvent)
	return l
}

// layoutReader goes over a shape for its layout.
type layoutReader struct {
	ops    cursor
	col    int
	layout *layout
}

func (r *layoutReader) message(in level) {
	l := r.layout
	last := uint64(0)
	for {
		tag := r.ops.uvarint()
		if tag == 0 {
			return
		}
		field := tag >> 3
		if in != elsewhere && field < last {
			l.odd = true
		}
		again := field == last
		last = field
		is := kindInteger
		columns, within := 1, elsewhere
		switch tag & 7 {
		case wireFixed8:
			is = kindDouble
		case wireBytes:
			switch fieldKind(r.ops.u8()) {
			case fieldText:
				is = kindText
			case fieldTime:
				is = kindTime
			case fieldDoubles:
				is, columns = kindDouble, int(r.ops.uvarint()) //nolint:gosec // checked when the shape was opened
			case fieldMessage:
				switch {
				case in == inEvent && field == 16:
					l.work, within = true, inWork
				case in == inWork && field == 4:
					l.measured, within = true, inMeasurements
				}
				notes := in == inMeasurements
				second := in == inEvent && field > 16 && l.work || within != elsewhere && again
				l.odd = l.odd || notes || second
				r.message(within)
				continue
			}
		}
		if to, want := l.place(in, field); to != nil {
			if again || is != want {
				l.odd = true
			}
			if *to = r.col; to == &l.values {
				l.count = columns
			}
		}
		r.col += columns
	}
}

// place returns where to note the column of a field, and what it must hold.
func (l *layout) place(in level, field uint64) (*int, kind) {
	switch in {
	case inEvent:
		switch field {
		case 1:
			return &l.eventTime, kindTime
		case 4:
			return &l.equipment, kindText
		case 5:
			return &l.segment, kindText
		case 9:
			return &l.mode, kindInteger
		}
	case inWork:
		switch field {
		case 2:
			return &l.disposition, kindInteger
		case 3:
			return &l.attempt, kindInteger
		}
	case inMeasurements:
		switch field {
		case 1:
			return &l.schema, kindText
		case 2:
			return &l.values, kindDouble
		}
	case elsewhere:
	}
	return nil, 0
}
