package block

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

const (
	// version is the first byte of a block.
	version = 1
	// sumBytes is how long the checksum at the end is.
	sumBytes = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendSum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// cutSum checks the checksum at the end and returns what is before it.
func cutSum(b []byte, what string) ([]byte, error) {
	if len(b) < sumBytes {
		return nil, damaged("%s has %d bytes, fewer than its checksum", what, len(b))
	}
	body := b[:len(b)-sumBytes]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return nil, damaged("%s has the checksum %08x, but its bytes make %08x", what, want, got)
	}
	return body, nil
}

func damaged(format string, args ...any) *mes.Error {
	return mes.Errorf(mes.CodeDamaged, format, args...)
}

// Block is an open block. Its methods may be called at once; they never change
// it, nor the bytes that it was opened on.
type Block struct {
	rows  int
	shape []byte
	kinds []kind
	// ends are where each column ends in data.
	ends []uint32
	data []byte
}

// Open checks the checksum and the header of a block, and decodes no column. The
// Block reads from b, which must not change. An error has CodeDamaged.
func Open(b []byte) (*Block, error) {
	if _, err := cutSum(b, "a block"); err != nil {
		return nil, err
	}
	return OpenVerified(b)
}

// OpenVerified opens a block as Open does, where a checksum over all of b, and
// what it is the block of, was checked just now: the block's own one would only
// take as long again.
func OpenVerified(b []byte) (*Block, error) {
	body := b[:max(0, len(b)-sumBytes)]
	c := cursor{b: body}
	if v := c.u8(); v != version {
		return nil, damaged("a block has version %d, which this program does not know", v)
	}
	blk := &Block{rows: c.size(MaxRows)}
	blk.shape = c.bytes()
	blk.ends = make([]uint32, c.size(len(c.b)))
	end := 0
	for i := range blk.ends {
		end += c.size(len(body))
		if end > math.MaxUint32 {
			return nil, damaged("a block's columns are longer than it is")
		}
		blk.ends[i] = uint32(end) //nolint:gosec // not above MaxUint32
	}
	blk.data = c.b
	if c.bad || blk.rows == 0 || end != len(blk.data) {
		return nil, damaged("a block's header does not match its length")
	}
	var ok bool
	if blk.kinds, ok = columnsOf(blk.shape, len(blk.ends)); !ok {
		return nil, damaged("a block's shape does not match its columns")
	}
	return blk, nil
}

// Rows is how many rows the block has, from 1 to MaxRows.
func (b *Block) Rows() int { return b.rows }

// Row returns row i, in bytes of its own: the very bytes that were packed. An
// error has CodeDamaged.
func (b *Block) Row(i int) (Row, error) {
	if i < 0 || i >= b.rows {
		return Row{}, damaged("a block has %d rows, and none at %d", b.rows, i)
	}
	v := view{block: b, row: i, refCol: -1}
	w := writer{ops: cursor{b: b.shape}, view: &v, dst: make([]byte, 0, 512)}
	r := Row{Reason: w.ops.u8()}
	w.text()
	source := len(w.dst)
	r.Epoch, r.Sequence = w.number(), w.number()
	w.text()
	detail := len(w.dst)
	w.part()
	event := len(w.dst)
	w.part()
	if v.bad {
		return Row{}, damaged("row %d of a block has a column that cannot be read", i)
	}
	r.Source = w.dst[:source:source]
	r.Detail = w.dst[source:detail:detail]
	r.Event = w.dst[detail:event:event]
	r.Provenance = w.dst[event:len(w.dst):len(w.dst)]
	return r, nil
}

// column is the bytes of a column.
func (b *Block) column(col int) cursor {
	start := uint32(0)
	if col > 0 {
		start = b.ends[col-1]
	}
	return cursor{b: b.data[start:b.ends[col]]}
}

// view reads the values of one row.
type view struct {
	block *Block
	row   int
	// bad is set where a column cannot be read.
	bad bool
	// refCol is the column that a difference was to, ref its number.
	refCol int
	ref    uint64
}

// number returns the number in a column that is not text.
func (v *view) number(col int) uint64 {
	c := v.block.column(col)
	if v.block.kinds[col] == kindDouble {
		column := c.doubles(v.block.rows, col)
		v.bad = v.bad || c.bad
		return column.at(v.row)
	}
	if len(c.b) > 0 && c.b[0] == intConstant { // As most are; the quick way.
		c.u8()
		n := c.varint()
		v.bad = v.bad || c.bad
		return n
	}
	column := c.integers(v.block.rows, col)
	v.bad = v.bad || c.bad
	n := column.at(v.row)
	if column.ref < 0 || v.bad {
		return n
	}
	return n + v.reference(column.ref)
}

// reference returns the number of a column that others are a difference to.
func (v *view) reference(col int) uint64 {
	if col == v.refCol {
		return v.ref
	}
	if k := v.block.kinds[col]; k != kindInteger && k != kindTime {
		v.bad = true
		return 0
	}
	c := v.block.column(col)
	column := c.integers(v.block.rows, col)
	if c.bad || column.ref >= 0 {
		v.bad = true
		return 0
	}
	v.refCol, v.ref = col, column.at(v.row)
	return v.ref
}

// text appends the text in a text column to dst.
func (v *view) text(dst []byte, col int) []byte {
	c := v.block.column(col)
	encoding := c.u8()
	if encoding == textSame {
		if col = v.other(&c, col); v.bad {
			return dst
		}
		c = v.block.column(col)
		encoding = c.u8()
	}
	rows := v.block.rows
	switch encoding {
	case textConstant:
		dst = append(dst, c.b...)
	case textDictionary:
		entries, k := c.index(rows, v.row)
		dst = c.text(dst, entries, k)
	case textMapped:
		other := v.other(&c, col)
		if v.bad {
			return dst
		}
		o := v.block.column(other)
		if o.u8() != textDictionary {
			o.fail()
		}
		entries, k := o.index(rows, v.row)
		dst = c.text(dst, entries, k)
		v.bad = v.bad || o.bad
	case textSerial:
		dst = c.serial(dst, rows, v.row)
	case textHeap:
		dst = c.text(dst, rows, v.row)
	default:
		c.fail()
	}
	v.bad = v.bad || c.bad
	return dst
}

// other reads the number of a text column before column col.
func (v *view) other(c *cursor, col int) int {
	other := c.size(max(col-1, 0))
	if c.bad || col == 0 || v.block.kinds[other] != kindText {
		v.bad = true
	}
	return other
}

// index reads the index of a dictionary: how many entries there are, and the one
// of row i.
func (c *cursor) index(n, i int) (entries, k int) {
	entries = c.size(maxEntries)
	p := c.packed(n)
	if k := p.at(i); k < uint64(entries) { //nolint:gosec // not negative
		return entries, int(k) //nolint:gosec // below entries
	}
	c.fail()
	return 0, 0
}

// text appends text i of a heap of n.
func (c *cursor) text(dst []byte, n, i int) []byte {
	h := c.heap(n)
	rest, ok := h.at(i)
	if c.bad || !ok {
		c.fail()
		return dst
	}
	return append(append(dst, h.prefix...), rest...)
}
