package rpc

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type materialService struct {
	taktv1.UnimplementedMaterialServiceServer
	*Server
}

// thingFrom reads a resource name of one kind.
func thingFrom(name string, kind mes.RefKind) (mes.Thing, error) {
	t, err := mes.ParseThing(name)
	if err == nil && t.Kind != kind {
		err = mes.Invalid("name", strconv.Quote(name)+" must be "+kind.String()+"s/{id}")
	}
	return t, err
}

// GetItem implements the API.
func (s *materialService) GetItem(ctx context.Context, r *taktv1.GetItemRequest) (*taktv1.GetItemResponse, error) {
	name, err := thingFrom(r.GetName(), mes.RefItem)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.GetItemResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		response.Item, err = item(v, name)
		return err
	})
}

func item(v *store.View, name mes.Thing) (*taktv1.Item, error) {
	t, err := v.Resolve(name)
	if err != nil {
		return nil, err
	}
	found, err := v.Item(t.ID)
	return wire.Item(found), err
}

// GetItemRecord implements the API.
func (s *materialService) GetItemRecord(ctx context.Context, r *taktv1.GetItemRecordRequest) (*taktv1.GetItemRecordResponse, error) {
	name, err := thingFrom(r.GetName(), mes.RefItem)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.GetItemRecordResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		if response.Item, err = item(v, name); err != nil {
			return err
		}
		entries, err := v.ItemRecord(mes.ID(response.GetItem().GetId()))
		if err != nil {
			return err
		}
		size := 0
		schemas := make(map[mes.SchemaID]bool)
		for _, e := range entries {
			m, err := wire.ItemEntry(e)
			if err != nil {
				return err
			}
			if size += proto.Size(m); size > maxAnswerBytes || len(entries) == store.MaxItemEntries {
				return mes.Errorf(mes.CodeTooLarge, "the record of %s is too long for one answer; list its events by pages instead (filter.thing)", response.GetItem().GetName())
			}
			response.Entries = append(response.Entries, m)
			if id := mes.SchemaID(wire.Measurements(m.GetEvent().GetEvent()).GetSchema()); id != "" && !r.GetOmitSchemas() && !schemas[id] {
				schemas[id] = true
				schema, err := s.schema(v, id)
				if err != nil {
					return err
				}
				if schema != nil {
					response.Schemas = append(response.Schemas, schema)
				}
			}
		}
		return nil
	})
}

// ListItems implements the API.
func (s *materialService) ListItems(ctx context.Context, r *taktv1.ListItemsRequest) (*taktv1.ListItemsResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListItemsResponse)
	return response, s.view(ctx, p.token, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		last := p.After
		for found, err := range v.Items(r.GetMaterialDefinition(), p.After) {
			if err != nil {
				return err
			}
			if len(response.GetItems()) == p.size {
				response.NextPageToken = p.next(v.Position(), last)
				return nil
			}
			last = found.Number
			response.Items = append(response.Items, wire.Item(found))
		}
		return nil
	})
}

// GetLot implements the API.
func (s *materialService) GetLot(ctx context.Context, r *taktv1.GetLotRequest) (*taktv1.GetLotResponse, error) {
	name, err := thingFrom(r.GetName(), mes.RefLot)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.GetLotResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		t, err := v.Resolve(name)
		if err != nil {
			return err
		}
		lot, err := v.Lot(t.ID)
		response.Lot = wire.Lot(lot)
		return err
	})
}

// ListLots implements the API.
func (s *materialService) ListLots(ctx context.Context, r *taktv1.ListLotsRequest) (*taktv1.ListLotsResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListLotsResponse)
	return response, s.view(ctx, p.token, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		last := p.After
		for lot, err := range v.Lots(r.GetMaterialDefinition(), p.After) {
			if err != nil {
				return err
			}
			if len(response.GetLots()) == p.size {
				response.NextPageToken = p.next(v.Position(), last)
				return nil
			}
			last = lot.Number
			response.Lots = append(response.Lots, wire.Lot(lot))
		}
		return nil
	})
}

// SearchMaterial implements the API.
func (s *materialService) SearchMaterial(ctx context.Context, r *taktv1.SearchMaterialRequest) (*taktv1.SearchMaterialResponse, error) {
	if len(r.GetValue()) == 0 {
		return nil, mes.Invalid("value", "is empty")
	}
	response := new(taktv1.SearchMaterialResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		matches, err := v.Search(mes.ID(r.GetValue()))
		for _, m := range matches {
			response.Matches = append(response.Matches, wire.Match(m))
		}
		return err
	})
}

// ListFlags implements the API.
func (s *materialService) ListFlags(ctx context.Context, r *taktv1.ListFlagsRequest) (*taktv1.ListFlagsResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListFlagsResponse)
	return response, s.view(ctx, token{}, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		var n uint64
		for f, err := range v.Flags() {
			if err != nil {
				return err
			}
			m := wire.Flag(f)
			if r.GetKind() != taktv1.FlagKind_FLAG_KIND_UNSPECIFIED && m.GetKind() != r.GetKind() {
				continue
			}
			if n++; n <= p.After {
				continue
			}
			if len(response.GetFlags()) == p.size {
				response.NextPageToken = p.next(v.Position(), n-1)
				return nil
			}
			response.Flags = append(response.Flags, m)
		}
		return nil
	})
}
