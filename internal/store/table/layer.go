package table

import (
	"bytes"
	"encoding/binary"

	"github.com/tidwall/btree"
)

// item is a key with its value, or a key that is gone.
type item struct {
	// both is the key and behind it the value.
	both []byte
	// front are the first eight bytes of the key, with zeros behind a shorter one:
	// most comparisons end there, without a look at the key.
	front uint64
	// length is the key's.
	length int32
	gone   bool
}

// newItem returns the item of a key, with the value behind it.
func newItem(both []byte, length int) item {
	i := item{both: both, length: int32(length)} //nolint:gosec // keys are below 64 KiB
	if length >= 8 {
		i.front = binary.BigEndian.Uint64(both)
		return i
	}
	for n, b := range both[:length] {
		i.front |= uint64(b) << (56 - 8*n)
	}
	return i
}

func (i item) key() []byte   { return i.both[:i.length:i.length] }
func (i item) value() []byte { return i.both[i.length:len(i.both):len(i.both)] }

func keyOnly(key []byte) item { return newItem(key, len(key)) }

func less(a, b item) bool {
	if a.front != b.front {
		return a.front < b.front
	}
	return bytes.Compare(a.both[:a.length], b.both[:b.length]) < 0
}

type tree = btree.BTreeG[item]

// Layer is what was put and deleted since the layer below it ended. One
// goroutine changes it; its snapshots never change.
type Layer struct {
	trees []*tree
	// snapshots are the trees as of the last Snapshot; nil where changed since.
	snapshots []*tree
	slab      slab
	size      int
}

// NewLayer returns an empty layer of so many tables.
func NewLayer(tables int) *Layer {
	l := &Layer{trees: make([]*tree, tables), snapshots: make([]*tree, tables)}
	for i := range l.trees {
		l.trees[i] = btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
	}
	return l
}

// Put sets a key's value. Both are copied.
func (l *Layer) Put(t ID, key, value []byte) {
	both := l.room(len(key) + len(value))
	copy(both[copy(both, key):], value)
	l.set(t, newItem(both, len(key)))
}

// Delete takes a key away, whatever is below this layer.
func (l *Layer) Delete(t ID, key []byte) {
	both := l.room(len(key))
	copy(both, key)
	i := newItem(both, len(key))
	i.gone = true
	l.set(t, i)
}

func (l *Layer) set(t ID, i item) {
	l.snapshots[t] = nil
	l.trees[t].Set(i)
}

// room returns so many bytes that nobody else has.
func (l *Layer) room(n int) []byte {
	const perItem = 64 // what the tree needs for an item, about
	l.size += n + perItem
	return l.slab.room(n)
}

// Size returns about how many bytes of memory the layer takes.
func (l *Layer) Size() int { return l.size }

// Snapshot returns the layer as it is now, for readers; it is never changed.
// It takes no copy: what is changed later is copied then.
func (l *Layer) Snapshot() *Layer {
	for i, t := range l.trees {
		if l.snapshots[i] == nil {
			l.snapshots[i] = t.Copy()
		}
	}
	return &Layer{trees: append([]*tree(nil), l.snapshots...), size: l.size}
}
