package plc

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// mapping is how the tags of one station become events.
type mapping struct {
	// tags are the node ids to read, each once; the numbers below and in the
	// leaves are places in it.
	tags []string
	// Where there is none, seq is ready, and kind and boot are −1.
	ready, ack, seq, kind, boot int
	// shapes are the records by kind; without a kind tag there is one, under 0.
	shapes map[int64]*shape
	schema mes.Schema
}

// shape is one kind of record.
type shape struct {
	root *message
	// used are the tags that it needs besides those of the handshake.
	used []int
	// eventTime is the tag with the PLC's own time, −1 where it has none.
	eventTime int
}

// message is a message of the event and where its fields come from.
type message struct {
	desc   protoreflect.MessageDescriptor
	fields []*field
	// constant says that no tag leads into it, so that it is always there.
	constant bool
}

// field is a field of a message: a leaf, or a message of its own.
type field struct {
	path string
	fd   protoreflect.FieldDescriptor
	sub  *message
	rows bool
	leaf *leaf
}

// leaf is where a value comes from.
type leaf struct {
	path    string
	tags    []int
	fixed   protoreflect.Value
	codes   map[int64]protoreflect.Value
	scale   int32
	padding config.Padding
	want    want
	kind    protoreflect.Kind
	inRow   bool
}

// Check returns an error where a station's template cannot be made an event of.
// It holds a config.PlaceError.
func Check(c *config.Config) error {
	for i := range c.PLCs {
		for j := range c.PLCs[i].Stations {
			if _, err := compile(c, &c.PLCs[i], &c.PLCs[i].Stations[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compile makes a station's mapping.
func compile(c *config.Config, p *config.PLC, s *config.Station) (*mapping, error) {
	t := c.Templates[s.Template]
	m := &mapping{seq: -1, kind: -1, boot: -1, shapes: make(map[int64]*shape), schema: c.MesSchema(s.Schema)}
	for _, tag := range []struct {
		place *int
		tag   string
		key   string
	}{{&m.ready, t.Ready, "ready"}, {&m.ack, t.Ack, "ack"}, {&m.seq, t.Seq, "seq"}, {&m.kind, t.Kind, "kind"}} {
		if tag.tag == "" {
			continue
		}
		n, err := m.tag(tag.tag, s.Vars)
		if err != nil {
			return nil, config.At([]any{"templates", s.Template, tag.key}, "%w", err)
		}
		*tag.place = n
	}
	if m.seq < 0 {
		m.seq = m.ready
	}
	boot := p.BootID
	if boot == "" {
		boot = startTimeTag
	}
	var err error
	if m.boot, err = m.tag(boot, nil); err != nil {
		return nil, err
	}
	for i, r := range t.Records {
		sh := &shape{root: &message{desc: new(taktv1.Event).ProtoReflect().Descriptor(), constant: true}, eventTime: -1}
		for _, path := range r.Paths() {
			if err := m.bind(sh, path, r.Fields[path], s.Vars); err != nil {
				return nil, config.At([]any{"templates", s.Template, "records", i, "fields", path}, "%w", err)
			}
		}
		slices.Sort(sh.used)
		sh.used = slices.Compact(sh.used)
		m.shapes[r.Kind] = sh
	}
	return m, nil
}

// startTimeTag is the start time of the PLC's OPC UA server.
const startTimeTag = "i=2257"

// tag returns the place of a tag in the list.
func (m *mapping) tag(tag string, vars map[string]string) (int, error) {
	tag, err := config.Expand(tag, vars)
	if err != nil {
		return 0, err
	}
	if i := slices.Index(m.tags, tag); i >= 0 {
		return i, nil
	}
	m.tags = append(m.tags, tag)
	return len(m.tags) - 1, nil
}

// bind adds a field by its path.
func (m *mapping) bind(sh *shape, path string, f config.Field, vars map[string]string) error {
	at, inRow := sh.root, false
	var passed []*message
	segments := strings.Split(path, ".")
	for i, segment := range segments {
		name, rows := strings.CutSuffix(segment, "[]")
		fd := at.desc.Fields().ByName(protoreflect.Name(name))
		switch {
		case fd == nil:
			return fmt.Errorf("is no field of takt.v1.Event: %s has no %q%s", at.desc.Name(), name, config.DidYouMean(name, names(at.desc)))
		case rows != fd.IsList():
			if rows {
				return fmt.Errorf("has a [] at %q, which is no list", name)
			}
			return fmt.Errorf("needs a [] at %q, which is a list", name)
		case rows && inRow:
			return errors.New("has two []; one walks the arrays")
		case fd.ContainingOneof() != nil && at == sh.root && otherFact(sh.root, fd):
			return errors.New("is another fact than the record's other fields; an event states one")
		}
		inRow = inRow || rows
		last := i == len(segments)-1
		b := child(at, fd)
		if !last {
			if b == nil {
				if fd.Message() == nil || wantOf(fd) != wantMessage {
					return fmt.Errorf("goes on after %q, which has no fields that can be mapped", name)
				}
				b = &field{path: path, fd: fd, rows: rows, sub: &message{desc: fd.Message(), constant: true}}
				at.fields = append(at.fields, b)
			}
			at = b.sub
			passed = append(passed, at)
			continue
		}
		l, err := m.leaf(path, fd, f, vars, inRow)
		if err != nil {
			return err
		}
		at.fields = append(at.fields, &field{path: path, fd: fd, leaf: l})
		sh.used = append(sh.used, l.tags...)
		if len(l.tags) > 0 {
			for _, msg := range passed {
				msg.constant = false
			}
		}
		if path == "event_time" && len(l.tags) == 1 {
			sh.eventTime = l.tags[0]
		}
	}
	return nil
}

// otherFact reports whether a field of another fact is mapped already.
func otherFact(root *message, fd protoreflect.FieldDescriptor) bool {
	for _, f := range root.fields {
		if f.fd.ContainingOneof() != nil && f.fd != fd {
			return true
		}
	}
	return false
}

func child(m *message, fd protoreflect.FieldDescriptor) *field {
	for _, f := range m.fields {
		if f.fd == fd {
			return f
		}
	}
	return nil
}

func names(desc protoreflect.MessageDescriptor) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range desc.Fields().Len() {
			if !yield(string(desc.Fields().Get(i).Name())) {
				return
			}
		}
	}
}

func (m *mapping) leaf(path string, fd protoreflect.FieldDescriptor, f config.Field, vars map[string]string, inRow bool) (*leaf, error) {
	l := &leaf{path: path, scale: f.Scale, padding: f.Padding, want: wantOf(fd), kind: fd.Kind(), inRow: inRow}
	switch {
	case l.want == wantMessage:
		return nil, fmt.Errorf("is a message; map its fields%s", example(path, fd))
	case len(f.Tags) > 0 && l.want != wantMeasurements:
		return nil, errors.New("has a list of tags, which only measurements take")
	case f.Scale != 0 && l.want != wantDecimal:
		return nil, errors.New("has a scale, which only a decimal takes")
	case f.Padding != config.PaddingNone && l.want != wantText && l.want != wantBytes:
		return nil, errors.New("has a padding, which only a string takes")
	case f.Codes != nil && l.want != wantEnum && l.want != wantText && l.want != wantBytes:
		return nil, errors.New("has codes, which only an enumeration or a string takes")
	}
	tags := f.Tags
	if f.Tag != "" {
		tags = []string{f.Tag}
	}
	for _, tag := range tags {
		n, err := m.tag(tag, vars)
		if err != nil {
			return nil, err
		}
		l.tags = append(l.tags, n)
	}
	if f.Const != "" {
		text, err := config.Expand(f.Const, vars)
		if err != nil {
			return nil, err
		}
		if l.fixed, err = parse(fd, text); err != nil {
			return nil, err
		}
	}
	if f.Codes != nil {
		l.codes = make(map[int64]protoreflect.Value, len(f.Codes))
		for _, code := range slices.Sorted(maps.Keys(f.Codes)) {
			v, err := parse(fd, f.Codes[code])
			if err != nil {
				return nil, fmt.Errorf("has the code %d: %w", code, err)
			}
			l.codes[code] = v
		}
	}
	return l, nil
}

// example names a field of the message that was mapped as a whole.
func example(path string, fd protoreflect.FieldDescriptor) string {
	return fmt.Sprintf(", as %s.%s", path, fd.Message().Fields().Get(0).Name())
}

// reading is what one read of a station's tags gave.
type reading struct {
	m *mapping
	// values are in the order of the mapping's tags, nil where there is none.
	values []any
	// status are their OPC UA status codes.
	status []uint32
}

// mismatchError is a tag whose type does not go into its field: the gateway
// file or the PLC's program must be changed.
type mismatchError struct{ tag, path, got, want string }

// Error names tag, type and remedy.
func (e *mismatchError) Error() string {
	return fmt.Sprintf("tag %s is %s, but %s takes %s; map another tag, or change its type in the PLC", e.tag, e.got, e.path, e.want)
}

// check looks at the types of all tags, whatever the record's kind is now, so
// that a wrong one is told at the start and not by the first coil of the week.
func (r *reading) check() error {
	for _, kind := range slices.Sorted(maps.Keys(r.m.shapes)) {
		if err := r.checkMessage(r.m.shapes[kind].root); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) checkMessage(m *message) error {
	for _, f := range m.fields {
		if f.sub != nil {
			if err := r.checkMessage(f.sub); err != nil {
				return err
			}
			continue
		}
		for _, tag := range f.leaf.tags {
			v := r.values[tag]
			if v == nil || severity(r.status[tag]) >= severityBad {
				continue
			}
			if n, ok := length(v); ok && n == 0 {
				v = reflect.Zero(reflect.TypeOf(v).Elem()).Interface()
			} else if ok {
				v = reflect.ValueOf(v).Index(0).Interface()
			}
			if _, array := length(r.values[tag]); array && !f.leaf.inRow && f.leaf.want != wantMeasurements {
				return r.mismatch(f.leaf, tag)
			}
			if f.leaf.want == wantMeasurements {
				if _, _, ok := double(v); !ok {
					return r.mismatch(f.leaf, tag)
				}
				continue
			}
			if _, err := f.leaf.convert(v); err != nil {
				return r.mismatch(f.leaf, tag)
			}
		}
	}
	return nil
}

func (r *reading) mismatch(l *leaf, tag int) error {
	return &mismatchError{tag: r.m.tags[tag], path: l.path, got: typeName(r.values[tag]), want: l.want.String()}
}

// event makes the event of a reading. Its bytes are canonical where they are an
// event; where the PLC sent what no event may have, they are what it sent, and
// the server puts them in quarantine.
func (r *reading) event(sh *shape, zone *time.Location) ([]byte, error) {
	e := new(taktv1.Event)
	if _, err := r.fill(e.ProtoReflect(), sh.root, -1); err != nil {
		return nil, err
	}
	if t := e.GetEventTime(); t != nil && e.GetUtcOffsetSeconds() == 0 {
		_, offset := t.AsTime().In(zone).Zone()
		e.UtcOffsetSeconds = int32(offset) //nolint:gosec // a zone is less than a day from UTC
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	decoded, err := mes.DecodeEvent(raw)
	if err != nil {
		return raw, nil //nolint:nilerr // the server says what is wrong with it, in quarantine
	}
	return mes.AppendEvent(nil, decoded), nil
}

// fill sets the fields of a message from one row of the tags, −1 outside of
// rows, and reports whether a tag said something.
func (r *reading) fill(msg protoreflect.Message, m *message, row int) (bool, error) {
	said := false
	for _, f := range m.fields {
		var ok bool
		var err error
		switch {
		case f.leaf != nil && f.leaf.want == wantMeasurements:
			ok, err = r.measure(msg, f)
		case f.leaf != nil:
			ok, err = r.set(msg, f, row)
		case f.rows:
			ok, err = r.fillRows(msg, f)
		default:
			sub := msg.NewField(f.fd)
			if ok, err = r.fill(sub.Message(), f.sub, row); ok || f.sub.constant {
				msg.Set(f.fd, sub)
			}
		}
		if err != nil {
			return false, err
		}
		said = said || ok
	}
	return said, nil
}

// fillRows makes a list of as many messages as the longest of their tags has
// places. A PLC's array has its full length always, so a place in which no tag
// says anything is none.
func (r *reading) fillRows(msg protoreflect.Message, f *field) (bool, error) {
	rows := r.rows(f.sub)
	list := msg.NewField(f.fd).List()
	for row := range rows {
		el := list.NewElement()
		ok, err := r.fill(el.Message(), f.sub, row)
		if err != nil {
			return false, err
		}
		if ok || f.sub.constant {
			list.Append(el)
		}
	}
	if list.Len() == 0 {
		return false, nil
	}
	msg.Set(f.fd, protoreflect.ValueOfList(list))
	return true, nil
}

func (r *reading) rows(m *message) int {
	rows := 0
	if m.constant {
		rows = 1
	}
	for _, f := range m.fields {
		if f.sub != nil {
			rows = max(rows, r.rows(f.sub))
			continue
		}
		for _, tag := range f.leaf.tags {
			if n, ok := length(r.values[tag]); ok {
				rows = max(rows, n)
			} else if r.values[tag] != nil {
				rows = max(rows, 1)
			}
		}
	}
	return rows
}

// set sets one field from its tag or constant and reports whether the tag said
// something.
func (r *reading) set(msg protoreflect.Message, f *field, row int) (bool, error) {
	l := f.leaf
	if l.fixed.IsValid() {
		msg.Set(f.fd, l.fixed)
		return false, nil
	}
	v := r.values[l.tags[0]]
	if n, ok := length(v); ok {
		switch {
		case row < 0:
			return false, r.mismatch(l, l.tags[0])
		case row >= n:
			return false, nil
		}
		v = reflect.ValueOf(v).Index(row).Interface()
	} else if row > 0 {
		return false, nil
	}
	if v == nil {
		return false, nil
	}
	c, err := l.convert(v)
	switch {
	case err != nil:
		return false, r.mismatch(l, l.tags[0])
	case c.raw != "":
		unfit(msg, f.fd, c.raw)
		return true, nil
	case !c.value.IsValid():
		return false, nil
	}
	msg.Set(f.fd, c.value)
	return true, nil
}

// unfit keeps a value that its field cannot hold: as bytes under the field's
// number. That is no event, so that it ends in quarantine, and shows there what
// the PLC sent.
func unfit(msg protoreflect.Message, fd protoreflect.FieldDescriptor, raw string) {
	b := msg.GetUnknown()
	b = protowire.AppendTag(b, fd.Number(), protowire.BytesType)
	msg.SetUnknown(protowire.AppendString(b, raw))
}

// measure sets measurements from an array, or from several scalars.
func (r *reading) measure(msg protoreflect.Message, f *field) (bool, error) {
	l := f.leaf
	out := new(taktv1.Measurements)
	note := func(status uint32, quality taktv1.Quality, raw string) {
		if status == 0 && quality == 0 && raw == "" {
			return
		}
		out.Notes = append(out.GetNotes(), &taktv1.Measurements_Note{
			Index: uint32(len(out.GetValues())), Quality: quality, Status: status, Raw: raw, //nolint:gosec // an event has fewer
		})
	}
	for _, tag := range l.tags {
		v, status := r.values[tag], r.status[tag]
		quality := taktv1.Quality_QUALITY_UNSPECIFIED
		if severity(status) == severityUncertain {
			quality = taktv1.Quality_QUALITY_UNCERTAIN
		} else {
			status = 0
		}
		n, array := length(v)
		if v == nil && len(l.tags) > 1 {
			note(status, taktv1.Quality_QUALITY_MISSING, "")
			out.Values = append(out.GetValues(), missing)
			continue
		}
		if v == nil {
			continue
		}
		if !array {
			n = 1
		}
		for i := range n {
			el := v
			if array {
				el = reflect.ValueOf(v).Index(i).Interface()
			}
			d, raw, ok := double(el)
			if !ok {
				return false, r.mismatch(l, tag)
			}
			note(status, quality, raw)
			out.Values = append(out.GetValues(), d)
		}
	}
	if len(out.GetValues()) == 0 {
		return false, nil
	}
	if len(r.m.schema.Columns) == 0 {
		return false, fmt.Errorf("it measured %d values, but has no schema that names them; give the station one", len(out.GetValues()))
	}
	out.Schema = []byte(r.m.schema.ID())
	msg.Set(f.fd, protoreflect.ValueOfMessage(out.ProtoReflect()))
	return true, nil
}
