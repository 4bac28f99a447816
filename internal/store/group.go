package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// tally counts, for the ledger, what a group did not add to the log.
type tally struct {
	source              mes.Source
	duplicates, refused uint64
}

// durable is how far a gateway's spool is in the log.
type durable struct {
	gateway mes.Gateway
	spool   string
	offset  mes.Offset
}

// group is what one commit adds: the unit that is chained.
type group struct {
	number uint64
	// first is the position of its first entry, the next free one where it has
	// none; count is how many it has.
	first    mes.Position
	count    int
	time     time.Time
	schemas  []mes.Schema
	tallies  []tally
	durables []durable
}

// encode returns the group's own record: all but the entries, which stand by
// themselves.
func (g *group) encode() []byte {
	var b key
	b = b.number(uint64(g.first)).number32(uint32(g.count)).time(g.time) //nolint:gosec // a group has few entries
	b = binary.AppendUvarint(b, uint64(len(g.schemas)))
	for i := range g.schemas {
		b = appendBytes(b, mes.AppendSchema(nil, &g.schemas[i]))
	}
	b = binary.AppendUvarint(b, uint64(len(g.tallies)))
	for _, t := range g.tallies {
		b = appendBytes(b, t.source)
		b = binary.AppendUvarint(b, t.duplicates)
		b = binary.AppendUvarint(b, t.refused)
	}
	b = binary.AppendUvarint(b, uint64(len(g.durables)))
	for _, d := range g.durables {
		b = appendBytes(b, d.gateway)
		b = appendBytes(b, d.spool)
		b = binary.AppendUvarint(b, uint64(d.offset))
	}
	return b
}

// chain returns the hash that names the log up to a group and its entries: over
// the hash of the group before, its own record, and its entries.
func chain(before mes.Hash, record []byte, entries [][]byte) (after mes.Hash) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(record)
	for _, e := range entries {
		h.Write(e)
	}
	h.Sum(after[:0])
	return after
}

// decodeGroup reads a group's own record.
func decodeGroup(number uint64, value []byte) (g group, err error) {
	r := reader{b: value}
	g.number = number
	g.first = mes.Position(r.number())
	g.count = int(r.number32())
	g.time = r.time()
	for range bounded(&r) {
		s, err := mes.DecodeSchema(r.bytes())
		if err != nil {
			return g, mes.Errorf(mes.CodeDamaged, "read group %d: %w", number, err)
		}
		g.schemas = append(g.schemas, s)
	}
	for range bounded(&r) {
		g.tallies = append(g.tallies, tally{mes.Source(r.bytes()), r.uvarint(), r.uvarint()})
	}
	for range bounded(&r) {
		g.durables = append(g.durables, durable{mes.Gateway(r.bytes()), string(r.bytes()), mes.Offset(r.uvarint())})
	}
	return g, r.done(fmt.Sprintf("group %d", number))
}

// bounded reads the length of a list, and refuses one that cannot be there.
func bounded(r *reader) int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n) //nolint:gosec // not above the length of a slice
}
