package mes

import (
	"fmt"
	"strconv"
	"strings"
)

// RefKind says what kind of thing an id names.
type RefKind uint8

// The kinds of things.
const (
	// RefItem is one thing with a name of its own: a jelly roll, a cell, a
	// module, a pack.
	RefItem RefKind = 1 + iota
	// RefLot is an amount that is told apart as a whole: a supplier's lot, a
	// slurry batch, a coil.
	RefLot
	// RefCarrier is what things are put in for a while: a tray, an oven load.
	RefCarrier
	// RefLocation is where things are kept: a rack, a warehouse place.
	RefLocation
	// RefShipment is what leaves the site.
	RefShipment
	refKinds
)

var refKindNames = [...]string{RefItem: "item", RefLot: "lot", RefCarrier: "carrier", RefLocation: "location", RefShipment: "shipment"}

// String returns the kind as `item` or `lot`.
func (k RefKind) String() string { return nameOf(refKindNames[:], uint64(k)) }

// ParseRefKind reads what String returns.
func ParseRefKind(s string) (RefKind, error) { return parseName[RefKind]("kind", refKindNames[:], s) }

// Thing is the name of one thing: a kind and an id. Two things are the same
// where both are equal, to the byte.
type Thing struct {
	// Kind is what it is.
	Kind RefKind
	// ID is its name among its kind.
	ID ID
}

// String returns the thing's resource name, as `items/C0001`, the id escaped.
func (t Thing) String() string { return t.Kind.String() + "s/" + t.ID.String() }

// ParseThing reads what String returns, with an Error of CodeInvalid that says
// what a name looks like where s is none.
func ParseThing(s string) (Thing, error) {
	collection, id, _ := strings.Cut(s, "/")
	kind, err := ParseRefKind(strings.TrimSuffix(collection, "s"))
	if err != nil || !strings.HasSuffix(collection, "s") || id == "" {
		return Thing{}, Invalid("name", fmt.Sprintf("%q names no thing; write items/{item}, lots/{lot}, carriers/{carrier}, locations/{location} or shipments/{shipment}", s))
	}
	raw, err := Unescape(id)
	if err != nil {
		return Thing{}, err
	}
	return Thing{kind, ID(raw)}, nil
}

// Ref is a thing as an event names it.
type Ref struct {
	Thing
	// MaterialDefinition is what it is made to be, as `cell` or `NMP`; may be
	// empty.
	MaterialDefinition string
}

func (r *Ref) walk(c *codec) {
	number(c, 1, &r.Kind)
	octets(c, 2, &r.ID)
	text(c, 3, &r.MaterialDefinition)
}

// IsZero reports whether the Ref names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

func (r Ref) validate(field string) error {
	if r.Kind == 0 || r.Kind >= refKinds {
		return Invalid(field+".kind", fmt.Sprintf("is %d, which is no kind of thing", r.Kind))
	}
	return validateID(field+".id", string(r.ID))
}

// Actual is an amount that was consumed or produced (ISA-95 material actual).
type Actual struct {
	// Ref is what it was; zero where only the slot is known.
	Ref Ref
	// Slot is where the station took it from, as `electrolyte`; which lot was
	// on it the slot's own history says.
	Slot string
	// Quantity is how much, nil where it was not said.
	Quantity *Quantity
	// Interval is which metres of a coil, nil where it is none.
	Interval *Interval
}

func (a *Actual) walk(c *codec) {
	message(c, 1, &a.Ref)
	text(c, 2, &a.Slot)
	optional(c, 3, &a.Quantity)
	optional(c, 4, &a.Interval)
}

func (a Actual) validate(field string) error {
	if a.Ref.IsZero() && a.Slot == "" {
		return Invalid(field, "names neither a thing nor a slot")
	}
	if !a.Ref.IsZero() {
		if err := a.Ref.validate(field + ".ref"); err != nil {
			return err
		}
	}
	if err := a.Quantity.validate(field + ".quantity"); err != nil {
		return err
	}
	return a.Interval.validate(field + ".interval")
}

// nameOf returns the name of an enumeration's value, and its number where the
// value has none.
func nameOf(names []string, v uint64) string {
	if v < uint64(len(names)) && names[v] != "" {
		return names[v]
	}
	return strconv.FormatUint(v, 10)
}

func parseName[T ~uint8](field string, names []string, s string) (T, error) {
	for v, name := range names {
		if name == s && s != "" {
			return T(v), nil
		}
	}
	return 0, Invalid(field, fmt.Sprintf("%q is not one of %s", s, joinNames(names)))
}

func joinNames(names []string) string {
	s := ""
	for _, name := range names {
		if name == "" {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += name
	}
	return s
}

// validateEnum refuses a value that this program has no name for.
func validateEnum[T ~uint8](field string, names []string, v T, required bool) error {
	if v == 0 && !required {
		return nil
	}
	if int(v) >= len(names) || names[v] == "" {
		return Invalid(field, fmt.Sprintf("is %d; it must be one of %s", v, joinNames(names)))
	}
	return nil
}
