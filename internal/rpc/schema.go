package rpc

import (
	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// schema returns the message of a schema, nil where the log does not have it.
func (s *Server) schema(v *store.View, id mes.SchemaID) (*taktv1.Schema, error) {
	if m := s.schemas.Get(id); m != nil {
		return m, nil
	}
	schema, known, err := v.Schema(id)
	if err != nil || !known {
		return nil, err
	}
	m := wire.Schema(schema)
	s.schemas.Keep(id, m)
	return m, nil
}
