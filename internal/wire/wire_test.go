package wire_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// fill sets every field of a message, and of every message below it, to values
// that mes takes.
func fill(r *rand.Rand, m protoreflect.Message, oneof protoreflect.FieldDescriptor) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if c := f.ContainingOneof(); c != nil && oneof != nil && c == oneof.ContainingOneof() && f != oneof {
			continue
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			for range 1 + r.IntN(3) {
				if f.Kind() == protoreflect.MessageKind {
					fill(r, list.AppendMutable().Message(), nil)
				} else {
					list.Append(scalar(r, f))
				}
			}
			continue
		}
		if f.Kind() == protoreflect.MessageKind {
			fill(r, m.Mutable(f).Message(), nil)
			continue
		}
		m.Set(f, scalar(r, f))
	}
	normalise(m)
}

// normalise brings what has one canonical form to it.
func normalise(m protoreflect.Message) {
	switch v := m.Interface().(type) {
	case *taktv1.Decimal:
		d := mes.NewDecimal(v.GetCoefficient(), v.GetExponent())
		v.Coefficient, v.Exponent = d.Coefficient, d.Exponent
	default:
		if m.Descriptor().FullName() == "google.protobuf.Timestamp" {
			m.Set(m.Descriptor().Fields().ByName("nanos"), protoreflect.ValueOfInt32(123456789))
			m.Set(m.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(-62135596800+rand.Int64N(1<<37)))
		}
	}
}

func scalar(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff, byte(r.UintN(256))})
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(rune('a' + r.IntN(26))))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(1 + r.IntN(values.Len()-1)).Number())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.NormFloat64())
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1 + r.Uint32()>>1)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1 + r.Uint64()>>1)
	case protoreflect.Sint32Kind, protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-1 - r.Int32N(1000))
	case protoreflect.Sint64Kind, protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-1 - r.Int64N(1<<40))
	default:
		panic("no value for a field of kind " + f.Kind().String())
	}
}

// TestEveryFieldOfAnEvent fills every field that the API's descriptors have,
// for each fact, and takes it through mes and back.
func TestEveryFieldOfAnEvent(t *testing.T) {
	facts := new(taktv1.Event).ProtoReflect().Descriptor().Oneofs().ByName("fact").Fields()
	for i := range facts.Len() {
		t.Run(string(facts.Get(i).Name()), func(t *testing.T) {
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 0))
				want := new(taktv1.Event)
				fill(r, want.ProtoReflect(), facts.Get(i))
				e, err := wire.EventFrom(want)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				canonical := mes.AppendEvent(nil, e)
				got, err := wire.Event(canonical)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
					t.Fatalf("seed %d: round trip mismatch (-want +got):\n%s", seed, diff)
				}
				// The canonical form is what protobuf itself would write.
				deterministic, err := proto.MarshalOptions{Deterministic: true}.Marshal(got)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(canonical, deterministic) {
					t.Fatalf("seed %d: canonical bytes differ from protobuf's:\n%x\n%x", seed, canonical, deterministic)
				}
			}
		})
	}
}

func TestEveryFieldOfAProvenance(t *testing.T) {
	want := new(taktv1.Provenance)
	fill(rand.New(rand.NewPCG(1, 2)), want.ProtoReflect(), nil)
	r := wire.RecordFrom(&taktv1.Record{Provenance: want})
	got, err := wire.Provenance(&r.Provenance)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("round trip mismatch (-want +got):\n%s", diff)
	}
}

// TestEveryReasonHasACode: what the API can say, a client can tell apart.
func TestEveryReasonHasACode(t *testing.T) {
	for n, name := range taktv1.ErrorReason_name {
		st, err := status.New(codes.Unknown, "m").WithDetails(&errdetails.ErrorInfo{Domain: "takt", Reason: strings.TrimPrefix(name, "ERROR_REASON_")})
		if err != nil {
			t.Fatal(err)
		}
		known := mes.CodeOf(wire.Error(st.Err())) != mes.CodeInternal || n == int32(taktv1.ErrorReason_ERROR_REASON_INTERNAL)
		if n != 0 && !known {
			t.Errorf("%s has no code", name)
		}
	}
}

// TestErrors takes every code through a status and back.
func TestErrors(t *testing.T) {
	for code := mes.CodeInternal; code <= mes.CodeLocked; code++ {
		want := mes.Errorf(code, "something about %d", code).With("field", "x")
		got := wire.Error(wire.Status(want).Err())
		var e *mes.Error
		if !errors.As(got, &e) || e.Code != code || e.Message != want.Message || e.Values["field"] != "x" {
			t.Errorf("code %d came back as %#v", code, got)
		}
	}
}
