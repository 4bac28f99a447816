package line

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// rollsTaken keeps what a winder hands on.
type rollsTaken struct{ list []*item }

func (k *rollsTaken) take(_ moment, c *item) { k.list = append(k.list, c) }

// TestWeakLot computes the share of the lot in each batch and blend from the
// truth's links, and in each jelly roll from the stretches of its mother.
func TestWeakLot(t *testing.T) {
	var k trail
	c := webConfig()
	c.Faults = []Fault{{ID: "F10", After: 10 * time.Minute}}
	r := newRun(newLine(t, c))
	var taken rollsTaken
	r.rolls = &taken
	type part struct {
		place mes.Interval
		share float64
	}
	share, active := make(map[mes.Thing]float64), make(map[mes.Thing]float64) // kg of the lot; active material a kg
	stretches := make(map[mes.ID][]part)
	touches := make(map[mes.Thing][]Touch)
	got := make(map[mes.Thing]float64)
	rolls := make(map[mes.Thing]float64)
	// The lots that were there before it last for some twenty hours.
	for r.now < r.start+27*hour {
		for _, rec := range r.step() {
			if !onWeb(&rec) {
				continue
			}
			k.add(&rec)
			touched(t, &rec, touches)
			if _, ok := rec.Event.Fact.(*mes.LotReport); ok && len(rec.Truth.Touches) > 0 {
				share[rec.Truth.Touches[0].Thing] = 1
			}
			switch code := codeOf(rec.Event.Equipment); code {
			case "MIX-C", "TNK-C":
				if len(rec.Truth.Links) == 0 {
					break
				}
				into, weak, all := rec.Truth.Links[0].Into, 0.0, 0.0
				for _, l := range rec.Truth.Links {
					a := float64(amountOf(t, &l.Quantity)) / 1e6
					got[into] += a
					if strings.HasPrefix(string(l.From.ID), "LFP") {
						active[l.From] = 1
					}
					weak += a * active[l.From] * share[l.From]
					all += a * active[l.From]
				}
				active[into], share[into] = all/got[into], weak/all
			case "COT-C":
				for _, l := range rec.Truth.Links {
					if l.Slot == "slurry" {
						stretches[l.Into.ID] = append(stretches[l.Into.ID], part{*l.Place, share[l.From]})
					}
				}
			}
			if link, _ := cathodeOf(&rec); link != nil {
				of, _, from, to := k.origin(link.From.ID, metresOf(link.Interval.From), metresOf(link.Interval.To))
				for _, p := range stretches[of] {
					if over := min(to, metresOf(p.place.To)) - max(from, metresOf(p.place.From)); over > 0 {
						rolls[link.Into] += p.share * over / (to - from)
					}
				}
			}
		}
	}
	most, concerned := 0.0, 0
	for _, roll := range taken.list {
		want := rolls[roll.ref.Thing]
		if math.Abs(float64(roll.taint)-want) > 0.001 {
			t.Errorf("%s has %.4f of the lot, want %.4f", roll.ref.ID, roll.taint, want)
		}
		most = max(most, want)
		list := touches[roll.ref.Thing]
		if len(list) > 0 {
			concerned++
		}
		if want > dilute+0.001 && len(list) == 0 || want < dilute-0.001 && len(list) > 0 {
			t.Errorf("%s with %.4f of the lot: %+v", roll.ref.ID, want, list)
		}
		if len(list) > 0 && !list[0].Certain {
			t.Errorf("%s is only possible", roll.ref.ID)
		}
	}
	kinds := make(map[string]int)
	for thing := range touches {
		kinds[strings.TrimRight(string(thing.ID)[:4], "0123456789")]++
	}
	t.Logf("%d of %d jelly rolls have some of the lot, at most %.3f; things by kind: %v", concerned, len(taken.list), most, kinds)
	if concerned == 0 || most < 0.5 || kinds["LFP-"] != 1 || kinds["L1SC"] == 0 || kinds["L1DC"] == 0 || kinds["L1EC"] == 0 {
		t.Error("the lot did not go its way")
	}
}
