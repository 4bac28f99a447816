package line

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestBlends computes what each blend holds of each batch from the truth's links
// alone, and compares that with what the tank knows.
func TestBlends(t *testing.T) {
	r := newRun(newLine(t, webConfig()))
	holds := make(map[mes.Thing]map[mes.Thing]float64) // of a blend, by batch
	got := make(map[mes.Thing]float64)
	three, stretches, chain, longest := 0, 0, make(map[mes.Thing]int), 0
	cleaned := make(map[mes.EquipmentID]map[int]int)
	for until := r.start + 20*hour; r.now < until; {
		for _, rec := range r.step() {
			if f, ok := rec.Event.Fact.(*mes.SlotChange); ok && f.Action == mes.SlotClean {
				shift := r.calendar.shifts(r.now)
				if cleaned[rec.Event.Equipment] == nil {
					cleaned[rec.Event.Equipment] = make(map[int]int)
				}
				cleaned[rec.Event.Equipment][shift]++
				if left := float64(amountOf(t, f.Remaining)) / 1e6; left > 2850/20 || left <= 0 {
					t.Errorf("%s is cleaned with %.1f kg in it", rec.Event.Equipment, left)
				}
			}
			f, ok := rec.Event.Fact.(*mes.Work)
			if !ok {
				continue
			}
			switch rec.Event.ProcessSegment {
			case "day-tank":
				blend := rec.Truth.Links[0].Into
				holds[blend] = make(map[mes.Thing]float64)
				for _, k := range rec.Truth.Links {
					a := float64(amountOf(t, &k.Quantity))
					got[blend] += a
					if holds[k.From] == nil {
						holds[blend][k.From] += a
						continue
					}
					chain[blend] = chain[k.From] + 1
					longest = max(longest, chain[blend])
					for batch, share := range holds[k.From] {
						holds[blend][batch] += share * a
					}
				}
				for batch := range holds[blend] {
					holds[blend][batch] /= got[blend]
				}
				for _, e := range r.electrodes {
					for _, k := range e.tanks {
						if k.blend == nil || k.blend.ref.Thing != blend {
							continue
						}
						var sum amount
						for _, p := range k.blend.parts {
							sum += p.amount
							if share := float64(p.amount) / float64(k.blend.got); math.Abs(share-holds[blend][p.lot.ref.Thing]) > 1e-6 {
								t.Errorf("%s has %.7f of %s, the links say %.7f", blend, share, p.lot.ref.ID, holds[blend][p.lot.ref.Thing])
							}
						}
						if sum != k.blend.got {
							t.Errorf("the parts of %s add up to %d of %d", blend, sum, k.blend.got)
						}
					}
				}
			case "coating":
				if len(f.Consumed) == 0 {
					continue
				}
				stretches++
				above := 0
				for _, share := range holds[f.Consumed[0].Ref.Thing] {
					if share > 0.01 {
						above++
					}
				}
				if above >= 3 {
					three++
				}
			}
		}
	}
	t.Logf("%d of %d stretches have three batches above 1 %%; the longest chain has %d blends; cleaned: %v", three, stretches, longest+1, cleaned)
	if three*3 < stretches {
		t.Errorf("%d of %d stretches have three batches above 1 %%", three, stretches)
	}
	if len(cleaned) != 4 {
		t.Errorf("%d tanks were cleaned, want 4", len(cleaned))
	}
	for tank, shifts := range cleaned {
		for shift, n := range shifts {
			if n > 1 {
				t.Errorf("%s was cleaned %d times in shift %d", tank, n, shift)
			}
		}
	}
}

// TestMixing counts what becomes of batches: a share is adjusted and tried once
// more, few are scrapped, and what was left in a tank goes into the next.
func TestMixing(t *testing.T) {
	c := webConfig()
	c.Takt = 100 * time.Millisecond
	first, again, scrapped, loops := 0.0, 0, 0, 0
	r := newRun(newLine(t, c))
	for until := r.start + 2*hour; r.now < until; {
		for _, rec := range r.step() {
			f, ok := rec.Event.Fact.(*mes.Work)
			if !ok || !strings.HasSuffix(rec.Event.ProcessSegment, "-mixing") {
				continue
			}
			if f.Attempt == 2 {
				again++
				if f.Disposition != mes.DispositionConformant || len(f.Produced) > 0 || len(f.Consumed) > 0 {
					t.Errorf("a second attempt: %+v", f)
				}
				continue
			}
			first++
			if f.Disposition == mes.DispositionScrap {
				scrapped++
			}
			for _, a := range f.Consumed {
				if a.Ref.MaterialDefinition == "cathode-blend" || a.Ref.MaterialDefinition == "anode-blend" {
					loops++
					if share := float64(amountOf(t, a.Quantity)) / float64(amountOf(t, f.Produced[0].Quantity)); share > 0.05 {
						t.Errorf("%.3f of a batch is what was left over", share)
					}
				}
			}
		}
	}
	t.Logf("%.0f batches, %d tried again, %d scrapped, %d with leftovers", first, again, scrapped, loops)
	if loops == 0 || again == 0 || float64(again+scrapped) > 0.015*first+4*math.Sqrt(0.015*first) {
		t.Error("the sample does not show the shapes that it should")
	}
}
