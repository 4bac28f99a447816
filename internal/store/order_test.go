package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// long is whether the slow tests run.
var long = os.Getenv("TAKT_LONG") != ""

// TestAnyOrder has the events of a small line's day arrive in random orders, in
// random batches, some of them twice, in memory and sealed: every store ends in
// the same state.
func TestAnyOrder(t *testing.T) {
	orders := 30
	if long {
		orders = 10_000
	}
	records := dayOf(t, true, 10*time.Second)
	want := stateOf(t, records, 0, rand.New(rand.NewPCG(0, 0)), true)
	for n := range orders {
		r := rand.New(rand.NewPCG(uint64(n), 4))
		shuffled := slices.Clone(records)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for range r.IntN(30) {
			shuffled = append(shuffled, shuffled[r.IntN(len(shuffled))])
		}
		if got := stateOf(t, shuffled, n%2, r, true); got != want {
			t.Fatalf("order %d ends in another state:\n%s", n, firstDifference(want, got))
		}
	}
}

// TestShuffledDay has all events of a simulated day arrive in random orders.
func TestShuffledDay(t *testing.T) {
	if !long {
		t.Skip("three shuffles of a simulated day; TAKT_LONG=1")
	}
	records := dayOf(t, false, 10*time.Second)
	const sealBytes = 8 << 20
	want := stateOf(t, records, sealBytes, rand.New(rand.NewPCG(0, 0)), false)
	for n := range uint64(3) {
		r := rand.New(rand.NewPCG(n, 5))
		shuffled := slices.Clone(records)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := stateOf(t, shuffled, sealBytes, r, false); got != want {
			t.Fatalf("shuffle %d ends in another state", n)
		}
	}
}

// dayOf returns the records of a small line's first day; where some is set, 300
// of them: what happens to a few trays, and to a few of the cells in them.
func dayOf(t *testing.T, some bool, takt time.Duration) []mes.Record {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Seed: 7, Start: t0, Takt: takt, Dwell: line.Short(2000)})
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	chosen := make(map[mes.ID]bool)
	var records []mes.Record
	for r := range l.Records() {
		if r.Event.EventTime.After(t0.Add(24*time.Hour)) || some && len(records) == 300 {
			break
		}
		if some && !concerns(r.Event, r.Identity, chosen) {
			continue
		}
		kinds[r.Event.Fact.Kind()]++
		records = append(records, mes.Record{Identity: r.Identity, Event: mes.AppendEvent(nil, r.Event)})
	}
	t.Logf("%d events: %v", len(records), kinds)
	return records
}

// concerns reports whether an event is about something that was chosen, and
// chooses the first trays that are filled, and a few of what is in them.
func concerns(e *mes.Event, id mes.Identity, chosen map[mes.ID]bool) bool {
	const trays, cells = 3, 2
	switch f := e.Fact.(type) {
	case *mes.Placement:
		if f.Parent.Kind == mes.RefCarrier && f.Action == mes.PlacementAdd && len(chosen) < trays*(cells+1) && !chosen[f.Parent.ID] {
			chosen[f.Parent.ID] = true
			for _, c := range f.Children[:min(cells, len(f.Children))] {
				chosen[c.Ref.ID] = true
			}
		}
		if slices.ContainsFunc(f.Children, func(c mes.Child) bool { return chosen[c.Ref.ID] }) {
			chosen[f.Parent.ID] = true // It is emptied one day.
		}
		return chosen[f.Parent.ID]
	case *mes.Work:
		return chosen[f.Carrier] || slices.ContainsFunc(f.Subjects, func(r mes.Ref) bool { return chosen[r.ID] })
	case *mes.AliasBinding:
		return chosen[f.Item.ID]
	case *mes.SlotChange:
		return id.Sequence%32 == 0
	}
	return false
}

// stateOf appends records to a new store, and returns all that it answers, but
// for positions: in full, or as a hash.
func stateOf(t *testing.T, records []mes.Record, sealBytes int, r *rand.Rand, full bool) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return t0 }, SealBytes: sealBytes})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { // Ten thousand of them would fill a disk.
		if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	}()
	for from := 0; from < len(records); {
		to := min(len(records), from+1+r.IntN(store.MaxBatchRecords))
		if full {
			to = min(len(records), from+1+r.IntN(60))
		}
		mustAppend(t, s, from+1, records[from:to]...)
		from = to
	}
	d := digest{hash: sha256.New(), full: full}
	view(t, s, d.all)
	if full {
		return strings.Join(d.lines, "\n")
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "-" + a[i] + "\n+" + b[i]
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(b), len(a))
}

// digest is what a store answers, without what the order of arrival decides: no
// positions, and everything sorted.
type digest struct {
	hash  hash.Hash
	full  bool
	lines []string
}

// section enters lines, in their order.
func (d *digest) section(lines []string) {
	slices.Sort(lines)
	for _, l := range lines {
		_, _ = d.hash.Write([]byte(l + "\n"))
	}
	if d.full {
		d.lines = append(d.lines, lines...)
	}
}

func (d *digest) all(v *store.View) error {
	for _, part := range []func(*store.View) ([]string, error){d.items, d.lots, equipmentOf, sourcesOf, testedOf, flagsOf} {
		lines, err := part(v)
		if err != nil {
			return err
		}
		d.section(lines)
	}
	return nil
}

func identities(v *store.View, positions []mes.Position) (string, error) {
	var names []string
	for _, p := range positions {
		e, err := v.Event(p)
		if err != nil {
			return "", err
		}
		names = append(names, e.Identity.String())
	}
	slices.Sort(names)
	return strings.Join(names, " "), nil
}

func (d *digest) items(v *store.View) (lines []string, err error) {
	for item, err := range v.Items("", 0) {
		if err != nil {
			return nil, err
		}
		line := fmt.Sprintf("item %q %q %q %v %v", item.ID, item.Definition, item.ProcessSegment, item.Disposition, item.EventTime)
		var parts []string
		for _, a := range item.Aliases {
			parts = append(parts, a.Kind+"="+string(a.Value))
		}
		for _, s := range item.Stays {
			parts = append(parts, fmt.Sprintf("in %s at %q since %v", s.Since.Parent, s.Since.Place, s.Since.Time))
		}
		slices.Sort(parts)
		record, err := v.ItemRecord(item.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range record {
			parts = append(parts, fmt.Sprintf("%v by %s %v %v", e.Identity, e.Carrier, e.Role, e.Slots))
		}
		lines = append(lines, line+" "+strings.Join(parts, "; "))
		if d.full {
			traced, err := traceOf(v, mes.Thing{Kind: mes.RefItem, ID: item.ID})
			if err != nil {
				return nil, err
			}
			lines = append(lines, traced...)
		}
	}
	return lines, err
}

func traceOf(v *store.View, t mes.Thing) (lines []string, err error) {
	for _, way := range []genealogy.Direction{genealogy.Backward, genealogy.Forward} {
		for e, err := range v.Trace(t, way, 0) {
			if err != nil {
				return nil, err
			}
			by, err := identities(v, []mes.Position{e.Position})
			if err != nil {
				return nil, err
			}
			lines = append(lines, fmt.Sprintf("trace %s %d: %s → %s %v %v %q %q %v %d %d %s",
				t, way, e.Input, e.Output, e.Quantity, e.Interval, e.Slot, e.Place, e.Certainty, e.Alternatives, e.Depth, by))
		}
	}
	return lines, nil
}

func (d *digest) lots(v *store.View) (lines []string, err error) {
	for lot, err := range v.Lots("", 0) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("lot %q %q %v %q %q %v %v", lot.ID, lot.Definition, lot.Status, lot.Supplier, lot.SupplierLot, lot.Quantities, lot.Consumed))
		if d.full {
			traced, err := traceOf(v, mes.Thing{Kind: mes.RefLot, ID: lot.ID})
			if err != nil {
				return nil, err
			}
			lines = append(lines, traced...)
		}
	}
	return lines, err
}

func equipmentOf(v *store.View) (lines []string, err error) {
	for e, err := range v.Equipment() {
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("equipment %q %q %t %d %v %v", e.ID, e.DisplayName, e.Known, e.Events, e.LastEventTime, e.Slots))
	}
	return lines, nil
}

func sourcesOf(v *store.View) (lines []string, err error) {
	for e, err := range v.Sources() {
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("source %+v", e))
	}
	return lines, nil
}

func testedOf(v *store.View) (lines []string, err error) {
	for c, err := range v.Tested("", t0.AddDate(-1, 0, 0), t0.AddDate(1, 0, 0)) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("tested %+v", c))
	}
	return lines, nil
}

func flagsOf(v *store.View) (lines []string, err error) {
	for f, err := range v.Flags() {
		if err != nil {
			return nil, err
		}
		by, err := identities(v, f.Positions)
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("flag %s %q %v %q %s", f.Thing, f.Equipment, f.Kind, f.Detail, by))
	}
	return lines, nil
}
