package line

import (
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// lanes is how many lie side by side on a mother coil, counted from the
// operator's side.
const lanes = 6

// motherLength is how long a mother coil becomes.
const motherLength = 3000 * mes.Metre

// coil is a roll of electrode: a mother of all lanes, what was rewound of it, or
// a strip of one lane. Its metres are numbered as produced, from 0 on the core.
type coil struct {
	ref    mes.Ref
	length mes.Micrometres
	// lane is the lane of its own that intervals name: 0 of all lanes, 1 of one.
	lane uint32
	// from is how it came of its parent, nil for a mother.
	from *rewinding
	// web is what a mother's web is like, nil for others.
	web *profile
	// core and left are the metres between which there is some on it yet. What is
	// unwound as it should be takes from left; wrongWay takes from the core.
	core, left mes.Micrometres
	wrongWay   *fault
	// splices and marks are in the order of the metres.
	splices []mes.Splice
	marks   []mes.Mark
	// sections are what a winder will not wind up, in the order of the metres.
	sections  []section
	blemishes []blemish
	// shown is what the machine said that was on it last, and how far that may be
	// off.
	shown mes.Interval
	// off is the winder that it was taken off half used.
	off *winder
}

// profile is what a coater made of a mother: the coating of each metre in mg/cm² and
// the coated width of each lane at each scan in mm.
type profile struct {
	areal  []float32
	widths [][lanes]float32
	// scan is how many metres there are from one scan to the next.
	scan int
}

// coating returns the mean coating between two metres.
func (w *profile) coating(from, to mes.Micrometres) float64 {
	last := len(w.areal) - 1
	first := min(int(from/mes.Metre), last)
	last = max(first, min(int((to-1)/mes.Metre), last))
	sum := 0.0
	for _, v := range w.areal[first : last+1] {
		sum += float64(v)
	}
	return sum / float64(last-first+1)
}

// width returns the coated width of a lane at a metre.
func (w *profile) width(lane uint32, at mes.Micrometres) float64 {
	scan := min(int(at/mes.Metre)/w.scan, len(w.widths)-1)
	return float64(w.widths[scan][lane-1])
}

// lanes is how many lie side by side.
func (c *coil) lanes() uint32 {
	if c.lane == 0 {
		return lanes
	}
	return 1
}

// stretch is an interval of the coil's own metres.
func (c *coil) stretch(from, to mes.Micrometres) mes.Interval {
	return mes.Interval{Lane: c.lane, From: from, To: to}
}

// lose throws a stretch away.
func (c *coil) lose(i mes.Interval) Loss {
	return Loss{Thing: c.ref.Thing, Quantity: metres(i.To - i.From), Interval: &i}
}

// remaining is how much is on the coil.
func (c *coil) remaining() mes.Micrometres { return c.left - c.core }

// take unwinds a length, and returns which metres that was.
func (c *coil) take(length mes.Micrometres) mes.Interval {
	if c.wrongWay != nil {
		c.core += length
		return c.stretch(c.core-length, c.core)
	}
	c.left -= length
	return c.stretch(c.left, c.left+length)
}

// origin follows a stretch of the coil, in which no joint lies, to the metres of
// its mother and the lane there.
func (c *coil) origin(i mes.Interval) (*coil, mes.Interval) {
	i.Lane = 0
	for ; c.from != nil; c = c.from.parent {
		a, b := c.from.toParent(i.From), c.from.toParent(i.To)
		i.From, i.To = min(a, b), max(a, b)
		if c.from.parent.lane == 0 && c.from.lane > 0 {
			i.Lane = c.from.lane
		}
	}
	return c, i
}

// section is what a winder throws away, with the code of why.
type section struct {
	mes.Interval
	tag  string // what was marked, empty for a splice
	code string
}

// jointed is how much is thrown away on either side of a splice.
const jointed = 3 * mes.Metre / 10

// divide finds the coil's sections.
func (c *coil) divide() {
	c.sections = make([]section, 0, len(c.splices)+len(c.marks))
	for _, s := range c.splices {
		i := c.stretch(max(0, s.At-jointed), min(c.length, s.At+jointed))
		c.sections = append(c.sections, section{Interval: i, code: "WND-04"})
	}
	for _, m := range c.marks {
		c.sections = append(c.sections, section{Interval: m.Interval, tag: m.Code, code: "WND-05"})
	}
	slices.SortStableFunc(c.sections, func(a, b section) int { return int(a.To - b.To) })
}

// ahead returns the next section, and how far away it begins and ends as the
// coil is unwound.
func (c *coil) ahead() (s *section, near, far mes.Micrometres) {
	switch {
	case len(c.sections) == 0:
		return nil, 0, 0
	case c.wrongWay != nil:
		s = &c.sections[0]
		return s, s.From - c.core, s.To - c.core
	default:
		s = &c.sections[len(c.sections)-1]
		return s, c.left - s.To, c.left - s.From
	}
}

// passed forgets the section ahead.
func (c *coil) passed() {
	if c.wrongWay != nil {
		c.sections = c.sections[1:]
	} else {
		c.sections = c.sections[:len(c.sections)-1]
	}
}

// rewinding is how the metres of a coil came from those of its parent. The parent
// is unwound from the outside, so the child's first metre is the parent's last
// that was kept. At unwind distance u, with start scrap a, cut-outs of ℓ and
// elongation e:
//
//	t(u) = (1+e) · (u − a − Σ ℓ)    s = L − u
type rewinding struct {
	parent *coil
	// lane is which of the parent's, 0 for all.
	lane  uint32
	start mes.Micrometres
	cuts  []mes.CutOut
	// elongation is in millionths.
	elongation int64
	// kept are the stretches of the parent that became the child, in the order of
	// the child's metres.
	kept []kept
	// length is the child's.
	length mes.Micrometres
}

// kept is a stretch of a parent that became one of its child.
type kept struct{ parent, child mes.Interval }

// newRewinding rewinds a parent with all its marks cut out.
func newRewinding(parent *coil, lane uint32, start mes.Micrometres, elongation int64) *rewinding {
	w := &rewinding{parent: parent, lane: lane, start: start, elongation: elongation}
	for _, m := range slices.Backward(parent.marks) {
		w.cuts = append(w.cuts, mes.CutOut{At: parent.length - m.Interval.To, Length: m.Interval.To - m.Interval.From, Code: m.Code})
	}
	w.unwind()
	return w
}

// unwind finds what is kept.
func (w *rewinding) unwind() {
	length := w.parent.length
	var through mes.Micrometres // of the parent, without what was cut out
	u := w.start
	for i := 0; i <= len(w.cuts); i++ {
		end := length
		if i < len(w.cuts) {
			end = w.cuts[i].At
		}
		k := kept{parent: mes.Interval{From: length - end, To: length - u}}
		k.child.From = w.stretched(through)
		through += end - u
		k.child.To = w.stretched(through)
		w.kept = append(w.kept, k)
		if i < len(w.cuts) {
			u = end + w.cuts[i].Length
		}
	}
	w.length = w.stretched(through)
}

// stretched is how long a length of the parent becomes, slackened the reverse:
// the shortest length that becomes at least so long.
func (w *rewinding) stretched(m mes.Micrometres) mes.Micrometres {
	e := mes.Micrometres(w.elongation)
	return m + m/million*e + m%million*e/million
}

func (w *rewinding) slackened(m mes.Micrometres) mes.Micrometres {
	e := million + mes.Micrometres(w.elongation)
	return (m*million + e - 1) / e
}

const million = 1_000_000

// toParent returns the metre of the parent that became a metre of the child.
func (w *rewinding) toParent(t mes.Micrometres) mes.Micrometres {
	i := 0
	for i < len(w.kept)-1 && t >= w.kept[i].child.To {
		i++
	}
	k := &w.kept[i]
	return min(max(k.parent.To-w.slackened(t-k.child.From), k.parent.From), k.parent.To)
}

// toChild returns the metre of the child that a metre of the parent became, and
// false where that was thrown away.
func (w *rewinding) toChild(s mes.Micrometres) (mes.Micrometres, bool) {
	for i := range w.kept {
		if k := &w.kept[i]; s >= k.parent.From && s <= k.parent.To {
			return w.within(k, s), true
		}
	}
	return 0, false
}

// within is toChild where it is known which stretch the metre lies in.
func (w *rewinding) within(k *kept, s mes.Micrometres) mes.Micrometres {
	return min(k.child.From+w.stretched(k.parent.To-s), k.child.To)
}

// pieces returns what an interval of the parent became of the child, in the order
// of the child's metres.
func (w *rewinding) pieces(i mes.Interval) []mes.Interval {
	var list []mes.Interval
	for n := range w.kept {
		k := &w.kept[n]
		from, to := max(i.From, k.parent.From), min(i.To, k.parent.To)
		if from < to {
			list = append(list, mes.Interval{From: w.within(k, to), To: w.within(k, from)})
		}
	}
	return list
}

// splices returns the joints of the child: those of the parent that were kept,
// and one where something was cut out.
func (w *rewinding) splices() []mes.Splice {
	var list []mes.Splice
	for _, k := range w.kept[1:] {
		list = append(list, mes.Splice{At: k.child.From})
	}
	for _, s := range w.parent.splices {
		if t, there := w.toChild(s.At); there {
			list = append(list, mes.Splice{At: t})
		}
	}
	return inOrder(list)
}

// inOrder sorts splices by their metres.
func inOrder(list []mes.Splice) []mes.Splice {
	slices.SortStableFunc(list, func(a, b mes.Splice) int { return int(a.At - b.At) })
	return slices.CompactFunc(list, func(a, b mes.Splice) bool { return a.At == b.At })
}
