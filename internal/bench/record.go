package bench

import (
	"github.com/takt-mes/takt/internal/mes"
)

// recorder turns events into the form that Takt takes them in: what lies in a
// gateway's spool.
type recorder struct {
	sources []source
	schemas [stations]mes.SchemaID
}

func newRecorder() *recorder {
	r := &recorder{sources: allSources()}
	for s := range r.schemas {
		schema := schemaOf(s)
		r.schemas[s] = schema.ID()
	}
	return r
}

// allSchemas returns the schemas that the events come under.
func allSchemas() []mes.Schema {
	list := make([]mes.Schema, stations)
	for s := range list {
		list[s] = schemaOf(s)
	}
	return list
}

// record returns an event as Takt takes it.
func (r *recorder) record(e *Event) mes.Record {
	from := r.sources[e.Source]
	work := &mes.Work{Disposition: e.Disposition, Attempt: uint32(e.Attempt)} //nolint:gosec // 1 or 2
	if e.Coil {
		work.Produced = []mes.Actual{{Ref: lot(e.Thing, segments[from.segment][len("coating-"):]+"-coil")}}
	} else {
		work.Subjects = []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(e.Thing)}, MaterialDefinition: "cell"}}
		work.Measurements = &mes.Measurements{Schema: r.schemas[from.segment], Values: e.Values}
	}
	for _, in := range e.Inputs {
		work.Consumed = append(work.Consumed, actual(in))
	}
	event := mes.Event{EventTime: e.Time, Equipment: from.equipment, ProcessSegment: segments[from.segment], Fact: work}
	return mes.Record{
		Identity: mes.Identity{Source: from.name, Epoch: 1, Sequence: mes.Sequence(e.Sequence)},
		Event:    mes.AppendEvent(nil, &event),
	}
}

func lot(name, definition string) mes.Ref {
	return mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: mes.ID(name)}, MaterialDefinition: definition}
}

func actual(in Input) mes.Actual {
	a := mes.Actual{Ref: lot(in.Lot, in.Definition)}
	if in.Quantity != 0 {
		a.Quantity = &mes.Quantity{Value: mes.NewDecimal(in.Quantity, -3), Unit: in.Unit}
	}
	if in.To != in.From {
		a.Interval = &mes.Interval{Lane: 1, From: mes.Micrometres(in.From), To: mes.Micrometres(in.To)}
	}
	return a
}
