package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// The characteristic that row 9 is about.
const (
	statisticsStation        = 10
	statisticsCharacteristic = 4
)

// classes is how many the histogram has, of equal width between the least value
// and the largest.
const classes = 20

// statistics describes the values of one characteristic between two instants.
type statistics struct {
	n                            int64
	mean, deviation, least, most float64
	// quantiles are the 1st, the 50th and the 99th percentile, interpolated.
	quantiles []float64
	// counts are by class, without the empty ones.
	counts []int64
}

// lines returns the statistics as lines that can be compared: what is exact
// exactly, and what a sum is rounded in to nine digits.
func (s statistics) lines() []string {
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	rounded := func(v float64) string { return strconv.FormatFloat(v, 'e', 8, 64) }
	lines := []string{
		fmt.Sprintf("n %d", s.n), "mean " + rounded(s.mean), "deviation " + rounded(s.deviation),
		"least " + exact(s.least), "most " + exact(s.most),
	}
	for _, q := range s.quantiles {
		lines = append(lines, "quantile "+rounded(q))
	}
	return append(lines, fmt.Sprintf("counts %v", s.counts))
}

// statistics asks for row 9's characteristic.
func (t *takt) statistics(ctx context.Context, from, to time.Time) ([]string, error) {
	response, err := taktv1.NewStatisticsServiceClient(t.client.Conn()).ComputeStatistics(ctx, &taktv1.ComputeStatisticsRequest{
		Characteristic: schemaOf(statisticsStation).Columns[statisticsCharacteristic].Characteristic,
		ProcessSegment: segments[statisticsStation],
		StartTime:      timestamppb.New(from), EndTime: timestamppb.New(to),
		Quantiles: []float64{0.01, 0.5, 0.99}, Bins: classes,
	})
	if err != nil {
		return nil, err
	}
	s := statistics{
		n: int64(response.GetCount()), mean: response.GetMean(), deviation: response.GetStandardDeviation(), //nolint:gosec // a count
		least: response.GetMinimum(), most: response.GetMaximum(),
	}
	for _, q := range response.GetQuantiles() {
		s.quantiles = append(s.quantiles, q.GetValue())
	}
	for _, bin := range response.GetBins() {
		if bin.GetCount() > 0 {
			s.counts = append(s.counts, int64(bin.GetCount())) //nolint:gosec // a count
		}
	}
	return s.lines(), nil
}

// statisticsText describes one characteristic and counts its values by class.
const statisticsText = `
WITH v AS MATERIALIZED (
	SELECT "values"[$4] AS x FROM event WHERE segment = $3 AND event_time >= $1 AND event_time < $2
), s AS (
	SELECT count(x) AS n, avg(x) AS mean, stddev_samp(x) AS deviation, min(x) AS least, max(x) AS most,
		percentile_cont(ARRAY[0.01, 0.5, 0.99]) WITHIN GROUP (ORDER BY x) AS quantiles
	FROM v
)
SELECT s.n, s.mean, s.deviation, s.least, s.most, s.quantiles, (
	SELECT array_agg(n ORDER BY class) FROM (
		SELECT least(width_bucket(v.x, s.least, s.most, $5), $5) AS class, count(*) AS n FROM v GROUP BY 1
	) AS c
) FROM s`

// statistics asks for row 9's characteristic.
func (p *postgres) statistics(ctx context.Context, from, to time.Time) ([]string, error) {
	var s statistics
	err := p.asked.QueryRow(ctx, statisticsText, from, to, statisticsStation, statisticsCharacteristic+1, classes).
		Scan(&s.n, &s.mean, &s.deviation, &s.least, &s.most, &s.quantiles, &s.counts)
	if err != nil {
		return nil, fmt.Errorf("ask for statistics: %w", err)
	}
	return s.lines(), nil
}
