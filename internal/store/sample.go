package store

import (
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// bucketSample finds the blocks that have values under a schema, in a file of
// the archive: those of a stretch of event time without reading others.
var bucketSample = []byte("sample")

// The kinds of keys in bucketSample, each behind the schema.
const (
	sampleSpan  uint8 = 0 // how much time a block has at most
	sampleBlock uint8 = 1
)

func sampleKey(schema mes.SchemaID, kind uint8) key { return key(nil).name(string(schema)).u8(kind) }

// sampled is what a block measured under one schema.
type sampled struct {
	schema mes.SchemaID
	// block is its number in its chunk.
	block uint32
	// earliest and latest are the ends of its event times, both included.
	earliest, latest time.Time
	rows             int
}

func (s *sampled) key(c *chunk) key {
	return append(sampleKey(s.schema, sampleBlock).time(s.latest), c.key().number32(s.block)...)
}

func (s *sampled) encode() key { return key(nil).time(s.earliest).number(uint64(s.rows)) } //nolint:gosec // a count is never negative

// span returns how long the block is; a duration's largest stands for all
// beyond, too.
func (s *sampled) span() uint64 { return uint64(s.latest.Sub(s.earliest)) } //nolint:gosec // the latest is not before the earliest

// foundBlock is a block in the archive, as bucketSample has it.
type foundBlock struct {
	sampled
	// first is the position of its chunk's first entry, group the chunk's.
	first mes.Position
	group uint64
}

func decodeSample(schema mes.SchemaID, k, value []byte) (f foundBlock, err error) {
	r := reader{b: k[len(sampleKey(schema, sampleBlock)):]}
	f.schema, f.latest = schema, r.time()
	f.first, f.group, f.block = mes.Position(r.number()), r.number(), r.number32()
	if err := r.done("a sample's key"); err != nil {
		return f, err
	}
	r = reader{b: value}
	f.earliest, f.rows = r.time(), int(r.number32())
	return f, r.done("a sample")
}

// samplesOf returns what a chunk's block number n measured.
func samplesOf(n int, b *block.Block) ([]sampled, error) {
	all, err := b.Samples()
	if err != nil {
		return nil, err
	}
	list := make([]sampled, len(all))
	for i, s := range all {
		times, err := s.EventTimes()
		if err != nil {
			return nil, err
		}
		f := sampled{schema: s.Schema(), block: uint32(n), earliest: times.At(0), latest: times.At(0), rows: times.Len()} //nolint:gosec // few blocks
		for row := range times.Len() {
			if t := times.At(row); t.Before(f.earliest) {
				f.earliest = t
			} else if t.After(f.latest) {
				f.latest = t
			}
		}
		list[i] = f
	}
	return list, nil
}

// putSamples enters a chunk's blocks.
func putSamples(b *bbolt.Bucket, c *chunk, blocks [][]byte) error {
	longest := make(map[mes.SchemaID]uint64)
	for n, packed := range blocks {
		opened, err := block.OpenVerified(packed) // it was packed just now
		if err != nil {
			return err
		}
		list, err := samplesOf(n, opened)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := put(b, s.key(c), s.encode()); err != nil {
				return err
			}
			longest[s.schema] = max(longest[s.schema], s.span())
		}
	}
	for schema, span := range longest {
		have, _, err := spanOf(b, schema)
		if err != nil {
			return err
		}
		if err := put(b, sampleKey(schema, sampleSpan), key(nil).number(max(span, have))); err != nil {
			return err
		}
	}
	return nil
}

// spanOf returns how long a file's blocks with values under a schema are at
// most, and whether there are any.
func spanOf(b *bbolt.Bucket, schema mes.SchemaID) (span uint64, some bool, err error) {
	value, err := get(b, sampleKey(schema, sampleSpan))
	if value == nil || err != nil {
		return 0, false, err
	}
	r := reader{b: value}
	span = r.number()
	return span, true, r.done("a schema's longest block")
}

// samplesIn returns a file's bucketSample, which each has from the start.
func samplesIn(tx *bbolt.Tx) (*bbolt.Bucket, error) {
	b := tx.Bucket(bucketSample)
	if b == nil {
		return nil, mes.Errorf(mes.CodeDamaged, "a file of the log does not know which blocks have values; run takt check, then restore a backup")
	}
	return b, nil
}

// samples calls fn for each block before a position that has values under a
// schema with an event time in [from, to), or may have: for those whose ends lie
// on both sides of the bounds, nobody knows before they are read.
func (r *archiveReader) samples(schema mes.SchemaID, from, to time.Time, before mes.Position, fn func(*bbolt.Tx, foundBlock) error) error {
	for _, p := range r.periods {
		if p.first >= before {
			break
		}
		tx, err := r.tx(p)
		if err != nil {
			return err
		}
		b, err := samplesIn(tx)
		if err != nil {
			return err
		}
		span, some, err := spanOf(b, schema)
		if err != nil {
			return err
		}
		if !some {
			continue
		}
		// Keys are by the latest event time. What is longer than the longest
		// block behind the end began behind the end.
		until := time.Time{}
		if span < math.MaxInt64 {
			until = to.Add(time.Duration(span))
		}
		prefix := sampleKey(schema, sampleBlock)
		err = scan(b, prefix, prefix.fork().time(from), func(k, value []byte) (bool, error) {
			f, err := decodeSample(schema, k, value)
			if err != nil || !until.IsZero() && !f.latest.Before(until) {
				return false, err
			}
			if f.first >= before || !f.earliest.Before(to) {
				return true, nil
			}
			return true, fn(tx, f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// positions returns the position of each row of a block; nil where all rows are
// up to a position.
func (r *archiveReader) positions(f *foundBlock, upTo mes.Position) ([]mes.Position, error) {
	if err := r.seek(f.first); err != nil {
		return nil, err
	}
	if r.at.next()-1 <= upTo {
		return nil, nil
	}
	entries := r.at.directory.Entries(nil, int(f.block))
	positions := make([]mes.Position, len(entries))
	for row, i := range entries {
		positions[row] = f.first + mes.Position(i) //nolint:gosec // an index is never negative
	}
	return positions, nil
}

// checkSamples compares what a file says of its samples with the blocks of the
// chunk that is open, and returns how many it must have of those.
func (r *archiveReader) checkSamples() (n int, err error) {
	b, err := samplesIn(r.at.tx)
	if err != nil {
		return 0, err
	}
	for i := range r.at.directory.Blocks() {
		opened, err := r.block(i)
		if err != nil {
			return n, err
		}
		list, err := samplesOf(i, opened)
		if err != nil {
			return n, err
		}
		for _, s := range list {
			have, err := get(b, s.key(&r.at.chunk))
			if err != nil {
				return n, err
			}
			span, _, err := spanOf(b, s.schema)
			if err != nil {
				return n, err
			}
			if !slices.Equal(have, s.encode()) || span < s.span() {
				return n, mes.Errorf(mes.CodeDamaged, "the samples of block %d under schema %s are not what the block says", i, s.schema)
			}
			n++
		}
	}
	return n, nil
}

// countSamples returns how many blocks with samples a file knows, of the chunks
// before a position.
func countSamples(tx *bbolt.Tx, before mes.Position) (n int, err error) {
	b, err := samplesIn(tx)
	if err != nil {
		return 0, err
	}
	return n, scan(b, nil, []byte{}, func(k, value []byte) (bool, error) {
		r := reader{b: k}
		schema := mes.SchemaID(r.name())
		if r.u8() != sampleBlock {
			return true, nil
		}
		f, err := decodeSample(schema, k, value)
		if f.first < before {
			n++
		}
		return true, err
	})
}
