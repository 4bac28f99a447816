package store

import (
	"encoding/json"
	"time"
)

// equipmentEntry is what is kept of a piece of equipment.
type equipmentEntry struct {
	events      uint64
	last        time.Time
	known       bool
	displayName string
}

func (q equipmentEntry) encode() []byte {
	k := key(nil).u64(q.events).u8(b2u(!q.last.IsZero()))
	if !q.last.IsZero() {
		k = k.time(q.last)
	}
	return k.u8(b2u(q.known)).name(clip(q.displayName))
}

func (x index) equipmentEntry(number uint32) (equipmentEntry, error) {
	value, err := get(x.tx.Bucket(bucketEquipment), key(nil).u32(number))
	if value == nil || err != nil {
		return equipmentEntry{}, err
	}
	return decodeEquipment(value)
}

func decodeEquipment(value []byte) (equipmentEntry, error) {
	r := reader{b: value}
	q := equipmentEntry{events: r.u64()}
	if r.u8() != 0 {
		q.last = r.time()
	}
	q.known = r.u8() != 0
	q.displayName = r.name()
	return q, r.done("a piece of equipment")
}

// displayName reads what a piece of equipment's master data calls it.
func displayName(content string) string {
	var master struct {
		DisplayName string `json:"displayName"`
	}
	_ = json.Unmarshal([]byte(content), &master) // what cannot be read has no name
	return master.DisplayName
}
