package store_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/powercut"
	"github.com/takt-mes/takt/internal/store"
)

// oldMonths is how many months of an oldStore end before its last one.
const oldMonths = 2

// oldBefore is the month before which all of those go.
var oldBefore = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// oldRecords are records of a line that makes a cell in less than a minute, in three
// parts, each a month behind the one before.
func oldRecords(t *testing.T, n int) []mes.Record {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Seed: 3, Start: t0, Dwell: line.Short(50_000)})
	must(t, err)
	var records []mes.Record
	for r := range l.Records() {
		e := *r.Event
		e.EventTime = e.EventTime.AddDate(0, len(records)*(oldMonths+1)/n, 0)
		if len(records)%100 == 99 { // Now and then, what was said long before was wrong.
			c := record("QE", len(records), &mes.Event{EventTime: e.EventTime, Fact: &mes.Correction{
				Withdraws: records[len(records)/2].Identity, Reason: "misread",
			}})
			if records = append(records, c); len(records) == n {
				break
			}
		}
		if records = append(records, mes.Record{Identity: r.Identity, Event: mes.AppendEvent(nil, &e)}); len(records) == n {
			break
		}
	}
	return records
}

// oldStore makes a store of them, each part taken, and sealed, in its month.
func oldStore(t *testing.T, dir string, records []mes.Record) {
	t.Helper()
	const batch = 50
	add := func(from, to, sealBytes int) {
		now := t0.AddDate(0, from*(oldMonths+1)/len(records), 0)
		s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return now }, SealBytes: sealBytes})
		must(t, err)
		for ; from < to; from += batch {
			mustAppend(t, s, from+1, records[from:min(from+batch, to)]...)
		}
		must(t, s.Close())
	}
	for month := range oldMonths + 1 {
		from, to := month*len(records)/(oldMonths+1), (month+1)*len(records)/(oldMonths+1)
		add(from, to-batch, 1<<18)
		add(to-batch, to, 1)
	}
}

func expire(t *testing.T, dir string, before time.Time, dry bool) []store.Expired {
	t.Helper()
	files, err := store.Expire(t.Context(), store.Retention{
		Dir: dir, Before: before, Detail: "QM-114", DryRun: dry, Now: func() time.Time { return oldBefore.AddDate(0, 1, 0) },
		Progress: func(store.Progress) {},
	})
	must(t, err)
	return files
}

// TestExpire removes two months of three: what goes on is answered as before, what
// does not is gone or says that it is not all, and nothing that counts is miscounted.
func TestExpire(t *testing.T) {
	records := oldRecords(t, 6000)
	dir := filepath.Join(t.TempDir(), "store")
	oldStore(t, dir, records)
	saved := t.TempDir()
	must(t, os.Mkdir(filepath.Join(saved, "log"), 0o750))

	s, err := store.Open(store.Config{Dir: dir})
	must(t, err)
	files, _ := backUp(t, s, saved, nil)
	before := expiringOf(t, s)
	must(t, s.Close())
	dry := expire(t, dir, oldBefore, true)
	if got := expire(t, dir, oldBefore.AddDate(0, -2, 0), false); len(got) > 0 {
		t.Errorf("before anything was recorded, %v expired", got)
	}
	got := expire(t, dir, oldBefore, false)
	if len(got) != oldMonths || len(dry) != oldMonths {
		t.Fatalf("%d files expired, %d in a dry run; want %d", len(got), len(dry), oldMonths)
	}
	cut := got[oldMonths-1].Last
	for i, f := range got {
		if f.Removed == 0 || f.Kept == 0 || f.Removed != dry[i].Removed || f.Kept != dry[i].Kept || f.BytesLeft > f.Bytes {
			t.Errorf("%+v expired, of %+v in a dry run; want some of it, and not all", f, dry[i])
		}
	}
	t.Logf("expired: %+v", got)
	if again := expire(t, dir, oldBefore, false); len(again) > 0 {
		t.Errorf("expired again: %+v", again)
	}

	s = open(t, dir) // It is checked at the end.
	after := expiringOf(t, s)
	goesOn, partly, gone := 0, 0, 0
	for name, was := range before.things {
		is, there := after.things[name]
		switch {
		case was.last > cut:
			goesOn++
			if is.text != was.text || is.expired {
				t.Errorf("%s goes on, and is\n%s, flagged %t; it was\n%s", name, is.text, is.expired, was.text)
			}
		case there:
			partly++
			if !is.expired {
				t.Errorf("%s is there in part, and does not say so", name)
			}
		default:
			gone++
		}
	}
	if goesOn == 0 || partly == 0 || gone == 0 {
		t.Errorf("%d things go on, %d are there in part, %d are gone; want some of each", goesOn, partly, gone)
	}
	t.Logf("%d things go on, %d are there in part, %d are gone", goesOn, partly, gone)
	if !slices.Equal(after.counts, before.counts) {
		t.Errorf("what is counted was\n%s\nand is\n%s", strings.Join(before.counts, "\n"), strings.Join(after.counts, "\n"))
	}
	view(t, s, func(v *store.View) error {
		for _, err := range v.Tested("", oldBefore.Add(-1), oldBefore.AddDate(1, 0, 0)) {
			if mes.CodeOf(err) != mes.CodeInvalid {
				t.Errorf("a yield over what is gone: %v; want CodeInvalid", err)
			}
		}
		if _, err := v.Statistics(store.StatisticsQuery{Characteristic: "ocv1", To: oldBefore}); mes.CodeOf(err) != mes.CodeInvalid {
			t.Errorf("statistics over what is gone: %v; want CodeInvalid", err)
		}
		return nil
	})

	// What is gone is not taken again, whatever it says.
	again, err := s.Append(t.Context(), store.Batch{Gateway: "g1", Spool: "s2", First: 1, Records: records[:500]})
	if err != nil || again.Duplicates != 500 {
		t.Errorf("sent again: %+v, %v; want 500 duplicates", again, err)
	}

	// A backup takes what is left in the place of what was there, and is a store again.
	files, written := backUp(t, s, saved, files)
	if written < oldMonths {
		t.Errorf("a backup behind a retention writes %d files; want %d at least", written, oldMonths)
	}
	want := expiringOf(t, s)
	must(t, store.Restore(t.Context(), saved, s.ID(), func(store.Progress) {}))
	restored := expiringOf(t, open(t, saved))
	if !maps.Equal(want.things, restored.things) {
		t.Errorf("restored of %+v, it answers otherwise", files)
	}
}

// TestExpiredWithoutTombstone removes entries from a file behind the log's back: a
// check finds that nothing in the log says so, and the store does not open.
func TestExpiredWithoutTombstone(t *testing.T) {
	records := oldRecords(t, 3000)
	whole, less := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "store")
	oldStore(t, whole, records)
	must(t, os.CopyFS(less, os.DirFS(whole)))
	expire(t, less, oldBefore, false)
	write(t, logPath(whole), string(read(t, logPath(less))))
	if _, err := store.Open(store.Config{Dir: whole}); mes.CodeOf(err) != mes.CodeDamaged {
		t.Errorf("open: %v; want CodeDamaged", err)
	}
	err := store.Rebuild(context.Background(), whole, func(store.Progress) {})
	if mes.CodeOf(err) != mes.CodeDamaged || !strings.Contains(err.Error(), "no tombstone in the log says so") {
		t.Errorf("rebuild: %v; want CodeDamaged for want of a tombstone", err)
	}
}

// expiring is what a store answers that a retention may change.
type expiring struct {
	things map[string]expiringThing
	// counts are what must stay as it is.
	counts []string
}

type expiringThing struct {
	text    string
	last    mes.Position // that speaks of it
	expired bool
}

func expiringOf(t *testing.T, s *store.Store) expiring {
	t.Helper()
	x := expiring{things: make(map[string]expiringThing)}
	flagged := func(flags []store.Flag) bool {
		return slices.ContainsFunc(flags, func(f store.Flag) bool { return f.Kind == store.FlagExpired })
	}
	lastOf := func(v *store.View, thing mes.Thing) (last mes.Position) {
		for e, err := range v.Events(0, store.Filter{Thing: thing}) {
			must(t, err)
			last = max(last, e.Position)
		}
		return last
	}
	view(t, s, func(v *store.View) error {
		for item, err := range v.Items("", 0) {
			if err != nil {
				return err
			}
			thing := mes.Thing{Kind: mes.RefItem, ID: item.ID}
			is := expiringThing{last: lastOf(v, thing), expired: flagged(item.Flags)}
			item.Flags = slices.DeleteFunc(item.Flags, func(f store.Flag) bool { return f.Kind == store.FlagExpired })
			item.Number = 0
			record, err := v.ItemRecord(item.ID)
			if err != nil {
				return err
			}
			lines := []string{fmt.Sprintf("%+v", item)}
			for _, e := range record {
				lines = append(lines, fmt.Sprintf("  %d %v %v %s %v %x", e.Position, e.RecordTime, e.Role, e.Carrier, e.Slots, e.Bytes))
			}
			is.text = strings.Join(lines, "\n")
			x.things[thing.String()] = is
		}
		for lot, err := range v.Lots("", 0) {
			if err != nil {
				return err
			}
			thing := mes.Thing{Kind: mes.RefLot, ID: lot.ID}
			is := expiringThing{last: lastOf(v, thing), expired: flagged(lot.Flags)}
			lot.Flags, lot.Number = nil, 0
			is.text = fmt.Sprintf("%+v", lot)
			x.things[thing.String()] = is
		}
		for c, err := range v.Tested("", oldBefore, oldBefore.AddDate(1, 0, 0)) {
			if err != nil {
				return err
			}
			x.counts = append(x.counts, fmt.Sprintf("%+v", c))
		}
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			x.counts = append(x.counts, fmt.Sprintf("%+v", e))
		}
		sources, err := sourcesOf(v)
		x.counts = append(x.counts, sources...)
		return err
	})
	slices.Sort(x.counts)
	return x
}

// TestExpireCut cuts the power at any operation of a retention: the store is as it
// was, or says that a rebuild finishes the work; done again, it comes to the same.
func TestExpireCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	oldStore(t, dir, oldRecords(t, 3000))
	cutEverywhere(t, dir, "expire")
}

// TestMigrateCut cuts the power at any operation of a migration.
func TestMigrateCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	unpack(t, "testdata/format-3.zip", dir)
	cutEverywhere(t, dir, "migrate")
}

// cutEverywhere has a child do something to a copy of a store, cuts the power at
// operations all over that, and wants what a child that does it again and checks
// all says of a copy whose power was never cut.
func cutEverywhere(t *testing.T, dir, does string) {
	t.Helper()
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk whose power can be cut: %v", err)
	}
	cuts := 5
	if long {
		cuts = 200
	}
	chance := rand.New(rand.NewPCG(seed(t), 9))
	first := powercut.New()
	mount := t.TempDir()
	must(t, first.Mount(mount))
	must(t, os.CopyFS(filepath.Join(mount, "store"), os.DirFS(dir)))
	must(t, first.Unmount())
	copied := first.Cut(chance, 1)

	whole := copied.Cut(chance, 1)
	if _, complaint := runOn(t, whole, does); complaint != "" {
		t.Fatal(complaint)
	}
	operations := whole.Operations()
	want, complaint := runOn(t, whole, does+" again")
	if complaint != "" || want == 0 {
		t.Fatalf("%d events are left of what was never cut; %s", want, complaint)
	}
	for cut := range cuts {
		disk := copied.Cut(chance, 1)
		at := 1 + chance.IntN(operations)
		disk.CutAt(at)
		if _, complaint := runOn(t, disk, does); strings.Contains(complaint, "goroutine") {
			t.Fatalf("cut %d, at operation %d of %d, ends in a panic: %s", cut, at, operations, complaint)
		}
		disk = disk.Cut(chance, []float64{0, 0.5, 1}[chance.IntN(3)])
		if got, complaint := runOn(t, disk, does+" again"); got != want || complaint != "" {
			t.Errorf("cut %d, at operation %d of %d: %d events are left; want %d; %s", cut, at, operations, got, want, complaint)
		}
	}
}
