package table

import (
	"bytes"

	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// Merge moves a layer into the leaves of a transaction's buckets of the given
// names, and makes the buckets that are missing. The layer is not changed.
func Merge(tx *bbolt.Tx, names []string, l *Layer) error {
	for i, name := range names {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		if l.trees[i].Len() == 0 {
			continue
		}
		b.FillPercent = 1 // Leaves have room of their own.
		edits, err := edits(b, l.trees[i])
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
func edits(b *bbolt.Bucket, t *tree) ([]edit, error) {
	var list []edit
	var scratch []byte
	c := b.Cursor()
	iter := t.Iter()
	for more := iter.First(); more; {
		first, leaf := floor(c, iter.Item().key())
		if first == nil {
			first, leaf = c.First() // What comes before the first leaf goes into it.
		}
		var bound []byte
		if first != nil {
			bound, _ = c.Next()
		}
		m := leafMerge{iter: &iter, bound: bound, scratch: scratch[:0]}
		if first != nil {
			if err := m.leaf.open(first, leaf); err != nil {
				return nil, err
			}
		}
		entries, size, err := m.run()
		if err != nil {
			return nil, err
		}
		more, scratch = m.more, m.scratch
		if first != nil && (len(entries) == 0 || !bytes.Equal(entries[0].key(), first)) {
			list = append(list, edit{key: first})
		}
		w := leafWriter{limit: leafLimit(size, m.appended), emit: func(key, leaf []byte) { list = append(list, edit{key, leaf}) }}
		for _, e := range entries {
			w.add(e.key(), e.value())
		}
		w.end()
	}
	return list, nil
}

// leafLimit returns how long the leaves become that hold so many bytes: full
// ones where all that came stands behind what was there, for more will come
// there; else equal ones, with room for what falls between.
func leafLimit(size int, appended bool) int {
	if appended || size <= leafBytes {
		return leafBytes
	}
	n := (size + leafBytes - 1) / leafBytes
	return size/n + leafBytes/8
}

// leafMerge merges the items of a tree below a bound into one leaf.
type leafMerge struct {
	iter  *btree.IterG[item]
	bound []byte
	leaf  leafReader
	// scratch holds what was in the leaf.
	scratch []byte

	// more says that the tree goes on at the bound.
	more bool
	// appended says that no item of the tree stands before one of the leaf.
	appended bool
}

// run returns what the leaf holds afterwards, and about how long that is.
func (m *leafMerge) run() (entries []item, size int, err error) {
	m.more, m.appended = true, true
	keep := func(i item) {
		if n := len(entries); n > 0 {
			size -= shared(entries[n-1].key(), i.key())
		}
		size += len(i.both) + 3
		entries = append(entries, i)
	}
	sealed, err := m.leaf.next()
	for err == nil {
		inTree := m.more && (m.bound == nil || bytes.Compare(m.iter.Item().key(), m.bound) < 0)
		switch order := m.order(sealed, inTree); {
		case !sealed && !inTree:
			return entries, size, nil
		case order < 0:
			start := len(m.scratch)
			m.scratch = append(append(m.scratch, m.leaf.key...), m.leaf.value...)
			keep(newItem(m.scratch[start:], len(m.leaf.key)))
			sealed, err = m.leaf.next()
		default:
			i := m.iter.Item()
			if !i.gone {
				keep(i)
			}
			if sealed {
				m.appended = false
			}
			if order == 0 {
				sealed, err = m.leaf.next()
			}
			m.more = m.iter.Next()
		}
	}
	return nil, 0, err
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

func shared(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
