package line

import (
	"fmt"
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// drift is fault F6: a leak tester shows less and less, over three days half a
// decade, until it is calibrated. Leaks slip through.
type drift struct {
	*fault
	from moment
}

const (
	driftLasts   = 72 * hour
	driftDecades = 0.5
)

var driftFault = faultKind{
	id:     "F6",
	what:   "a helium leak tester drifts by half a decade in three days",
	finds:  "the leaks that it let through, and possibly all that it tested",
	strike: strikeDrift,
}

func strikeDrift(f *fault, now moment) {
	s := f.run.processes["HL2"].stations
	m := s[min(2, len(s)-1)]
	m.drift = &drift{f, now}
	f.run.plan(now+driftLasts, &recalibration{m}, 0)
}

// recalibration puts the tester right.
type recalibration struct{ station *station }

func (k *recalibration) act(now moment, _ int) {
	s := k.station
	s.drift = nil
	s.run.state(s, &mes.EquipmentReport{
		Topic: mes.EquipmentCalibration, Code: s.calibrated, Active: false, ValidUntil: now.time(),
		Message: "found out of calibration, put right",
	}, Truth{})
}

// leakTest finds less than there is while its tester has drifted.
func leakTest() craft {
	return craft{
		see: func(b *bench, now moment, found int, values []float64) int {
			d := b.drift
			if d == nil {
				return found
			}
			k := &b.characteristics[0]
			really := values[0]
			values[0] = k.round(really * math.Pow(10, -driftDecades*float64(now-d.from)/float64(driftLasts)))
			b.item.leaks = really > k.usl && values[0] <= k.usl
			if b.item.leaks {
				return -1
			}
			return found
		},
		record: func(b *bench, _ moment, _ int, w *work) {
			if b.drift == nil {
				return
			}
			why := "tested at " + b.equipment.String()
			if b.item.leaks {
				why = fmt.Sprintf("leaks, and %s showed %g", b.equipment, w.measured.Values[0])
			}
			w.touch(b.item, b.drift.touch(b.item.ref.Thing, b.item.leaks, nil, why))
		},
	}
}
