package line

import (
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// wornAt is the life of a horn from which on it welds badly, in shots, when
// fault F4 strikes. Its energy is as it should be; a peel test shows it, and the
// cells' resistance.
const wornAt = 180_000

var hornFault = faultKind{
	id:     "F4",
	what:   "a horn of a main welder is worn, from 180,000 shots on",
	finds:  "the cells welded with it until it is changed",
	strike: strikeHorn,
}

func strikeHorn(f *fault, _ moment) {
	s := f.run.processes["UMW"].stations
	m := s[min(1, len(s)-1)]
	m.mounted = mes.Tool{ID: mes.ID(m.equipment + "-HN-017"), Count: wornAt}
	m.worn = f
	f.run.state(m, &mes.EquipmentReport{Topic: mes.EquipmentTool, Code: m.tool.place, Tool: m.mounted}, Truth{})
}

func wornHorn(b *bench) bool { return b.worn != nil }

// mainWeld counts the horn's shots.
func mainWeld() craft {
	const count = 4
	return craft{
		complete: func(b *bench, _ moment, _ int, values []float64) {
			values[count] = float64(b.mounted.Count)
		},
		record: func(b *bench, _ moment, _ int, w *work) {
			if b.worn == nil || b.attempt > 1 {
				return
			}
			b.item.worn = 0.04
			for _, roll := range b.item.parts {
				w.touch(roll, b.worn.touch(roll.ref.Thing, true, nil, fmt.Sprintf("welded by %s at %d shots", b.mounted.ID, b.mounted.Count)))
			}
		},
	}
}

// resistance is higher where the weld is bad.
var resistance = craft{complete: func(b *bench, _ moment, found int, values []float64) {
	if k := &b.characteristics[0]; found < 0 && b.item.worn > 0 {
		values[0] = k.nearest(values[0] * (1 + float64(b.item.worn)))
	}
}}
