package store

import (
	"encoding/binary"

	"github.com/takt-mes/takt/internal/mes"
)

// FlagKind is a kind of contradiction, or of what is missing.
type FlagKind uint8

// The kinds.
const (
	// FlagTwoParents is an item that is built into two parents.
	FlagTwoParents FlagKind = 1 + iota
	// FlagTwoCarriers is a thing that is in two carriers at once.
	FlagTwoCarriers
	// FlagSecondBirth is an item that came to be twice.
	FlagSecondBirth
	// FlagNameTaken is a name that two things claim.
	FlagNameTaken
	// FlagUnknownEquipment is equipment that the plant model does not have.
	FlagUnknownEquipment
	// FlagExpired is a thing of which retention has removed events. It stands with
	// the thing; View.Flags does not yield it.
	FlagExpired
)

// Flag is a contradiction between events that are all kept.
type Flag struct {
	// Thing is what it is about; zero where it is about Equipment.
	Thing mes.Thing
	// Equipment is what it is about otherwise.
	Equipment mes.EquipmentID
	// Kind is what contradicts.
	Kind FlagKind
	// Detail is what was found, for people.
	Detail string
	// Positions are the events that contradict one another.
	Positions []mes.Position
}

// flag is a Flag as it stands behind its thing and kind.
type flag struct {
	detail    string
	positions []mes.Position
}

// setFlag raises or, where f is nil, takes back a flag of a thing.
func (w *writer) setFlag(thing uint64, kind FlagKind, f *flag) error {
	k := key(nil).number(thing).u8(uint8(kind))
	if f == nil {
		have, err := w.get(tableFlag, k)
		if have != nil {
			w.delete(tableFlag, k)
		}
		return err
	}
	value := appendBytes(nil, f.detail)
	for _, p := range f.positions {
		value = binary.AppendUvarint(value, uint64(p))
	}
	w.put(tableFlag, k, value)
	return nil
}

func (x index) decodeFlag(k, value []byte) (Flag, error) {
	r := reader{b: k}
	t, err := x.thing(r.number())
	if err != nil {
		return Flag{}, err
	}
	f := Flag{Thing: t.thing, Kind: FlagKind(r.u8())}
	if err := r.done("a flag's key"); err != nil {
		return Flag{}, err
	}
	r = reader{b: value}
	f.Detail = string(r.bytes())
	for len(r.b) > 0 && !r.bad {
		f.Positions = append(f.Positions, mes.Position(r.uvarint()))
	}
	return f, r.done("a flag")
}

// claim is one thing's claim to a name.
type claim struct {
	thing    uint64
	position mes.Position
	counts   bool
	kind     string
}

// claims returns who claims a name as an alias; withdrawn claims are left out.
func (x index) claims(value mes.ID) ([]claim, error) {
	var claims []claim
	prefix := key(nil).name(string(value))
	err := x.scan(tableAlias, prefix, nil, func(k, v []byte) (bool, error) {
		r := reader{b: k[len(prefix):]}
		c := claim{thing: r.number(), position: mes.Position(r.number())}
		if err := r.done("a name's key"); err != nil {
			return false, err
		}
		r = reader{b: v}
		c.counts = r.u8() != 0
		m := r.moment()
		c.kind = r.name()
		if err := r.done("a name"); err != nil {
			return false, err
		}
		at, err := x.momentOf(m)
		if err != nil {
			return false, err
		}
		by, err := x.withdrawnBy(at.Identity)
		if by == 0 && c.position <= x.upTo {
			claims = append(claims, c)
		}
		return true, err
	})
	return claims, err
}
