package mes

import "fmt"

// PlacementAction says whether things went in or came out (EPCIS).
type PlacementAction uint8

// The actions.
const (
	// PlacementAdd puts children into the parent.
	PlacementAdd PlacementAction = 1 + iota
	// PlacementDelete takes them out.
	PlacementDelete
)

var placementActionNames = [...]string{PlacementAdd: "add", PlacementDelete: "delete"}

// String returns the action as `add`.
func (a PlacementAction) String() string { return nameOf(placementActionNames[:], uint64(a)) }

// ParsePlacementAction reads what String returns.
func ParsePlacementAction(s string) (PlacementAction, error) {
	return parseName[PlacementAction]("action", placementActionNames[:], s)
}

// Child is one thing at a place of a parent.
type Child struct {
	// Ref is the thing.
	Ref Ref
	// Place is where in the parent, as `17`; may be empty.
	Place string
}

func (h *Child) walk(c *codec) {
	message(c, 1, &h.Ref)
	text(c, 2, &h.Place)
}

// Placement puts children into a parent or takes them out. An item as parent
// (a module, a pack) is built of its children; a carrier, a location and a
// shipment only hold them.
type Placement struct {
	// Action is which.
	Action PlacementAction
	// Parent is where they went into or came out of.
	Parent Ref
	// Children are what went; none in a delete means all that were there.
	Children []Child
}

// Kind returns `placement`.
func (p *Placement) Kind() string { return "placement" }

func (p *Placement) walk(c *codec) {
	number(c, 1, &p.Action)
	message(c, 2, &p.Parent)
	messages(c, 3, &p.Children)
}

// Validate is a Fact's.
func (p *Placement) Validate() error {
	if err := validateEnum("placement.action", placementActionNames[:], p.Action, true); err != nil {
		return err
	}
	if err := p.Parent.validate("placement.parent"); err != nil {
		return err
	}
	if p.Action == PlacementAdd && len(p.Children) == 0 {
		return Invalid("placement.children", "is empty; an add names what went in")
	}
	for i, h := range p.Children {
		if err := h.Ref.validate(fmt.Sprintf("placement.children[%d].ref", i)); err != nil {
			return err
		}
	}
	return nil
}

// AliasBinding gives a thing another name.
type AliasBinding struct {
	// Item is what is named.
	Item Ref
	// AliasKind is what kind of name it is, as `can-code` or `gbt-34014`.
	AliasKind string
	// Value is the name, exact bytes.
	Value ID
	// Reader is who read it, as a camera's id; may be empty.
	Reader string
}

// Kind returns `alias`.
func (a *AliasBinding) Kind() string { return "alias" }

func (a *AliasBinding) walk(c *codec) {
	message(c, 1, &a.Item)
	text(c, 2, &a.AliasKind)
	octets(c, 3, &a.Value)
	text(c, 4, &a.Reader)
}

// Validate is a Fact's.
func (a *AliasBinding) Validate() error {
	if err := a.Item.validate("alias.item"); err != nil {
		return err
	}
	if a.AliasKind == "" {
		return Invalid("alias.alias_kind", "is empty")
	}
	return validateID("alias.value", string(a.Value))
}
