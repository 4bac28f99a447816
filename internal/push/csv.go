package push

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// CSV reads rows under a header, as the mapping says. An empty cell is a field
// that the row does not state: a message (a subject, an interval, a quantity) is
// left out where all of its columns are empty, and a measured value is noted as
// missing. Cells are taken as they are, spaces too.
//
// A time without an offset is one of the mapping's zone; the offset from UTC at
// event_time goes into the event. One that the zone's clock showed twice, or
// never, is refused.
func CSV(r io.Reader, m *Mapping, c Config) *Reader {
	return newReader(c, csvRows(r, m))
}

func csvRows(r io.Reader, m *Mapping) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		buffered := bufio.NewReader(r)
		// A mark that some programs begin a file with, and no column's name.
		if mark := []byte("\uFEFF"); startsWith(buffered, mark) {
			_, _ = buffered.Discard(len(mark))
		}
		reader := csv.NewReader(buffered)
		reader.Comma = m.delimiter
		reader.ReuseRecord = true
		header, err := reader.Read()
		if err != nil {
			yield(row{line: 1}, csvError(err, "the file is empty; its first line must name the columns"))
			return
		}
		table, err := m.table(header)
		if err != nil {
			yield(row{line: 1}, err)
			return
		}
		for number := 1; ; number++ {
			cells, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				// Where a quote is open or a column too many, nobody knows where
				// the next row begins.
				line := 0
				if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
					line = parse.StartLine
				}
				yield(row{line: line, number: number}, csvError(err, ""))
				return
			}
			line, _ := reader.FieldPos(0)
			row, err := table.row(cells)
			row.line, row.number = line, number
			if !yield(row, err) {
				return
			}
		}
	}
}

func startsWith(r *bufio.Reader, mark []byte) bool {
	head, _ := r.Peek(len(mark))
	return bytes.Equal(head, mark)
}

func csvError(err error, empty string) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return mes.Errorf(mes.CodeInvalid, "%s", empty)
	case errors.As(err, &parse):
		return mes.Errorf(mes.CodeInvalid, "column %d: %w", parse.Column, parse.Err)
	}
	return fmt.Errorf("read: %w", err)
}

// table is a mapping over the columns of one file.
type table struct {
	*Mapping
	columns map[string]int
	schema  mes.Schema
	// measured are the columns of the schema's characteristics.
	measured []int
}

func (m *Mapping) table(header []string) (*table, error) {
	t := &table{Mapping: m, columns: make(map[string]int, len(header))}
	names := slices.Clone(header)
	for i, name := range names {
		if _, twice := t.columns[name]; twice {
			return nil, mes.Errorf(mes.CodeInvalid, "two columns have the name %q", name)
		}
		t.columns[name] = i
	}
	needed := []Value{m.Source, m.Epoch, m.Sequence}
	for _, b := range m.bindings {
		needed = append(needed, b.value)
	}
	for _, v := range needed {
		if _, ok := t.columns[v.Column]; v.Column != "" && !ok {
			return nil, mes.Errorf(mes.CodeInvalid, "there is no column %q; the columns are %s", v.Column, list(names))
		}
	}
	for _, v := range m.Measurements {
		found := false
		for i, name := range names {
			fits := name == v.Column
			if strings.Contains(v.Column, "*") {
				var err error
				if fits, err = path.Match(v.Column, name); err != nil {
					return nil, mes.Errorf(mes.CodeInvalid, "the column %q is no pattern", v.Column)
				}
			}
			if !fits {
				continue
			}
			found = true
			column := mes.Column{Characteristic: v.Characteristic, Unit: v.Unit}
			if column.Characteristic == "" {
				column.Characteristic = name
			}
			t.schema.Columns = append(t.schema.Columns, column)
			t.measured = append(t.measured, i)
		}
		if !found {
			return nil, mes.Errorf(mes.CodeInvalid, "there is no column %q; the columns are %s", v.Column, list(names))
		}
	}
	return t, t.schema.Validate()
}

// list names columns, as many as a person reads.
func list(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (t *table) cell(cells []string, v Value) string {
	if v.Column == "" {
		return v.Const
	}
	return cells[t.columns[v.Column]]
}

func (t *table) row(cells []string) (row, error) {
	r := row{source: mes.Source(t.cell(cells, t.Source)), event: new(taktv1.Event)}
	if code, ok := t.Source.Codes[string(r.source)]; ok {
		r.source = mes.Source(code)
	}
	if r.source == "" {
		return r, mes.Invalid("source", "is empty")
	}
	n, err := t.count(cells, "epoch", t.Epoch)
	if err != nil {
		return r, err
	}
	r.epoch = mes.Epoch(n)
	if n, err = t.count(cells, "sequence", t.Sequence); err != nil {
		return r, err
	}
	r.sequence = mes.Sequence(n)
	if err := t.fill(cells, r.event); err != nil {
		return r, err
	}
	if len(t.measured) > 0 {
		r.schemas = []mes.Schema{t.schema}
	}
	return r, nil
}

func (t *table) count(cells []string, name string, v Value) (uint64, error) {
	if !v.given() {
		return 0, nil
	}
	s := t.cell(cells, v)
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, mes.Invalid(name, fmt.Sprintf("is %q, which is no whole number from 1", s))
	}
	return n, nil
}

// fill sets the fields that the row states.
func (t *table) fill(cells []string, event *taktv1.Event) error {
	// A message is there where one of its columns is not empty.
	there := make([]bool, len(t.messages))
	for i, p := range t.messages {
		there[i] = p.constant
	}
	texts := make([]string, len(t.bindings))
	for i, b := range t.bindings {
		s, err := t.bound(cells, b)
		if err != nil {
			return b.at.invalid("%s", err)
		}
		texts[i] = s
		if s == "" || b.value.Column == "" && !b.measured {
			continue
		}
		for _, p := range b.parts {
			there[p] = true
		}
	}
	made := make([]protoreflect.Message, len(t.messages))
	for i, b := range t.bindings {
		if texts[i] == "" || slices.ContainsFunc(b.parts, func(p int) bool { return !there[p] }) {
			continue
		}
		m, err := t.reach(made, b, event.ProtoReflect())
		if err != nil {
			return err
		}
		if err := t.set(m, b, texts[i], cells, event); err != nil {
			return b.at.invalid("%s", err)
		}
	}
	return nil
}

// bound returns the text of a binding, empty where the row does not state it.
func (t *table) bound(cells []string, b binding) (string, error) {
	if b.measured {
		for _, i := range t.measured {
			if cells[i] != "" {
				return "measured", nil
			}
		}
		return "", nil
	}
	s := t.cell(cells, b.value)
	if b.value.Codes == nil {
		return s, nil
	}
	code, ok := b.value.Codes[s]
	if !ok && s != "" {
		return "", textError(fmt.Sprintf("is %q, which has no code in the mapping", s))
	}
	return code, nil
}

// reach returns the message that a binding's field is in, and makes what leads
// there.
func (t *table) reach(made []protoreflect.Message, b binding, m protoreflect.Message) (protoreflect.Message, error) {
	for _, i := range b.parts {
		if made[i] != nil {
			m = made[i]
			continue
		}
		fd := t.messages[i].field
		if oneof := fd.ContainingOneof(); oneof != nil {
			if other := m.WhichOneof(oneof); other != nil && other != fd {
				return nil, b.at.invalid("stands beside %s in this row; an event states one fact", other.Name())
			}
		}
		if fd.IsList() {
			m = m.Mutable(fd).List().AppendMutable().Message()
		} else {
			m = m.Mutable(fd).Message()
		}
		made[i] = m
	}
	return m, nil
}

// set gives a field its value.
func (t *table) set(m protoreflect.Message, b binding, s string, cells []string, event *taktv1.Event) error {
	fd := b.field
	switch {
	case b.measured:
		r := readings{schema: t.schema}
		r.schema.Columns = nil
		for i, column := range t.measured {
			if err := r.add(t.schema.Columns[i], cells[column], cells[column] != ""); err != nil {
				return textError(t.schema.Columns[i].Characteristic + " " + err.Error())
			}
		}
		measurements, _ := m.Mutable(fd).Message().Interface().(*taktv1.Measurements)
		r.fill(measurements)
		return nil
	case isMessage(fd, timestampName):
		at, err := t.time(s)
		if err != nil {
			return err
		}
		setTime(m.Mutable(fd).Message(), at)
		if fd.FullName() == eventTimeName && event.GetUtcOffsetSeconds() == 0 {
			_, offset := at.Zone()
			event.UtcOffsetSeconds = int32(offset) //nolint:gosec // a zone is less than a day from UTC
		}
		return nil
	case isMessage(fd, decimalName):
		return parseDecimal(m.Mutable(fd).Message(), s, b.value.Scale)
	}
	v, err := scalar(fd, s, b.value.Scale)
	if err != nil {
		return err
	}
	if fd.IsList() {
		m.Mutable(fd).List().Append(v)
	} else {
		m.Set(fd, v)
	}
	return nil
}

var eventTimeName = eventDescriptor.Fields().ByName("event_time").FullName()

func scalar(fd protoreflect.FieldDescriptor, s string, scale int32) (protoreflect.Value, error) {
	switch kind := fd.Kind(); kind {
	case protoreflect.StringKind:
		return text(s)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(s)), nil
	case protoreflect.EnumKind:
		return enumeration(fd.Enum(), s)
	case protoreflect.DoubleKind:
		f, err := parseDouble(s)
		return protoreflect.ValueOfFloat64(f), err
	case protoreflect.BoolKind:
		switch s {
		case "true", "1":
			return protoreflect.ValueOfBool(true), nil
		case "false", "0":
			return protoreflect.ValueOfBool(false), nil
		}
		return protoreflect.Value{}, textError(fmt.Sprintf("is %q; it must be true or false, 1 or 0", s))
	default:
		return integer(kind, s, scale)
	}
}

// The ways to write a time that are tried where the mapping names none.
var timeForms = []string{"2006-01-02T15:04:05", time.DateTime}

// time reads a time as the mapping says.
func (t *table) time(s string) (time.Time, error) {
	switch t.TimeFormat {
	case "unix", "unix_ms":
		scale := int32(9)
		if t.TimeFormat == "unix_ms" {
			scale = 6
		}
		n, err := parseInteger(s, scale)
		if err != nil {
			return time.Time{}, textError(fmt.Sprintf("is %q, which is no time as the mapping says they are written (%s)", s, t.TimeFormat))
		}
		at := time.Unix(0, n).UTC()
		if t.zone != nil {
			at = at.In(t.zone)
		}
		return at, nil
	case "":
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			return at, nil
		}
		for _, form := range timeForms {
			if wall, err := time.Parse(form, s); err == nil {
				return t.local(s, wall)
			}
		}
		return time.Time{}, textError(fmt.Sprintf("is %q, which is no time; write it as 2026-11-23T06:00:00+01:00, or tell the mapping its time_format", s))
	}
	at, err := time.Parse(t.TimeFormat, s)
	if err != nil {
		return time.Time{}, textError(fmt.Sprintf("is %q, which is no time as the mapping says they are written (%s)", s, t.TimeFormat))
	}
	if hasZone(t.TimeFormat) {
		return at, nil
	}
	return t.local(s, at)
}

// hasZone reports whether a way to write a time has the offset in it. Names of
// zones are none: they say different things in different places.
func hasZone(form string) bool { return strings.Contains(form, "Z07") || strings.Contains(form, "-07") }

// local returns the time at which the zone's clock showed this.
func (t *table) local(s string, wall time.Time) (time.Time, error) {
	if t.zone == nil {
		return time.Time{}, textError(fmt.Sprintf("is %q, which has no offset from UTC; tell the mapping its zone", s))
	}
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), t.zone)
	shows := func(at time.Time) bool {
		_, offset := at.Zone()
		return at.Add(time.Duration(offset) * time.Second).UTC().Equal(wall)
	}
	if !shows(at) {
		return time.Time{}, textError(fmt.Sprintf("is %q, which no clock showed in %s", s, t.Zone))
	}
	for _, other := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		if shows(at.Add(other)) || shows(at.Add(-other)) {
			return time.Time{}, textError(fmt.Sprintf("is %q, which clocks in %s showed twice; write it with its offset", s, t.Zone))
		}
	}
	return at, nil
}
