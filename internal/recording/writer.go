package recording

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// format is what a recording of this version begins with.
const format = "takt-recording/1"

// header is the first line.
type header struct {
	Format  string              `json:"format"`
	Line    string              `json:"line"`
	Zone    string              `json:"zone"`
	Schemas map[string][]column `json:"schemas"`
	Blocks  []block             `json:"blocks"`
}

type column struct {
	Characteristic string `json:"characteristic"`
	Unit           string `json:"unit"`
	// LSL and USL are the specification limits; nil for none.
	LSL *float64 `json:"lsl,omitempty"`
	USL *float64 `json:"usl,omitempty"`
}

func columnsOf(s *mes.Schema) []column {
	columns := make([]column, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = column{c.Characteristic, c.Unit, c.LSL.Value(), c.USL.Value()}
	}
	return columns
}

func schemaOf(columns []column) *mes.Schema {
	s := new(mes.Schema)
	for _, c := range columns {
		s.Columns = append(s.Columns, mes.Column{Characteristic: c.Characteristic, Unit: c.Unit, LSL: mes.SpecLimitOf(c.LSL), USL: mes.SpecLimitOf(c.USL)})
	}
	return s
}

type block struct {
	Name     string            `json:"name"`
	Source   mes.Source        `json:"source"`
	PLC      string            `json:"plc"`
	Machines []mes.EquipmentID `json:"machines"`
	Schema   string            `json:"schema,omitempty"`
	Segment  string            `json:"segment,omitempty"`
}

// entry is the line of a record.
type entry struct {
	Stands bool      `json:"stands,omitempty"`
	Due    time.Time `json:"due"`
	identity
	Event json.RawMessage `json:"event"`
	Hash  string          `json:"hash"`
	Truth *truth          `json:"truth,omitempty"`
}

// end is the last line.
type end struct {
	End uint64 `json:"end"`
}

// Writer writes a recording. Its methods are called one after the other; after
// an error nothing more may be written.
type Writer struct {
	w      io.Writer
	blocks []line.Block
	count  uint64
}

// NewWriter begins a recording of a line.
func NewWriter(w io.Writer, l *line.Line) (*Writer, error) {
	h := header{Format: format, Line: l.Config().Name, Zone: l.Config().Zone.String(), Schemas: make(map[string][]column)}
	for _, b := range l.Blocks() {
		machines := make([]mes.EquipmentID, len(b.Machines))
		for i, m := range b.Machines {
			machines[i] = mes.EquipmentID(m.String())
		}
		h.Blocks = append(h.Blocks, block{
			Name: b.Name, Source: mes.Source(b.Source.String()), PLC: b.PLC, Machines: machines, Schema: b.SchemaName, Segment: b.ProcessSegment,
		})
		if b.Schema == nil {
			continue
		}
		if had, ok := h.Schemas[b.SchemaName]; ok && schemaOf(had).ID() != b.Schema.ID() {
			return nil, mes.Errorf(mes.CodeInvalid, "two schemas of the line are named %s, and a recording names them", b.SchemaName)
		}
		h.Schemas[b.SchemaName] = columnsOf(b.Schema)
	}
	out := &Writer{w: w, blocks: l.Blocks()}
	return out, out.write("the recording's head", h)
}

// Stands writes a record that stands in its block, with its acknowledgement,
// when the recording begins. All of them come before the first Add.
func (w *Writer) Stands(r line.Record) error { return w.add(r, true) }

// Add writes a record that is offered. One that could not be read back exactly
// is an error.
func (w *Writer) Add(r line.Record) error { return w.add(r, false) }

func (w *Writer) add(r line.Record, stands bool) error {
	canonical := mes.AppendEvent(nil, r.Event)
	event, err := toJSON(canonical)
	if err != nil {
		return fmt.Errorf("record %s: %w", r.Identity, err)
	}
	// JSON has one NaN, and ids that are no text are another's in it.
	if back, err := fromJSON(event); err != nil || !bytes.Equal(mes.AppendEvent(nil, back), canonical) {
		return mes.Errorf(mes.CodeInvalid, "record %s cannot be written as JSON so that it reads the same", r.Identity)
	}
	hash := mes.HashEvent(canonical)
	e := entry{Stands: stands, Due: r.Due.UTC(), identity: jsonIdentity(r.Identity), Event: event, Hash: hex.EncodeToString(hash[:])}
	if t := jsonTruth(r.Truth); len(t.Links)+len(t.Losses)+len(t.Touches) > 0 {
		e.Truth = &t
	}
	w.count++
	return w.write("record "+r.Identity.String(), e)
}

// End writes the last line.
func (w *Writer) End() error { return w.write("the recording's end", end{w.count}) }

func (w *Writer) write(what string, v any) error {
	b, err := encode(what, v)
	if err != nil {
		return err
	}
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

// toJSON returns an event's canonical bytes in protobuf's JSON.
func toJSON(canonical []byte) ([]byte, error) {
	var event taktv1.Event
	if err := proto.Unmarshal(canonical, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	text, err := protojson.Marshal(&event)
	if err != nil {
		return nil, fmt.Errorf("write the event as JSON: %w", err)
	}
	return text, nil
}

// fromJSON returns the event.
func fromJSON(text []byte) (*mes.Event, error) {
	var event taktv1.Event
	if err := protojson.Unmarshal(text, &event); err != nil {
		return nil, fmt.Errorf("event is no takt.v1.Event: %w", err)
	}
	b, err := proto.Marshal(&event)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	return mes.DecodeEvent(b)
}
