package rpc

import (
	"sync"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// maxSchemas is how many messages of schemas are kept; a line's stations have
// some dozen.
const maxSchemas = 512

// schemas keeps the messages of schemas that were asked for. A schema is named
// for its content, so that it never changes, and the record of each item names a
// dozen. It may be used by several goroutines at once.
type schemas struct {
	mu sync.Mutex
	// kept are never changed, and in several answers at once.
	kept map[mes.SchemaID]*taktv1.Schema
}

// message returns the message of a schema, nil where the log does not have it.
func (s *schemas) message(v *store.View, id mes.SchemaID) (*taktv1.Schema, error) {
	s.mu.Lock()
	m := s.kept[id]
	s.mu.Unlock()
	if m != nil {
		return m, nil
	}
	schema, known, err := v.Schema(id)
	if err != nil || !known {
		return nil, err
	}
	m = wire.Schema(schema)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= maxSchemas {
		s.kept = make(map[mes.SchemaID]*taktv1.Schema)
	}
	s.kept[id] = m
	return m, nil
}
