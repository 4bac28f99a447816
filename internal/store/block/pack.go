package block

import (
	"encoding/binary"
	"slices"
)

// MaxRows is how many rows a block has at most.
const MaxRows = 1024

const (
	// maxValues is how many values a block has at most, where it has several rows.
	maxValues = 1 << 18
	// maxRaw is how many bytes of rows go into a block, where it has several.
	maxRaw = 1 << 20
	// minSource is how many rows of one source have blocks of their own.
	minSource = 48
	// minShape is how many rows of one shape have blocks of their own.
	minShape = 4
)

// Pack puts consecutive entries of the log into blocks of like rows, and returns
// a directory that says which row of which block each of them is. Within a block
// the rows are in the order of the log. It keeps nothing of rows.
func Pack(rows []Row) (directory []byte, blocks [][]byte) {
	e := newEncoder()
	places := make([]int, len(rows))
	for _, g := range e.group(rows) {
		for _, members := range g.cut(rows) {
			for _, i := range members {
				places[i] = len(blocks)
			}
			blocks = append(blocks, e.block(rows, members, g))
		}
	}
	return directoryOf(places, len(blocks)), blocks
}

// group is rows of one shape.
type group struct {
	shape []byte
	// values is how many each of the rows has.
	values int
	// raw says that the events stay exact bytes.
	raw     bool
	members []int32
}

// group finds the rows of each shape and source; small groups join.
func (e *encoder) group(rows []Row) []*group {
	type key struct{ shape, source int }
	var groups, all []*group
	shapes := make(map[string]int)
	sources := make(map[string]int)
	index := make(map[key]*group)
	for i := range rows {
		r := &rows[i]
		e.row.take(r, false)
		shape, ok := shapes[string(e.row.shape)]
		if !ok {
			shape = len(shapes)
			shapes[string(e.row.shape)] = shape
		}
		source, ok := sources[string(r.Source)]
		if !ok {
			source = len(sources)
			sources[string(r.Source)] = source
		}
		g := index[key{shape, source}]
		if g == nil {
			g = &group{shape: slices.Clone(e.row.shape), values: e.row.values()}
			index[key{shape, source}] = g
			groups = append(groups, g)
		}
		g.members = append(g.members, int32(i))
	}
	groups, small := partBySize(groups, minSource)
	all = append(all, groups...)
	groups, small = partBySize(join(small, func(g *group) string { return string(g.shape) }), minShape)
	all = append(all, groups...)
	for _, g := range small {
		e.row.take(&rows[g.members[0]], true)
		g.shape, g.values, g.raw = slices.Clone(e.row.shape), e.row.values(), true
	}
	return append(all, join(small, func(g *group) string { return string(g.shape) })...)
}

// partBySize parts groups with at least so many rows from the others.
func partBySize(groups []*group, least int) (large, small []*group) {
	for _, g := range groups {
		if len(g.members) >= least {
			large = append(large, g)
		} else {
			small = append(small, g)
		}
	}
	return large, small
}

// join joins the groups with one key.
func join(groups []*group, key func(*group) string) []*group {
	var joined []*group
	index := make(map[string]*group)
	for _, g := range groups {
		k := key(g)
		to := index[k]
		if to == nil {
			index[k] = g
			joined = append(joined, g)
			continue
		}
		to.members = append(to.members, g.members...)
	}
	for _, g := range joined {
		slices.Sort(g.members)
	}
	return joined
}

// cut cuts a group's rows into those of each block.
func (g *group) cut(rows []Row) [][]int32 {
	most := min(MaxRows, max(1, maxValues/g.values))
	blocks := (len(g.members) + most - 1) / most
	most = (len(g.members) + blocks - 1) / blocks
	var cuts [][]int32
	first, size := 0, 0
	for k, i := range g.members {
		n := rows[i].bytes()
		if k > first && (k-first == most || size+n > maxRaw) {
			cuts = append(cuts, g.members[first:k])
			first, size = k, 0
		}
		size += n
	}
	return append(cuts, g.members[first:])
}

// encoder has room for one block's columns, used again for each.
type encoder struct {
	row taken
	// numbers of column c are at slab[c*rows:], texts at textSlab.
	slab     []uint64
	textSlab [][]byte

	packed, missed, deltas, mantissas, ends, index, difference [MaxRows]uint64

	restarts     []uint64
	odd          []int
	texts        []textColumn
	dictionaries []dictionary
	entries      map[string]int
	first        [][]byte
	patterns     [][]byte
	pattern      []byte
	numbers      [maxNumbers][MaxRows]uint64
	// spare and spare2 are where a column is tried.
	spare, spare2 []byte
	columns       []byte
	columnEnds    []int
}

func newEncoder() *encoder {
	return &encoder{entries: make(map[string]int)}
}

// block packs rows of one shape.
func (e *encoder) block(rows []Row, members []int32, g *group) []byte {
	n := len(members)
	e.row.take(&rows[members[0]], g.raw)
	columns := len(e.row.numbers) + len(e.row.texts)
	kinds, ok := columnsOf(e.row.shape, columns)
	if !ok {
		panic("block: a shape of our own cannot be read")
	}
	numbers := len(e.row.numbers)
	texts := len(e.row.texts)
	e.slab = slices.Grow(e.slab[:0], n*numbers)[:n*numbers]
	e.textSlab = slices.Grow(e.textSlab[:0], n*texts)[:n*texts]
	for k, i := range members {
		e.row.take(&rows[i], g.raw)
		for c, v := range e.row.numbers {
			e.slab[c*n+k] = v
		}
		for c, v := range e.row.texts {
			e.textSlab[c*n+k] = v
		}
	}
	e.texts, e.dictionaries, e.columns, e.columnEnds = e.texts[:0], e.dictionaries[:0], e.columns[:0], e.columnEnds[:0]
	number, text, clock := 0, 0, -1
	var clockValues []uint64
	for col, k := range kinds {
		if k == kindText {
			e.columns = e.appendTexts(e.columns, e.textSlab[text*n:(text+1)*n], col)
			text++
			e.columnEnds = append(e.columnEnds, len(e.columns))
			continue
		}
		v := e.slab[number*n : (number+1)*n]
		number++
		switch {
		case k == kindDouble:
			e.columns = e.appendDoubles(e.columns, v)
		case k == kindTime && clock >= 0:
			e.columns = e.appendDifference(e.columns, v, clockValues, clock)
		default:
			e.columns = e.appendIntegers(e.columns, v, ascending)
			if k == kindTime {
				clock, clockValues = col, v
			}
		}
		e.columnEnds = append(e.columnEnds, len(e.columns))
	}
	shape := e.row.shape
	b := make([]byte, 0, 16+len(shape)+3*columns+len(e.columns))
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(n))
	b = appendBytes(b, shape)
	b = binary.AppendUvarint(b, uint64(columns))
	start := 0
	for _, end := range e.columnEnds {
		b = binary.AppendUvarint(b, uint64(end-start)) //nolint:gosec // a length
		start = end
	}
	b = append(b, e.columns...)
	return appendSum(b)
}

// appendDifference appends v by itself or as the difference to another column,
// whichever is shorter.
func (e *encoder) appendDifference(dst []byte, v, other []uint64, col int) []byte {
	start := len(dst)
	dst = e.appendIntegers(dst, v, ascending)
	if len(dst)-start < 12 {
		return dst
	}
	difference := e.difference[:len(v)]
	for i, x := range v {
		difference[i] = x - other[i]
	}
	by := binary.AppendUvarint(append(e.spare2[:0], intDifference), uint64(col)) //nolint:gosec // a column's number
	by = e.appendIntegers(by, difference, 0)
	e.spare2 = by
	if len(by) < len(dst)-start {
		dst = append(dst[:start], by...)
	}
	return dst
}
