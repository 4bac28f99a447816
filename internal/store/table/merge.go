package table

import (
	"bytes"

	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// Create makes the tables of the given names in a transaction, each with an empty
// leaf: one that is not there or has none is a damaged one.
func Create(tx *bbolt.Tx, names []string) error {
	for i, name := range names {
		b, err := tx.CreateBucket([]byte(name))
		if err != nil {
			return err
		}
		w := leafWriter{table: ID(i), begins: true, first: []byte{0}, emit: func(key, leaf []byte) { err = b.Put(key, leaf) }}
		if w.end(nil); err != nil {
			return err
		}
	}
	return nil
}

// bucketOf returns a table's bucket.
func bucketOf(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	b := tx.Bucket([]byte(name))
	if b == nil {
		return nil, mes.Errorf(mes.CodeDamaged, "the indexes have no table %s; run takt check, then takt rebuild", name)
	}
	return b, nil
}

// Merge moves a layer into the leaves of a transaction's tables of the given
// names. The layer is not changed.
func Merge(tx *bbolt.Tx, names []string, l *Layer) error {
	var m leafMerge
	for i, name := range names {
		if l.trees[i].Len() == 0 {
			continue
		}
		b, err := bucketOf(tx, name)
		if err != nil {
			return err
		}
		b.FillPercent = 1 // Leaves have room of their own.
		m.leaf.of(ID(i))
		edits, err := m.edits(b, l.trees[i])
		if err != nil {
			return err
		}
		for _, e := range edits {
			if e.leaf == nil {
				err = b.Delete(e.key)
			} else {
				err = b.Put(e.key, e.leaf)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// edit is a leaf that is written, or one that goes where leaf is nil.
type edit struct{ key, leaf []byte }

// edits returns what changes in a bucket when a tree is merged into it.
func (m *leafMerge) edits(b *bbolt.Bucket, t *tree) ([]edit, error) {
	var list []edit
	c := b.Cursor()
	m.iter = t.Iter()
	for m.more = m.iter.First(); m.more; {
		first, leaf := floor(c, m.iter.Item().key())
		m.begin()
		for more := true; more; {
			var err error
			if first, leaf, more, err = m.take(c, first, leaf); err != nil {
				return nil, err
			}
		}
		list = m.end(list)
	}
	return list, nil
}

// leafMerge merges the items of a tree into stretches of neighbouring leaves.
// What stands in one is packed anew as a whole, so that little of it is left
// empty.
type leafMerge struct {
	iter btree.IterG[item]
	// more says that the tree goes on at iter.
	more bool

	leaf leafReader
	// scratch holds what was in the leaves.
	scratch []byte
	// firsts are the keys of the leaves of the stretch, entries what it holds
	// afterwards, and size about how long these are as leaves.
	firsts [][]byte
	// begins says that no leaf stands before them, and following is the key of the
	// one behind them.
	begins    bool
	following []byte
	entries   []mergedEntry
	size      int
	// appended says that no item of the tree stands before one of the leaves.
	appended bool
}

// mergedEntry is an entry of a stretch, encoded already where it stands behind
// the one that it stood behind before.
type mergedEntry struct {
	item
	encoded []byte
}

// maxStretch bounds how many leaves are packed together, so that their entries
// stay in the processor's cache.
const maxStretch = 16

func (m *leafMerge) begin() {
	m.scratch, m.firsts, m.entries = m.scratch[:0], m.firsts[:0], m.entries[:0]
	m.size, m.appended = 0, true
}

// take merges what falls into one leaf, and returns the next one and whether
// something falls into that as well.
func (m *leafMerge) take(c *bbolt.Cursor, first, leaf []byte) (next, nextLeaf []byte, more bool, err error) {
	if len(m.firsts) == 0 {
		err = m.leaf.openAt(first, leaf, m.iter.Item().key())
		m.begins = m.leaf.begins
	} else {
		err = m.leaf.open(first, leaf)
	}
	if err != nil {
		return nil, nil, false, err
	}
	m.firsts = append(m.firsts, first)
	next, nextLeaf = c.Next()
	if !bytes.Equal(next, m.leaf.following) {
		return nil, nil, false, damaged(first)
	}
	m.following = next
	if err := m.until(next); err != nil || !m.more || len(m.firsts) >= maxStretch {
		return nil, nil, false, err
	}
	bound, _ := c.Next()
	if bound != nil && bytes.Compare(m.iter.Item().key(), bound) >= 0 {
		return nil, nil, false, nil
	}
	if bound == nil {
		c.Last()
	} else {
		c.Prev()
	}
	return next, nextLeaf, true, nil
}

// until merges the leaf at hand with the items of the tree below a bound.
func (m *leafMerge) until(bound []byte) error {
	follows := false
	sealed, err := m.leaf.next()
	for err == nil {
		inTree := m.more && (bound == nil || bytes.Compare(m.iter.Item().key(), bound) < 0)
		switch order := m.order(sealed, inTree); {
		case !sealed && !inTree:
			return nil
		case order < 0:
			start := len(m.scratch)
			m.scratch = append(append(m.scratch, m.leaf.key...), m.leaf.value...)
			e := mergedEntry{item: newItem(m.scratch[start:], len(m.leaf.key))}
			if follows {
				e.encoded = m.leaf.encoded
			}
			m.keep(e)
			follows = true
			sealed, err = m.leaf.next()
		default:
			i := m.iter.Item()
			if !i.gone {
				m.keep(mergedEntry{item: i})
			}
			follows = false
			if sealed {
				m.appended = false
			}
			if order == 0 {
				sealed, err = m.leaf.next()
			}
			m.more = m.iter.Next()
		}
	}
	return err
}

// order compares the leaf's entry with the tree's item; what is not there comes
// last.
func (m *leafMerge) order(sealed, inTree bool) int {
	switch {
	case !sealed:
		return 1
	case !inTree:
		return -1
	}
	return bytes.Compare(m.leaf.key, m.iter.Item().key())
}

func (m *leafMerge) keep(e mergedEntry) {
	last := keyOnly(nil)
	if n := len(m.entries); n > 0 {
		last = m.entries[n-1].item
	}
	if e.encoded != nil {
		m.size += len(e.encoded)
	} else {
		m.size += entryBytes(last, e.item)
	}
	m.entries = append(m.entries, e)
}

// end appends how the stretch is written.
func (m *leafMerge) end(list []edit) []edit {
	gone := m.firsts
	w := leafWriter{table: m.leaf.table, limit: leafLimit(m.size, m.appended), begins: m.begins, emit: func(key, leaf []byte) {
		for len(gone) > 0 && bytes.Compare(gone[0], key) <= 0 {
			if !bytes.Equal(gone[0], key) {
				list = append(list, edit{key: gone[0]})
			}
			gone = gone[1:]
		}
		list = append(list, edit{key, leaf})
	}}
	// The leaf before keeps the key that it says comes next.
	if len(m.entries) == 0 || bytes.Compare(gone[0], m.entries[0].key()) < 0 {
		w.first = bytes.Clone(gone[0])
	}
	for _, e := range m.entries {
		w.add(e.item, e.encoded)
	}
	w.end(m.following)
	for _, key := range gone {
		list = append(list, edit{key: key})
	}
	return list
}

// leafLimit returns how long the leaves become that hold so many bytes: full
// ones where all that came stands behind what was there, for more will come
// there; else equal ones, with room for what falls between.
func leafLimit(size int, appended bool) int {
	const room = leafBytes - leafBytes/16 // of what a leaf has beside its entries
	if appended || size <= room {
		return leafBytes
	}
	n := (size + room - 1) / room
	return min(leafBytes, size/n+leafBytes/16)
}
