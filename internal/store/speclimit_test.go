package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestSpecLimitsStay changes the specification limits of a characteristic again and
// again while results come, late ones too: each result keeps the limits that it was
// judged by, whatever came later, sealed or not, and derived anew.
func TestSpecLimitsStay(t *testing.T) {
	seed := seed(t)
	for turn := range 3 { // each with another size of what is sealed
		chance := rand.New(rand.NewPCG(seed, uint64(turn)))
		dir := filepath.Join(t.TempDir(), "store")
		s, err := store.Open(store.Config{Dir: dir, SealBytes: []int{0, 1, 1 << 14}[turn%3]})
		must(t, err)
		var schemas []mes.Schema
		judged := make(map[mes.Identity]mes.Schema)
		for n := 1; n <= 200; n++ {
			if len(schemas) == 0 || chance.IntN(10) == 0 {
				lsl, usl := 3+chance.Float64(), 4+chance.Float64()
				c := mes.Column{Characteristic: "ocv1", Unit: "V", LSL: mes.SpecLimitOf(&lsl), USL: mes.SpecLimitOf(&usl)}
				if chance.IntN(4) == 0 {
					c.LSL = mes.SpecLimit{}
				}
				schemas = append(schemas, mes.Schema{Columns: []mes.Column{c}})
			}
			// Mostly by the limits of now, and now and then by older ones.
			under := schemas[len(schemas)-1]
			if chance.IntN(5) == 0 {
				under = schemas[chance.IntN(len(schemas))]
			}
			r := record("OCV", n, &mes.Event{EventTime: t0, ProcessSegment: "ocv", Fact: &mes.Work{
				Subjects:     []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%d", n))}}},
				Measurements: &mes.Measurements{Schema: under.ID(), Values: []float64{3.5 + chance.Float64()}},
			}})
			judged[r.Identity] = under
			_, err := s.Append(context.Background(), store.Batch{
				Gateway: "g1", Spool: "s1", First: mes.Offset(n), Records: []mes.Record{r}, Schemas: []mes.Schema{under},
			})
			must(t, err)
		}
		compare := func(when string) {
			view(t, s, func(v *store.View) error {
				seen := 0
				for e, err := range v.Events(0, store.Filter{}) {
					if err != nil {
						return err
					}
					if e.Event == nil {
						continue
					}
					seen++
					want := judged[e.Identity]
					got, _, err := v.Schema(e.Event.Fact.(*mes.Work).Measurements.Schema)
					if err != nil {
						return err
					}
					if len(got.Columns) != 1 || got.Columns[0] != want.Columns[0] {
						t.Errorf("%s, %s was judged by %+v; now it says %+v", when, e.Identity, want.Columns, got.Columns)
					}
				}
				if seen != len(judged) {
					t.Errorf("%s, %d results are there; want %d", when, seen, len(judged))
				}
				return nil
			})
		}
		compare("at once")
		must(t, s.Close())
		must(t, store.Rebuild(t.Context(), dir, func(store.Progress) {}))
		s = open(t, dir)
		compare("rebuilt")
	}
}
