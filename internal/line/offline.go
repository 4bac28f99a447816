package line

import "github.com/takt-mes/takt/internal/mes"

// offline is fault F9: the line runs without its MES for a while, and the first
// two cells that come to the second Hi-Pot then pass it by.
type offline struct {
	*fault
	until    moment
	skipped  []mes.Thing
	admitted []mes.Thing
}

const (
	offlineLasts = 14 * minute
	offlineSkips = 2
)

var offlineFault = faultKind{
	id:     "F9",
	what:   "the line runs without its MES for 14 minutes, and two cells pass Hi-Pot 2 by",
	finds:  "the two cells, and possibly the others admitted then",
	strike: strikeOffline,
}

func strikeOffline(f *fault, now moment) {
	k := &offline{fault: f, until: now + offlineLasts}
	f.run.offline = k
	k.alarm(true, Truth{})
	f.run.plan(k.until, k, 0)
}

// act ends it, and tells which cells it concerned.
func (k *offline) act(moment, int) {
	k.run.offline = nil
	var truth Truth
	for _, t := range k.skipped {
		truth.Touches = append(truth.Touches, k.touch(t, true, nil, "passed HP2 by"))
	}
	for _, t := range k.admitted {
		truth.Touches = append(truth.Touches, k.touch(t, false, nil, "tested at HP2 without the MES"))
	}
	k.alarm(false, truth)
}

func (k *offline) alarm(active bool, truth Truth) {
	for _, s := range k.run.processes["HP2"].stations {
		k.run.state(s, &mes.EquipmentReport{Topic: mes.EquipmentAlarm, Code: "MES-OFFLINE", Active: active, Message: "no answer from the MES"}, truth)
		truth = Truth{}
	}
}

// bypass is the way past the second Hi-Pot.
type bypass struct {
	run  *run
	shop *shop
}

func (p *bypass) take(now moment, c *item) {
	k := p.run.offline
	switch {
	case k == nil:
		p.shop.take(now, c)
	case len(k.skipped) < offlineSkips:
		k.skipped = append(k.skipped, c.ref.Thing)
		p.shop.next.take(now, c)
	default:
		k.admitted = append(k.admitted, c.ref.Thing)
		p.shop.take(now, c)
	}
}
