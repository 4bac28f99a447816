package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/yield"
)

// at is a process segment on a piece of equipment.
type at struct {
	segment   string
	equipment mes.EquipmentID
}

// attempts appends work, each from a source of its own: what is earlier by its
// time was earlier.
type attempts struct {
	t     *testing.T
	store *store.Store
	n     int
	batch []mes.Record
}

// try enters an attempt and returns its identity.
func (a *attempts) try(item string, where at, when time.Time, d mes.Disposition) mes.Identity {
	return a.enter(&mes.Event{
		EventTime: when, Equipment: where.equipment, ProcessSegment: where.segment,
		Fact: &mes.Work{Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(item)}}}, Disposition: d},
	})
}

func (a *attempts) withdraw(id mes.Identity) {
	a.enter(&mes.Event{EventTime: t0, Fact: &mes.Correction{Withdraws: id, Reason: "entered twice"}})
}

func (a *attempts) enter(e *mes.Event) mes.Identity {
	a.n++
	r := record(fmt.Sprintf("P%d", a.n), 1, e)
	a.batch = append(a.batch, r)
	return r.Identity
}

func (a *attempts) flush() {
	a.t.Helper()
	mustAppend(a.t, a.store, a.n-len(a.batch)+1, a.batch...)
	a.batch = nil
}

// first is an item's first attempt.
type first struct {
	time   time.Time
	at     at
	passed bool
}

// firsts reads every event there is for the first attempts.
func firsts(v *store.View) ([]first, error) {
	type try struct {
		item    mes.ID
		segment string
	}
	earliest := make(map[try]first)
	for e, err := range v.Events(0, store.Filter{}) {
		if err != nil {
			return nil, err
		}
		if e.Event == nil || e.WithdrawnBy != 0 || e.Event.Mode != mes.ModeProduction {
			continue
		}
		f, ok := e.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		k := try{f.Subjects[0].ID, e.Event.ProcessSegment}
		if have, tried := earliest[k]; !tried || e.Event.EventTime.Before(have.time) {
			where := at{e.Event.ProcessSegment, e.Event.Equipment}
			earliest[k] = first{e.Event.EventTime, where, f.Disposition == mes.DispositionConformant}
		}
	}
	var list []first
	for f := range maps.Values(earliest) {
		list = append(list, f)
	}
	return list, nil
}

// plain counts one by one.
func plain(list []first, segment string, from, to time.Time) map[at]yield.Count {
	counts := make(map[at]yield.Count)
	for _, f := range list {
		if segment != "" && f.at.segment != segment || f.time.Before(from) || !f.time.Before(to) {
			continue
		}
		c := counts[f.at]
		c.ProcessSegment, c.Equipment = f.at.segment, f.at.equipment
		c.Tested++
		if f.passed {
			c.Passed++
		}
		counts[f.at] = c
	}
	return counts
}

// tested asks the store; it may name each place once.
func tested(t *testing.T, v *store.View, segment string, from, to time.Time) map[at]yield.Count {
	t.Helper()
	counts := make(map[at]yield.Count)
	for c, err := range v.Tested(segment, from, to) {
		if err != nil {
			t.Fatalf("tested from %v to %v: %v", from, to, err)
		}
		k := at{c.ProcessSegment, c.Equipment}
		if _, twice := counts[k]; twice {
			t.Errorf("from %v to %v: %v is named twice", from, to, k)
		}
		counts[k] = c
	}
	return counts
}

func total(counts map[at]yield.Count) (n uint64) {
	for _, c := range counts {
		n += c.Tested
	}
	return n
}

// TestTestedAtEdges asks for windows that begin and end at hours and minutes, and
// just beside them.
func TestTestedAtEdges(t *testing.T) {
	for _, sealBytes := range []int{0, 1} {
		t.Run(fmt.Sprintf("seal at %d bytes", sealBytes), func(t *testing.T) {
			a := &attempts{t: t, store: openSealing(t, sealBytes)}
			// Three at each of three hours, and at each of two minutes between.
			var edges []time.Time
			for _, d := range []time.Duration{0, time.Minute, 31 * time.Minute, time.Hour, 2 * time.Hour} {
				edges = append(edges, t0.Add(d))
			}
			for i, edge := range edges {
				for j, beside := range []time.Duration{-1, 0, 1} {
					a.try(fmt.Sprintf("C%d-%d", i, j), at{"ocv", "L1.OCV.01"}, edge.Add(beside), mes.DispositionConformant)
				}
				a.flush()
			}
			kolkata := time.FixedZone("half an hour off", 5*3600+1800)
			for _, tc := range []struct {
				name     string
				from, to time.Time
				want     uint64
			}{
				{"two hours", t0, t0.Add(2 * time.Hour), 12},
				{"two hours of another zone", t0.In(kolkata), t0.Add(2 * time.Hour).In(kolkata), 12},
				{"two hours, the last instant too", t0, t0.Add(2*time.Hour + 1), 13},
				{"two hours, not the first instant", t0.Add(1), t0.Add(2 * time.Hour), 11},
				{"two hours, and the instant before", t0.Add(-1), t0.Add(2 * time.Hour), 13},
				{"less than the two instants at the ends", t0.Add(1), t0.Add(2*time.Hour - 1), 10},
				{"one hour", t0, t0.Add(time.Hour), 9},
				{"an hour across two", t0.Add(time.Minute), t0.Add(time.Hour + time.Minute), 8},
				{"one minute", t0, t0.Add(time.Minute), 3},
				{"one minute and an instant", t0, t0.Add(time.Minute + 1), 4},
				{"a minute across two", t0.Add(1), t0.Add(time.Minute + 1), 3},
				{"from within the first half of an hour", t0.Add(time.Minute), t0.Add(2 * time.Hour), 9},
				{"from within the second half of an hour", t0.Add(31 * time.Minute), t0.Add(2 * time.Hour), 6},
				{"three instants", t0.Add(-1), t0.Add(2), 3},
				{"one instant", t0, t0.Add(1), 1},
				{"less than a second", t0.Add(-time.Millisecond), t0.Add(time.Microsecond), 3},
				{"nothing in it", t0.Add(2 * time.Minute), t0.Add(30 * time.Minute), 0},
				{"empty", t0, t0, 0},
				{"the wrong way round", t0.Add(2 * time.Hour), t0, 0},
				{"before all", t0.Add(-48 * time.Hour), t0.Add(-time.Minute), 0},
				{"behind all", t0.Add(3 * time.Hour), t0.Add(48 * time.Hour), 0},
				{"all that ever was", time.Time{}, time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC), 15},
				{"from before year 1", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), t0, 1},
				{"until before year 1", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-4, 1, 1, 0, 0, 0, 0, time.UTC), 0},
			} {
				t.Run(tc.name, func(t *testing.T) {
					view(t, a.store, func(v *store.View) error {
						if got := total(tested(t, v, "ocv", tc.from, tc.to)); got != tc.want {
							t.Errorf("tested %d; want %d", got, tc.want)
						}
						list, err := firsts(v)
						if got := total(plain(list, "ocv", tc.from, tc.to)); got != tc.want {
							t.Errorf("one by one %d; want %d", got, tc.want)
						}
						return err
					})
				})
			}
			view(t, a.store, func(v *store.View) error {
				if n := total(tested(t, v, "formation", t0, t0.Add(time.Hour))); n != 0 {
					t.Errorf("tested %d at a process segment that there is not; want 0", n)
				}
				return nil
			})
		})
	}
}

// TestTestedMoves takes first attempts away from one window, and into another.
func TestTestedMoves(t *testing.T) {
	where := at{"ocv", "L1.OCV.01"}
	other := at{"ocv", "L1.OCV.02"}
	a := &attempts{t: t, store: openSealing(t, 1)}
	nine, ten := t0.Add(3*time.Hour), t0.Add(4*time.Hour)
	var firstTry mes.Identity
	for _, step := range []struct {
		name      string
		do        func()
		nine, ten string
	}{
		{"one at ten", func() { a.try("C1", other, ten, mes.DispositionConformant) }, "", "1 of 1 at L1.OCV.02"},
		{"another at ten", func() { a.try("C2", other, ten.Add(time.Minute), mes.DispositionConformant) }, "", "2 of 2 at L1.OCV.02"},
		{"an earlier one comes late", func() { firstTry = a.try("C1", where, nine, mes.DispositionRework) }, "0 of 1 at L1.OCV.01", "1 of 1 at L1.OCV.02"},
		{"a later one changes nothing", func() { a.try("C1", where, ten.Add(time.Hour), mes.DispositionScrap) }, "0 of 1 at L1.OCV.01", "1 of 1 at L1.OCV.02"},
		{"the earlier one never was", func() { a.withdraw(firstTry) }, "", "2 of 2 at L1.OCV.02"},
		{"come and gone within one group", func() { a.withdraw(a.try("C2", where, nine, mes.DispositionScrap)) }, "", "2 of 2 at L1.OCV.02"},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			a.flush()
			view(t, a.store, func(v *store.View) error {
				list, err := firsts(v)
				for from, want := range map[time.Time]string{nine: step.nine, ten: step.ten} {
					got := tested(t, v, "", from, from.Add(time.Hour))
					if diff := cmp.Diff(plain(list, "", from, from.Add(time.Hour)), got); diff != "" {
						t.Errorf("from %v mismatch (-one by one +counted):\n%s", from, diff)
					}
					var places []string
					for _, c := range got {
						places = append(places, fmt.Sprintf("%d of %d at %s", c.Passed, c.Tested, c.Equipment))
					}
					if said := strings.Join(places, ", "); said != want {
						t.Errorf("from %v: %q; want %q", from, said, want)
					}
				}
				return err
			})
		})
	}
}

// TestTestedAtRandom asks for windows at random, of attempts at random, some of
// which were withdrawn.
func TestTestedAtRandom(t *testing.T) {
	for _, sealBytes := range []int{0, 1, 100_000} {
		t.Run(fmt.Sprintf("seal at %d bytes", sealBytes), func(t *testing.T) {
			random := rand.New(rand.NewPCG(4, uint64(sealBytes)))
			// instant is within three days, and often at an edge or beside it.
			instant := func() time.Time {
				at := t0.Add(time.Duration(random.Int64N(int64(72 * time.Hour))))
				switch random.IntN(4) {
				case 0:
					at = at.Truncate(time.Hour)
				case 1:
					at = at.Truncate(time.Minute)
				}
				return at.Add(time.Duration(random.IntN(3) - 1))
			}
			a := &attempts{t: t, store: openSealing(t, sealBytes)}
			segments := []string{"ocv", "formation", "eol"}
			var tried []mes.Identity
			used := make(map[time.Time]bool)
			for range 3000 {
				when := instant()
				if used[when] {
					continue // which of two at once was first is another question
				}
				used[when] = true
				where := at{segments[random.IntN(3)], mes.EquipmentID(fmt.Sprintf("L1.%02d", random.IntN(4)))}
				tried = append(tried, a.try(fmt.Sprintf("C%d", random.IntN(700)), where, when, mes.Disposition(1+random.IntN(2))))
				if random.IntN(8) == 0 {
					a.withdraw(tried[random.IntN(len(tried))])
				}
				if random.IntN(200) == 0 {
					a.flush()
				}
			}
			a.flush()
			view(t, a.store, func(v *store.View) error {
				list, err := firsts(v)
				if err != nil {
					return err
				}
				if len(list) < 1000 {
					t.Fatalf("only %d first attempts", len(list))
				}
				for range 400 {
					from, to := instant(), instant()
					if random.IntN(3) == 0 {
						to = from.Add(time.Duration(random.Int64N(int64(2 * time.Hour))))
					}
					segment := append(segments, "")[random.IntN(4)]
					if diff := cmp.Diff(plain(list, segment, from, to), tested(t, v, segment, from, to)); diff != "" {
						t.Errorf("%s from %v to %v mismatch (-one by one +counted):\n%s", segment, from, to, diff)
					}
				}
				return nil
			})
		})
	}
}

// openSealing opens a store as open does, that seals at so many bytes.
func openSealing(t *testing.T, sealBytes int) *store.Store {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return t0 }, SealBytes: sealBytes})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		checkDir(t, dir)
	})
	return s
}
