package store

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNumberSet compares a set with what was put into it, near and far apart.
func TestNumberSet(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	var s numberSet
	if !s.empty() || s.has(0) {
		t.Error("the zero set is not empty")
	}
	want := make(map[uint64]bool)
	for range 5000 {
		n := chance.Uint64N(3000)
		switch chance.IntN(10) {
		case 0:
			n = chance.Uint64()
		case 1:
			n = math.MaxUint64 - n
		}
		if added := s.add(n); added == want[n] {
			t.Fatalf("add(%d) = %t where it is in already: %t", n, added, want[n])
		}
		want[n] = true
		if other := chance.Uint64N(6000); s.has(other) != want[other] {
			t.Fatalf("has(%d) = %t", other, s.has(other))
		}
	}
	got := slices.Collect(s.all())
	if !slices.IsSorted(got) || len(got) != len(want) {
		t.Errorf("%d numbers, in order: %t; want %d", len(got), slices.IsSorted(got), len(want))
	}
	for _, n := range got {
		if !want[n] {
			t.Errorf("%d was never added", n)
		}
	}
}
