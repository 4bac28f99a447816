package genealogy

import "github.com/takt-mes/takt/internal/mes"

// Attempt is one try of a thing at a process segment.
type Attempt struct {
	Moment
	// Number is the station's own count from 1; 0 where it does not count.
	Number uint32
	// Position is the event's.
	Position mes.Position
}

// First returns the first of a thing's attempts at one process segment: the one
// that its station counted as 1, or else the earliest of those that were not
// counted. There is none where every attempt was counted from 2 on: the first
// one has not arrived.
func First(attempts []Attempt) (Attempt, bool) {
	var counted, uncounted []Attempt
	for _, a := range attempts {
		switch a.Number {
		case 1:
			counted = append(counted, a)
		case 0:
			uncounted = append(uncounted, a)
		}
	}
	for _, list := range [][]Attempt{counted, uncounted} {
		if len(list) > 0 {
			return InOrder(list, func(a Attempt) Moment { return a.Moment })[0], true
		}
	}
	return Attempt{}, false
}
