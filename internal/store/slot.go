package store

import (
	"slices"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// slotsOf returns what is on each slot of a piece of equipment now, by the last
// change of each.
func (x index) slotsOf(equipment uint32) ([]SlotContent, error) {
	var slots []SlotContent
	prefix := key(nil).number32(equipment)
	k, _, err := x.tables.First(tableSlot, prefix, prefix)
	for k != nil && err == nil {
		r := reader{b: k[len(prefix):]}
		name := r.name()
		slot := slotKey(equipment, name)
		var changes []genealogy.Change
		if changes, err = x.lastChanges(slot); err != nil {
			return nil, err
		}
		if ordered := genealogy.InOrder(changes, func(c genealogy.Change) genealogy.Moment { return c.Moment }); len(ordered) > 0 {
			last := ordered[len(ordered)-1]
			content := SlotContent{Slot: name, Since: last.Time}
			if last.Action == mes.SlotLoad {
				content.Material = last.Material
			}
			slots = append(slots, content)
		}
		k, _, err = x.tables.First(tableSlot, prefix, append(slot, slotUse+1))
	}
	return slots, err
}

// lastChanges returns the last change of a slot by each source.
func (x index) lastChanges(slot key) ([]genealogy.Change, error) {
	var changes []genealogy.Change
	prefix := append(slices.Clip(slot), slotChange)
	k, _, err := x.tables.First(tableSlot, prefix, prefix)
	for k != nil && err == nil {
		r := reader{b: k[len(prefix):]}
		source := r.number32()
		ofSource := append(slices.Clip(prefix), key(nil).number32(source)...)
		var last []genealogy.Change
		if last, err = x.lastChange(slot, ofSource, moment{epoch: mes.Epoch(newest), sequence: mes.Sequence(newest)}); err != nil {
			return nil, err
		}
		changes = append(changes, last...)
		k, _, err = x.tables.First(tableSlot, prefix, append(slices.Clip(prefix), key(nil).number32(source+1)...))
	}
	return changes, err
}

// use is one event's taking material from a slot.
type use struct {
	moment
	position mes.Position
}

// usesAfter calls fn for the events that took from a slot and may have taken
// what one change put on it: of the change's own source those up to its next
// change, of others all.
func (x index) usesAfter(slot key, source uint32, epoch mes.Epoch, sequence mes.Sequence, fn func(use) error) error {
	end, err := x.nextChange(slot, source, epoch, sequence)
	if err != nil {
		return err
	}
	prefix := append(slices.Clip(slot), slotUse)
	from := prefix
	for {
		k, _, err := x.tables.First(tableSlot, prefix, from)
		if k == nil || err != nil {
			return err
		}
		r := reader{b: k[len(prefix):]}
		of := r.number32()
		ofSource := append(slices.Clip(prefix), key(nil).number32(of)...)
		start := key(nil)
		if of == source {
			start = append(slices.Clip(ofSource), key(nil).number(uint64(epoch)).number(uint64(sequence))...)
		}
		err = x.scan(tableSlot, ofSource, start, func(k, value []byte) (bool, error) {
			u, err := decodeUse(k[len(prefix):], value)
			if err != nil {
				return false, err
			}
			if of == source && end != nil && !before(u.moment, *end) {
				return false, nil
			}
			if u.position > x.upTo {
				return true, nil
			}
			return true, fn(u)
		})
		if err != nil {
			return err
		}
		from = append(slices.Clip(prefix), key(nil).number32(of+1)...)
	}
}

func before(a, b moment) bool {
	return a.epoch < b.epoch || a.epoch == b.epoch && a.sequence < b.sequence
}

func decodeUse(k, value []byte) (use, error) {
	r := reader{b: k}
	u := use{moment: moment{source: r.number32(), epoch: mes.Epoch(r.number()), sequence: mes.Sequence(r.number())}}
	if err := r.done("a slot's key"); err != nil {
		return u, err
	}
	r = reader{b: value}
	u.time = r.time()
	u.position = mes.Position(r.number())
	return u, r.done("a slot's use")
}

// nextChange returns the moment of a source's next change of a slot that holds,
// nil where there is none.
func (x index) nextChange(slot key, source uint32, epoch mes.Epoch, sequence mes.Sequence) (*moment, error) {
	ofSource := append(append(slices.Clip(slot), slotChange), key(nil).number32(source)...)
	var next *moment
	from := append(slices.Clip(ofSource), key(nil).number(uint64(epoch)).number(uint64(sequence)+1)...)
	err := x.scan(tableSlot, ofSource, from, func(k, value []byte) (bool, error) {
		c, holds, err := x.decodeChange(slot, k, value)
		if err != nil || !holds {
			return true, err
		}
		next = &moment{source, c.Identity.Epoch, c.Identity.Sequence, c.Time}
		return false, nil
	})
	return next, err
}
