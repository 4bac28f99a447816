package mes

import "fmt"

// Disposition is what became of the subjects of work.
type Disposition uint8

// The dispositions.
const (
	// DispositionUnknown was not said; such work is not counted in yield.
	DispositionUnknown Disposition = iota
	// DispositionConformant goes on.
	DispositionConformant
	// DispositionRework goes back to be put right.
	DispositionRework
	// DispositionRetest is measured again.
	DispositionRetest
	// DispositionRepair is mended where it is.
	DispositionRepair
	// DispositionScrap does not go on.
	DispositionScrap
	// DispositionDowngrade goes on as a lower grade.
	DispositionDowngrade
	// DispositionSample was used up by a test, and is no scrap.
	DispositionSample
	// DispositionConcession goes on by somebody's decision.
	DispositionConcession
)

var dispositionNames = [...]string{"unknown", "conformant", "rework", "retest", "repair", "scrap", "downgrade", "sample", "concession"}

// String returns the disposition as `conformant` or `scrap`.
func (d Disposition) String() string { return nameOf(dispositionNames[:], uint64(d)) }

// ParseDisposition reads what String returns.
func ParseDisposition(s string) (Disposition, error) {
	return parseName[Disposition]("disposition", dispositionNames[:], s)
}

// Defect is a nonconformance that was found.
type Defect struct {
	// Code is the site's, as `WND-03`.
	Code string
	// Place is where on the thing; may be empty.
	Place string
}

func (d *Defect) walk(c *codec) {
	text(c, 1, &d.Code)
	text(c, 2, &d.Place)
}

// Tool is a tool that was used, with its life counter.
type Tool struct {
	// ID is the tool's.
	ID ID
	// Count is its life so far, in the tool's own unit (shots, metres).
	Count uint64
}

func (t *Tool) walk(c *codec) {
	octets(c, 1, &t.ID)
	number(c, 2, &t.Count)
}

// Attachment is a file that is kept elsewhere.
type Attachment struct {
	// Kind is what it shows, as `image` or `curve`.
	Kind string
	// URI is where it is.
	URI string
	// SHA256 is its content's hash, 32 bytes.
	SHA256 string
	// Size is its length in bytes.
	Size uint64
}

func (a *Attachment) walk(c *codec) {
	text(c, 1, &a.Kind)
	text(c, 2, &a.URI)
	octets(c, 3, &a.SHA256)
	number(c, 4, &a.Size)
}

// Work is what a station did to its subjects, what it measured, consumed and
// produced.
type Work struct {
	// Subjects are what was worked on; work on a carrier is work on what was
	// in it then.
	Subjects []Ref
	// Disposition is what became of them.
	Disposition Disposition
	// Attempt counts the tries at this segment from 1; 0 where the station
	// does not count, and the order of its records does.
	Attempt uint32
	// Measurements may be nil.
	Measurements *Measurements
	// Defects are what was found.
	Defects []Defect
	// Tools are what was used.
	Tools []Tool
	// Carrier is what the subject was in; may be empty.
	Carrier ID
	// Place is where in the carrier, or in the machine (a channel, a nozzle).
	Place string
	// Energy is what the work took, nil where it was not measured.
	Energy *Quantity
	// Attachments are curves, images and reports.
	Attachments []Attachment
	// Consumed went into what was produced, or into the subjects where nothing
	// was.
	Consumed []Actual
	// Produced came to be.
	Produced []Actual
}

// Kind returns `work`.
func (w *Work) Kind() string { return "work" }

func (w *Work) walk(c *codec) {
	messages(c, 1, &w.Subjects)
	number(c, 2, &w.Disposition)
	number(c, 3, &w.Attempt)
	optional(c, 4, &w.Measurements)
	messages(c, 5, &w.Defects)
	messages(c, 6, &w.Tools)
	octets(c, 7, &w.Carrier)
	text(c, 8, &w.Place)
	optional(c, 9, &w.Energy)
	messages(c, 10, &w.Attachments)
	messages(c, 11, &w.Consumed)
	messages(c, 12, &w.Produced)
}

// Validate is a Fact's.
func (w *Work) Validate() error {
	if len(w.Subjects) == 0 && len(w.Consumed) == 0 && len(w.Produced) == 0 {
		return Invalid("work", "names no subject and nothing consumed or produced")
	}
	for i, s := range w.Subjects {
		if err := s.validate(fmt.Sprintf("work.subjects[%d]", i)); err != nil {
			return err
		}
	}
	if err := validateEnum("work.disposition", dispositionNames[:], w.Disposition, false); err != nil {
		return err
	}
	if err := w.Measurements.validate("work.measurements"); err != nil {
		return err
	}
	if err := validateOptionalID("work.carrier", string(w.Carrier)); err != nil {
		return err
	}
	if err := w.Energy.validate("work.energy"); err != nil {
		return err
	}
	for i, t := range w.Tools {
		if err := validateID(fmt.Sprintf("work.tools[%d].id", i), string(t.ID)); err != nil {
			return err
		}
	}
	for i, a := range w.Consumed {
		if err := a.validate(fmt.Sprintf("work.consumed[%d]", i)); err != nil {
			return err
		}
	}
	for i, a := range w.Produced {
		if err := a.validate(fmt.Sprintf("work.produced[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}
