package store

import (
	"iter"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/yield"
)

// FirstAttempts yields the first attempts in production with an event time in
// [from, to), by process segment in the order in which they were first heard
// of, then by time. It reads each of them.
func (v *View) FirstAttempts(segment string, from, to time.Time) iter.Seq2[yield.Attempt, error] {
	return func(each func(yield.Attempt, error) bool) {
		equipment := make(map[uint32]mes.EquipmentID)
		n := 0
		of := func(number uint32, name string) (bool, error) {
			prefix := key(nil).number32(number)
			more := true
			err := v.scan(tableAttempt, prefix, key(nil).number32(number).time(from), func(k, value []byte) (bool, error) {
				r := reader{b: k[len(prefix):]}
				t := r.time()
				if !t.Before(to) {
					return false, nil
				}
				r = reader{b: value}
				at, passed := r.number32(), r.u8() != 0
				if err := r.done("an attempt"); err != nil {
					return false, err
				}
				if _, known := equipment[at]; !known {
					id, err := v.name(classEquipment, at)
					if err != nil {
						return false, err
					}
					equipment[at] = mes.EquipmentID(id)
				}
				if n++; n%4096 == 0 && v.ctx.Err() != nil {
					return false, v.ctx.Err()
				}
				more = each(yield.Attempt{ProcessSegment: name, Equipment: equipment[at], Time: t, Passed: passed}, nil)
				return more, nil
			})
			return more, err
		}
		if err := v.segments(segment, of); err != nil {
			each(yield.Attempt{}, err)
		}
	}
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
