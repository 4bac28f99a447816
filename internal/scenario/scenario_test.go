package scenario_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

var update = flag.Bool("update", false, "write the store's answers into the scenarios; read each before you commit it")

// TestScenarios puts each file's questions to every way of answering them.
func TestScenarios(t *testing.T) {
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if *update {
				if err := f.update(f.answers(t, inStore(t, f), nil)); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Run("store", func(t *testing.T) { f.verify(t, inStore(t, f), nil) })
			t.Run("sealed", func(t *testing.T) { f.verify(t, inBlocksOf(t, f), nil) })
			t.Run("service", func(t *testing.T) {
				r := serve(t, openStore(t, t.TempDir(), inMemory), f.calendar())
				r.append(t, f.schemas, f.records)
				f.verify(t, r, nil)
			})
			t.Run("rebuilt", func(t *testing.T) { f.verify(t, rebuilt(t, f), nil) })
			t.Run("sent again", func(t *testing.T) {
				again := make(map[string]uint64)
				f.verify(t, sentAgain(t, f, again), again)
			})
			if !f.ordered {
				t.Run("reversed", func(t *testing.T) { f.verify(t, reversed(t, f), nil) })
				t.Run("in other orders", func(t *testing.T) { f.inOtherOrders(t) })
			}
		})
	}
}

// answers returns what a world answers to each question.
func (f *file) answers(t *testing.T, w world, again map[string]uint64) []string {
	t.Helper()
	a, err := newAsker(w, f.clock, again)
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, q := range f.asks {
		answer, err := a.ask(q.question)
		if err != nil {
			t.Fatalf("%s: %v", q.question, err)
		}
		answers = append(answers, answer)
	}
	return answers
}

// verify compares a world's answers with those of the file.
func (f *file) verify(t *testing.T, w world, again map[string]uint64) {
	t.Helper()
	for i, got := range f.answers(t, w, again) {
		if diff := cmp.Diff(f.answer(f.asks[i]), got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", f.asks[i].question, diff)
		}
	}
}

func inStore(t *testing.T, f *file) world {
	t.Helper()
	s := openStore(t, t.TempDir(), inMemory)
	arrive(t, s, "g", f.schemas, f.records)
	return &direct{t, s, f.calendar()}
}

// inBlocksOf has all that came in sealed blocks, but for the last event.
func inBlocksOf(t *testing.T, f *file) world {
	t.Helper()
	s := openStore(t, t.TempDir(), inBlocks)
	ends := make([]int, 0, len(f.records))
	for n := range f.records {
		ends = append(ends, n)
	}
	arrive(t, s, "g", f.schemas, f.records, ends...)
	return &direct{t, s, f.calendar()}
}

func rebuilt(t *testing.T, f *file) world {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, Now: recordTime.Local, SealBytes: inBlocks})
	if err != nil {
		t.Fatal(err)
	}
	arrive(t, s, "g", f.schemas, f.records, len(f.records)/2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Rebuild(t.Context(), dir, func(store.Progress) {}); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	return &direct{t, openStore(t, dir, inMemory), f.calendar()}
}

func reversed(t *testing.T, f *file) world {
	t.Helper()
	s := openStore(t, t.TempDir(), inMemory)
	records := slices.Clone(f.records)
	slices.Reverse(records)
	for n := range records {
		arrive(t, s, mes.Gateway(fmt.Sprintf("g%d", n)), f.schemas, records[n:n+1])
	}
	return &direct{t, s, f.calendar()}
}

// sentAgain has every record come three times: the second time from the same
// spool, as after a lost answer, the third time from a redundant gateway and
// backwards.
func sentAgain(t *testing.T, f *file, again map[string]uint64) world {
	t.Helper()
	s := openStore(t, t.TempDir(), inMemory)
	arrive(t, s, "g", f.schemas, f.records)
	arrive(t, s, "g", f.schemas, f.records)
	backwards := slices.Clone(f.records)
	slices.Reverse(backwards)
	arrive(t, s, "h", f.schemas, backwards)
	for _, r := range f.records {
		again[string(r.Identity.Source)] += 2
	}
	return &direct{t, s, f.calendar()}
}

// inOtherOrders has the events arrive in random orders and random batches. The
// orders are the same in every run.
func (f *file) inOtherOrders(t *testing.T) {
	t.Helper()
	orders := 20
	if testing.Short() {
		orders = 3
	}
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(f.path))
	for n := range orders {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed.Sum64(), uint64(n)))
			records := make([]mes.Record, len(f.records))
			var order []string
			for to, from := range r.Perm(len(records)) {
				records[to] = f.records[from]
				order = append(order, label(f.records[from].Identity))
			}
			s := openStore(t, t.TempDir(), n%2*inBlocks)
			arrive(t, s, "g", f.schemas, records, r.IntN(len(records)+1))
			f.verify(t, &direct{t, s, f.calendar()}, nil)
			if t.Failed() {
				t.Logf("order of arrival: %v", order)
			}
		})
	}
}
