package line

import "github.com/takt-mes/takt/internal/mes"

// F13: a torn tab is not ejected, and the separator folds on the same jelly roll,
// which goes on by somebody's decision.
var tornTabFault = faultKind{
	id:     "F13",
	what:   "a torn tab (NOT-05) wound up with a separator fold (WND-03)",
	finds:  "the one cell that has both",
	strike: func(f *fault, _ moment) { f.run.electrodes[0].torn.push(f) },
}

const (
	tornTab       = "NOT-05"
	separatorFold = "WND-03"
)

// overlook leaves a torn tab in that lies within the next jelly roll, where a
// fault waits for one; near and far are where it is, reach is how much the roll
// takes for certain.
func (p *spindle) overlook(s *section, near, far, reach mes.Micrometres) bool {
	if s.tag != tornTab || p.e.torn.len() == 0 || p.torn != nil || p.worn() || near < 0 || far > reach {
		return false
	}
	p.torn, p.tornAt = p.e.torn.pop(), s.Interval
	return true
}

// fold makes the jelly roll the one that a torn tab was left in for.
func (p *spindle) fold(roll *item) []Touch {
	f := p.torn
	if f == nil {
		return nil
	}
	p.torn = nil
	roll.concern(f.touch(roll.ref.Thing, true, &p.tornAt, f.kind.what))
	roll.endanger(50)
	return []Touch{f.touch(p.coil.ref.Thing, true, &p.tornAt, "a torn tab that was not ejected")}
}
