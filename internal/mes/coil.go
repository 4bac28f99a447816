package mes

// Winding says which way a coil was wound off its parent.
type Winding uint8

// The windings.
const (
	// WindingReversed begins with the parent's last metre, as every rewind
	// does.
	WindingReversed Winding = 1 + iota
	// WindingAsProduced begins with the parent's first metre.
	WindingAsProduced
)

var windingNames = [...]string{WindingReversed: "reversed", WindingAsProduced: "as-produced"}

// String returns the winding as `reversed`.
func (w Winding) String() string { return nameOf(windingNames[:], uint64(w)) }

// CutOut is a stretch that was taken out while a coil was rewound.
type CutOut struct {
	// At is the unwind distance at which the cut began.
	At Micrometres
	// Length is how much was taken out.
	Length Micrometres
	// Code is the defect that it was taken out for; may be empty.
	Code string
}

func (k *CutOut) walk(c *codec) {
	signed(c, 1, &k.At)
	signed(c, 2, &k.Length)
	text(c, 3, &k.Code)
}

// Splice is a joint: a sync point at which the error of metres starts anew.
type Splice struct {
	// At is the metre as produced.
	At Micrometres
	// Next is the lot that goes on after it; may be empty.
	Next ID
}

func (s *Splice) walk(c *codec) {
	signed(c, 1, &s.At)
	octets(c, 2, &s.Next)
}

// Mark is a stretch that was found to have something, and was left in.
type Mark struct {
	// Interval is where.
	Interval Interval
	// Code is what, a defect's code.
	Code string
}

func (m *Mark) walk(c *codec) {
	message(c, 1, &m.Interval)
	text(c, 2, &m.Code)
}

// CoilGeometry is how the metres of a coil came from those of its parent.
type CoilGeometry struct {
	// Coil is the lot that the coil is.
	Coil ID
	// Length is its length as produced.
	Length Micrometres
	// Lanes is how many lie side by side; 1 where it was slit.
	Lanes uint32
	// Winding is the direction in which it was wound off its parent.
	Winding Winding
	// StartScrap is how much of the parent was thrown away before metre 0.
	StartScrap Micrometres
	// CutOuts were taken out, in the order of the unwind distance.
	CutOuts []CutOut
	// Splices are its joints.
	Splices []Splice
	// Marks are its known defects.
	Marks []Mark
	// Elongation is how much longer it became, in millionths.
	Elongation int64
	// Parent is the coil that it was wound off; empty for a mother coil.
	Parent ID
	// ParentLane is which of the parent's lanes; 0 for its full width.
	ParentLane uint32
}

// Kind returns `coil`.
func (g *CoilGeometry) Kind() string { return "coil" }

func (g *CoilGeometry) walk(c *codec) {
	octets(c, 1, &g.Coil)
	signed(c, 2, &g.Length)
	number(c, 3, &g.Lanes)
	number(c, 4, &g.Winding)
	signed(c, 5, &g.StartScrap)
	messages(c, 6, &g.CutOuts)
	messages(c, 7, &g.Splices)
	messages(c, 8, &g.Marks)
	signed(c, 9, &g.Elongation)
	octets(c, 10, &g.Parent)
	number(c, 11, &g.ParentLane)
}

// Validate is a Fact's.
func (g *CoilGeometry) Validate() error {
	if err := validateID("coil.coil", string(g.Coil)); err != nil {
		return err
	}
	if g.Length < 0 {
		return Invalid("coil.length", "is negative")
	}
	if err := validateOptionalID("coil.parent", string(g.Parent)); err != nil {
		return err
	}
	return validateEnum("coil.winding", windingNames[:], g.Winding, false)
}
