package rpc

import (
	"cmp"
	"context"
	"slices"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type equipmentService struct {
	taktv1.UnimplementedEquipmentServiceServer
	*Server
}

// GetEquipment implements the API.
func (s *equipmentService) GetEquipment(ctx context.Context, r *taktv1.GetEquipmentRequest) (*taktv1.Equipment, error) {
	id, err := equipmentFrom("name", r.GetName())
	if err != nil {
		return nil, err
	}
	all, _, err := s.equipment(ctx)
	if err != nil {
		return nil, err
	}
	for _, q := range all {
		if q.ID == id {
			return wire.Equipment(q), nil
		}
	}
	return nil, mes.Errorf(mes.CodeNotFound, "no equipment is called %s; takt equipment list names all", id).With("resource", r.GetName())
}

// equipment returns all equipment by id: a site has some hundreds.
func (s *equipmentService) equipment(ctx context.Context) (all []store.Equipment, at mes.Position, err error) {
	err = s.store.View(ctx, 0, func(v *store.View) error {
		at = v.Position()
		for q, err := range v.Equipment() {
			if err != nil {
				return err
			}
			all = append(all, q)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b store.Equipment) int { return cmp.Compare(a.ID, b.ID) })
	return all, at, err
}

// ListEquipment implements the API.
func (s *equipmentService) ListEquipment(ctx context.Context, r *taktv1.ListEquipmentRequest) (*taktv1.ListEquipmentResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	all, at, err := s.equipment(ctx)
	if err != nil {
		return nil, err
	}
	response := &taktv1.ListEquipmentResponse{Position: uint64(at)}
	for _, q := range all {
		if q.ID <= mes.EquipmentID(p.Key) && len(p.Key) > 0 {
			continue
		}
		if len(response.GetEquipment()) == p.size {
			next := p.token
			next.Position, next.Key = at, response.GetEquipment()[p.size-1].GetId()
			response.NextPageToken = next.String()
			break
		}
		response.Equipment = append(response.Equipment, wire.Equipment(q))
	}
	return response, nil
}
