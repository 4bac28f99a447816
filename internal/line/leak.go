package line

import (
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// leak is fault F5: an oven loses its vacuum for a while. The moisture test says
// nothing, since the cell that is tested dried all the same.
type leak struct {
	*fault
	oven        *oven
	from, until moment
}

const leakLasts = 40 * minute

var leakFault = faultKind{
	id:     "F5",
	what:   "the twelfth oven loses its vacuum for 40 minutes",
	finds:  "the one or two loads in it",
	strike: strikeLeak,
}

func strikeLeak(f *fault, now moment) {
	ovens := f.run.baking.ovens
	at := min(11, len(ovens)-1)
	if loaded := slices.IndexFunc(ovens, func(o *oven) bool { return o.load != nil }); ovens[at].load == nil && loaded >= 0 {
		at = loaded // where bakes are short, the twelfth may be empty
	}
	k := &leak{fault: f, oven: ovens[at], from: now, until: now + leakLasts}
	f.run.baking.leaks = append(f.run.baking.leaks, k)
	k.alarm(true)
	f.run.plan(k.until, k, 0)
}

// act ends it.
func (k *leak) act(moment, int) { k.alarm(false) }

func (k *leak) alarm(active bool) {
	k.run.state(k.oven.station, &mes.EquipmentReport{Topic: mes.EquipmentAlarm, Code: "BAK-A07", Active: active, Message: "pressure rising"}, Truth{})
}

// moisten looks at a load that comes out of its oven.
func (g *baking) moisten(l *load, now moment, w *work) {
	for _, k := range g.leaks {
		if k.oven != l.oven || l.began > k.until || now < k.from {
			continue
		}
		w.truth.Touches = append(w.truth.Touches, k.touch(l.ref.Thing, true, nil, "load of "+k.oven.equipment.String()))
		for _, t := range l.trays {
			for _, c := range t.cells {
				if c != nil {
					w.touch(c, k.touch(c.ref.Thing, true, nil, "baked in "+k.oven.equipment.String()))
					c.endanger(10)
				}
			}
		}
	}
}
