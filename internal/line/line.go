package line

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Line is a line that can be run. It does not change: every range over its
// Records begins anew, and several may go on at once.
type Line struct {
	config Config
	blocks []Block
	// recorded are the records of a line that is replayed, nil of one that is
	// generated.
	recorded iter.Seq[Record]
}

// Block is a record block of a PLC: a source of events, for one machine or for
// some of one kind.
type Block struct {
	// Name is the block's in the PLC, as `L1.WND.01`.
	Name string
	// Source numbers its events, as `L1/P5/WND01`.
	Source mes.Source
	// PLC is the name of its PLC, as `L1P5`.
	PLC string
	// Machines are the equipment whose records it has, as `L1.WND.01`.
	Machines []mes.EquipmentID
	// Schema is what its values stand under, nil where it measures nothing.
	Schema *mes.Schema
	// SchemaName is the schema's name, as `winding`; empty where there is none.
	// Blocks with one name have one schema.
	SchemaName string
	// ProcessSegment is the step of the route that it belongs to.
	ProcessSegment string
}

// New returns the line of a configuration, or Validate's error.
func New(c Config) (*Line, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	l := &Line{config: c.withDefaults()}
	for i := range steps {
		s := &steps[i]
		schema := schemaOf(s.characteristics)
		share := max(1, s.share)
		for n := range s.count(&l.config) {
			machine := mes.EquipmentID(fmt.Sprintf("%s.%s.%02d", c.Name, s.code, n+1))
			if n%share > 0 {
				b := &l.blocks[len(l.blocks)-1]
				b.Machines = append(b.Machines, machine)
				continue
			}
			block := n/share + 1
			l.blocks = append(l.blocks, Block{
				Name:           fmt.Sprintf("%s.%s.%02d", c.Name, s.code, block),
				Source:         mes.Source(fmt.Sprintf("%s/P%d/%s%02d", c.Name, s.plc, s.code, block)),
				PLC:            fmt.Sprintf("%sP%d", c.Name, s.plc),
				Machines:       []mes.EquipmentID{machine},
				Schema:         schema,
				SchemaName:     s.schema,
				ProcessSegment: s.segment,
			})
		}
	}
	return l, nil
}

// Replay returns a line that yields records that were made before: those of
// another plant, or of a recording. They must be in the order of Due, and their
// Block an index into blocks. name is the line's, and zone the site's.
func Replay(name string, zone *time.Location, blocks []Block, records iter.Seq[Record]) *Line {
	return &Line{config: Config{Name: name, Zone: zone}, blocks: blocks, recorded: records}
}

// Config returns the line's configuration, with what it left to defaults.
func (l *Line) Config() Config { return l.config }

// Blocks returns the record blocks, in an order that depends on the number of
// machines alone. A Record's Block is an index into it. It must not be changed.
func (l *Line) Blocks() []Block { return l.blocks }

// Records yields the line's records without end (a replayed line's to theirs), in the order of Due, and each
// block's in the order of its sequence. A record is not touched again once it
// was yielded.
func (l *Line) Records() iter.Seq[Record] {
	if l.recorded != nil {
		return l.recorded
	}
	return func(yield func(Record) bool) {
		r := newRun(l)
		for {
			for _, rec := range r.step() {
				if !yield(rec) {
					return
				}
			}
		}
	}
}

// codeOf returns the code of the step that a machine belongs to.
func codeOf(machine mes.EquipmentID) string {
	parts := strings.Split(string(machine), ".")
	return parts[len(parts)-2]
}
