package store

import (
	"sync"

	"github.com/takt-mes/takt/internal/mes"
)

// nameClass says what kind of name has a number.
type nameClass uint8

const (
	classSource nameClass = 1 + iota
	classEquipment
	classSegment
)

type numberKey struct {
	class  nameClass
	number uint32
}

// numbered are names by their numbers, kept from one question to the next: a name
// has its number for good. Several may use it at once.
type numbered struct {
	mu    sync.RWMutex
	names map[numberKey]string
}

func newNumbered() *numbered { return &numbered{names: make(map[numberKey]string)} }

func (n *numbered) get(k numberKey) (name string, known bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	name, known = n.names[k]
	return name, known
}

func (n *numbered) put(k numberKey, name string) {
	const most = 1 << 14
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.names) >= most {
		clear(n.names)
	}
	n.names[k] = name
}

type nameKey struct {
	class nameClass
	name  string
}

// The parts of a bucket that holds both directions of a numbering.
const (
	byName   uint8 = 0
	byNumber uint8 = 1
)

// number returns the number of a name, 0 where it has none.
func (x index) number(class nameClass, name string) (uint32, error) {
	value, err := x.get(tableName, key(nil).u8(byName).u8(uint8(class)).name(name))
	if value == nil || err != nil {
		return 0, err
	}
	r := reader{b: value}
	return r.number32(), r.done("a name's number")
}

// name returns the name of a number.
func (x index) name(class nameClass, number uint32) (string, error) {
	k := numberKey{class, number}
	if name, known := x.numbered.get(k); known {
		return name, nil
	}
	value, err := x.get(tableName, key(nil).u8(byNumber).u8(uint8(class)).number32(number))
	if err == nil && value == nil && number != 0 {
		err = mes.Errorf(mes.CodeDamaged, "number %d of class %d has no name; run takt check", number, class)
	}
	if err != nil {
		return "", err
	}
	name := string(value)
	x.numbered.put(k, name)
	return name, nil
}
