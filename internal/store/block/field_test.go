package block

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// TestFieldsAreThoseOfTheProtocol compares the table with the descriptors.
func TestFieldsAreThoseOfTheProtocol(t *testing.T) {
	compare(t, event, (*taktv1.Event)(nil).ProtoReflect().Descriptor())
	compare(t, provenance, (*taktv1.Provenance)(nil).ProtoReflect().Descriptor())
}

func compare(t *testing.T, m *message, d protoreflect.MessageDescriptor) {
	t.Helper()
	for n := range m {
		var want fieldKind
		f := d.Fields().ByNumber(protoreflect.FieldNumber(n))
		switch {
		case f == nil:
		case f.Kind() == protoreflect.MessageKind && f.Message().FullName() == "google.protobuf.Timestamp":
			want = fieldTime
		case f.Kind() == protoreflect.MessageKind:
			want = fieldMessage
		case f.Kind() == protoreflect.DoubleKind:
			want = fieldDoubles
		}
		if m[n].kind != want {
			t.Errorf("%s: field %d has the kind %d, want %d", d.FullName(), n, m[n].kind, want)
		} else if want == fieldMessage {
			compare(t, m[n].message, f.Message())
		}
	}
	for i := range d.Fields().Len() {
		if n := d.Fields().Get(i).Number(); int(n) >= len(m) {
			t.Errorf("%s: field %d is beyond the table", d.FullName(), n)
		}
	}
}
