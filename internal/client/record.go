package client

import (
	"context"
	"encoding/hex"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// ItemRecord returns what GetItemRecord answers. Schemas that the client has had
// before do not come over the wire again: they are most of an answer, and never
// change.
func (c *Client) ItemRecord(ctx context.Context, r *taktv1.GetItemRecordRequest) (*taktv1.GetItemRecordResponse, error) {
	request := &taktv1.GetItemRecordRequest{Name: r.GetName(), MinPosition: r.GetMinPosition(), OmitSchemas: r.GetOmitSchemas() || c.schemas.Some()}
	response, err := taktv1.NewMaterialServiceClient(c.conn).GetItemRecord(ctx, request)
	if err != nil {
		return nil, wire.Error(err)
	}
	for _, m := range response.GetSchemas() {
		c.keep(m)
	}
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
	if m := c.schemas.Get(id); m != nil {
		return m, nil
	}
	m, err := taktv1.NewEventServiceClient(c.conn).GetSchema(ctx, &taktv1.GetSchemaRequest{Name: "schemas/" + hex.EncodeToString([]byte(id))})
	if err = wire.Error(err); mes.CodeOf(err) == mes.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.keep(m)
	return m, nil
}

// keep keeps a schema under the name that its content has.
func (c *Client) keep(m *taktv1.Schema) {
	schema := wire.SchemaFrom(m)
	c.schemas.Keep(schema.ID(), m)
}
