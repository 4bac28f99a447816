package block

// Column has a value for each of a run of rows.
type Column[T any] struct {
	// values are one for all rows, one a row, or those that of points to.
	values []T
	of     []uint16
	rows   int
}

// Len is how many rows the column has.
func (c Column[T]) Len() int { return c.rows }

// At returns the value of row i, which must be below Len.
func (c Column[T]) At(i int) T {
	switch {
	case c.of != nil:
		return c.values[c.of[i]]
	case len(c.values) == 1:
		return c.values[0]
	}
	return c.values[i]
}

// Constant returns the value of all rows, where there is but one.
func (c Column[T]) Constant() (v T, ok bool) {
	if len(c.values) == 1 && c.rows > 0 {
		return c.values[0], true
	}
	return v, false
}

// constant is a column of one value.
func constant[T any](v T, rows int) Column[T] { return Column[T]{values: []T{v}, rows: rows} }

// pick returns the column of some of its rows.
func (c Column[T]) pick(rows []int) Column[T] {
	picked := Column[T]{values: c.values, rows: len(rows)}
	switch {
	case len(rows) == c.rows:
		return c
	case c.of != nil:
		picked.of = make([]uint16, len(rows))
		for i, r := range rows {
			picked.of[i] = c.of[r]
		}
	case len(c.values) > 1:
		picked.values = make([]T, len(rows))
		for i, r := range rows {
			picked.values[i] = c.values[r]
		}
	}
	return picked
}

// convert returns a column of what f makes of each value; false where it makes
// nothing of one.
func convert[S, T any](c Column[S], f func(S) (T, bool)) (Column[T], bool) {
	to := Column[T]{values: make([]T, len(c.values)), of: c.of, rows: c.rows}
	for i, v := range c.values {
		var ok bool
		if to.values[i], ok = f(v); !ok {
			return Column[T]{}, false
		}
	}
	return to, true
}

// numbers decodes a column that is not text.
func (b *Block) numbers(col int) (Column[uint64], error) {
	c := b.column(col)
	var to Column[uint64]
	if b.kinds[col] == kindDouble {
		column := c.doubles(b.rows, col)
		if !c.bad {
			to = column.all(b.rows)
		}
	} else {
		column := c.integers(b.rows, col)
		if !c.bad {
			to = column.all(b.rows)
		}
		if column.ref >= 0 && !c.bad {
			return b.added(to, column.ref)
		}
	}
	if c.bad {
		return to, damaged("column %d of a block cannot be read", col)
	}
	return to, nil
}

// added adds the numbers of the column that these are the difference to.
func (b *Block) added(to Column[uint64], ref int) (Column[uint64], error) {
	c := b.column(ref)
	other := c.integers(b.rows, ref)
	if k := b.kinds[ref]; c.bad || other.ref >= 0 || k != kindInteger && k != kindTime {
		return to, damaged("column %d of a block cannot be read", ref)
	}
	sum := other.all(b.rows)
	if len(sum.values) == 1 && b.rows > 1 {
		sum.values = make([]uint64, b.rows)
		for i := range sum.values {
			sum.values[i] = other.frame.base
		}
	}
	for i := range sum.values {
		sum.values[i] += to.At(i)
	}
	return sum, nil
}

// all decodes every row; of a difference, without the other column.
func (v *integers) all(rows int) Column[uint64] {
	if v.kind == intConstant {
		return constant(v.frame.base, rows)
	}
	to := Column[uint64]{values: make([]uint64, rows), rows: rows}
	v.frame.all(to.values)
	switch v.kind {
	case intLinear:
		at := uint64(0)
		for i := range to.values {
			to.values[i] += at
			at += v.step
		}
	case intDelta:
		sum := uint64(0)
		for i, d := range to.values {
			if sum += d; i%restartEvery == 0 {
				sum = v.restarts.at(i / restartEvery)
			}
			to.values[i] = sum
		}
	}
	return to
}

func (f *frame) all(dst []uint64) {
	for i := range dst {
		dst[i] = f.base + f.unit*bitsAt(f.packed.bits, f.packed.width, i)
	}
	f.packed.exceptions(len(dst), func(i int, v uint64) { dst[i] = f.base + f.unit*v })
}

// all decodes every row.
func (v *doubles) all(rows int) Column[uint64] {
	to := v.integers.all(rows)
	if v.decimal {
		for i, m := range to.values {
			to.values[i] = fromDecimal(m, v.exponent)
		}
	}
	odd := packed{indexes: v.indexes, values: v.values}
	if len(v.indexes) > 0 && len(to.values) == 1 && rows > 1 {
		all := make([]uint64, rows)
		for i := range all {
			all[i] = to.values[0]
		}
		to.values = all
	}
	odd.exceptions(len(to.values), func(i int, v uint64) { to.values[i] = v })
	return to
}

// strings decodes a text column.
func (b *Block) strings(col int) (Column[string], error) {
	v := view{block: b, refCol: -1}
	c := b.column(col)
	encoding := c.u8()
	if encoding == textSame {
		if col = v.other(&c, col); v.bad {
			return Column[string]{}, damaged("column %d of a block cannot be read", col)
		}
		c = b.column(col)
		encoding = c.u8()
	}
	index := &c
	switch encoding {
	case textConstant:
		return constant(string(c.b), b.rows), nil
	case textMapped:
		other := v.other(&c, col)
		if v.bad {
			break
		}
		o := b.column(other)
		if o.u8() != textDictionary {
			o.fail()
		}
		index = &o
		fallthrough
	case textDictionary:
		entries := index.size(maxEntries)
		p := index.packed(b.rows)
		if index.bad {
			break
		}
		h := c.heap(entries)
		to := Column[string]{values: make([]string, entries), of: make([]uint16, b.rows), rows: b.rows}
		ok := !c.bad
		for k := 0; k < entries && ok; k++ {
			var rest []byte
			rest, ok = h.at(k)
			to.values[k] = string(h.prefix) + string(rest)
		}
		for i := range to.of {
			k := p.at(i)
			ok = ok && k < uint64(entries) //nolint:gosec // not negative
			to.of[i] = uint16(k)           //nolint:gosec // below entries, or not used
		}
		if ok {
			return to, nil
		}
	default:
		to := Column[string]{values: make([]string, b.rows), rows: b.rows}
		var text []byte
		for v.row = 0; v.row < b.rows && !v.bad; v.row++ {
			text = v.text(text[:0], col)
			to.values[v.row] = string(text)
		}
		if !v.bad {
			return to, nil
		}
	}
	return Column[string]{}, damaged("column %d of a block cannot be read", col)
}
