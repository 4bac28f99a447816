package line

import (
	"math"
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// slitter cuts a mother coil into a daughter a lane. It unwinds from the
// outside, so a daughter's first metre is the mother's last that was kept.
type slitter struct {
	*station
	e      *electrode
	busy   bool
	began  moment
	mother *coil
}

func (s *slitter) begin(now moment) {
	s.busy, s.began = true, now
	s.mother = s.e.mothers.pop()
	const speed = 2 // m/s
	cells := metresOf(s.mother.length) * lanes / s.e.perCell
	s.run.plan(now+s.e.seconds(metresOf(s.mother.length)/speed, len(s.e.slitters), cells), s, 0)
}

// kept is a stretch of the mother that became one of each daughter.
type kept struct{ mother, daughter mes.Interval }

func (s *slitter) act(now moment, _ int) {
	e, r, m := s.e, s.run, s.mother
	s.use(uint64(m.length / mes.Metre)) //nolint:gosec // a length is not negative
	values := s.measure(-1)
	values[3] = s.characteristics[3].round(float64(s.mounted.Count) / 1000)

	start := mes.Micrometres(8000+s.chance.IntN(4001)) * mes.Metre / 1000
	elongation := int64(math.Round(e.elongation.conforming(s.chance) * 10_000))
	var cuts []mes.CutOut
	for _, k := range slices.Backward(m.marks) {
		cuts = append(cuts, mes.CutOut{At: m.length - k.Interval.To, Length: k.Interval.To - k.Interval.From, Code: k.Code})
	}
	stretches, length := unwind(m.length, start, cuts, elongation)

	w := r.newWork(s.station, m.ref, s.began, -1, 1, values)
	consumed := metres(m.length)
	w.work.Consumed = []mes.Actual{{Ref: m.ref, Quantity: &consumed, Interval: &mes.Interval{To: m.length}}}
	truth := Truth{Losses: []Loss{m.lose(m.length-start, m.length)}}
	for _, k := range cuts {
		truth.Losses = append(truth.Losses, m.lose(m.length-k.At-k.Length, m.length-k.At))
	}
	daughters := make([]*coil, lanes)
	for i := range daughters {
		number := i + 1
		d := &coil{
			ref: mes.Ref{
				Thing:              mes.Thing{Kind: mes.RefLot, ID: lane(m.ref.ID, number)},
				MaterialDefinition: e.name + "-strip",
			},
			length: length, left: length, shown: mes.Interval{Lane: 1, To: length},
		}
		daughters[i] = d
		quantity := metres(length)
		w.work.Produced = append(w.work.Produced, mes.Actual{Ref: d.ref, Quantity: &quantity, Interval: &mes.Interval{Lane: 1, To: length}})
		for _, k := range stretches {
			k.mother.Lane, k.daughter.Lane = uint32(number), 1
			truth.Links = append(truth.Links, Link{
				From: m.ref.Thing, Into: d.ref.Thing, Quantity: metres(k.mother.To - k.mother.From),
				Interval: &k.mother, Place: &k.daughter,
			})
		}
	}
	r.emit(s.station, &w.event, truth)
	for i, d := range daughters {
		r.state(s.station, &mes.CoilGeometry{
			Coil: d.ref.ID, Length: length, Lanes: 1, Winding: mes.WindingReversed, StartScrap: start,
			CutOuts: cuts, Elongation: elongation, Parent: m.ref.ID, ParentLane: uint32(i + 1),
		}, Truth{})
		e.daughters.push(d)
	}
	m.left = 0
	e.coming -= lanes
	s.busy, s.mother = false, nil
	e.replenish(now)
}

// lose is a stretch of a mother of all lanes that is thrown away.
func (c *coil) lose(from, to mes.Micrometres) Loss {
	return Loss{Thing: c.ref.Thing, Quantity: metres(to - from), Interval: &mes.Interval{From: from, To: to}}
}

// unwind is the arithmetic of coils: which stretches of a mother become which
// of a daughter, and how long that is.
//
//	t(u) = (1+e) · (u − a − Σ ℓ)    s = L − u
func unwind(length, start mes.Micrometres, cuts []mes.CutOut, elongation int64) ([]kept, mes.Micrometres) {
	stretched := func(m mes.Micrometres) mes.Micrometres {
		return m + m/1_000_000*mes.Micrometres(elongation) + m%1_000_000*mes.Micrometres(elongation)/1_000_000
	}
	var list []kept
	var through mes.Micrometres // of the mother, without what was cut out
	u := start
	for i := 0; i <= len(cuts); i++ {
		end := length
		if i < len(cuts) {
			end = cuts[i].At
		}
		k := kept{mother: mes.Interval{From: length - end, To: length - u}}
		k.daughter.From = stretched(through)
		through += end - u
		k.daughter.To = stretched(through)
		list = append(list, k)
		if i < len(cuts) {
			u = end + cuts[i].Length
		}
	}
	return list, stretched(through)
}
