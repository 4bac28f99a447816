package wire

import (
	"sync"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// maxSchemas is how many messages of schemas are kept; a line's stations have
// some dozen.
const maxSchemas = 512

// Schemas keeps messages of schemas. A schema is named for its content, so that it
// never changes, and the record of each item names a dozen. The zero value is
// empty; several goroutines may use it at once.
type Schemas struct {
	mu sync.Mutex
	// kept are never changed, and in several answers at once.
	kept map[mes.SchemaID]*taktv1.Schema
}

// Some reports whether any are kept.
func (s *Schemas) Some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept) > 0
}

// Get returns the message of a schema, nil where it is not kept. Nobody may change
// it.
func (s *Schemas) Get(id mes.SchemaID) *taktv1.Schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[id]
}

// Keep keeps the message of a schema, and none that it kept where that are too
// many.
func (s *Schemas) Keep(id mes.SchemaID, m *taktv1.Schema) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= maxSchemas {
		s.kept = make(map[mes.SchemaID]*taktv1.Schema)
	}
	s.kept[id] = m
}
