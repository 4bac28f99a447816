package store

import (
	"slices"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
)

// layer is what was appended and not yet sealed: the end of the log, and what it
// adds to the indexes. The writer's grows; a snapshot of it never changes.
type layer struct {
	// first is the position of the first entry, or the next free one.
	first mes.Position
	// group is the number of the first group, or the next one.
	group uint64
	// before and after are the hashes that the chain has at both ends.
	before, after mes.Hash
	groups        []group
	entries       [][]byte
	tables        *table.Layer
	// bytes is how long the entries are together.
	bytes int
	// schemas are those that entries measured under, and measured says for each
	// entry which one, counted from 1; 0 for none.
	schemas  []mes.SchemaID
	measured []uint32
}

// newLayer returns the layer that begins where the log ends.
func newLayer(end sealed) *layer {
	return &layer{
		first: end.position + 1, group: end.group + 1, before: end.hash, after: end.hash,
		tables: table.NewLayer(len(tableNames)),
	}
}

// add puts an entry at the end.
func (l *layer) add(e *entry, encoded []byte) {
	l.entries = append(l.entries, encoded)
	l.bytes += len(encoded)
	l.measured = append(l.measured, l.schemaOf(e))
}

// schemaOf returns the number of the schema that an entry measured under, and
// gives it one where it has none. A line has a few dozen, and those of its
// stations come in turn.
func (l *layer) schemaOf(e *entry) uint32 {
	if e.event == nil {
		return 0
	}
	work, ok := e.event.Fact.(*mes.Work)
	if !ok || work.Measurements == nil {
		return 0
	}
	n := slices.Index(l.schemas, work.Measurements.Schema)
	if n < 0 {
		n = len(l.schemas)
		l.schemas = append(l.schemas, work.Measurements.Schema)
	}
	return uint32(n) + 1 //nolint:gosec // no more than there are entries
}

// snapshot returns the layer as it is now.
func (l *layer) snapshot() *layer {
	s := *l
	s.tables = l.tables.Snapshot()
	return &s
}

// size returns about how many bytes of memory the layer takes.
func (l *layer) size() int {
	const perEntry, perGroup = 32, 256
	return l.tables.Size() + l.bytes + perEntry*len(l.entries) + perGroup*len(l.groups)
}

// next returns the position behind the last entry.
func (l *layer) next() mes.Position { return l.first + mes.Position(len(l.entries)) }

// entriesOf returns the entries of one of the layer's groups.
func (l *layer) entriesOf(g group) [][]byte {
	return l.entries[g.first-l.first:][:g.count]
}

func tablesOf(layers []*layer) []*table.Layer {
	tables := make([]*table.Layer, len(layers))
	for i, l := range layers {
		tables[i] = l.tables
	}
	return tables
}
