package line

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// faulty is the test's line with faults of every kind at once.
type faulty struct {
	records []Record
	// touches are what each fault has done, by its id.
	touches map[string][]Touch
	// of are the records about a thing.
	of map[mes.Thing][]Record
}

// askedFor is each kind of fault, once.
var askedFor = []Fault{
	{"F1", 15 * time.Minute},
	{"F2", 5 * time.Minute},
	{"F3", time.Minute},
	{"F4", 10 * time.Minute},
	{"F5", 25 * time.Minute},
	{"F6", 30 * time.Minute},
	{"F7", 20 * time.Minute},
	{"F8", 30 * time.Minute},
	{"F9", 40 * time.Minute},
	{"F10", time.Minute},
	{"F11", 50 * time.Minute},
	{"F12", 12 * time.Minute},
	{"F13", 20 * time.Minute},
	{"F14", 30 * time.Minute},
}

func faultyConfig() Config {
	c := testConfig()
	for _, f := range askedFor {
		if f.validate() == nil {
			c.Faults = append(c.Faults, f)
		}
	}
	return c
}

var faultySample = sync.OnceValue(func() *faulty {
	l, err := New(faultyConfig())
	if err != nil {
		panic(err)
	}
	s := &faulty{touches: make(map[string][]Touch), of: make(map[mes.Thing][]Record)}
	s.records = take(l, 400_000)
	for _, rec := range s.records {
		for _, x := range rec.Truth.Touches {
			id, _, _ := strings.Cut(x.Fault, "@")
			s.touches[id] = append(s.touches[id], x)
		}
		if f, ok := rec.Event.Fact.(*mes.Work); ok {
			for _, subject := range f.Subjects {
				s.of[subject.Thing] = append(s.of[subject.Thing], rec)
			}
		}
	}
	return s
})

// items returns the cells that a fault concerns, each once: for certain, and
// possibly.
func (s *faulty) items(id string) (certain, possible []mes.Thing) {
	seen := make(map[mes.Thing]bool)
	for _, sure := range []bool{true, false} {
		for _, x := range s.touches[id] {
			if x.Certain != sure || x.Thing.Kind != mes.RefItem || len(s.of[x.Thing]) == 0 || seen[x.Thing] {
				continue
			}
			seen[x.Thing] = true
			if sure {
				certain = append(certain, x.Thing)
			} else {
				possible = append(possible, x.Thing)
			}
		}
	}
	return certain, possible
}

// at returns a thing's record of a step, the zero Record where it has none.
func (s *faulty) at(thing mes.Thing, code string) Record {
	for _, rec := range s.of[thing] {
		if codeOf(rec.Event.Equipment) == code {
			return rec
		}
	}
	return Record{}
}

// shareOut returns how many of the things that reached a step had a defect there.
func (s *faulty) shareOut(things []mes.Thing, code string) (failed, reached int) {
	for _, thing := range things {
		if rec := s.at(thing, code); rec.Event != nil {
			reached++
			if len(rec.Event.Fact.(*mes.Work).Defects) > 0 {
				failed++
			}
		}
	}
	return failed, reached
}

func TestContaminationTouchesItsDrums(t *testing.T) {
	s := faultySample()
	certain, possible := s.items("F1")
	var from, to time.Time
	for _, thing := range certain {
		rec := s.at(thing, "FIL1")
		if !slices.Contains([]mes.EquipmentID{"L1.FIL1.03", "L1.FIL1.04", "L1.FIL1.05"}, rec.Event.Equipment) {
			t.Fatalf("%s was filled at %s", thing, rec.Event.Equipment)
		}
		if from.IsZero() {
			from = rec.Due
		}
		to = rec.Due
	}
	failed, reached := s.shareOut(certain, "OC2")
	others, all := s.shareOut(possible, "OC2")
	t.Logf("%d cells for certain, filled from %s to %s, %d of %d failed at K; %d possibly, %d of %d failed",
		len(certain), from, to, failed, reached, len(possible), others, all)
	// Three of twelve fillers for 90 minutes; a drum does for 645 cells.
	if n := len(certain); n < 1250 || n > 1400 || to.Sub(from) > 90*time.Minute {
		t.Errorf("%d cells in %s are concerned for certain, want some 1,350 in 90 minutes", n, to.Sub(from))
	}
	if n := len(possible); n < 300 || n > 6*645-len(certain) {
		t.Errorf("%d cells are possibly concerned, want what else was in at most six drums", n)
	}
	if reached < 200 || failed*10 < reached*7 || others*50 > all {
		t.Errorf("%d of %d failed at K, and %d of %d of those that are only possible", failed, reached, others, all)
	}
}

func TestWornHornShowsInPeelAndResistance(t *testing.T) {
	s := faultySample()
	certain, possible := s.items("F4")
	var good, worn column
	bad := make(map[mes.Thing]bool)
	for _, thing := range certain {
		bad[thing] = true
	}
	peeled := 0
	for _, rec := range s.records {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		switch codeOf(rec.Event.Equipment) {
		case "DCR":
			if f.Disposition == mes.DispositionConformant && bad[f.Subjects[0].Thing] {
				worn.add(f.Measurements.Values[0])
			} else if f.Disposition == mes.DispositionConformant {
				good.add(f.Measurements.Values[0])
			}
		case "PEL":
			if concerned := bad[f.Subjects[0].Thing]; concerned != (len(f.Defects) > 0) {
				t.Errorf("%s: a peel test of a pair that is concerned: %v, has the defects %v", rec.Identity, concerned, f.Defects)
			} else if concerned {
				peeled++
			}
		}
	}
	t.Logf("%d items for certain, %d peel tests failed; resistance %.4f of %.0f against %.4f", len(certain), peeled, worn.mean, worn.n, good.mean)
	if len(possible) > 0 || peeled == 0 || worn.n < 500 || worn.mean/good.mean < 1.035 || worn.mean/good.mean > 1.045 {
		t.Errorf("%d are only possible, %d peel tests failed, resistance is %.3f times the others'; want none, some, 1.04", len(possible), peeled, worn.mean/good.mean)
	}
}

func TestLeakTouchesOneOrTwoLoads(t *testing.T) {
	s := faultySample()
	loads := make(map[mes.Thing]bool)
	for _, x := range s.touches["F5"] {
		if x.Thing.Kind == mes.RefCarrier {
			loads[x.Thing] = true
		}
	}
	certain, possible := s.items("F5")
	t.Logf("%d loads, %d cells", len(loads), len(certain))
	// The test's bake takes minutes, so that an oven is charged more often.
	if len(loads) == 0 || len(certain) < 60*len(loads) || len(possible) > 0 {
		t.Errorf("%d loads with %d cells are concerned, and %d possibly", len(loads), len(certain), len(possible))
	}
}

func TestDriftTouchesWhatItTested(t *testing.T) {
	s := faultySample()
	certain, possible := s.items("F6")
	t.Logf("%d leak, %d were tested", len(certain), len(possible))
	for _, thing := range append(certain, possible...) {
		if rec := s.at(thing, "HL2"); rec.Event.Equipment != "L1.HL2.03" {
			t.Fatalf("%s was tested at %s", thing, rec.Event.Equipment)
		}
	}
	if len(possible) < 500 {
		t.Errorf("%d were tested, want more", len(possible))
	}
}

// TestDriftLetsLeaksThrough waits the three days that it takes: in the end what
// leaks by up to half a decade too much is found tight.
func TestDriftLetsLeaksThrough(t *testing.T) {
	if !long() {
		t.Skip("three days of a line; TAKT_LONG=1")
	}
	c := testConfig()
	c.Faults = []Fault{{"F6", time.Hour}}
	leaks, tested := 0, 0
	for rec := range newLine(t, c).Records() {
		if rec.Due.Sub(c.Start) > 75*time.Hour {
			break
		}
		for _, x := range rec.Truth.Touches {
			tested++
			if !x.Certain {
				continue
			}
			leaks++
			f := rec.Event.Fact.(*mes.Work)
			if f.Disposition != mes.DispositionConformant || f.Measurements.Values[0] > 1e-6 {
				t.Errorf("%s leaks and was found to: %s, %g", x.Thing, f.Disposition, f.Measurements.Values[0])
			}
		}
	}
	t.Logf("%d of %d that were tested leak and went on", leaks, tested)
	if leaks == 0 || leaks > 30 || tested < 20_000 {
		t.Errorf("%d of %d that were tested leak and went on, want some of 26,000", leaks, tested)
	}
}

func TestShiftTouchesNineNeighbours(t *testing.T) {
	s := faultySample()
	certain, possible := s.items("F7")
	var places []string
	carriers := make(map[mes.ID]bool)
	for _, thing := range certain {
		f := s.at(thing, "FRM").Event.Fact.(*mes.Work)
		places = append(places, f.Place)
		carriers[f.Carrier] = true
	}
	if len(places) != shiftedCells || len(possible) > 0 || len(carriers) != 1 || !slices.IsSorted(places) {
		t.Errorf("the places %v of %d trays are concerned, and %d cells possibly; want nine of one tray", places, len(carriers), len(possible))
	}
}

func TestOldRecipeIsInItsRecords(t *testing.T) {
	s := faultySample()
	certain, _ := s.items("F8")
	touched := make(map[mes.Thing]bool)
	for _, thing := range certain {
		touched[thing] = true
	}
	n := 0
	for _, rec := range s.records {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok || codeOf(rec.Event.Equipment) != "SLW" {
			continue
		}
		if old := rec.Event.Recipe.Version == "12"; old != touched[f.Subjects[0].Thing] && f.Attempt == 1 {
			t.Fatalf("%s: version %s on %s, which is concerned: %v", rec.Identity, rec.Event.Recipe.Version, f.Subjects[0].Thing, !old)
		} else if old {
			n++
		}
	}
	if n < 1000 {
		t.Errorf("%d cells were welded by the old recipe, want more", n)
	}
}

func TestOfflineLineSkipsATest(t *testing.T) {
	s := faultySample()
	certain, possible := s.items("F9")
	t.Logf("%d skipped the test, %d were admitted", len(certain), len(possible))
	for _, thing := range certain {
		if s.at(thing, "HP2").Event != nil || s.at(thing, "SLW").Event == nil {
			t.Errorf("%s did not skip HP2, or did not go on", thing)
		}
	}
	if len(certain) != 2 || len(possible) < 700 || len(possible) > 900 {
		t.Errorf("%d skipped the test and %d were admitted, want 2 and some 840", len(certain), len(possible))
	}
}

func TestClockJumpsBackAndSequencesDoNot(t *testing.T) {
	s := faultySample()
	certain, _ := s.items("F11")
	if len(certain) < 1000 {
		t.Errorf("%d cells are concerned, want more", len(certain))
	}
	late := make(map[time.Duration]int)
	for _, rec := range s.records {
		if strings.HasPrefix(string(rec.Identity.Source), "L1/P12/") {
			late[rec.Due.Sub(rec.Event.EventTime)]++
		} else if rec.Due != rec.Event.EventTime {
			t.Fatalf("%s has another clock", rec.Identity)
		}
	}
	if len(late) != 2 || late[0] == 0 || late[7*time.Minute] == 0 {
		t.Errorf("the twelfth PLC is late by %v, want 0 and 7 minutes", late)
	}
}

func TestDoubledCodeNamesTwoCells(t *testing.T) {
	s := faultySample()
	certain, _ := s.items("F12")
	codes := make(map[mes.ID][]mes.Thing)
	for _, rec := range s.records {
		if a, ok := rec.Event.Fact.(*mes.AliasBinding); ok && a.AliasKind == "can-code" {
			codes[a.Value] = append(codes[a.Value], a.Item.Thing)
		}
	}
	for code, things := range codes {
		if len(things) > 1 {
			slices.SortFunc(things, func(a, b mes.Thing) int { return strings.Compare(string(a.ID), string(b.ID)) })
			slices.SortFunc(certain, func(a, b mes.Thing) int { return strings.Compare(string(a.ID), string(b.ID)) })
			if diff := cmp.Diff(certain, things); diff != "" {
				t.Errorf("%s is the code of others than those concerned (-concerned +have it):\n%s", code, diff)
			}
			return
		}
	}
	t.Error("no code comes twice")
}

// TestNothingIsTouchedWithoutAFault is the negative control: what a fault is
// found by is not there without one.
func TestNothingIsTouchedWithoutAFault(t *testing.T) {
	codes := make(map[mes.ID]bool)
	for _, rec := range sample() {
		if len(rec.Truth.Touches) > 0 {
			t.Fatalf("%s has the touches %v", rec.Identity, rec.Truth.Touches)
		}
		if rec.Due != rec.Event.EventTime {
			t.Fatalf("%s has another clock", rec.Identity)
		}
		if a, ok := rec.Event.Fact.(*mes.AliasBinding); ok && a.AliasKind == "can-code" {
			if codes[a.Value] {
				t.Fatalf("%s comes twice", a.Value)
			}
			codes[a.Value] = true
		}
		if strings.HasSuffix(rec.Event.Recipe.Name, "SLW") && rec.Event.Recipe.Version != "13" {
			t.Fatalf("%s was made by %v", rec.Identity, rec.Event.Recipe)
		}
	}
}

// TestFaultsRepeat holds that a line with faults is as repeatable as one without.
func TestFaultsRepeat(t *testing.T) {
	const n = 100_000
	want := digest(faultySample().records[:n])
	if got := digest(take(newLine(t, faultyConfig()), n)); got != want {
		t.Error("a second pass over a line with faults gives other records")
	}
}

func TestParseFault(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Fault
		err  string
	}{
		{text: "F3@2h", want: Fault{"F3", 2 * time.Hour}},
		{text: "F12@90m", want: Fault{"F12", 90 * time.Minute}},
		{text: "F3", err: "write which and when, as F3@2h"},
		{text: "F3@noon", err: "is no time"},
		{text: "F15@2h", err: "there are F1, "},
		{text: "F3@-1s", err: "before the line's start"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, err := ParseFault(tc.text)
			if tc.err == "" {
				if err != nil || got != tc.want {
					t.Errorf("ParseFault = %v, %v; want %v", got, err, tc.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("ParseFault = %v, want an error with %q", err, tc.err)
			}
		})
	}
}
