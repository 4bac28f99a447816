package store

import (
	"encoding/json"
	"time"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
)

// equipmentEntry is what is kept of a piece of equipment.
type equipmentEntry struct {
	events      uint64
	last        time.Time
	known       bool
	displayName string
}

func (q equipmentEntry) encode() []byte {
	k := key(nil).number(q.events).u8(b2u(!q.last.IsZero()))
	if !q.last.IsZero() {
		k = k.time(q.last)
	}
	return k.u8(b2u(q.known)).name(clip(q.displayName))
}

func (x index) equipmentEntry(number uint32) (equipmentEntry, error) {
	value, err := x.get(tableEquipment, key(nil).number32(number))
	if value == nil || err != nil {
		return equipmentEntry{}, err
	}
	return decodeEquipment(value)
}

func decodeEquipment(value []byte) (equipmentEntry, error) {
	r := reader{b: value}
	q := equipmentEntry{events: r.number()}
	if r.u8() != 0 {
		q.last = r.time()
	}
	q.known = r.u8() != 0
	q.displayName = r.name()
	return q, r.done("a piece of equipment")
}

// revision is one of the plant model's about a piece of equipment.
type revision struct {
	genealogy.Moment
	known       bool
	displayName string
}

// revisions returns the revisions of a piece of equipment that hold.
func (x index) revisions(number uint32) ([]revision, error) {
	var revisions []revision
	prefix := key(nil).number32(number)
	err := x.scan(tableEquipment, prefix, nil, func(k, value []byte) (bool, error) {
		if len(k) == len(prefix) {
			return true, nil // the equipment itself
		}
		m, r, err := decodeRevision(k, value)
		if err != nil {
			return false, err
		}
		if r.Moment, err = x.momentOf(m); err != nil {
			return false, err
		}
		by, err := x.withdrawnBy(r.Identity)
		if by == 0 {
			revisions = append(revisions, r)
		}
		return true, err
	})
	return revisions, err
}

func decodeRevision(k, value []byte) (moment, revision, error) {
	r := reader{b: k}
	_ = r.number32() // the equipment
	m := moment{source: r.number32(), epoch: mes.Epoch(r.number()), sequence: mes.Sequence(r.number())}
	if err := r.done("a revision's key"); err != nil {
		return m, revision{}, err
	}
	r = reader{b: value}
	m.time = r.time()
	rev := revision{known: r.u8() != 0, displayName: r.name()}
	return m, rev, r.done("a revision of a piece of equipment")
}

// displayName reads what a piece of equipment's master data calls it.
func displayName(content string) string {
	var master struct {
		DisplayName string `json:"displayName"`
	}
	_ = json.Unmarshal([]byte(content), &master) // what cannot be read has no name
	return master.DisplayName
}
