package line

import "github.com/takt-mes/takt/internal/mes"

// oldRecipe is fault F8: three of the seam welders run the version before.
type oldRecipe struct {
	*fault
	stations []*station
}

const oldRecipeLasts = 6 * hour

var recipeFault = faultKind{
	id:     "F8",
	what:   "three seam welders run recipe version 12 for six hours",
	finds:  "the cells that they welded",
	strike: strikeRecipe,
}

func strikeRecipe(f *fault, now moment) {
	k := &oldRecipe{fault: f}
	all := f.run.processes["SLW"].stations
	for _, n := range []int{1, 3, 4} {
		if n < len(all) {
			k.stations = append(k.stations, all[n])
		}
	}
	k.load("12", f)
	f.run.plan(now+oldRecipeLasts, k, 0)
}

// act puts it right.
func (k *oldRecipe) act(moment, int) { k.load(stepOf("SLW").recipe.Version, nil) }

func (k *oldRecipe) load(version string, f *fault) {
	for _, s := range k.stations {
		s.recipe.Version, s.outdated = version, f
		s.activate()
	}
}

// activate says which recipe a machine runs.
func (s *station) activate() {
	e := &mes.Event{Fact: &mes.EquipmentReport{Topic: mes.EquipmentRecipe, Code: s.recipe.Name}, Recipe: s.recipe}
	s.run.dress(s, e, 0)
	s.run.emit(s, e, Truth{})
}
