package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Values says what measured values look like.
type Values string

// The kinds of values.
const (
	// ValuesInstrument have the few digits that an instrument reads.
	ValuesInstrument Values = "instrument"
	// ValuesRandom have random mantissas: nothing can be saved on them.
	ValuesRandom Values = "random"
)

// How many cells one lot is enough for.
const (
	cellsPerCoil        = 2_000
	cellsPerPowder      = 200_000
	cellsPerTabLot      = 5_000
	cellsPerElectrolyte = 20_000
)

// What a cell takes of a coil, in micrometres.
const (
	cathodeStretch = 5_200_000
	anodeStretch   = 5_400_000
)

// reworkShare is how many of the first attempts at a station are not conformant.
const reworkShare = 0.01

// Event is one event of the bench's shape, as both sides' forms are made of it:
// work of a station on a cell, or the making of a coil.
type Event struct {
	// Source is an index: see allSources.
	Source   int
	Sequence uint64
	Time     time.Time
	// Thing is the cell that was worked on, or the coil that was made.
	Thing string
	// Coil says that the thing is a coil.
	Coil        bool
	Disposition mes.Disposition
	Attempt     int
	// Values are measured; nil for a coil.
	Values []float64
	// Inputs are what went in.
	Inputs []Input
}

// Input is what an event consumed.
type Input struct {
	Lot, Definition string
	// From and To are the stretch of a coil, in micrometres; both 0 where the lot
	// is no coil.
	From, To int64
	// Quantity is in thousandths of Unit; 0 where the stretch says how much.
	Quantity int64
	Unit     string
}

// Workload makes the bench's shape: a line that winds a cell a second, each of
// which is at the next station so many seconds later. The events come in the
// order of their times, so that those of one cell lie as far apart as they do on
// a line. Equal seeds, values and lags give equal events.
type Workload struct {
	seed   uint64
	values Values
	// lag is how many cells are between a station and the next.
	lag int
	// tick is the next cell to be wound.
	tick      int
	sequences [sources]uint64
	measured  [stations][characteristics]characteristic
	sources   []source
}

// NewWorkload returns a workload at its beginning. With cells, it says how long a
// cell takes from station to station: in a larger history they are further apart.
func NewWorkload(seed uint64, values Values, cells int) *Workload {
	w := &Workload{seed: seed, values: values, lag: max(1, cells/200), sources: allSources()}
	for s := range w.measured {
		w.measured[s] = characteristicsOf(s)
	}
	return w
}

// Finished returns how many cells have passed all stations.
func (w *Workload) Finished() int { return max(0, w.tick-(stations-1)*w.lag) }

// Wound returns how many cells were begun.
func (w *Workload) Wound() int { return w.tick }

// TicksFor returns how many more cells are to be wound until so many are
// finished.
func (w *Workload) TicksFor(cells int) int { return max(0, cells+(stations-1)*w.lag-w.tick) }

// Next returns the events of so many seconds more.
func (w *Workload) Next(ticks int) []Event {
	events := make([]Event, 0, ticks*(stations+1))
	for range ticks {
		if w.tick%cellsPerCoil == 0 {
			events = w.coils(events)
		}
		for s := range stations {
			if cell := w.tick - s*w.lag; cell >= 0 {
				events = w.work(events, cell, s)
			}
		}
		w.tick++
	}
	return events
}

// NextEvents returns at least so many events more.
func (w *Workload) NextEvents(n int) []Event {
	var events []Event
	for len(events) < n {
		events = append(events, w.Next(max(1, (n-len(events))/(stations+1)))...)
	}
	return events
}

// The things that the workload names.
func cellName(cell int) string        { return fmt.Sprintf("CEL-%08d", cell) }
func cathodeName(cell int) string     { return fmt.Sprintf("CAT-%05d", cell/cellsPerCoil) }
func anodeName(cell int) string       { return fmt.Sprintf("ANO-%05d", cell/cellsPerCoil) }
func powderName(cell int) string      { return fmt.Sprintf("NMC811-%04d", cell/cellsPerPowder) }
func graphiteName(cell int) string    { return fmt.Sprintf("GRA-%04d", cell/cellsPerPowder) }
func tabName(cell int) string         { return fmt.Sprintf("TAB-%05d", cell/cellsPerTabLot) }
func electrolyteName(cell int) string { return fmt.Sprintf("ELY-%05d", cell/cellsPerElectrolyte) }

// coils appends the making of both coils that the next cells are wound of.
func (w *Workload) coils(events []Event) []Event {
	for i, c := range []struct{ coil, lot, definition string }{
		{cathodeName(w.tick), powderName(w.tick), "NMC811"},
		{anodeName(w.tick), graphiteName(w.tick), "graphite"},
	} {
		n := stations*machines + i
		w.sequences[n]++
		events = append(events, Event{
			Source: n, Sequence: w.sequences[n], Time: w.at(0), Thing: c.coil, Coil: true, Disposition: mes.DispositionConformant, Attempt: 1,
			Inputs: []Input{{Lot: c.lot, Definition: c.definition, Quantity: 320_000, Unit: "kg"}},
		})
	}
	return events
}

// at returns an instant within the tick.
func (w *Workload) at(offset time.Duration) time.Time {
	return workStart.Add(time.Duration(w.tick)*perCell + offset)
}

// work appends what a station did to a cell: one attempt, or two where the first
// one is not conformant.
func (w *Workload) work(events []Event, cell, station int) []Event {
	chance := rand.New(rand.NewPCG(w.seed, uint64(cell)*stations+uint64(station))) //nolint:gosec // repeatable, not secret
	n := station*machines + cell%machines
	for attempt := 1; ; attempt++ {
		w.sequences[n]++
		e := Event{
			Source: n, Sequence: w.sequences[n], Thing: cellName(cell), Disposition: mes.DispositionConformant, Attempt: attempt,
			Time:   w.at(time.Duration(station*40+attempt*400) * time.Millisecond),
			Values: make([]float64, characteristics),
		}
		for i, c := range w.measured[station] {
			e.Values[i] = c.measure(chance, w.values)
		}
		again := attempt == 1 && chance.Float64() < reworkShare
		if again {
			e.Disposition = mes.DispositionRework
		}
		if attempt == 1 {
			e.Inputs = inputs(cell, station, chance)
		}
		if events = append(events, e); !again {
			return events
		}
	}
}

// inputs returns what a cell gets at a station.
func inputs(cell, station int, chance *rand.Rand) []Input {
	turn := int64(cell % cellsPerCoil)
	switch station {
	case stationWinding:
		return []Input{
			{Lot: cathodeName(cell), Definition: "cathode-coil", From: turn * cathodeStretch, To: (turn + 1) * cathodeStretch},
			{Lot: anodeName(cell), Definition: "anode-coil", From: turn * anodeStretch, To: (turn + 1) * anodeStretch},
		}
	case stationWelding:
		return []Input{{Lot: tabName(cell), Definition: "tab", Quantity: 2_000, Unit: "1"}}
	case stationFilling:
		return []Input{{Lot: electrolyteName(cell), Definition: "electrolyte", Quantity: 12_000 + chance.Int64N(300), Unit: "g"}}
	}
	return nil
}
