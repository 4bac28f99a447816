package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type genealogyService struct {
	taktv1.UnimplementedGenealogyServiceServer
	*Server
}

// TraceGenealogy implements the API. Each page walks from the start again and
// leaves out what the pages before had, as of the first page's position.
func (s *genealogyService) TraceGenealogy(ctx context.Context, r *taktv1.TraceGenealogyRequest) (*taktv1.TraceGenealogyResponse, error) {
	p, err := s.readPage(r, 1000, 10_000)
	if err != nil {
		return nil, err
	}
	start, err := mes.ParseThing(r.GetThing())
	if err != nil {
		return nil, err
	}
	var way genealogy.Direction
	switch r.GetDirection() {
	case taktv1.Direction_DIRECTION_BACKWARD:
		way = genealogy.Backward
	case taktv1.Direction_DIRECTION_FORWARD:
		way = genealogy.Forward
	default:
		return nil, mes.Invalid("direction", "must be backward or forward")
	}
	if r.GetMaxDepth() < 0 {
		return nil, mes.Invalid("max_depth", "is negative; 0 is for all")
	}
	response := new(taktv1.TraceGenealogyResponse)
	return response, s.view(ctx, p.token, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		if start, err = v.Resolve(start); err != nil {
			return err
		}
		var n uint64
		size := 0
		for e, err := range v.Trace(start, way, int(r.GetMaxDepth())) {
			if err != nil {
				return err
			}
			if n++; n <= p.After {
				continue
			}
			if len(response.GetEdges()) == p.size || size > maxAnswerBytes {
				response.NextPageToken = p.next(v.Position(), n-1)
				return nil
			}
			m, err := wire.Edge(e, v.Definition)
			if err != nil {
				return err
			}
			size += proto.Size(m)
			response.Edges = append(response.Edges, m)
		}
		return nil
	})
}
