package bench

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// questions is how many are asked in a turn that a percentile is taken of.
func (b *bench) questions() int { return min(max(b.finished/20, 20), 500) }

// someCells returns cells to ask about, other ones in each pair, the same on both
// sides.
func (b *bench) someCells(row, pair, n int) []string {
	chance := rand.New(rand.NewPCG(b.cfg.Seed, uint64(row)<<32+uint64(pair-warmUp))) //nolint:gosec // repeatable, not secret
	cells := make([]string, n)
	for i := range cells {
		n := chance.IntN(b.finished)
		if b.cells != nil {
			cells[i] = mes.ID(b.cells[n]).String()
			continue
		}
		cells[i] = cellName(n)
	}
	return cells
}

// askEach asks about each of the cells and returns the answers and the 99th
// percentile of the times; answers are read before the clock stops, and made
// comparable after.
func askEach[T any](ctx context.Context, cells []string, ask func(context.Context, string) (T, error), lines func(T) []string) (turn, error) {
	// What the asking side throws away is no part of an answer's time.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	answers := make([]T, len(cells))
	took := make([]time.Duration, len(cells))
	for i, cell := range cells {
		began := time.Now()
		answer, err := ask(ctx, cell)
		took[i] = time.Since(began)
		if err != nil {
			return turn{}, fmt.Errorf("ask about %s: %w", cell, err)
		}
		answers[i] = answer
	}
	t := turn{figure: milliseconds(percentile(took, 0.99))}
	for _, a := range answers {
		t.answer = append(t.answer, lines(a)...)
	}
	return t, nil
}

// askOnce asks one question and returns its answer and its time.
func askOnce[T any](ctx context.Context, ask func(context.Context) (T, error), lines func(T) []string) (turn, error) {
	began := time.Now()
	answer, err := ask(ctx)
	took := time.Since(began)
	if err != nil {
		return turn{}, err
	}
	return turn{figure: milliseconds(took), answer: lines(answer)}, nil
}

// itself is the lines of an answer that is lines.
func itself(lines []string) []string { return lines }

// names returns a set of names in order.
func names(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// itemRecord measures row 5.
func (b *bench) itemRecord(ctx context.Context) error {
	mine := func(ctx context.Context, pair int) (turn, error) {
		return askEach(ctx, b.someCells(5, pair, b.questions()), b.takt.record, recordLines)
	}
	var theirs side
	if b.postgres != nil {
		theirs = func(ctx context.Context, pair int) (turn, error) {
			return askEach(ctx, b.someCells(5, pair, b.questions()), b.postgres.record, b.postgres.recordLines)
		}
	}
	m, err := b.pairs(ctx, mine, theirs)
	if err != nil {
		return err
	}
	b.add("5", m, fmt.Sprintf("%d of %d cells a turn", b.questions(), b.finished))
	return nil
}

// backward measures row 6.
func (b *bench) backward(ctx context.Context) error {
	mine := func(ctx context.Context, pair int) (turn, error) {
		return askEach(ctx, b.someCells(6, pair, b.questions()), b.takt.backward, edgeLines)
	}
	var theirs side
	if b.postgres != nil {
		theirs = func(ctx context.Context, pair int) (turn, error) {
			return askEach(ctx, b.someCells(6, pair, b.questions()), b.postgres.backward, storedEdgeLines)
		}
	}
	m, err := b.pairs(ctx, mine, theirs)
	if err != nil {
		return err
	}
	b.add("6", m, fmt.Sprintf("%d of %d cells a turn", b.questions(), b.finished))
	return nil
}

// forward measures row 7: all that was made of the first powder lot.
func (b *bench) forward(ctx context.Context) error {
	powder := powderName(0)
	reached := 0
	mine := func(ctx context.Context, _ int) (turn, error) {
		return askOnce(ctx, func(ctx context.Context) (map[string]bool, error) { return b.takt.forward(ctx, powder) },
			func(things map[string]bool) []string {
				reached = len(things)
				return names(things)
			})
	}
	var theirs side
	if b.postgres != nil {
		theirs = func(ctx context.Context, _ int) (turn, error) {
			return askOnce(ctx, func(ctx context.Context) (map[string]bool, error) { return b.postgres.forward(ctx, powder) }, names)
		}
	}
	m, err := b.pairs(ctx, mine, theirs)
	if err != nil {
		return err
	}
	b.add("7", m, fmt.Sprintf("%s, from which %d coils and cells were made", powder, reached))
	return nil
}

// oddTime is what arbitrary bounds are beside whole hours.
const oddTime = 17*time.Minute + 13*time.Second + 250*time.Millisecond

// day returns the bounds of a day of the load, or of as many whole hours as there
// are.
func (b *bench) day() (from, to time.Time) {
	const day = 24 * time.Hour
	span := time.Duration(b.cfg.Cells) * perCell
	switch {
	case span >= 2*day+time.Hour:
		return workStart.Add(day), workStart.Add(2 * day)
	case span >= day+time.Hour:
		return workStart, workStart.Add(day)
	}
	return workStart, workStart.Add(max(time.Hour, span.Truncate(time.Hour)))
}

// yield measures row 8.
func (b *bench) yield(ctx context.Context) error {
	from, to := b.day()
	for _, row := range []struct {
		row    string
		shift  time.Duration
		rollup bool
	}{
		{"8a", 0, false},
		{"8b", oddTime, false},
		{"8c", 0, true},
		{"8d", oddTime, true},
	} {
		if row.rollup && b.postgres == nil {
			continue
		}
		from, to := from.Add(row.shift), to.Add(row.shift)
		mine := func(ctx context.Context, _ int) (turn, error) {
			return askOnce(ctx, func(ctx context.Context) ([]string, error) { return b.takt.yield(ctx, from, to) }, itself)
		}
		var theirs side
		if b.postgres != nil {
			ask := b.postgres.yield
			if row.rollup {
				ask = b.postgres.yieldRollup
			}
			theirs = func(ctx context.Context, _ int) (turn, error) {
				return askOnce(ctx, func(ctx context.Context) ([]string, error) { return ask(ctx, from, to) }, itself)
			}
		}
		m, err := b.pairs(ctx, mine, theirs)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("%s to %s", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
		if row.rollup {
			note += "; keeping the rollup up to date is not in PostgreSQL's time"
		}
		b.add(row.row, m, note)
	}
	return nil
}

// statistics measures row 9.
func (b *bench) statistics(ctx context.Context) error {
	from, to := b.day()
	mine := func(ctx context.Context, _ int) (turn, error) {
		return askOnce(ctx, func(ctx context.Context) ([]string, error) { return b.takt.statistics(ctx, from, to) }, itself)
	}
	var theirs side
	if b.postgres != nil {
		theirs = func(ctx context.Context, _ int) (turn, error) {
			return askOnce(ctx, func(ctx context.Context) ([]string, error) { return b.postgres.statistics(ctx, from, to) }, itself)
		}
	}
	m, err := b.pairs(ctx, mine, theirs)
	if err != nil {
		return err
	}
	b.add("9", m, "")
	return nil
}
