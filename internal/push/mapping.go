package push

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/takt-mes/takt/internal/mes"
)

// Mapping says how the columns of a CSV file become events. ParseMapping and
// Compile make one that can be used.
type Mapping struct {
	// Source is who numbers the rows; required.
	Source Value `yaml:"source"`
	// Epoch is the source's life, from 1; 1 where it is not given.
	Epoch Value `yaml:"epoch,omitempty"`
	// Sequence is the row's number within the source; the number of the row in
	// the file, the header not counted, where it is not given.
	Sequence Value `yaml:"sequence,omitempty"`
	// Zone is the time zone of times that are written without an offset, as
	// `Europe/Berlin`. Without it such times are refused.
	Zone string `yaml:"zone,omitempty"`
	// TimeFormat is how times are written: `unix` or `unix_ms`, or the time
	// 2006-01-02 15:04:05 in the file's own way; RFC 3339, with or without an
	// offset, where it is empty.
	TimeFormat string `yaml:"time_format,omitempty"`
	// Delimiter stands between columns; a comma where it is empty.
	Delimiter string `yaml:"delimiter,omitempty"`
	// Fields say where each field of the event comes from, by its path in
	// takt.v1.Event: `work.subjects[0].id`.
	Fields map[string]Value `yaml:"fields"`
	// Measurements are the columns of measured values, in order.
	Measurements []Measurement `yaml:"measurements,omitempty"`
	// MeasurementsField is where they go; `work.measurements` where it is empty.
	MeasurementsField string `yaml:"measurements_field,omitempty"`

	zone      *time.Location
	delimiter rune
	bindings  []binding
	// messages are the messages of the event that the bindings need, but the
	// event itself.
	messages []part
}

// Value is where one value comes from. In the file it is a column's name, or a
// mapping.
type Value struct {
	// Column is the column's name.
	Column string `yaml:"column,omitempty"`
	// Const is a value that stands in every row.
	Const string `yaml:"const,omitempty"`
	// Codes translate what stands in the column; what has no code stops the row.
	Codes map[string]string `yaml:"codes,omitempty"`
	// Scale is the power of ten that the column's number is multiplied with, as
	// 6 for a column in metres and a field in micrometres.
	Scale int32 `yaml:"scale,omitempty"`
}

// UnmarshalYAML is goccy's.
func (v *Value) UnmarshalYAML(decode func(any) error) error {
	var column string
	if err := decode(&column); err == nil {
		*v = Value{Column: column}
		return nil
	}
	type plain Value
	return decode((*plain)(v))
}

func (v Value) given() bool { return v.Column != "" || v.Const != "" }

func (v Value) validate(place string) error {
	switch {
	case v.Column != "" && v.Const != "":
		return mes.Invalid(place, "has a column and a const; it is one of them")
	case !v.given():
		return mes.Invalid(place, "has no column and no const")
	case v.Column == "" && (v.Codes != nil || v.Scale != 0):
		return mes.Invalid(place, "has codes or a scale, which belong to a column")
	case v.Scale < -18 || v.Scale > 18:
		return mes.Invalid(place, fmt.Sprintf("has the scale %d; −18 to 18 are taken", v.Scale))
	}
	return nil
}

// Measurement is a column of measured values.
type Measurement struct {
	// Column is its name; one with a `*` stands for every column of the file
	// that fits, in the file's order.
	Column string `yaml:"column"`
	// Characteristic is what is measured; the column's name where it is empty.
	Characteristic string `yaml:"characteristic,omitempty"`
	// Unit is the unit of measure, a UCUM code.
	Unit string `yaml:"unit,omitempty"`
}

// binding is a field of the event and where it comes from.
type binding struct {
	at    fieldPath
	value Value
	// parts are the messages that lead to it, as places in Mapping.messages.
	parts []int
	field protoreflect.FieldDescriptor
	// element is the place in a list, −1 where the field is none.
	element int
	// measured says that it is the measurements.
	measured bool
}

// part is a message within the event.
type part struct {
	// parent is the message that it is in, −1 for the event.
	parent int
	field  protoreflect.FieldDescriptor
	// element is the place in the parent's list, −1 where it is none.
	element int
	// constant says that no column leads into it, so that it is always there.
	constant bool
}

// ParseMapping reads a mapping file. What is wrong with it is an Error with
// CodeInvalid that names the line or the field; an unknown key is wrong.
func ParseMapping(data []byte) (*Mapping, error) {
	m := new(Mapping)
	if err := yaml.UnmarshalWithOptions(data, m, yaml.Strict()); err != nil {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil && e.GetToken().Position != nil {
			at := e.GetToken().Position
			return nil, mes.Errorf(mes.CodeInvalid, "line %d, column %d: %s", at.Line, at.Column, e.GetMessage()).
				With("line", strconv.Itoa(at.Line))
		}
		return nil, mes.Errorf(mes.CodeInvalid, "%w", err)
	}
	return m, m.Compile()
}

// Compile checks the mapping and makes it ready for use.
func (m *Mapping) Compile() error {
	if err := m.Source.validate("source"); err != nil {
		return err
	}
	for _, v := range []struct {
		place string
		value Value
	}{{"epoch", m.Epoch}, {"sequence", m.Sequence}} {
		if v.value.Codes != nil || v.value.Scale != 0 || v.value.Column != "" && v.value.Const != "" {
			return mes.Invalid(v.place, "is a column or a const and no more")
		}
	}
	if m.Sequence.Const != "" {
		return mes.Invalid("sequence", "is a const; two rows cannot have one number")
	}
	m.delimiter = ','
	if m.Delimiter != "" {
		runes := []rune(m.Delimiter)
		if len(runes) != 1 || strings.ContainsRune("\"\r\n\uFFFD", runes[0]) {
			return mes.Invalid("delimiter", fmt.Sprintf("is %q; it must be one character, as ; or a tab", m.Delimiter))
		}
		m.delimiter = runes[0]
	}
	m.zone = nil
	if m.Zone != "" {
		zone, err := time.LoadLocation(m.Zone)
		if err != nil {
			return mes.Invalid("zone", fmt.Sprintf("is %q, which is no time zone; write it as Europe/Berlin", m.Zone))
		}
		m.zone = zone
	}
	if err := validateTimeFormat(m.TimeFormat); err != nil {
		return err
	}
	m.bindings, m.messages = nil, nil
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		value := m.Fields[name]
		if err := value.validate("fields." + name); err != nil {
			return err
		}
		if err := m.bind(name, value, false); err != nil {
			return err
		}
	}
	if len(m.Measurements) > 0 {
		name := m.MeasurementsField
		if name == "" {
			name = "work.measurements"
		}
		if err := m.bind(name, Value{}, true); err != nil {
			return err
		}
	}
	for i, v := range m.Measurements {
		if v.Column == "" || strings.Contains(v.Column, "*") && v.Characteristic != "" {
			return mes.Invalid(fmt.Sprintf("measurements[%d]", i), "needs a column; one with a * takes its columns' names as characteristics")
		}
	}
	// Elements of a list come in their order, whatever the paths' is.
	slices.SortStableFunc(m.bindings, func(a, b binding) int { return slices.Compare(m.elements(a), m.elements(b)) })
	return nil
}

// validateTimeFormat refuses a way to write times that says no day, as YYYY-MM-DD
// would, or that names zones, which say different things in different places.
func validateTimeFormat(form string) error {
	if form == "" || form == "unix" || form == "unix_ms" {
		return nil
	}
	day := time.Date(2031, 11, 23, 0, 0, 0, 0, time.UTC)
	if read, err := time.Parse(form, day.Format(form)); err != nil || !read.Equal(day) {
		return mes.Invalid("time_format", fmt.Sprintf("is %q; write the time 2006-01-02 15:04:05 in the way of the file, as 02.01.2006 15:04", form))
	}
	if strings.Contains(form, "MST") {
		return mes.Invalid("time_format", fmt.Sprintf("is %q, which names the zone; only offsets (-07:00) can be told apart", form))
	}
	return nil
}

// elements returns the places in lists on the way to a binding.
func (m *Mapping) elements(b binding) []int {
	var places []int
	for _, i := range b.parts {
		if e := m.messages[i].element; e >= 0 {
			places = append(places, e)
		}
	}
	return append(places, b.element)
}

// bind finds a field by its path.
func (m *Mapping) bind(name string, value Value, measured bool) error {
	place := "fields." + name
	if measured {
		place = "measurements_field"
	}
	b := binding{value: value, element: -1, measured: measured}
	desc, parent := eventDescriptor, -1
	steps := strings.Split(name, ".")
	for i, step := range steps {
		word, element, err := cutElement(step)
		if err != nil {
			return mes.Invalid(place, err.Error())
		}
		fd := desc.Fields().ByName(protoreflect.Name(word))
		switch {
		case fd == nil:
			return mes.Invalid(place, fmt.Sprintf("is no field: takt.v1.%s has no %q%s", desc.Name(), word, fieldsOf(desc)))
		case fd.IsList() && element < 0:
			return mes.Invalid(place, fmt.Sprintf("needs a place at %q, which is a list: %s[0]", word, word))
		case !fd.IsList() && element >= 0:
			return mes.Invalid(place, fmt.Sprintf("has a place at %q, which is no list", word))
		}
		b.at = b.at.field(word)
		if element >= 0 {
			b.at = b.at.index(element)
		}
		if i == len(steps)-1 {
			b.field, b.element = fd, element
			break
		}
		if fd.Message() == nil || leafMessage(fd) {
			return mes.Invalid(place, fmt.Sprintf("goes on after %q, which is one value", word))
		}
		parent = m.part(parent, fd, element, value.Column == "" && !measured)
		b.parts = append(b.parts, parent)
		desc = fd.Message()
	}
	switch {
	case measured != isMessage(b.field, measurementsName):
		if measured {
			return mes.Invalid(place, "is no field for measurements, as work.measurements")
		}
		return mes.Invalid(place, "is for measurements; write their columns under the key measurements")
	case !measured && b.field.Message() != nil && !leafMessage(b.field):
		return mes.Invalid(place, "is a message; map its fields"+fieldsOf(b.field.Message()))
	case value.Scale != 0 && !takesScale(b.field):
		return mes.Invalid(place, "has a scale, which only whole numbers and decimals take")
	}
	m.bindings = append(m.bindings, b)
	return nil
}

// part returns the place of a message in the list.
func (m *Mapping) part(parent int, fd protoreflect.FieldDescriptor, element int, constant bool) int {
	for i, p := range m.messages {
		if p.parent == parent && p.field == fd && p.element == element {
			m.messages[i].constant = p.constant && constant
			return i
		}
	}
	m.messages = append(m.messages, part{parent, fd, element, constant})
	return len(m.messages) - 1
}

// leafMessage reports whether a message is written as one value.
func leafMessage(fd protoreflect.FieldDescriptor) bool {
	return isMessage(fd, timestampName) || isMessage(fd, decimalName)
}

func takesScale(fd protoreflect.FieldDescriptor) bool {
	switch fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return true
	default:
		return isMessage(fd, decimalName)
	}
}

// maxElement bounds the places of a list in a path.
const maxElement = 999

// cutElement splits `subjects[0]`; the place is −1 where there is none.
func cutElement(step string) (name string, element int, err error) {
	name, rest, ok := strings.Cut(step, "[")
	if !ok {
		return step, -1, nil
	}
	digits, ok := strings.CutSuffix(rest, "]")
	element, err = strconv.Atoi(digits)
	if !ok || err != nil || element < 0 || element > maxElement {
		return "", 0, fmt.Errorf("has %q; a place in a list is written as %s[0]", step, name)
	}
	return name, element, nil
}
