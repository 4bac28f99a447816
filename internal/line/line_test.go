package line

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

var update = flag.Bool("update", false, "write the golden files anew")

func testConfig() Config {
	return Config{
		Name: "L1", Seed: 1, Start: time.Date(2026, 3, 11, 5, 0, 0, 0, time.UTC), Zone: berlin,
		Dwell: Short(120), OvenTrays: 2,
	}
}

func newLine(tb testing.TB, c Config) *Line {
	tb.Helper()
	l, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// take returns the first n records of a line.
func take(l *Line, n int) []Record {
	list := make([]Record, 0, n)
	for rec := range l.Records() {
		list = append(list, rec)
		if len(list) == n {
			break
		}
	}
	return list
}

// sample is some three hours of the test's line at a takt of 1 s.
var sample = sync.OnceValue(func() []Record {
	l, err := New(testConfig())
	if err != nil {
		panic(err)
	}
	return take(l, 280_000)
})

func metresText(i *mes.Interval) string {
	if i == nil {
		return ""
	}
	return i.String()
}

// digest hashes records, with what is true beside them.
func digest(list []Record) string {
	h := sha256.New()
	var buf []byte
	for _, rec := range list {
		buf = binary.LittleEndian.AppendUint64(buf[:0], uint64(rec.Due.UnixNano()))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(rec.Block))
		buf = append(buf, rec.Identity.String()...)
		buf = mes.AppendEvent(buf, rec.Event)
		for _, k := range rec.Truth.Links {
			buf = append(buf, k.From.String()+k.Into.String()+k.Quantity.String()+k.Slot+metresText(k.Interval)+metresText(k.Place)...)
		}
		for _, k := range rec.Truth.Touches {
			buf = append(buf, k.Fault+k.Thing.String()+metresText(k.Interval)+k.Why...)
		}
		for _, k := range rec.Truth.Losses {
			buf = append(buf, k.Thing.String()+k.Quantity.String()+metresText(k.Interval)...)
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestRecordsRepeat(t *testing.T) {
	const n = 20_000
	l := newLine(t, testConfig())
	got := digest(take(l, n))
	if again := digest(take(l, n)); again != got {
		t.Error("a second range over the same line gives other records")
	}
	if other := digest(take(newLine(t, testConfig()), n)); other != got {
		t.Error("an equal configuration gives other records")
	}
	// Nor does it matter who else is at it, and when.
	var together [4]string
	var group sync.WaitGroup
	for i := range together {
		group.Go(func() { together[i] = digest(take(l, n)) })
	}
	group.Wait()
	for _, other := range together {
		if other != got {
			t.Error("one of several passes at the same time gives other records")
		}
	}
	c := testConfig()
	c.Seed = 2
	if other := digest(take(newLine(t, c), n)); other == got {
		t.Error("another seed gives the same records")
	}
	golden := filepath.Join("testdata", "first20000.sha256")
	if *update {
		if err := os.WriteFile(golden, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), got); diff != "" {
		t.Errorf("the first %d records have changed; run with -update where that is meant (-want +got):\n%s", n, diff)
	}
}

func TestSeedsAndLinesShareNoThing(t *testing.T) {
	type origin struct {
		line string
		seed uint64
	}
	made := make(map[mes.Thing]origin)
	names := make(map[mes.ID]origin)
	for _, o := range []origin{{"L1", 1}, {"L1", 2}, {"L1", 37}, {"L2", 1}, {"L1", math.MaxUint64}} {
		c := testConfig()
		c.Name, c.Seed = o.line, o.seed
		for _, rec := range take(newLine(t, c), 20_000) {
			var things []mes.Thing
			for _, k := range rec.Truth.Links {
				things = append(things, k.From, k.Into)
			}
			if p, ok := rec.Event.Fact.(*mes.Placement); ok {
				things = append(things, p.Parent.Thing)
			}
			for _, thing := range things {
				if other, taken := made[thing]; taken && other != o && thing.Kind != mes.RefLocation {
					t.Fatalf("%s is of %v and of %v", thing, other, o)
				}
				made[thing] = o
			}
			if a, ok := rec.Event.Fact.(*mes.AliasBinding); ok {
				if _, taken := names[a.Value]; taken {
					t.Fatalf("the name %s comes twice", a.Value)
				}
				names[a.Value] = o
			}
		}
	}
}

func TestRecordsAreInOrderAndSound(t *testing.T) {
	l := newLine(t, testConfig())
	sequences := make([]mes.Sequence, len(l.Blocks()))
	var last time.Time
	for i, rec := range sample() {
		b, e := l.Blocks()[rec.Block], rec.Event
		if rec.Due.Before(last) {
			t.Fatalf("record %d is due at %s, before the one ahead of it", i, rec.Due)
		}
		last = rec.Due
		sequences[rec.Block]++
		if want := (mes.Identity{Source: b.Source, Epoch: 1, Sequence: sequences[rec.Block]}); rec.Identity != want {
			t.Fatalf("record %d has the identity %s, want %s", i, rec.Identity, want)
		}
		if e.EventTime.After(rec.Due) || e.StartTime.After(e.EventTime) {
			t.Fatalf("record %d: began %s, ended %s, due %s", i, e.StartTime, e.EventTime, rec.Due)
		}
		if e.EventTime != e.EventTime.Truncate(time.Millisecond) || e.StartTime != e.StartTime.Truncate(time.Millisecond) {
			t.Fatalf("record %d has times of less than 1 ms: %s, %s", i, e.StartTime, e.EventTime)
		}
		if _, offset := e.EventTime.In(l.Config().Zone).Zone(); e.UTCOffset != int32(offset) {
			t.Fatalf("record %d is %d s from UTC, want %d", i, e.UTCOffset, offset)
		}
		if !slices.Contains(b.Machines, e.Equipment) || e.ProcessSegment != b.ProcessSegment {
			t.Fatalf("record %d of %s says %s, %s", i, b.Name, e.Equipment, e.ProcessSegment)
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		bytesOf := mes.AppendEvent(nil, e)
		back, err := mes.DecodeEvent(bytesOf)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if !bytes.Equal(mes.AppendEvent(nil, back), bytesOf) {
			t.Fatalf("record %d comes back as another", i)
		}
		if i%997 == 0 {
			if diff := cmp.Diff(e, back); diff != "" {
				t.Fatalf("record %d mismatch (-want +got):\n%s", i, diff)
			}
		}
	}
}

// TestRecordsFitTheStandardBlock holds what a block's tags can say: a quantity
// has a unit and at most six places, an interval is not all zero, values are as
// many as the block's schema has, and what has no tag is not there.
func TestRecordsFitTheStandardBlock(t *testing.T) {
	l := newLine(t, testConfig())
	for i, rec := range sample() {
		b := l.Blocks()[rec.Block]
		measured := func(m *mes.Measurements) {
			if m == nil {
				return
			}
			if b.Schema == nil || m.Schema != b.Schema.ID() || len(m.Values) != len(b.Schema.Columns) || len(m.Notes) > 0 {
				t.Fatalf("record %d of %s has values that are not under its schema", i, b.Name)
			}
		}
		quantity := func(q *mes.Quantity) {
			if q != nil && (q.Unit == "" || q.Value.Exponent < -6 || q.Value.Sign() < 0) {
				t.Fatalf("record %d of %s has the quantity %+v", i, b.Name, q)
			}
		}
		interval := func(v *mes.Interval) {
			if v != nil && (*v == mes.Interval{} || v.From < 0) {
				t.Fatalf("record %d of %s has the interval %s", i, b.Name, v)
			}
		}
		switch f := rec.Event.Fact.(type) {
		case *mes.Work:
			measured(f.Measurements)
			if f.Energy != nil || len(f.Attachments) > 0 || f.Attempt == 0 || f.Disposition == 0 {
				t.Fatalf("record %d of %s: %+v", i, b.Name, f)
			}
			for _, a := range slices.Concat(f.Consumed, f.Produced) {
				quantity(a.Quantity)
				interval(a.Interval)
			}
		case *mes.SlotChange:
			quantity(f.Remaining)
			interval(f.Interval)
		case *mes.LotReport:
			quantity(f.Quantity)
			measured(f.Certificate)
			if len(f.Attachments) > 0 {
				t.Fatalf("record %d of %s has attachments", i, b.Name)
			}
		case *mes.EquipmentReport:
			measured(f.Measurements)
		}
	}
}

func TestEveryKindOfFactOccurs(t *testing.T) {
	got := make(map[string]bool)
	topics := make(map[string]bool)
	for _, rec := range sample() {
		got[rec.Event.Fact.Kind()] = true
		if f, ok := rec.Event.Fact.(*mes.EquipmentReport); ok {
			topics[f.Topic.String()] = true
		}
	}
	want := map[string]bool{"work": true, "coil": true, "slot": true, "placement": true, "alias": true, "lot": true, "equipment": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds mismatch (-want +got):\n%s", diff)
	}
	want = map[string]bool{"state": true, "alarm": true, "tool": true, "calibration": true, "recipe": true}
	if diff := cmp.Diff(want, topics); diff != "" {
		t.Errorf("topics mismatch (-want +got):\n%s", diff)
	}
}

// Clocks went forward in Berlin on 29 March 2026, an hour after midnight UTC.
func TestLocalTimeFollowsTheZone(t *testing.T) {
	c := testConfig()
	c.Start, c.Takt = time.Date(2026, 3, 28, 22, 0, 0, 0, time.UTC), 20*time.Second
	offsets := make(map[int32]int)
	for i, rec := range take(newLine(t, c), 60_000) {
		local := rec.Event.EventTime.In(berlin)
		_, offset := local.Zone()
		if rec.Event.UTCOffset != int32(offset) {
			t.Fatalf("record %d at %s is %d s from UTC, want %d", i, rec.Event.EventTime, rec.Event.UTCOffset, offset)
		}
		offsets[rec.Event.UTCOffset]++
		if want := mes.ID("L1-JO-" + local.Format("060102")); rec.Event.JobOrder != "" && rec.Event.JobOrder != want {
			t.Fatalf("record %d at %s is of job order %s, want %s", i, local, rec.Event.JobOrder, want)
		}
	}
	if offsets[3600] == 0 || offsets[7200] == 0 {
		t.Errorf("the offsets are %v, want some of 3600 and 7200", offsets)
	}
}

// A handshake over OPC UA carries some eight records a second, so a block must
// not be asked for more than five for long.
func TestNoBlockIsAskedForMoreThanItCarries(t *testing.T) {
	const most = 50
	l := newLine(t, testConfig())
	recent := make([]queue[time.Time], len(l.Blocks()))
	for _, rec := range sample() {
		q := &recent[rec.Block]
		q.push(rec.Due)
		for rec.Due.Sub(q.items[q.head]) >= 10*time.Second {
			q.pop()
		}
		if q.len() > most {
			t.Fatalf("%s has %d records in the 10 s to %s, at most %d are wanted", l.Blocks()[rec.Block].Name, q.len(), rec.Due, most)
		}
	}
}

func TestLineKeepsItsTakt(t *testing.T) {
	const skipped = 1000 // until the line is full
	for _, tc := range []struct {
		name   string
		change func(*Config)
		takt   time.Duration
		// within is for a tray of 32 at either end, and chance; a single winder
		// also stands still while its coils are changed.
		within float64
	}{
		{"as it is", func(*Config) {}, time.Second, 0.02},
		{"a tenth of it", func(c *Config) { c.Takt = 100 * time.Millisecond }, 100 * time.Millisecond, 0.02},
		{"slow", func(c *Config) { c.Takt = time.Minute }, time.Minute, 0.02},
		{"one machine each", func(c *Config) {
			c.Machines = make(map[string]int)
			for _, code := range codes() {
				c.Machines[code] = 1
			}
			c.Takt = 10 * time.Second
		}, 10 * time.Second, 0.03},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testConfig()
			c.OvenTrays = 1
			for _, f := range c.Dwell.fields() {
				*f.value = 10 * tc.takt
			}
			tc.change(&c)
			l := newLine(t, c)
			var finished int
			var first, last time.Time
			for rec := range l.Records() {
				work, ok := rec.Event.Fact.(*mes.Work)
				if !ok || rec.Event.ProcessSegment != "sorting" || work.Disposition != mes.DispositionConformant {
					continue
				}
				finished++
				if finished == skipped {
					first = rec.Due
				}
				if last = rec.Due; finished == skipped+10_000 {
					break
				}
			}
			got := last.Sub(first) / time.Duration(finished-skipped)
			if math.Abs(float64(got)/float64(tc.takt)-1) > tc.within {
				t.Errorf("a cell is finished every %s, want %s", got, tc.takt)
			}
		})
	}
}

// isWorkOn reports whether a record is about work on something, and not on web
// that is thrown away.
func isWorkOn(rec Record) bool {
	f, ok := rec.Event.Fact.(*mes.Work)
	return ok && len(f.Subjects) > 0
}

func TestPhasesChangeTheTakt(t *testing.T) {
	c := testConfig()
	c.Takt = 20 * time.Second
	c.Phases = []Phase{{6 * time.Hour, time.Second}, {7 * time.Hour, 10 * time.Second}}
	var wound [8]int
	for rec := range newLine(t, c).Records() {
		since := rec.Due.Sub(c.Start)
		if since >= 8*time.Hour {
			break
		}
		if since >= 0 && rec.Event.ProcessSegment == "winding" && isWorkOn(rec) {
			wound[int(since/time.Hour)]++
		}
	}
	for hour, want := range map[int]float64{1: 360, 5: 360, 6: 7200, 7: 720} {
		r := newRun(newLine(t, c))
		want = (want + 7200*r.sampleRate) / r.rollShare
		if got := float64(wound[hour]); math.Abs(got/want-1) > 0.02 {
			t.Errorf("hour %d has %d jelly rolls, want some %.0f", hour, wound[hour], want)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		field  string
	}{
		{"good", func(*Config) {}, ""},
		{"no name", func(c *Config) { c.Name = "" }, "line.name"},
		{"name with a slash", func(c *Config) { c.Name = "L/1" }, "line.name"},
		{"no start", func(c *Config) { c.Start = time.Time{} }, "line.start"},
		{"takt too short", func(c *Config) { c.Takt = time.Microsecond }, "line.takt"},
		{"negative formation", func(c *Config) { c.Dwell.Formation = -time.Hour }, "line.formation"},
		{"ageing too short", func(c *Config) { c.Dwell.Ageing = 1 }, "line.ageing"},
		{"phase without a takt", func(c *Config) { c.Phases = []Phase{{From: time.Hour}} }, "line.phases[0].takt"},
		{"phases out of order", func(c *Config) { c.Phases = []Phase{{2, time.Second}, {1, time.Second}} }, "line.phases[1].from"},
		{"too many machines", func(c *Config) { c.Machines = map[string]int{"WND": 100} }, "line.machines"},
		{"machines of no step", func(c *Config) { c.Machines = map[string]int{"XYZ": 1} }, "line.machines"},
		{"an oven load too large", func(c *Config) { c.OvenTrays = 51 }, "line.oven_trays"},
		{"no such fault", func(c *Config) { c.Faults = []Fault{{"F1", 0}, {"F15", 0}} }, "line.faults[1]"},
		{"a fault before the start", func(c *Config) { c.Faults = []Fault{{"F1", -1}} }, "line.faults[0]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testConfig()
			tc.change(&c)
			_, err := New(c)
			if tc.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if mes.CodeOf(err) != mes.CodeInvalid || !strings.HasPrefix(err.Error(), tc.field+" ") {
				t.Errorf("New = %v, want an error about %s", err, tc.field)
			}
		})
	}
}

func TestBlocksAreDistinct(t *testing.T) {
	names := make(map[string]bool)
	sources := make(map[mes.Source]bool)
	schemas := make(map[string]mes.SchemaID)
	for _, b := range newLine(t, testConfig()).Blocks() {
		if names[b.Name] || sources[b.Source] {
			t.Errorf("%s, %s comes twice", b.Name, b.Source)
		}
		names[b.Name], sources[b.Source] = true, true
		if (b.Schema == nil) != (b.SchemaName == "") {
			t.Errorf("%s has the schema %v under the name %q", b.Name, b.Schema, b.SchemaName)
		}
		if b.Schema == nil {
			continue
		}
		if err := b.Schema.Validate(); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
		if id, known := schemas[b.SchemaName]; known && id != b.Schema.ID() {
			t.Errorf("%s is the name of two schemas", b.SchemaName)
		}
		schemas[b.SchemaName] = b.Schema.ID()
	}
	if !sources["L1/P5/WND01"] || !names["L1.WND.01"] {
		t.Error("there is no L1/P5/WND01 with the block L1.WND.01")
	}
	for _, m := range materials {
		want := schemaOf(newRun(newLine(t, testConfig())).processes[m.inspected].characteristics)
		if got := schemaOf(m.certificate); got != nil {
			for _, s := range []*mes.Schema{want, got} { // What is specified is the material's own.
				for i := range s.Columns {
					s.Columns[i].LSL, s.Columns[i].USL = mes.SpecLimit{}, mes.SpecLimit{}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the certificate of %s is not what %s receives (-want +got):\n%s", m.definition, m.inspected, diff)
			}
		}
	}
}

func TestCodesHaveTheFormOfGBT34014(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z0-9]{3}[PMC][A-GZ][A-Z0-9]{2}[A-Z0-9]{7}[1-9A-GH-NPR-Y][1-9A-C][0-9A-GH-NPR-Y][0-9]{7}$`)
	of := make(map[string]int)
	for _, rec := range sample() {
		a, ok := rec.Event.Fact.(*mes.AliasBinding)
		if !ok || a.AliasKind != "gbt-34014" {
			continue
		}
		of[a.Item.MaterialDefinition]++
		if !form.MatchString(string(a.Value)) || !strings.HasPrefix(string(a.Value[14:]), "G3B") {
			t.Fatalf("%s is no code of 11 March 2026", a.Value)
		}
	}
	if of["cell"] == 0 || of["pack-96S"] == 0 {
		t.Errorf("codes were given to %v, want some cells and some packs", of)
	}
}

func BenchmarkRecords(b *testing.B) {
	l := newLine(b, testConfig())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range l.Records() {
			if n++; n == 100_000 {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "records/s")
}
