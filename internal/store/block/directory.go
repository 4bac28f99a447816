package block

import (
	"encoding/binary"
	"math/bits"
)

// Directory says which row of which block each entry is. The rows of a block are
// in the order of the entries, so the block is all that it has to say of an
// entry: the row is how many entries before it are in the same block. Counts
// every so often make that quick.
type Directory struct {
	entries, blocks, stride int
	width                   uint
	// of is the block of each entry, packed; counts are how many entries of each
	// block come before every stride-th entry.
	of, counts []byte
}

const (
	// minStride is how far apart the counts are at least.
	minStride = 512
	// countBytes is how long a count is.
	countBytes = 2
	// maxStrideLog bounds what a directory may say its stride is.
	maxStrideLog = 30
)

// strideLogOf chooses the stride: so that the counts take about half a byte an
// entry.
func strideLogOf(blocks int) int {
	return bits.Len(uint(max(minStride, 4*blocks) - 1))
}

// directoryOf makes the directory of entries that are in these blocks.
func directoryOf(places []int, blocks int) []byte {
	log := strideLogOf(blocks)
	dst := []byte{version}
	dst = binary.AppendUvarint(dst, uint64(len(places)))
	dst = binary.AppendUvarint(dst, uint64(blocks)) //nolint:gosec // a count
	dst = append(dst, byte(log))                    //nolint:gosec // at most 64
	counts := make([]uint16, blocks)
	of := make([]uint64, len(places))
	for i, p := range places {
		if i > 0 && i&(1<<log-1) == 0 {
			for _, n := range counts {
				dst = binary.LittleEndian.AppendUint16(dst, n)
			}
		}
		counts[p]++
		of[i] = uint64(p) //nolint:gosec // an index
	}
	dst = appendBits(dst, of, widthOf(blocks))
	return appendSum(dst)
}

// widthOf is how many bits the number of a block takes.
func widthOf(blocks int) uint {
	return uint(bits.Len(uint(max(blocks-1, 0))))
}

// OpenDirectory checks the checksum and the header of a directory, which reads
// from b. An error has CodeDamaged.
func OpenDirectory(b []byte) (Directory, error) {
	body, err := cutSum(b, "a directory")
	if err != nil {
		return Directory{}, err
	}
	c := cursor{b: body}
	if v := c.u8(); v != version {
		return Directory{}, damaged("a directory has version %d, which this program does not know", v)
	}
	d := Directory{entries: c.size(1 << 40), blocks: c.size(1 << 30)}
	log := int(c.u8())
	if c.bad || log > maxStrideLog || d.blocks > d.entries || d.entries > d.blocks*MaxRows {
		return Directory{}, damaged("a directory's header is malformed")
	}
	d.stride, d.width = 1<<log, widthOf(d.blocks)
	marks := max(d.entries-1, 0) / d.stride
	if d.blocks > 0 && marks > len(c.b)/(d.blocks*countBytes) {
		return Directory{}, damaged("a directory's counts are longer than it is")
	}
	d.counts = c.take(marks * d.blocks * countBytes)
	d.of = c.take(bitBytes(d.entries, int(d.width)))
	if c.bad || len(c.b) > 0 {
		return Directory{}, damaged("a directory's header does not match its length")
	}
	return d, nil
}

// Len is how many entries there are.
func (d Directory) Len() int { return d.entries }

// Blocks is how many blocks there are.
func (d Directory) Blocks() int { return d.blocks }

// Place returns the block and the row of entry i. An error has CodeDamaged.
func (d Directory) Place(i int) (block, row int, err error) {
	if i < 0 || i >= d.entries {
		return 0, 0, damaged("a directory has %d entries, and none at %d", d.entries, i)
	}
	of := bitsAt(d.of, d.width, i)
	if of >= uint64(d.blocks) { //nolint:gosec // not negative
		return 0, 0, damaged("a directory names block %d of %d", of, d.blocks)
	}
	block = int(of) //nolint:gosec // below blocks
	mark := i / d.stride
	if mark > 0 {
		row = int(binary.LittleEndian.Uint16(d.counts[((mark-1)*d.blocks+block)*countBytes:]))
	}
	for k := mark * d.stride; k < i; k++ {
		if bitsAt(d.of, d.width, k) == of {
			row++
		}
	}
	if row >= MaxRows {
		return 0, 0, damaged("a directory puts entry %d beyond the rows of its block", i)
	}
	return block, row, nil
}

// Entries appends to dst which entry each row of a block is, in order.
func (d Directory) Entries(dst []int, block int) []int {
	for i := range d.entries {
		if bitsAt(d.of, d.width, i) == uint64(block) { //nolint:gosec // compared alone
			dst = append(dst, i)
		}
	}
	return dst
}
