package rpc

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/statistics"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type statisticsService struct {
	taktv1.UnimplementedStatisticsServiceServer
	*Server
}

// maxQuantiles is how many quantiles a question may ask for.
const maxQuantiles = 100

// usualQuantiles are what a question that names none is answered with.
var usualQuantiles = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// ComputeStatistics implements the API.
func (s *statisticsService) ComputeStatistics(ctx context.Context, r *taktv1.ComputeStatisticsRequest) (*taktv1.ComputeStatisticsResponse, error) {
	query, err := statisticsQuery(r)
	if err != nil {
		return nil, err
	}
	var sample store.Sample
	var position mes.Position
	err = s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) (err error) {
		position = v.Position()
		sample, err = v.Statistics(query)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The values are the question's own: what describes them needs no view.
	probabilities := r.GetQuantiles()
	if len(probabilities) == 0 {
		probabilities = usualQuantiles
	}
	response := wire.Statistics(&sample, statistics.Summarize(sample.Values))
	response.Position = uint64(position)
	if len(sample.Values) > 0 {
		for i, value := range statistics.Quantiles(sample.Values, probabilities) {
			response.Quantiles = append(response.Quantiles, &taktv1.ComputeStatisticsResponse_Quantile{Probability: probabilities[i], Value: value})
		}
	}
	for _, b := range statistics.Histogram(sample.Values, int(r.GetBins())) {
		response.Bins = append(response.Bins, wire.Bin(b))
	}
	return response, nil
}

// statisticsQuery returns what a request asks for; CodeInvalid where it cannot be
// answered.
func statisticsQuery(r *taktv1.ComputeStatisticsRequest) (q store.StatisticsQuery, err error) {
	if r.GetCharacteristic() == "" {
		return q, mes.Invalid("characteristic", "is missing; name what was measured, as ocv1")
	}
	for _, bound := range []struct {
		field string
		of    *timestamppb.Timestamp
	}{{"start_time", r.GetStartTime()}, {"end_time", r.GetEndTime()}} {
		switch {
		case bound.of == nil:
			return q, mes.Invalid(bound.field, "is missing; start_time and end_time bound what is asked for")
		case bound.of.CheckValid() != nil:
			return q, mes.Invalid(bound.field, "must lie between the years 1 and 9999")
		}
	}
	q = store.StatisticsQuery{
		Characteristic: r.GetCharacteristic(), Unit: r.Unit, ProcessSegment: r.GetProcessSegment(),
		From: r.GetStartTime().AsTime(), To: r.GetEndTime().AsTime(), AllModes: r.GetAllModes(),
	}
	if !q.From.Before(q.To) {
		return q, mes.Invalid("end_time", "must be after start_time")
	}
	if n := len(r.GetQuantiles()); n > maxQuantiles {
		return q, mes.Invalid("quantiles", fmt.Sprintf("has %d probabilities; ask for at most %d at once", n, maxQuantiles))
	}
	for i, p := range r.GetQuantiles() {
		if !(p >= 0 && p <= 1) {
			return q, mes.Invalid(fmt.Sprintf("quantiles[%d]", i), fmt.Sprintf("is %v; a probability is from 0 to 1, as 0.95", p))
		}
	}
	if n := r.GetBins(); n < 0 || n > statistics.MaxBins {
		return q, mes.Invalid("bins", fmt.Sprintf("is %d; ask for 1 to %d, or for 0 to have the values decide", n, statistics.MaxBins))
	}
	q.Equipment, err = equipmentFrom("equipment", r.GetEquipment())
	return q, err
}
