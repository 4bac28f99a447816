package web

import (
	"context"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
	"github.com/takt-mes/takt/internal/yield"
)

var divisions = map[string]yield.Division{"": yield.Whole, "hour": yield.Hourly, "shift": yield.Shiftwise, "day": yield.Daily}

// yieldPage is what the page of yield shows.
type yieldPage struct {
	*taktv1.ComputeYieldResponse
	From, To                       time.Time
	FromInput, ToInput             string
	By, Segment, Equipment, Always string
	ByEquipment                    bool
}

func (s *Server) askYield(ctx context.Context, r *request) (*answer, error) {
	from, to, err := s.between(r, "24h", "0s")
	if err != nil {
		return nil, err
	}
	by, known := divisions[r.query.Get("by")]
	if !known {
		return nil, mes.Invalid("by", "must be hour, shift or day, or left out for the whole time")
	}
	equipment, err := mes.Unescape(r.query.Get("equipment"))
	if err != nil {
		return nil, err
	}
	data := yieldPage{
		From: from, To: to, FromInput: s.input(from), ToInput: s.input(to),
		By: r.query.Get("by"), Segment: r.query.Get("segment"), Equipment: mes.Escape(equipment), ByEquipment: r.query.Get("by_equipment") != "",
	}
	// Links from here are to the same time, however long ago they are followed.
	r.query.Set("from", from.UTC().Format(time.RFC3339Nano))
	r.query.Set("to", to.UTC().Format(time.RFC3339Nano))
	data.Always = "/yield?" + r.query.Encode()
	periods, err := s.cfg.Calendar.Divide(from, to, by)
	if err != nil {
		return nil, err
	}
	table := yield.NewTable(periods, data.ByEquipment)
	a := &answer{view: "yield", title: "First-pass yield"}
	err = s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		return countTested(v, table, periods, data.Segment, mes.EquipmentID(equipment))
	})
	if err != nil {
		return nil, err
	}
	rows := window{page: r.page}
	data.ComputeYieldResponse = s.yieldMessage(table, a.position, &rows)
	a.next = rows.next(a.position)
	a.message, a.data = data.ComputeYieldResponse, data
	return a, nil
}

// countTested counts first attempts by the periods of a table.
func countTested(v *store.View, table *yield.Table, periods []yield.Period, segment string, equipment mes.EquipmentID) error {
	for i, p := range periods {
		for c, err := range v.Tested(segment, p.Start, p.End) {
			if err != nil {
				return err
			}
			if store.Below(c.Equipment, equipment) {
				table.Count(i, c)
			}
		}
	}
	return nil
}

// yieldMessage returns those rows of a table that are on the page.
func (s *Server) yieldMessage(table *yield.Table, at mes.Position, rows *window) *taktv1.ComputeYieldResponse {
	m := &taktv1.ComputeYieldResponse{Zone: s.cfg.Calendar.Zone.String(), Position: uint64(at)}
	for _, row := range table.Rows() {
		if rows.take() {
			m.Rows = append(m.Rows, wire.YieldRow(row))
		}
	}
	if rolled, tested := table.RolledThroughputYield(); tested {
		m.RolledThroughputYield = &rolled
	}
	return m
}
