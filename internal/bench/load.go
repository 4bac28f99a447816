package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// backgroundRate is how many events a second are loaded while row 4 is
	// measured; fewer where a side does not carry so many.
	backgroundRate = 40_000
	// backgroundTime is how long a turn of row 4 takes.
	backgroundTime = 3 * time.Second
	// foregroundRate is how many single events, and how many questions, are sent a
	// second meanwhile, each when it is due and not when the one before is done.
	foregroundRate = 200
	// backgroundCopy is how many events a COPY has meanwhile.
	backgroundCopy = 1024
	// carried is the share of the rate that must get through.
	carried = 0.97
)

// busy is what one side's turn under load came to.
type busy struct {
	acks, records []time.Duration
	// rate is what the load came to.
	rate float64
	// answer is the records' lines.
	answer []string
}

// underLoad measures row 4.
func (b *bench) underLoad(ctx context.Context) error {
	rate := float64(backgroundRate)
	// Before the turns that count, the rate is brought down to what both carry.
	const most = 5
	for tries := 0; ; tries++ {
		mine, theirs, err := b.busyPair(ctx, warmUp-tries, rate)
		if err != nil {
			return err
		}
		slower := mine.rate
		if b.postgres != nil {
			slower = min(slower, theirs.rate)
		}
		if slower >= carried*rate {
			break
		}
		if tries == most {
			return fmt.Errorf("no rate was found that both carry; the last one tried was %.0f events/s", rate)
		}
		rate = 0.8 * slower
		b.tell("  down to %.0f events/s", rate)
	}
	var acks, records measured
	for pair := range b.cfg.Pairs {
		mine, theirs, err := b.busyPair(ctx, pair, rate)
		if err != nil {
			return err
		}
		acks.takt = append(acks.takt, milliseconds(percentile(mine.acks, 0.99)))
		records.takt = append(records.takt, milliseconds(percentile(mine.records, 0.99)))
		if b.postgres != nil {
			acks.other = append(acks.other, milliseconds(percentile(theirs.acks, 0.99)))
			records.other = append(records.other, milliseconds(percentile(theirs.records, 0.99)))
		}
	}
	if err := b.compareCounts(ctx); err != nil {
		return err
	}
	note := fmt.Sprintf("%.0f events/s behind", rate)
	if rate < backgroundRate {
		note += ", the most that was carried"
	}
	b.add("4a", acks, fmt.Sprintf("%s, %d single events/s", note, foregroundRate))
	b.add("4b", records, fmt.Sprintf("%s, %d questions/s", note, foregroundRate))
	return nil
}

// busyPair has both sides work under load.
func (b *bench) busyPair(ctx context.Context, pair int, rate float64) (mine, theirs busy, err error) {
	behind := b.workload.NextEvents(int(rate * backgroundTime.Seconds()))
	alone := b.workload.NextEvents(int(foregroundRate * backgroundTime.Seconds()))
	cells := b.someCells(4, pair+100, int(foregroundRate*backgroundTime.Seconds()))
	runtime.GC()
	l := b.takt.prepare(behind, b.streams)
	interval := time.Duration(float64(messageEvents*b.streams) / rate * float64(time.Second))
	mine, err = together(ctx, len(behind), func(ctx context.Context) (time.Duration, error) {
		return b.takt.appendPaced(ctx, l, messageEvents, func(start time.Time) func(int) time.Time { return every(interval, start) })
	}, func(ctx context.Context, pace func(int) time.Time) ([]time.Duration, error) {
		return b.takt.single(ctx, alone, pace)
	}, func(ctx context.Context, pace func(int) time.Time) ([]time.Duration, []string, error) {
		return askPaced(ctx, cells, pace, b.takt.record, recordLines)
	})
	if err != nil {
		return mine, theirs, err
	}
	if err := b.takt.settle(ctx); err != nil || b.postgres == nil {
		return mine, theirs, err
	}
	parts := b.postgres.prepare(behind, b.connections, backgroundCopy)
	runtime.GC()
	interval = time.Duration(float64(len(parts[0][0].events)*b.connections) / rate * float64(time.Second))
	theirs, err = together(ctx, len(behind), func(ctx context.Context) (time.Duration, error) {
		return b.postgres.copy(ctx, parts, func(_ int, start time.Time) func(int) time.Time { return every(interval, start) })
	}, func(ctx context.Context, pace func(int) time.Time) ([]time.Duration, error) {
		return b.postgres.single(ctx, alone, pace)
	}, func(ctx context.Context, pace func(int) time.Time) ([]time.Duration, []string, error) {
		return askPaced(ctx, cells, pace, b.postgres.record, b.postgres.recordLines)
	})
	return mine, theirs, errors.Join(err, compare(mine.answer, theirs.answer), b.postgres.settle(ctx))
}

// together runs a load and, each at its pace, single events and questions.
func together(
	ctx context.Context, events int,
	load func(context.Context) (time.Duration, error),
	single func(context.Context, func(int) time.Time) ([]time.Duration, error),
	ask func(context.Context, func(int) time.Time) ([]time.Duration, []string, error),
) (busy, error) {
	var w busy
	pace := every(time.Second/foregroundRate, time.Now())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		took, err := load(ctx)
		// The last batch is due one interval before the end.
		w.rate = perSecond(events, max(took, backgroundTime))
		return err
	})
	group.Go(func() (err error) {
		w.acks, err = single(ctx, pace)
		return err
	})
	group.Go(func() (err error) {
		w.records, w.answer, err = ask(ctx, pace)
		return err
	})
	return w, group.Wait()
}

// askPaced asks about each of the cells when it is due, and returns how long each
// took from then on.
func askPaced[T any](
	ctx context.Context, cells []string, pace func(int) time.Time, ask func(context.Context, string) (T, error), lines func(T) []string,
) (took []time.Duration, answer []string, err error) {
	answers := make([]T, len(cells))
	for i, cell := range cells {
		if err := sleepUntil(ctx, pace(i)); err != nil {
			return nil, nil, err
		}
		if answers[i], err = ask(ctx, cell); err != nil {
			return nil, nil, fmt.Errorf("ask about %s: %w", cell, err)
		}
		took = append(took, time.Since(pace(i)))
	}
	for _, a := range answers {
		answer = append(answer, lines(a)...)
	}
	return took, answer, nil
}
