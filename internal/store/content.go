package store

import (
	"bytes"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// What happens to a carrier again and again over the years is found by when it
// happened, so that nobody reads all of it: table content has, for each parent,
// what filled it and what emptied it, by the numbers of each source and by its
// clock.

// part says which of a parent's events a key of the table is of.
type part uint8

const (
	partFilled part = iota
	partEmptied
)

// The orders in which a part stands.
const (
	bySequence uint8 = iota
	byTime
)

// partKey is what the keys of one part in one order begin with.
func partKey(parent uint64, of part, order uint8) key {
	return key(nil).number(parent).u8(uint8(of)).u8(order)
}

// contain enters that the event filled a parent, or emptied it.
func (d *derivation) contain(parent uint64, of part) {
	if of == partEmptied {
		clear(d.emptied)
	}
	m := d.moment
	value := key(nil).u8(b2u(d.counts())).moment(m).number(uint64(d.entry.position))
	k := partKey(parent, of, bySequence).number32(m.source).number(uint64(m.epoch)).number(uint64(m.sequence))
	d.put(tableContent, k, value)
	k = partKey(parent, of, byTime).number32(m.source).time(m.time).number(uint64(m.epoch)).number(uint64(m.sequence))
	d.put(tableContent, k, value)
}

// happening is one event of a part.
type happening struct {
	moment
	position mes.Position
}

func decodeHappening(value []byte) (h happening, counts bool, err error) {
	r := reader{b: value}
	counts = r.u8() != 0
	h = happening{r.moment(), mes.Position(r.number())}
	return h, counts, r.done("what happened to a parent")
}

// partSources returns the sources that have something in a part.
func (x index) partSources(parent uint64, of part) (sources []uint32, err error) {
	prefix := partKey(parent, of, bySequence)
	from := prefix
	for {
		k, _, err := x.tables.First(tableContent, prefix, from)
		if k == nil || err != nil {
			return sources, err
		}
		r := reader{b: k[len(prefix):]}
		source := r.number32()
		if r.bad {
			return nil, r.done("a key of a parent")
		}
		sources = append(sources, source)
		from = prefix.fork().number(uint64(source) + 1)
	}
}

// holding decodes an event of a part, and says whether it is production that was
// not withdrawn, as of the index.
func (x index) holding(value []byte) (h happening, holds bool, err error) {
	h, counts, err := decodeHappening(value)
	if err != nil || !counts || h.position > x.upTo {
		return h, false, err
	}
	at, err := x.momentOf(h.moment)
	if err != nil {
		return h, false, err
	}
	by, err := x.withdrawnBy(at.Identity)
	return h, by == 0, err
}

// filled is a parent, and the position of what filled it.
type filled struct {
	parent   uint64
	position mes.Position
}

// emptying is an event that emptied a parent.
type emptying struct {
	genealogy.Moment
	position mes.Position
}

// emptiedAfter returns, of each source, the first event that emptied a parent
// behind the one at a moment and a position that filled it.
func (x index) emptiedAfter(parent uint64, at moment, position mes.Position) ([]emptying, error) {
	k := filled{parent, position}
	if have, known := x.emptied[k]; known {
		return have, nil
	}
	var emptied []emptying
	sources, err := x.partSources(parent, partEmptied)
	if err != nil {
		return nil, err
	}
	since, err := x.momentOf(at)
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		prefix, from := partRange(parent, partEmptied, source, at)
		err := x.scan(tableContent, prefix, from, func(_, value []byte) (bool, error) {
			h, holds, err := x.holding(value)
			if err != nil || !holds {
				return true, err
			}
			when, err := x.momentOf(h.moment)
			if err != nil || !genealogy.Before(since, when) {
				return true, err
			}
			emptied = append(emptied, emptying{when, h.position})
			return false, nil
		})
		if err != nil {
			return nil, err
		}
	}
	const most = 4096
	if len(x.emptied) > most {
		clear(x.emptied)
	}
	x.emptied[k] = emptied
	return emptied, nil
}

// partRange returns what the keys of a source begin with in a part, in the order
// by which it compares with a moment, and the key of that moment.
func partRange(parent uint64, of part, source uint32, at moment) (prefix, moment key) {
	if source == at.source {
		prefix = partKey(parent, of, bySequence).number32(source)
		return prefix, prefix.fork().number(uint64(at.epoch)).number(uint64(at.sequence))
	}
	prefix = partKey(parent, of, byTime).number32(source)
	return prefix, prefix.fork().time(at.time)
}

// filledBefore returns the events that put something into a parent which its
// being emptied at a moment may have taken out: of each source those since the
// parent was emptied before by the one that emptied it now.
func (x index) filledBefore(parent uint64, at moment) (filled []mes.Position, err error) {
	sources, err := x.partSources(parent, partFilled)
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		// To whom it compares by the clock, so does the emptying before.
		before, found, err := x.emptiedBefore(parent, at, source == at.source)
		if err != nil {
			return nil, err
		}
		prefix, end := partRange(parent, partFilled, source, at)
		from := prefix
		if found {
			_, from = partRange(parent, partFilled, source, before)
		}
		err = x.scan(tableContent, prefix, from, func(k, value []byte) (bool, error) {
			if bytes.Compare(k, end) > 0 && !bytes.HasPrefix(k, end) {
				return false, nil
			}
			h, holds, err := x.holding(value)
			if holds {
				filled = append(filled, h.position)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// emptiedBefore returns the last event before a moment by which the moment's
// source emptied a parent: by its numbers, or by its clock.
func (x index) emptiedBefore(parent uint64, at moment, byNumbers bool) (before moment, found bool, err error) {
	prefix, k := partRange(parent, partEmptied, at.source, at)
	if !byNumbers {
		prefix = partKey(parent, partEmptied, byTime).number32(at.source)
		k = prefix.fork().time(at.time)
	}
	for {
		last, value, err := x.tables.Before(tableContent, prefix, k)
		if last == nil || err != nil {
			return moment{}, false, err
		}
		h, holds, err := x.holding(value)
		if err != nil || holds {
			return h.moment, holds, err
		}
		k = last
	}
}
