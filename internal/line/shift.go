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

// shift gives nine cells of the next tray each the outcome of the one before it;
// the first of them gets the last one's.
func (r *run) shift(c *charge) {
	f := r.shifted
	if f == nil {
		return
	}
	r.shifted = nil
	c.shifted, c.first = f, c.cabinet.chance.IntN(trayPlaces-shiftedCells+1)
	var really [shiftedCells]outcome
	for i := range really {
		found := c.cabinet.judge(-1, nil)
		really[i] = outcome{found, c.cabinet.measure(found)}
	}
	for i := range really {
		c.outcomes[i] = really[(i+shiftedCells-1)%shiftedCells]
	}
}

// outcomeOf is what is reported of the cell whose turn it is.
func (c *charge) outcomeOf(s *station, before int, cell *item) outcome {
	if i := c.next - c.first; c.shifted != nil && before < 0 && i >= 0 && i < shiftedCells {
		return c.outcomes[i]
	}
	found := s.judge(before, cell)
	return outcome{found, s.measure(found)}
}
