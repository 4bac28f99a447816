package line

// shiftedCells is how many cells of a tray fault F7 gives the curves of their
// neighbours.
const shiftedCells = 9

var shiftFault = faultKind{
	id:     "F7",
	what:   "nine cells of a formation tray get the curves of their neighbours",
	finds:  "the nine cells",
	strike: strikeShift,
}

func strikeShift(f *fault, _ moment) { f.run.shifted = f }

// outcome is what a channel finds out about a cell.
type outcome struct {
	found  int
	values []float64
}

// shifted are the outcomes of the cells of a tray from first on, each of which
// is really that of the cell before; the first of them has the last one's.
type shifted struct {
	fault    *fault
	first    int
	outcomes [shiftedCells]outcome
}

// shift mixes up the outcomes of the next tray where a fault waits for one.
func (r *run) shift(s *station) *shifted {
	if r.shifted == nil {
		return nil
	}
	x := &shifted{fault: r.shifted, first: s.chance.IntN(trayPlaces - shiftedCells + 1)}
	r.shifted = nil
	for i := range x.outcomes {
		found := s.judge(-1, nil)
		x.outcomes[(i+1)%shiftedCells] = outcome{found, s.measure(found)}
	}
	return x
}

// outcome returns what is reported of a cell at its first attempt, and whether
// it is one that is mixed up.
func (x *shifted) outcome(cell int, attempt uint32) (outcome, bool) {
	if x == nil || attempt > 1 || cell < x.first || cell >= x.first+shiftedCells {
		return outcome{}, false
	}
	return x.outcomes[cell-x.first], true
}
