package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

const (
	// stations is how many a cell passes, machines how many each of them has.
	stations = 12
	machines = 4
	// coaters make the coils, one each electrode; they are no station of a cell.
	coaters = 2
	// sources is how many number events: a machine each, and a coater each.
	sources = stations*machines + coaters
	// characteristics is how many are measured at a station.
	characteristics = 20
)

// segments are the process segments of the stations, in the order of the route,
// and then those of the coaters.
var segments = [stations + coaters]string{
	"winding", "insertion", "welding", "leak-test", "baking", "filling",
	"soaking", "formation", "degassing", "ageing", "ocv", "sorting",
	"coating-cathode", "coating-anode",
}

// codes are the segments' in the names of equipment.
var codes = [stations + coaters]string{
	"WND", "INS", "WLD", "LKT", "BAK", "FIL", "SOK", "FRM", "DGS", "AGE", "OCV", "SRT", "CCO", "ACO",
}

// The stations at which a cell gets material.
const (
	stationWinding = 0
	stationWelding = 2
	stationFilling = 5
)

// source is what numbers events: a machine of a station, or a coater.
type source struct {
	// segment is an index into segments.
	segment   int
	name      mes.Source
	equipment mes.EquipmentID
}

// allSources returns every source: machine m of station s is the (s×machines+m)th,
// the coaters are the last.
func allSources() []source {
	list := make([]source, 0, sources)
	for segment, code := range codes {
		n := machines
		if segment >= stations {
			n = 1
		}
		for m := range n {
			list = append(list, source{
				segment:   segment,
				name:      mes.Source(fmt.Sprintf("L1/%s/%d", code, m+1)),
				equipment: mes.EquipmentID(fmt.Sprintf("L1.%s.%02d", code, m+1)),
			})
		}
	}
	return list
}

// characteristic is one thing that a station measures: a normal distribution,
// and how fine the instrument reads.
type characteristic struct {
	name, unit  string
	mean, sigma float64
	// steps is how many readings there are to one unit, a power of ten.
	steps float64
}

// units are given to a station's characteristics in turn.
var units = [...]string{"mm", "V", "mOhm", "N", "Cel", "g", "kPa", "s"}

// characteristicsOf returns what a station measures.
func characteristicsOf(station int) [characteristics]characteristic {
	var list [characteristics]characteristic
	for i := range list {
		mean := float64(1+(station*7+i*3)%97) * math.Pow10(i%3-1)
		list[i] = characteristic{
			name: fmt.Sprintf("%s-%02d", segments[station], i+1), unit: units[(station+i)%len(units)],
			mean: mean, sigma: mean / 100, steps: math.Pow10(4 - i%4),
		}
	}
	return list
}

// measure returns a value as the instrument reads it, or with every bit that
// chance has.
func (c characteristic) measure(chance *rand.Rand, values Values) float64 {
	v := c.mean + c.sigma*chance.NormFloat64()
	if values == ValuesRandom {
		return v
	}
	// The quotient of two whole numbers is the double nearest to the decimal.
	return math.Round(v*c.steps) / c.steps
}

// schemaOf returns the schema that a station's values come under.
func schemaOf(station int) mes.Schema {
	var s mes.Schema
	for _, c := range characteristicsOf(station) {
		s.Columns = append(s.Columns, mes.Column{Characteristic: c.name, Unit: c.unit})
	}
	return s
}

// workStart is when the first cell is wound.
var workStart = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

// perCell is the time from one cell to the next: 86,400 cells are a day.
const perCell = time.Second
