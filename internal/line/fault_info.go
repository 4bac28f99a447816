package line

// FaultInfo tells people of a fault.
type FaultInfo struct {
	// ID is which, as `F3`.
	ID string
	// What happens, and what a recall of it Finds.
	What, Finds string
}

// Faults returns the faults that a Config can ask for, in their order.
func Faults() []FaultInfo {
	list := make([]FaultInfo, len(faults))
	for i, k := range faults {
		list[i] = FaultInfo{ID: k.id, What: k.what, Finds: k.finds}
	}
	return list
}
