package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// Event returns the message of an event's canonical bytes.
func Event(canonical []byte) (*taktv1.Event, error) {
	e := new(taktv1.Event)
	if err := proto.Unmarshal(canonical, e); err != nil {
		return nil, fmt.Errorf("read an event: %w", err)
	}
	return e, nil
}

// EventFrom returns the event that a message states.
func EventFrom(e *taktv1.Event) (*mes.Event, error) {
	b, err := proto.Marshal(e)
	if err != nil {
		return nil, mes.Errorf(mes.CodeInvalid, "encode event: %w", err)
	}
	return mes.DecodeEvent(b)
}

// Identity returns the message of an identity.
func Identity(id mes.Identity) *taktv1.Identity {
	return &taktv1.Identity{Source: []byte(id.Source), Epoch: uint64(id.Epoch), Sequence: uint64(id.Sequence)}
}

// IdentityFrom returns the identity that a message holds.
func IdentityFrom(id *taktv1.Identity) mes.Identity {
	return mes.Identity{Source: mes.Source(id.GetSource()), Epoch: mes.Epoch(id.GetEpoch()), Sequence: mes.Sequence(id.GetSequence())}
}

// Provenance returns the message of a provenance.
func Provenance(p *mes.Provenance) (*taktv1.Provenance, error) {
	m := new(taktv1.Provenance)
	if err := proto.Unmarshal(mes.AppendProvenance(nil, p), m); err != nil {
		return nil, fmt.Errorf("read a provenance: %w", err)
	}
	return m, nil
}

// Record returns the message of a record.
func Record(r *mes.Record) (*taktv1.Record, error) {
	p, err := Provenance(&r.Provenance)
	return &taktv1.Record{Identity: Identity(r.Identity), Event: r.Event, Provenance: p}, err
}

// RecordFrom returns the record that a message holds. What in a provenance
// cannot be read is left out: it is no reason to lose the event.
func RecordFrom(m *taktv1.Record) mes.Record {
	r := mes.Record{Identity: IdentityFrom(m.GetIdentity()), Event: m.GetEvent()}
	if b, err := proto.Marshal(m.GetProvenance()); err == nil {
		if p, err := mes.DecodeProvenance(b); err == nil {
			r.Provenance = p
		}
	}
	return r
}

// Schema returns the message of a schema.
func Schema(s mes.Schema) *taktv1.Schema {
	m := new(taktv1.Schema)
	for _, c := range s.Columns {
		m.Columns = append(m.Columns, &taktv1.Schema_Column{
			Characteristic: c.Characteristic, Unit: c.Unit, LowerSpecLimit: c.LSL.Value(), UpperSpecLimit: c.USL.Value(),
		})
	}
	return m
}

// SchemaFrom returns the schema that a message holds.
func SchemaFrom(m *taktv1.Schema) mes.Schema {
	var s mes.Schema
	for _, c := range m.GetColumns() {
		s.Columns = append(s.Columns, mes.Column{
			Characteristic: c.GetCharacteristic(), Unit: c.GetUnit(),
			LSL: mes.SpecLimitOf(c.LowerSpecLimit), USL: mes.SpecLimitOf(c.UpperSpecLimit),
		})
	}
	return s
}

// Time returns the message of an instant, nil for the zero one.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// TimeFrom returns the instant of a message, zero for nil.
func TimeFrom(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// Quantity returns the message of a quantity, nil for nil.
func Quantity(q *mes.Quantity) *taktv1.Quantity {
	if q == nil {
		return nil
	}
	return &taktv1.Quantity{Value: &taktv1.Decimal{Coefficient: q.Value.Coefficient, Exponent: q.Value.Exponent}, Unit: q.Unit}
}

// Interval returns the message of an interval, nil for nil.
func Interval(i *mes.Interval) *taktv1.Interval {
	if i == nil {
		return nil
	}
	return &taktv1.Interval{
		Lane: i.Lane, FromMicrometres: int64(i.From), ToMicrometres: int64(i.To), DeltaMicrometres: int64(i.Delta),
	}
}

// Measurements returns what an event measured, nil where it measured nothing.
func Measurements(e *taktv1.Event) *taktv1.Measurements {
	switch f := e.GetFact().(type) {
	case *taktv1.Event_Work:
		return f.Work.GetMeasurements()
	case *taktv1.Event_LotReport:
		return f.LotReport.GetCertificate()
	case *taktv1.Event_EquipmentReport:
		return f.EquipmentReport.GetMeasurements()
	}
	return nil
}
