package genealogy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(source mes.Source, sequence mes.Sequence, seconds int) genealogy.Moment {
	return genealogy.Moment{Identity: mes.Identity{Source: source, Epoch: 1, Sequence: sequence}, Time: noon.Add(time.Duration(seconds) * time.Second)}
}

func same(m genealogy.Moment) genealogy.Moment { return m }

// TestInOrderKeepsSequences: a clock that jumps back does not turn a source's
// own order round.
func TestInOrderKeepsSequences(t *testing.T) {
	got := genealogy.InOrder([]genealogy.Moment{at("B", 1, 20), at("A", 3, 40), at("A", 2, 5), at("A", 1, 10)}, same)
	want := []genealogy.Moment{at("A", 1, 10), at("A", 2, 5), at("B", 1, 20), at("A", 3, 40)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("InOrder mismatch (-want +got):\n%s", diff)
	}
}

// TestInOrderDependsOnTheSetAlone shuffles moments of a few sources whose clocks
// are anything.
func TestInOrderDependsOnTheSetAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var moments []genealogy.Moment
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			source := mes.Source(rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "source"))
			moments = append(moments, at(source, mes.Sequence(i+1), rapid.IntRange(0, 5).Draw(t, "seconds")))
		}
		want := genealogy.InOrder(moments, same)
		got := genealogy.InOrder(rapid.Permutation(moments).Draw(t, "order"), same)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another order gives another result (-first +second):\n%s", diff)
		}
		last := make(map[mes.Source]mes.Sequence)
		for _, m := range got {
			if m.Identity.Sequence <= last[m.Identity.Source] {
				t.Fatalf("%s comes after %d", m.Identity, last[m.Identity.Source])
			}
			last[m.Identity.Source] = m.Identity.Sequence
		}
	})
}

func lot(id mes.ID) mes.Thing { return mes.Thing{Kind: mes.RefLot, ID: id} }

func TestOnSlot(t *testing.T) {
	load := func(m genealogy.Moment, id mes.ID) genealogy.Change {
		return genealogy.Change{Moment: m, Action: mes.SlotLoad, Material: lot(id)}
	}
	unload := func(m genealogy.Moment) genealogy.Change {
		return genealogy.Change{Moment: m, Action: mes.SlotUnload}
	}
	for _, tc := range []struct {
		name    string
		changes []genealogy.Change
		at      genealogy.Moment
		want    []mes.Thing
	}{
		{"nothing was ever loaded", nil, at("P", 5, 50), nil},
		{"loaded before", []genealogy.Change{load(at("P", 1, 10), "A")}, at("P", 5, 50), []mes.Thing{lot("A")}},
		{"loaded after, by number", []genealogy.Change{load(at("P", 9, 10), "A")}, at("P", 5, 50), nil},
		{"the clock jumped back", []genealogy.Change{load(at("P", 1, 90), "A"), load(at("P", 2, 10), "B")}, at("P", 5, 5), []mes.Thing{lot("B")}},
		{"taken off", []genealogy.Change{load(at("P", 1, 10), "A"), unload(at("P", 2, 20))}, at("P", 5, 50), nil},
		{"by a scanner, long before", []genealogy.Change{load(at("S", 1, 10), "A")}, at("P", 5, 50), []mes.Thing{lot("A")}},
		{"by a scanner, just now", []genealogy.Change{load(at("P", 1, 10), "A"), load(at("S", 1, 49), "B")}, at("P", 5, 50), []mes.Thing{lot("A"), lot("B")}},
		{"by a scanner, after", []genealogy.Change{load(at("P", 1, 10), "A"), load(at("S", 1, 60), "B")}, at("P", 5, 50), []mes.Thing{lot("A")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, genealogy.OnSlot(tc.changes, tc.at)); diff != "" {
				t.Errorf("OnSlot mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStaysFromAnyOrder moves a cell through trays in every order of arrival.
func TestStaysFromAnyOrder(t *testing.T) {
	tray := func(id mes.ID) mes.Thing { return mes.Thing{Kind: mes.RefCarrier, ID: id} }
	moves := []genealogy.Move{
		{Moment: at("P", 1, 10), Action: mes.PlacementAdd, Parent: tray("T1"), Place: "07"},
		{Moment: at("P", 2, 20), Action: mes.PlacementDelete, Parent: tray("T1")},
		{Moment: at("P", 3, 30), Action: mes.PlacementAdd, Parent: tray("T2"), Place: "08"},
		{Moment: at("Q", 1, 40), Action: mes.PlacementAdd, Parent: tray("T3"), Place: "09"},
	}
	rapid.Check(t, func(t *rapid.T) {
		stays := genealogy.Stays(rapid.Permutation(moves).Draw(t, "order"))
		var got []string
		for _, s := range stays {
			got = append(got, fmt.Sprintf("%s %v", s.Since.Parent, s.Until == nil))
		}
		if diff := cmp.Diff([]string{"carriers/T1 false", "carriers/T2 true", "carriers/T3 true"}, got); diff != "" {
			t.Fatalf("Stays mismatch (-want +got):\n%s", diff)
		}
		a, b, found := genealogy.AtOnce(stays, mes.RefCarrier)
		if !found || a.Since.Parent != tray("T2") || b.Since.Parent != tray("T3") {
			t.Fatalf("AtOnce = %v, %v, %v; want T2 and T3", a.Since.Parent, b.Since.Parent, found)
		}
	})
}
