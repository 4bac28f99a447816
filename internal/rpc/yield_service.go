package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
	"github.com/takt-mes/takt/internal/yield"
)

type yieldService struct {
	taktv1.UnimplementedYieldServiceServer
	*Server
}

var divisions = map[taktv1.Period]yield.Division{
	taktv1.Period_PERIOD_UNSPECIFIED: yield.Whole,
	taktv1.Period_PERIOD_HOUR:        yield.Hourly,
	taktv1.Period_PERIOD_SHIFT:       yield.Shiftwise,
	taktv1.Period_PERIOD_DAY:         yield.Daily,
}

// ComputeYield implements the API.
func (s *yieldService) ComputeYield(ctx context.Context, r *taktv1.ComputeYieldRequest) (*taktv1.ComputeYieldResponse, error) {
	if r.GetStartTime() == nil || r.GetEndTime() == nil {
		return nil, mes.Invalid("start_time", "and end_time are required")
	}
	for _, bound := range []struct {
		field string
		of    *timestamppb.Timestamp
	}{{"start_time", r.GetStartTime()}, {"end_time", r.GetEndTime()}} {
		if bound.of.CheckValid() != nil {
			return nil, mes.Invalid(bound.field, "must lie between the years 1 and 9999")
		}
	}
	by, known := divisions[r.GetPeriod()]
	if !known {
		return nil, mes.Invalid("period", "must be an hour, a shift or a day")
	}
	equipment, err := equipmentFrom("equipment", r.GetEquipment())
	if err != nil {
		return nil, err
	}
	from, to := r.GetStartTime().AsTime(), r.GetEndTime().AsTime()
	periods, err := s.cfg.Calendar.Divide(from, to, by)
	if err != nil {
		return nil, err
	}
	response := &taktv1.ComputeYieldResponse{Zone: zoneName(s.cfg.Calendar)}
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		table := yield.NewTable(periods, r.GetByEquipment())
		for i, p := range periods {
			for c, err := range v.Tested(r.GetProcessSegment(), p.Start, p.End) {
				if err != nil {
					return err
				}
				if store.Below(c.Equipment, equipment) {
					table.Count(i, c)
				}
			}
		}
		for _, row := range table.Rows() {
			response.Rows = append(response.Rows, wire.YieldRow(row))
		}
		if rolled, tried := table.RolledThroughputYield(); tried {
			response.RolledThroughputYield = &rolled
		}
		return nil
	})
}

func zoneName(c yield.Calendar) string {
	if c.Zone == nil {
		return "UTC"
	}
	return c.Zone.String()
}
