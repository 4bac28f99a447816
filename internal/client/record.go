package client

import (
	"context"
	"encoding/hex"
	"sync"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// ItemRecord returns what GetItemRecord answers. Schemas that the client has had
// before do not come over the wire again: they are most of an answer, and never
// change.
func (c *Client) ItemRecord(ctx context.Context, r *taktv1.GetItemRecordRequest) (*taktv1.GetItemRecordResponse, error) {
	request := &taktv1.GetItemRecordRequest{Name: r.GetName(), MinPosition: r.GetMinPosition(), OmitSchemas: r.GetOmitSchemas() || c.schemas.some()}
	response, err := taktv1.NewMaterialServiceClient(c.conn).GetItemRecord(ctx, request)
	if err != nil {
		return nil, wire.Error(err)
	}
	c.schemas.keep(response.GetSchemas())
	if r.GetOmitSchemas() || !request.GetOmitSchemas() {
		return response, nil
	}
	added := make(map[mes.SchemaID]bool)
	for _, entry := range response.GetEntries() {
		id := mes.SchemaID(wire.Measurements(entry.GetEvent().GetEvent()).GetSchema())
		if id == "" || added[id] {
			continue
		}
		added[id] = true
		schema, err := c.schema(ctx, id)
		if err != nil {
			return nil, err
		}
		if schema != nil {
			response.Schemas = append(response.Schemas, schema)
		}
	}
	return response, nil
}

// schema returns a schema, nil where the service does not have it.
func (c *Client) schema(ctx context.Context, id mes.SchemaID) (*taktv1.Schema, error) {
	if m := c.schemas.get(id); m != nil {
		return m, nil
	}
	m, err := taktv1.NewEventServiceClient(c.conn).GetSchema(ctx, &taktv1.GetSchemaRequest{Name: "schemas/" + hex.EncodeToString([]byte(id))})
	if err = wire.Error(err); mes.CodeOf(err) == mes.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.schemas.keep([]*taktv1.Schema{m})
	return m, nil
}

// maxSchemas is how many schemas a client keeps.
const maxSchemas = 512

// schemas are those that a client has had. It may be used by several goroutines
// at once.
type schemas struct {
	mu sync.Mutex
	// kept are never changed, and in several answers at once.
	kept map[mes.SchemaID]*taktv1.Schema
}

// some reports whether any are kept.
func (s *schemas) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept) > 0
}

func (s *schemas) get(id mes.SchemaID) *taktv1.Schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[id]
}

func (s *schemas) keep(list []*taktv1.Schema) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range list {
		if s.kept == nil || len(s.kept) >= maxSchemas {
			s.kept = make(map[mes.SchemaID]*taktv1.Schema)
		}
		schema := wire.SchemaFrom(m)
		s.kept[schema.ID()] = m
	}
}
