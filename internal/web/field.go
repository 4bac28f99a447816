package web

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// field is one thing that a message says, under its name in the API.
type field struct {
	Name  string
	Value []span
	Time  *moment
}

// fields walks over a message and returns what it says, whatever it is, in the
// order of the fields. Measurements are left out: they are shown by name.
func (sh shower) fields(prefix string, m protoreflect.Message) []field {
	var list []field
	descriptors := m.Descriptor().Fields()
	for i := range descriptors.Len() {
		d := descriptors.Get(i)
		if !m.Has(d) {
			continue
		}
		name := prefix + string(d.Name())
		if !d.IsList() {
			list = append(list, sh.field(name, d, m.Get(d))...)
			continue
		}
		values := m.Get(d).List()
		for j := range values.Len() {
			list = append(list, sh.field(fmt.Sprintf("%s[%d]", name, j), d, values.Get(j))...)
		}
	}
	return list
}

func (sh shower) field(name string, d protoreflect.FieldDescriptor, v protoreflect.Value) []field {
	text := func(s string) []field { return []field{{Name: name, Value: []span{{Text: mes.Printable(s)}}}} }
	switch d.Kind() {
	case protoreflect.BytesKind:
		if n := d.Name(); n == "schema" || n == "sha256" {
			return text(hex.EncodeToString(v.Bytes()))
		}
		return text(id(v.Bytes()))
	case protoreflect.EnumKind:
		return text(enumWord(d.Enum(), v.Enum()))
	case protoreflect.BoolKind:
		return text("yes")
	case protoreflect.MessageKind:
		return sh.message(name, v.Message())
	default:
		switch n := string(d.Name()); {
		case strings.HasSuffix(n, "_micrometres"):
			return []field{{Name: strings.TrimSuffix(name, "_micrometres"), Value: []span{{Text: metres(v.Int()) + "\u00a0m"}}}}
		case strings.HasSuffix(n, "_nanos"):
			return []field{{Name: strings.TrimSuffix(name, "_nanos"), Value: []span{{Text: time.Duration(v.Int()).String()}}}}
		}
		return text(v.String())
	}
}

// message shows a message in one line where people have a form for it.
func (sh shower) message(name string, m protoreflect.Message) []field {
	spans := func(s ...span) []field { return []field{{Name: name, Value: s}} }
	switch v := m.Interface().(type) {
	case *taktv1.Ref:
		return spans(ref(v), span{Text: mes.Printable(v.GetMaterialDefinition()), Class: "note"})
	case *taktv1.Quantity:
		return spans(span{Text: quantity(v)})
	case *taktv1.Interval:
		return spans(span{Text: interval(v)})
	case *taktv1.Identity:
		return spans(span{Text: identity(v)})
	case *timestamppb.Timestamp:
		return []field{{Name: name, Time: sh.time(v)}}
	case *taktv1.Measurements:
		return nil
	}
	return sh.fields(name+".", m)
}

// fieldsOf is fields for a message as it is handed about.
func (sh shower) fieldsOf(m proto.Message) []field { return sh.fields("", m.ProtoReflect()) }
