package push

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// MaxLineBytes is how long a line of JSON may be.
const MaxLineBytes = 4 << 20

// JSON reads lines of JSON, an object each:
//
//	{"source": "lab/icp", "epoch": 1, "sequence": 17, "event": {…}}
//
// The event is a takt.v1.Event in protobuf's JSON, with three conveniences that
// protobuf's JSON would refuse: an id, which is base64 there, may be written as
// {"text": "C0001"}; a Decimal may be written as "12.5"; and Measurements may
// name their values: {"values": {"ocv1": 3.29}, "units": {"ocv1": "V"}}, where
// null is a place that was left empty. Epoch, sequence and source may be left
// out; see Config. Empty lines are skipped.
func JSON(r io.Reader, c Config) *Reader {
	return newReader(c, jsonRows(r))
}

func jsonRows(r io.Reader) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		lines := bufio.NewReaderSize(r, 64<<10)
		number := 0
		for line := 1; ; line++ {
			text, err := readLine(lines)
			if len(bytes.TrimSpace(text)) > 0 {
				number++
				row, rowErr := jsonRow(text)
				row.line, row.number = line, number
				if !yield(row, rowErr) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(row{line: line}, err)
				return
			}
		}
	}
}

// readLine returns a line without its end. The line that io.EOF comes with may
// have something in it.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLineBytes {
			return nil, mes.Errorf(mes.CodeTooLarge, "the line is longer than %d bytes", MaxLineBytes)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("read: %w", err)
		}
		return bytes.TrimSuffix(line, []byte("\n")), err
	}
}

func jsonRow(line []byte) (row, error) {
	// encoding/json would put U+FFFD for what is no text, and so change an id.
	switch {
	case !utf8.Valid(line):
		return row{}, mes.Errorf(mes.CodeInvalid, "the line is not UTF-8")
	case loneSurrogate(line):
		return row{}, mes.Errorf(mes.CodeInvalid, `the line has half a surrogate pair (\ud800 to \udfff), which is no character`)
	case !json.Valid(line):
		var value json.RawMessage
		err := json.Unmarshal(line, &value)
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return row{}, mes.Errorf(mes.CodeInvalid, "column %d: the line is no JSON: %w", syntax.Offset, err)
		}
		return row{}, mes.Errorf(mes.CodeInvalid, "the line is no JSON")
	}
	d := &jsonDecoder{dec: json.NewDecoder(bytes.NewReader(line))}
	d.dec.UseNumber()
	var r row
	if d.next() != json.Delim('{') {
		return row{}, mes.Errorf(mes.CodeInvalid, `the line is no object; write {"source": …, "sequence": …, "event": {…}}`)
	}
	seen := make(map[string]bool)
	for d.dec.More() {
		key, _ := d.next().(string)
		if seen[key] {
			return row{}, mes.Invalid(key, "comes twice")
		}
		seen[key] = true
		var err error
		switch key {
		case "source":
			s, ok := d.next().(string)
			if !ok {
				return row{}, mes.Invalid("source", "is no text")
			}
			r.source = mes.Source(s)
		case "epoch":
			var n uint64
			n, err = d.count(key)
			r.epoch = mes.Epoch(n)
		case "sequence":
			var n uint64
			n, err = d.count(key)
			r.sequence = mes.Sequence(n)
		case "event":
			r.event = new(taktv1.Event)
			err = d.value(nil, d.next(), r.event.ProtoReflect())
		default:
			err = mes.Invalid(key, "is no key of a line; they are source, epoch, sequence and event")
		}
		if err != nil {
			return row{}, err
		}
	}
	if r.event == nil {
		return row{}, mes.Invalid("event", "is missing")
	}
	r.schemas = d.schemas
	return r, nil
}

// loneSurrogate reports whether an escape in a line of JSON is half of a pair.
func loneSurrogate(line []byte) bool {
	for {
		i := bytes.IndexByte(line, '\\')
		if i < 0 || i+1 >= len(line) {
			return false
		}
		line = line[i:]
		first, ok := escaped(line)
		switch {
		case !ok:
			line = line[2:]
		case first >= 0xDC00 && first <= 0xDFFF:
			return true
		case first >= 0xD800 && first <= 0xDBFF:
			second, ok := escaped(line[6:])
			if !ok || second < 0xDC00 || second > 0xDFFF {
				return true
			}
			line = line[12:]
		default:
			line = line[6:]
		}
	}
}

// escaped reads `\u1234` at the beginning of b.
func escaped(b []byte) (uint64, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return n, err == nil
}

// jsonDecoder reads an event from a line that is known to be JSON.
type jsonDecoder struct {
	dec     *json.Decoder
	schemas []mes.Schema
}

// next returns the next token; the line is JSON, so that there is one.
func (d *jsonDecoder) next() json.Token {
	token, err := d.dec.Token()
	if err != nil {
		panic(fmt.Sprintf("push: valid JSON ends early: %v", err))
	}
	return token
}

// count reads a number from 1.
func (d *jsonDecoder) count(key string) (uint64, error) {
	var s string
	switch token := d.next().(type) {
	case json.Number:
		s = token.String()
	case string:
		s = token
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, mes.Invalid(key, "is no whole number from 1")
	}
	return n, nil
}

// value reads a message whose first token is there already.
func (d *jsonDecoder) value(at fieldPath, token json.Token, m protoreflect.Message) error {
	switch s := scalarText(token); m.Descriptor().FullName() {
	case timestampName:
		return d.timestamp(at, token, m)
	case decimalName:
		if s != "" {
			if err := parseDecimal(m, s, 0); err != nil {
				return at.invalid("%s", err)
			}
			return nil
		}
	case measurementsName:
		return d.measurements(at, token, m)
	}
	return d.object(at, token, m, nil)
}

// scalarText returns the text of a string or a number, and "" for the others.
func scalarText(token json.Token) string {
	switch token := token.(type) {
	case json.Number:
		return token.String()
	case string:
		return token
	}
	return ""
}

// object reads an object's fields. What special takes, it has read.
func (d *jsonDecoder) object(at fieldPath, token json.Token, m protoreflect.Message, special func(key string, token json.Token) (bool, error)) error {
	if token != json.Delim('{') {
		return at.invalid("is %s; it must be an object", tokenName(token))
	}
	desc := m.Descriptor()
	seen := make(map[string]bool)
	for d.dec.More() {
		key, _ := d.next().(string)
		fd := desc.Fields().ByJSONName(key)
		if fd == nil {
			fd = desc.Fields().ByName(protoreflect.Name(key))
		}
		name := key
		if fd != nil {
			name = string(fd.Name())
		}
		if seen[name] {
			return at.field(name).invalid("comes twice")
		}
		seen[name] = true
		token := d.next()
		if special != nil {
			taken, err := special(key, token)
			if err != nil {
				return err
			}
			if taken {
				continue
			}
		}
		if fd == nil {
			return at.field(key).invalid("is no field of takt.v1.%s%s", desc.Name(), fieldsOf(desc))
		}
		if err := d.field(at.field(name), token, m, fd); err != nil {
			return err
		}
	}
	d.next()
	return nil
}

// field reads a field's value into m.
func (d *jsonDecoder) field(at fieldPath, token json.Token, m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	if token == nil {
		return nil
	}
	if oneof := fd.ContainingOneof(); oneof != nil {
		if other := m.WhichOneof(oneof); other != nil {
			return at.invalid("stands beside %s; an event states one fact", other.Name())
		}
	}
	if !fd.IsList() {
		v, err := d.single(at, token, fd, func() protoreflect.Value { return m.NewField(fd) })
		if err != nil {
			return err
		}
		m.Set(fd, v)
		return nil
	}
	if token != json.Delim('[') {
		return at.invalid("is %s; it must be a list", tokenName(token))
	}
	list := m.Mutable(fd).List()
	for d.dec.More() {
		v, err := d.single(at.index(list.Len()), d.next(), fd, list.NewElement)
		if err != nil {
			return err
		}
		list.Append(v)
	}
	d.next()
	return nil
}

// single reads one value.
func (d *jsonDecoder) single(at fieldPath, token json.Token, fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	s := scalarText(token)
	_, isNumber := token.(json.Number)
	_, isText := token.(string)
	var v protoreflect.Value
	var err error
	switch kind := fd.Kind(); {
	case kind == protoreflect.MessageKind:
		v = fresh()
		return v, d.value(at, token, v.Message())
	case kind == protoreflect.BytesKind:
		return d.octets(at, token)
	case kind == protoreflect.BoolKind:
		b, ok := token.(bool)
		if !ok {
			return v, at.invalid("is %s; it must be true or false", tokenName(token))
		}
		return protoreflect.ValueOfBool(b), nil
	case !isNumber && !isText:
		return v, at.invalid("is %s; it must be one value", tokenName(token))
	case kind == protoreflect.StringKind:
		if !isText {
			return v, at.invalid("is %s; it must be text", tokenName(token))
		}
		v, err = text(s)
	case kind == protoreflect.EnumKind:
		v, err = enumeration(fd.Enum(), s)
	case kind == protoreflect.DoubleKind:
		var f float64
		f, err = parseDouble(s)
		v = protoreflect.ValueOfFloat64(f)
	default:
		v, err = integer(kind, s, 0)
	}
	if err != nil {
		return v, at.invalid("%s", err)
	}
	return v, nil
}

// octets reads exact bytes: base64, or {"text": …}.
func (d *jsonDecoder) octets(at fieldPath, token json.Token) (protoreflect.Value, error) {
	if token == json.Delim('{') {
		var s string
		ok := d.dec.More() && d.next() == "text"
		if ok {
			s, ok = d.next().(string)
		}
		if !ok || d.dec.More() {
			return protoreflect.Value{}, at.invalid(`is an object that is not {"text": …}`)
		}
		d.next()
		return protoreflect.ValueOfBytes([]byte(s)), nil
	}
	s, ok := token.(string)
	if !ok {
		return protoreflect.Value{}, at.invalid(`is %s; it must be base64, or {"text": …}`, tokenName(token))
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.URLEncoding
	}
	if len(s)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	b, err := encoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return protoreflect.Value{}, at.invalid(`is %q, which is no base64; write {"text": %q} where it is the text that is meant`, s, s)
	}
	return protoreflect.ValueOfBytes(b), nil
}

func (d *jsonDecoder) timestamp(at fieldPath, token json.Token, m protoreflect.Message) error {
	s, ok := token.(string)
	if !ok {
		return at.invalid("is %s; it must be a time, as \"2026-11-23T06:00:00.123Z\"", tokenName(token))
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	_, fraction, _ := strings.Cut(s, ".")
	digits := len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
	if err != nil || strings.Contains(s, ",") || digits > 9 {
		return at.invalid("is %q, which is no time; write it as 2026-11-23T06:00:00.123Z", s)
	}
	setTime(m, t)
	return nil
}

// measurements reads Measurements, packed or with the values by name.
func (d *jsonDecoder) measurements(at fieldPath, token json.Token, m protoreflect.Message) error {
	var named *readings
	var units map[string]string
	err := d.object(at, token, m, func(key string, token json.Token) (bool, error) {
		var err error
		switch {
		case key == "values" && token == json.Delim('{'):
			named, err = d.readings(at.field(key))
		case key == "units" && token == json.Delim('{'):
			units, err = d.units(at.field(key))
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	message, _ := m.Interface().(*taktv1.Measurements)
	switch {
	case named == nil && units != nil:
		return at.field("units").invalid("names units of values that have no names")
	case named == nil:
		return nil
	case len(message.GetSchema()) > 0:
		return at.field("schema").invalid("stands beside values that have names; the names are the schema")
	}
	for i := range named.schema.Columns {
		column := &named.schema.Columns[i]
		column.Unit = units[column.Characteristic]
		delete(units, column.Characteristic)
	}
	for name := range units {
		return at.field("units").invalid("has %q, which is not among the values", name)
	}
	named.fill(message)
	d.schemas = append(d.schemas, named.schema)
	return nil
}

func (d *jsonDecoder) readings(at fieldPath) (*readings, error) {
	var r readings
	for d.dec.More() {
		name, _ := d.next().(string)
		token := d.next()
		s := scalarText(token)
		if s == "" && token != nil {
			return nil, at.field(name).invalid("is %s; it must be a number or null", tokenName(token))
		}
		if err := r.add(mes.Column{Characteristic: name}, s, token != nil); err != nil {
			return nil, at.field(name).invalid("%s", err)
		}
	}
	d.next()
	if err := r.schema.Validate(); err != nil {
		return nil, at.invalid("cannot be a schema: %s", err)
	}
	return &r, nil
}

func (d *jsonDecoder) units(at fieldPath) (map[string]string, error) {
	units := make(map[string]string)
	for d.dec.More() {
		name, _ := d.next().(string)
		unit, ok := d.next().(string)
		if _, twice := units[name]; !ok || twice {
			return nil, at.field(name).invalid("is no text, or comes twice")
		}
		units[name] = unit
	}
	d.next()
	return units, nil
}

func tokenName(token json.Token) string {
	switch token := token.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(token)
	case json.Number:
		return token.String()
	case string:
		return strconv.Quote(token)
	case json.Delim:
		if token == '[' {
			return "a list"
		}
	}
	return "an object"
}

// fieldsOf names a message's fields.
func fieldsOf(desc protoreflect.MessageDescriptor) string {
	var names []string
	for i := range desc.Fields().Len() {
		names = append(names, string(desc.Fields().Get(i).Name()))
	}
	return "; it has " + strings.Join(names, ", ")
}
