package bench

import (
	"context"
	"fmt"
	"slices"
)

// turn is what one side measured in its turn, and what it answered: both sides'
// answers must be the same before their figures are compared.
type turn struct {
	figure float64
	answer []string
}

// side takes one turn; pairs count from 0.
type side func(ctx context.Context, pair int) (turn, error)

// warmUp is the number of the pair whose figures are thrown away.
const warmUp = -1

// disagreement says that both sides gave different answers.
type disagreement struct{ what string }

// Error returns what is different.
func (d *disagreement) Error() string { return "the answers differ: " + d.what }

// compare returns a disagreement where two answers are not the same.
func compare(a, b []string) error {
	if slices.Equal(a, b) {
		return nil
	}
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return &disagreement{fmt.Sprintf("PostgreSQL alone has %q (%d lines and %d)", b[i], len(a), len(b))}
		case i >= len(b):
			return &disagreement{fmt.Sprintf("Takt alone has %q (%d lines and %d)", a[i], len(a), len(b))}
		case a[i] != b[i]:
			return &disagreement{fmt.Sprintf("Takt has %q where PostgreSQL has %q", a[i], b[i])}
		}
	}
	return nil
}

// enoughPairs is how many make a row that ran out of time.
const enoughPairs = 3

// pairs has both sides take their turns, A B A B, after a pair that does not count.
// Without another side, Takt takes its turns alone. A row whose time is up has
// fewer pairs.
func (b *bench) pairs(ctx context.Context, takt, other side) (measured, error) {
	var m measured
	late := func(err error) (measured, error) {
		if ctx.Err() != nil && len(m.takt) >= enoughPairs {
			return m, nil
		}
		return m, err
	}
	for pair := warmUp; pair < b.cfg.Pairs; pair++ {
		mine, err := takt(ctx, pair)
		if err != nil {
			return late(err)
		}
		var theirs turn
		if other != nil {
			if theirs, err = other(ctx, pair); err != nil {
				return late(err)
			}
			if err := compare(mine.answer, theirs.answer); err != nil {
				return m, err
			}
		}
		if pair == warmUp {
			continue
		}
		m.takt = append(m.takt, mine.figure)
		if other != nil {
			m.other = append(m.other, theirs.figure)
		}
	}
	return m, nil
}
