package mes

// SlotAction is what was done at a slot.
type SlotAction uint8

// The actions.
const (
	// SlotLoad puts material on.
	SlotLoad SlotAction = 1 + iota
	// SlotUnload takes it off; what remains travels with it.
	SlotUnload
	// SlotClean ends what a tank held.
	SlotClean
)

var slotActionNames = [...]string{SlotLoad: "load", SlotUnload: "unload", SlotClean: "clean"}

// String returns the action as `load`.
func (a SlotAction) String() string { return nameOf(slotActionNames[:], uint64(a)) }

// ParseSlotAction reads what String returns.
func ParseSlotAction(s string) (SlotAction, error) {
	return parseName[SlotAction]("action", slotActionNames[:], s)
}

// SlotChange says what was put on or taken off a slot of the event's
// equipment. Bulk material is traced by what was on the slot when an item ran.
type SlotChange struct {
	// Action is what was done.
	Action SlotAction
	// Slot is the place at the equipment, as `cathode` or `tank`.
	Slot string
	// Material is the lot; required for a load.
	Material Ref
	// Remaining is how much of it was there then, nil where it was not said.
	Remaining *Quantity
	// Interval is the metres that a coil still had, nil where it was not said.
	Interval *Interval
}

// Kind returns `slot`.
func (s *SlotChange) Kind() string { return "slot" }

func (s *SlotChange) walk(c *codec) {
	number(c, 1, &s.Action)
	text(c, 2, &s.Slot)
	message(c, 3, &s.Material)
	optional(c, 4, &s.Remaining)
	optional(c, 5, &s.Interval)
}

// Validate is a Fact's.
func (s *SlotChange) Validate() error {
	if err := validateEnum("slot.action", slotActionNames[:], s.Action, true); err != nil {
		return err
	}
	if s.Slot == "" {
		return Invalid("slot.slot", "is empty")
	}
	if s.Action == SlotLoad || !s.Material.IsZero() {
		if err := s.Material.validate("slot.material"); err != nil {
			return err
		}
	}
	if err := s.Remaining.validate("slot.remaining"); err != nil {
		return err
	}
	return s.Interval.validate("slot.interval")
}
