package store

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// groupRun is how many groups stand behind one another as what they add to the
// one before; the next run begins anew, so that one is found without reading
// all.
const groupRun = 64

// packGroups returns the records of groups that follow one another, without
// their entries. There is at least one.
func packGroups(groups []group) []byte {
	var names nameList
	var body []byte
	var runs []int
	var last group
	offsets := make(map[[2]uint64]mes.Offset)
	for i, g := range groups {
		if i%groupRun == 0 {
			runs = append(runs, len(body))
			body = key(body).number(uint64(g.first)).time(g.time)
			last = g
			clear(offsets)
		}
		body = binary.AppendUvarint(body, uint64(g.count)) //nolint:gosec // a count is never negative
		body = binary.AppendVarint(body, g.time.Unix()-last.time.Unix())
		body = binary.AppendVarint(body, int64(g.time.Nanosecond()-last.time.Nanosecond()))
		last = g
		rare := len(g.schemas) + len(g.tallies)
		body = binary.AppendUvarint(body, uint64(len(g.durables))<<1|uint64(min(rare, 1)))
		for _, d := range g.durables {
			pair := [2]uint64{names.number(string(d.gateway)), names.number(d.spool)}
			body = binary.AppendUvarint(binary.AppendUvarint(body, pair[0]), pair[1])
			body = binary.AppendVarint(body, int64(d.offset-offsets[pair])) //nolint:gosec // the difference of counts, modulo 2^64
			offsets[pair] = d.offset
		}
		if rare == 0 {
			continue
		}
		body = binary.AppendUvarint(body, uint64(len(g.schemas)))
		for i := range g.schemas {
			body = appendBytes(body, mes.AppendSchema(nil, &g.schemas[i]))
		}
		body = binary.AppendUvarint(body, uint64(len(g.tallies)))
		for _, t := range g.tallies {
			body = binary.AppendUvarint(body, names.number(string(t.source)))
			body = binary.AppendUvarint(binary.AppendUvarint(body, t.duplicates), t.refused)
		}
	}
	b := key(nil).number(groups[0].number)
	b = binary.AppendUvarint(b, uint64(len(groups)))
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendBytes(b, name)
	}
	for _, at := range runs {
		b = binary.BigEndian.AppendUint32(b, uint32(at)) //nolint:gosec // a list is far below 4 GiB
	}
	return append(b, body...)
}

// nameList numbers names in the order in which they come.
type nameList []string

func (l *nameList) number(name string) uint64 {
	i := slices.Index(*l, name)
	if i < 0 {
		i = len(*l)
		*l = append(*l, name)
	}
	return uint64(i)
}

// groupList reads what packGroups wrote.
type groupList struct {
	number uint64
	count  int
	names  []string
	runs   []byte
	body   []byte
}

func openGroups(b []byte) (l groupList, err error) {
	r := reader{b: b}
	l.number = r.number()
	l.count = bounded(&r)
	for range bounded(&r) {
		l.names = append(l.names, string(r.bytes()))
	}
	l.runs = r.take((l.count + groupRun - 1) / groupRun * 4)
	l.body = r.b
	if r.bad || l.count == 0 {
		return groupList{}, damagedGroups()
	}
	return l, nil
}

func damagedGroups() error {
	return mes.Errorf(mes.CodeDamaged, "a list of groups has a shape that is not in this format; run takt check")
}

// run returns where a run begins, and what is common to its groups.
func (l *groupList) run(n int) (r reader, at group) {
	start := binary.BigEndian.Uint32(l.runs[4*n:])
	if uint64(start) > uint64(len(l.body)) {
		return reader{bad: true}, group{}
	}
	r = reader{b: l.body[start:]}
	at.number = l.number + uint64(n)*groupRun //nolint:gosec // an index is never negative
	at.first = mes.Position(r.number())
	at.time = r.time()
	return r, at
}

// read calls fn for the groups of a run in their order, until it returns false.
func (l *groupList) read(n int, fn func(group) (bool, error)) error {
	r, g := l.run(n)
	offsets := make(map[[2]uint64]mes.Offset)
	for range min(groupRun, l.count-n*groupRun) {
		g.count = int(uint32(r.uvarint())) //nolint:gosec // a group has few entries
		g.time = time.Unix(g.time.Unix()+r.varint(), int64(g.time.Nanosecond())+r.varint()).UTC()
		g.schemas, g.tallies, g.durables = nil, nil, nil
		more := r.uvarint()
		if more>>1 > uint64(len(r.b)) {
			r.bad = true
		}
		for range min(more>>1, uint64(len(r.b))) {
			pair := [2]uint64{r.uvarint(), r.uvarint()}
			offsets[pair] += mes.Offset(r.varint()) //nolint:gosec // the difference of counts, modulo 2^64
			g.durables = append(g.durables, durable{mes.Gateway(l.name(&r, pair[0])), l.name(&r, pair[1]), offsets[pair]})
		}
		if more&1 != 0 {
			for range bounded(&r) {
				s, err := mes.DecodeSchema(r.bytes())
				if err != nil {
					return damagedGroups()
				}
				g.schemas = append(g.schemas, s)
			}
			for range bounded(&r) {
				g.tallies = append(g.tallies, tally{mes.Source(l.name(&r, r.uvarint())), r.uvarint(), r.uvarint()})
			}
		}
		if r.bad {
			return damagedGroups()
		}
		if more, err := fn(g); err != nil || !more {
			return err
		}
		g.number++
		g.first += mes.Position(g.count) //nolint:gosec // a count is never negative
	}
	return nil
}

func (l *groupList) name(r *reader, number uint64) string {
	if number >= uint64(len(l.names)) {
		r.bad = true
		return ""
	}
	return l.names[number]
}

// all calls fn for each group in its order.
func (l *groupList) all(fn func(group) error) error {
	for n := range len(l.runs) / 4 {
		if err := l.read(n, func(g group) (bool, error) { return true, fn(g) }); err != nil {
			return err
		}
	}
	return nil
}

// time returns the record time of the group that a position is in. Every answer
// asks for it, so what else a group says is passed over.
func (l *groupList) time(position mes.Position) (time.Time, error) {
	n := sort.Search(len(l.runs)/4, func(n int) bool { _, at := l.run(n); return at.first > position })
	if n == 0 {
		return time.Time{}, damagedGroups()
	}
	r, g := l.run(n - 1)
	seconds, nanos := g.time.Unix(), int64(g.time.Nanosecond())
	for range min(groupRun, l.count-(n-1)*groupRun) {
		g.first += mes.Position(uint32(r.uvarint())) //nolint:gosec // a group has few entries
		seconds, nanos = seconds+r.varint(), nanos+r.varint()
		if position < g.first || r.bad {
			break
		}
		more := r.uvarint()
		for range min(more>>1, uint64(len(r.b))) {
			_, _, _ = r.uvarint(), r.uvarint(), r.varint()
		}
		if more&1 == 0 {
			continue
		}
		for range bounded(&r) {
			_ = r.bytes()
		}
		for range bounded(&r) {
			_, _, _ = r.uvarint(), r.uvarint(), r.uvarint()
		}
	}
	if r.bad || position >= g.first {
		return time.Time{}, damagedGroups()
	}
	return time.Unix(seconds, nanos).UTC(), nil
}
