package bench

import (
	"context"
	"math/big"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// thousandths returns a number of thousandths as PostgreSQL's exact decimal.
func thousandths(n int64) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(n), Exp: -3, Valid: true}
}

// recordText asks for a cell's whole record.
const recordText = `
SELECT source, sequence, event_time, segment, disposition, attempt, "values"
FROM event WHERE item = $1 ORDER BY event_time, sequence`

// storedEvent is one row of a record.
type storedEvent struct {
	source, segment, disposition, attempt int16
	sequence                              int64
	at                                    time.Time
	values                                []float64
}

// record asks for a cell's whole record.
func (p *postgres) record(ctx context.Context, cell string) ([]storedEvent, error) {
	rows, err := p.asked.Query(ctx, recordText, cell)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e storedEvent, err error) {
		err = row.Scan(&e.source, &e.sequence, &e.at, &e.segment, &e.disposition, &e.attempt, &e.values)
		return e, err
	})
}

// recordLines returns a record as lines that can be compared.
func (p *postgres) recordLines(record []storedEvent) []string {
	var lines []string
	for _, e := range record {
		s := p.sources[e.source]
		lines = append(lines, eventLine(
			string(s.name), uint64(e.sequence), e.at, string(s.equipment), segments[e.segment], int(e.disposition), int(e.attempt), e.values, //nolint:gosec // from 1
		))
	}
	return lines
}

// backwardText asks for the edges that lead to a thing.
const backwardText = `
WITH RECURSIVE t (input, output, depth) AS (
	SELECT input, output, 1 FROM edge WHERE output = $1
	UNION
	SELECT e.input, e.output, t.depth + 1 FROM edge e JOIN t ON e.output = t.input
)
SELECT input, output, depth FROM t`

// storedEdge is one row of a trace.
type storedEdge struct {
	input, output string
	depth         int32
}

// backward returns the edges that lead to a cell.
func (p *postgres) backward(ctx context.Context, cell string) ([]storedEdge, error) {
	rows, err := p.asked.Query(ctx, backwardText, cell)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e storedEdge, err error) {
		err = row.Scan(&e.input, &e.output, &e.depth)
		return e, err
	})
}

// storedEdgeLines returns edges as lines that can be compared.
func storedEdgeLines(edges []storedEdge) []string {
	var lines []string
	for _, e := range edges {
		lines = append(lines, edgeLine(e.input, e.output, int(e.depth)))
	}
	slices.Sort(lines)
	return lines
}

// forwardText asks for all that was made of a lot, each once.
const forwardText = `
WITH RECURSIVE t (thing) AS (
	SELECT output FROM edge WHERE input = $1
	UNION
	SELECT e.output FROM edge e JOIN t ON e.input = t.thing
)
SELECT thing FROM t`

// forward returns the ids of all that was made of a lot, each once.
func (p *postgres) forward(ctx context.Context, lot string) (map[string]bool, error) {
	rows, err := p.asked.Query(ctx, forwardText, lot)
	if err != nil {
		return nil, err
	}
	things := make(map[string]bool)
	var thing string
	_, err = pgx.ForEachRow(rows, []any{&thing}, func() error {
		things[thing] = true
		return nil
	})
	return things, err
}

// yieldText counts first attempts, which the stations number.
const yieldText = `
SELECT segment, count(*), count(*) FILTER (WHERE disposition = 1)
FROM event
WHERE segment = ANY ($3) AND event_time >= $1 AND event_time < $2 AND attempt = 1
GROUP BY segment`

// rollupText adds up whole hours, and counts what is beside them.
const rollupText = `
SELECT segment, sum(tested)::bigint, sum(passed)::bigint FROM (
	SELECT segment, tested, passed FROM yield_hour WHERE hour >= $3 AND hour < $4
	UNION ALL
	SELECT segment, count(*), count(*) FILTER (WHERE disposition = 1)
	FROM event
	WHERE segment = ANY ($5) AND attempt = 1
		AND (event_time >= $1 AND event_time < $3 OR event_time >= $4 AND event_time < $2)
	GROUP BY segment
) AS parts GROUP BY segment`

// stationSegments are those that yield is asked of.
func stationSegments() []int16 {
	list := make([]int16, stations)
	for i := range list {
		list[i] = int16(i)
	}
	return list
}

// yield asks for first-pass yield between two instants.
func (p *postgres) yield(ctx context.Context, from, to time.Time) ([]string, error) {
	return p.yieldRows(ctx, yieldText, from, to, stationSegments())
}

// yieldRollup asks for the same of hourly figures that were kept beside.
func (p *postgres) yieldRollup(ctx context.Context, from, to time.Time) ([]string, error) {
	first, last := from.Truncate(time.Hour), to.Truncate(time.Hour)
	if first.Before(from) {
		first = first.Add(time.Hour)
	}
	return p.yieldRows(ctx, rollupText, from, to, first, last, stationSegments())
}

func (p *postgres) yieldRows(ctx context.Context, text string, arguments ...any) ([]string, error) {
	rows, err := p.asked.Query(ctx, text, arguments...)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var segment int16
		var tested, passed int64
		err := row.Scan(&segment, &tested, &passed)
		return yieldLine(segments[segment], uint64(tested), uint64(passed)), err //nolint:gosec // counts
	})
	slices.Sort(lines)
	return lines, err
}
