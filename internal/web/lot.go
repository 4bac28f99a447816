package web

import (
	"context"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// lotPage is what the page of a lot shows.
type lotPage struct {
	Thing  mes.Thing
	Lot    *taktv1.Lot
	Traces []traced
}

func (s *Server) askLot(ctx context.Context, r *request) (*answer, error) {
	name, err := thingOf(r, mes.RefLot)
	if err != nil {
		return nil, err
	}
	if way := r.query.Get("way"); way != "" {
		return s.trace(ctx, r, name, way)
	}
	response := new(taktv1.GetLotResponse)
	a := &answer{view: "lot", message: response}
	var data lotPage
	err = s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		if data.Thing, err = v.Resolve(name); err != nil {
			return err
		}
		lot, err := v.Lot(data.Thing.ID)
		response.Lot, response.Position = wire.Lot(lot), uint64(a.position)
		return err
	})
	if err != nil || r.json {
		return a, err
	}
	a.title = "Lot " + data.Thing.ID.String()
	data.Lot = response.GetLot()
	data.Traces, err = s.traces(ctx, data.Thing, a.position)
	a.data = data
	return a, err
}
