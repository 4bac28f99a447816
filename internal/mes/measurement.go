package mes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
)

// SchemaID addresses a schema by its content: the first 16 bytes of the
// SHA-256 of its canonical form.
type SchemaID string

// SchemaIDBytes is how long a SchemaID is.
const SchemaIDBytes = 16

// String returns the id in hexadecimal.
func (id SchemaID) String() string { return hex.EncodeToString([]byte(id)) }

// Column is one characteristic of a schema.
type Column struct {
	// Characteristic is what is measured, as `ocv1`.
	Characteristic string
	// Unit is the unit of measure, a UCUM code.
	Unit string
	// LSL and USL are the specification limits by which values are judged. With
	// others the schema is another one, so that what was measured keeps its own.
	LSL, USL SpecLimit
}

func (col *Column) walk(c *codec) {
	text(c, 1, &col.Characteristic)
	text(c, 2, &col.Unit)
	c.specLimit(3, &col.LSL)
	c.specLimit(4, &col.USL)
}

// SpecLimit is a specification limit; the zero value is none.
type SpecLimit struct {
	// Is says whether there is one, At where.
	Is bool
	At float64
}

// SpecLimitOf returns the limit at a value, none where v is nil.
func SpecLimitOf(v *float64) SpecLimit {
	if v == nil {
		return SpecLimit{}
	}
	return SpecLimit{true, *v}
}

// Value returns the value of the limit, nil where there is none.
func (l SpecLimit) Value() *float64 {
	if !l.Is {
		return nil
	}
	return &l.At
}

// check refuses a limit that no value can be compared with.
func (l SpecLimit) check(field string) error {
	if l.Is && (math.IsNaN(l.At) || math.IsInf(l.At, 0)) {
		return Invalid(field, "is no finite number; leave it out where there is no limit")
	}
	return nil
}

// Schema is an ordered list of characteristics. Events carry its id and the
// values; the log keeps each schema once.
type Schema struct {
	// Columns are in the order of the values; names may not repeat.
	Columns []Column
}

func (s *Schema) walk(c *codec) { messages(c, 1, &s.Columns) }

// ID returns the schema's content address.
func (s *Schema) ID() SchemaID {
	sum := sha256.Sum256(AppendSchema(nil, s))
	return SchemaID(sum[:SchemaIDBytes])
}

// Validate returns an Error with CodeInvalid where a name is empty or repeats, or
// limits cannot be met.
func (s *Schema) Validate() error {
	seen := make(map[string]bool, len(s.Columns))
	for i, col := range s.Columns {
		if col.Characteristic == "" {
			return Invalid(fmt.Sprintf("schema.columns[%d].characteristic", i), "is empty")
		}
		if seen[col.Characteristic] {
			return Invalid(fmt.Sprintf("schema.columns[%d].characteristic", i), fmt.Sprintf("%q comes twice", col.Characteristic))
		}
		seen[col.Characteristic] = true
		field := fmt.Sprintf("schema.columns[%d].", i)
		if err := errors.Join(col.LSL.check(field+"lower_spec_limit"), col.USL.check(field+"upper_spec_limit")); err != nil {
			return err
		}
		if col.LSL.Is && col.USL.Is && col.LSL.At > col.USL.At {
			return Invalid(field+"lower_spec_limit", fmt.Sprintf("is %v, above the upper one, %v", col.LSL.At, col.USL.At))
		}
	}
	return nil
}

// Quality says how far a measured value can be relied on.
type Quality uint8

// The qualities.
const (
	// QualityGood is what a value without a note has.
	QualityGood Quality = iota
	// QualityUncertain is a value that the source itself doubts.
	QualityUncertain
	// QualityBad is a value that must not enter a figure; NaN and the
	// infinities are bad without a note.
	QualityBad
	// QualityMissing is a place in the schema that the source left empty.
	QualityMissing
)

var qualityNames = [...]string{"good", "uncertain", "bad", "missing"}

// String returns the quality as `good` or `missing`.
func (q Quality) String() string { return nameOf(qualityNames[:], uint64(q)) }

// Note is what is to be said of one value beyond its number.
type Note struct {
	// Index is the value's place, from 0.
	Index uint32
	// Quality overrides good.
	Quality Quality
	// Status is the OPC UA status code as it came, 0 where it was good.
	Status uint32
	// Raw is the value as the source wrote it, where that says more.
	Raw string
}

func (n *Note) walk(c *codec) {
	number(c, 1, &n.Index)
	number(c, 2, &n.Quality)
	number(c, 3, &n.Status)
	text(c, 4, &n.Raw)
}

// Measurements are values under a schema.
type Measurements struct {
	// Schema addresses the list of characteristics.
	Schema SchemaID
	// Values are in the schema's order; every bit is kept, NaN's too.
	Values []float64
	// Notes are sparse: only what is not plainly good has one.
	Notes []Note
}

func (m *Measurements) walk(c *codec) {
	octets(c, 1, &m.Schema)
	c.doubles(2, &m.Values)
	messages(c, 3, &m.Notes)
}

// Quality returns the quality of the value at index i.
func (m *Measurements) Quality(i int) Quality {
	for _, n := range m.Notes {
		if int(n.Index) == i && n.Quality != QualityGood {
			return n.Quality
		}
	}
	if math.IsNaN(m.Values[i]) || math.IsInf(m.Values[i], 0) {
		return QualityBad
	}
	return QualityGood
}

func (m *Measurements) validate(field string) error {
	if m == nil {
		return nil
	}
	if len(m.Schema) != SchemaIDBytes {
		return Invalid(field+".schema", fmt.Sprintf("has %d bytes; a schema's id has %d", len(m.Schema), SchemaIDBytes))
	}
	for i, n := range m.Notes {
		if uint64(n.Index) >= uint64(len(m.Values)) {
			return Invalid(fmt.Sprintf("%s.notes[%d].index", field, i), fmt.Sprintf("is %d, but there are %d values", n.Index, len(m.Values)))
		}
		if err := validateEnum(fmt.Sprintf("%s.notes[%d].quality", field, i), qualityNames[:], n.Quality, false); err != nil {
			return err
		}
	}
	return nil
}
