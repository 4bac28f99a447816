package store

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/yield"
)

// Tested counts the first attempts in production with an event time in
// [from, to), at one process segment, or at all where segment is empty, by
// process segment and equipment. It is exact whatever the bounds are, and reads
// counters of whole hours and minutes, and single attempts only within half a
// minute of each bound.
//
// Errors: CodeInvalid where retention has removed what a part of the window is
// about, CodeDamaged where counters and attempts do not agree.
func (v *View) Tested(segment string, from, to time.Time) iter.Seq2[yield.Count, error] {
	return func(each func(yield.Count, error) bool) {
		if from.Unix() < minUnix {
			from = time.Time{} // no event is older
		}
		if err := v.whole(from); err != nil {
			each(yield.Count{}, err)
			return
		}
		err := v.segments(segment, func(number uint32, name string) (bool, error) {
			q := testedQuery{view: v, segment: number, counts: make(map[uint32]*testedSum)}
			if err := q.add(testedHours, from, to, 1); err != nil {
				return false, err
			}
			for _, n := range slices.Sorted(maps.Keys(q.counts)) {
				c := q.counts[n]
				if c.tested == 0 && c.failed == 0 {
					continue
				}
				if c.tested <= 0 || c.failed < 0 || c.failed > c.tested {
					return false, mes.Errorf(mes.CodeDamaged,
						"the counters of process segment %s do not agree with its attempts; run takt check, then takt rebuild", name)
				}
				id, err := v.name(classEquipment, n)
				if err != nil {
					return false, err
				}
				count := yield.Count{
					ProcessSegment: name, Equipment: mes.EquipmentID(id),
					Tested: uint64(c.tested), Passed: uint64(c.tested - c.failed), //nolint:gosec // neither is negative
				}
				if !each(count, nil) {
					return false, nil
				}
			}
			return true, v.ctx.Err()
		})
		if err != nil {
			each(yield.Count{}, err)
		}
	}
}

// testedQuery counts first attempts at one process segment.
type testedQuery struct {
	view    *View
	segment uint32
	counts  map[uint32]*testedSum // by equipment
	read    int
}

type testedSum struct{ tested, failed int64 }

// add adds what was tested in [from, to), times sign. The windows of a level
// cover about that; what they have too little at a bound, or too much, is added
// or taken away by the level below.
func (q *testedQuery) add(level testedLevel, from, to time.Time, sign int64) error {
	if !from.Before(to) {
		return nil
	}
	if level > testedMinutes {
		return q.addAttempts(from, to, sign)
	}
	if to.Sub(from) < level.length() {
		return q.add(level+1, from, to, sign)
	}
	start, end := from.Round(level.length()), to.Round(level.length())
	return errors.Join(
		q.addWindows(level, start, end, sign),
		q.add(level+1, from, start, sign), q.add(level+1, start, from, -sign),
		q.add(level+1, end, to, sign), q.add(level+1, to, end, -sign),
	)
}

// addWindows adds the windows of a level between two bounds of it.
func (q *testedQuery) addWindows(level testedLevel, from, to time.Time, sign int64) error {
	prefix := testedPrefix(q.segment, level)
	end := level.window(to)
	return q.view.scan(tableTested, prefix, prefix.fork().number(level.window(from)), func(k, value []byte) (bool, error) {
		r := reader{b: k[len(prefix):]}
		window, equipment := r.number(), r.number32()
		if window >= end && !r.bad {
			return false, nil
		}
		if err := r.done("the key of a count of what was tested"); err != nil {
			return false, err
		}
		c, err := decodeTested(value)
		if err != nil {
			return false, err
		}
		return q.count(equipment, sign*int64(c.tested), sign*int64(c.failed)) //nolint:gosec // there are fewer events than that
	})
}

// addAttempts adds single attempts.
func (q *testedQuery) addAttempts(from, to time.Time, sign int64) error {
	prefix := key(nil).number32(q.segment)
	return q.view.scan(tableAttempt, prefix, prefix.fork().time(from), func(k, value []byte) (bool, error) {
		r := reader{b: k[len(prefix):]}
		if t := r.time(); !t.Before(to) && !r.bad {
			return false, nil
		}
		a, err := decodeAttempt(value)
		if err != nil {
			return false, err
		}
		return q.count(a.equipment, sign, sign*int64(1-b2u(a.passed)))
	})
}

func (q *testedQuery) count(equipment uint32, tested, failed int64) (bool, error) {
	c := q.counts[equipment]
	if c == nil {
		c = new(testedSum)
		q.counts[equipment] = c
	}
	c.tested += tested
	c.failed += failed
	const often = 4096
	if q.read++; q.read%often != 0 {
		return true, nil
	}
	return true, q.view.ctx.Err()
}

// segments calls fn for one process segment, or for all where name is empty.
func (v *View) segments(name string, fn func(number uint32, name string) (bool, error)) error {
	if name != "" {
		n, err := v.number(classSegment, name)
		if err != nil || n == 0 {
			return err
		}
		_, err = fn(n, name)
		return err
	}
	prefix := key(nil).u8(byNumber).u8(uint8(classSegment))
	return v.scan(tableName, prefix, nil, func(k, value []byte) (bool, error) {
		r := reader{b: k[2:]}
		return fn(r.number32(), string(value))
	})
}
