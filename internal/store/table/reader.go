package table

import (
	"bytes"
	"iter"

	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// Reader looks through layers at the leaves under them. It is valid as long as
// its transaction is, and as nobody changes its layers. One goroutine uses it.
type Reader struct {
	tx      *bbolt.Tx
	names   []string
	buckets []*bbolt.Bucket // as far as they were asked for
	layers  []*Layer        // the newest first
	free    []*merger       // those of scans that have ended
	leaf    leafReader      // of Get
	values  slab            // what was given out of leaves
}

// NewReader returns a reader of the leaves in a transaction's buckets of the
// given names, which Create made, under layers, the newest first.
func NewReader(tx *bbolt.Tx, names []string, layers ...*Layer) *Reader {
	return &Reader{tx: tx, names: names, buckets: make([]*bbolt.Bucket, len(names)), layers: layers}
}

// cursor returns a cursor of a table's leaves.
func (r *Reader) cursor(t ID) (*bbolt.Cursor, error) {
	if r.buckets[t] == nil {
		b, err := bucketOf(r.tx, r.names[t])
		if err != nil {
			return nil, err
		}
		r.buckets[t] = b
	}
	return r.buckets[t].Cursor(), nil
}

// Get returns a key's value, nil where it has none. An empty value is not nil.
// It is valid as long as the reader. CodeDamaged where the leaf does not match
// its checksum.
func (r *Reader) Get(t ID, key []byte) ([]byte, error) {
	probe := keyOnly(key)
	for _, l := range r.layers {
		if i, ok := l.trees[t].Get(probe); ok {
			if i.gone {
				return nil, nil
			}
			return i.value(), nil
		}
	}
	c, err := r.cursor(t)
	if err != nil {
		return nil, err
	}
	first, leaf := floor(c, key)
	l := &r.leaf
	l.of(t)
	if err := l.openAt(first, leaf, key); err != nil {
		return nil, err
	}
	if at, err := l.seek(key); err != nil || !at || !bytes.Equal(l.key, key) {
		return nil, err
	}
	return r.values.keep(l.value), nil
}

// floor leaves a cursor at the last leaf whose key is not above the key, else at
// the first one, and returns it; nil where there is none, which a leaf reader
// refuses.
func floor(c *bbolt.Cursor, key []byte) (first, leaf []byte) {
	first, leaf = c.Seek(key)
	switch {
	case first == nil:
		return c.Last()
	case bytes.Equal(first, key):
		return first, leaf
	}
	if first, leaf = c.Prev(); first == nil {
		return c.First()
	}
	return first, leaf
}

// Lost looks whether a search leads to each of up to n leaves from the one with a key
// on (nil for the first): what leads to leaves has no checksum. It returns the key of
// the first one that it does not lead to, nil where there is none, the key to go on
// with, nil at the end, and how many it looked for.
func (r *Reader) Lost(t ID, from []byte, n int) (lost, next []byte, looked int, err error) {
	all, err := r.cursor(t)
	if err != nil {
		return nil, nil, 0, err
	}
	search, err := r.cursor(t)
	if err != nil {
		return nil, nil, 0, err
	}
	k, _ := all.First()
	if from != nil {
		k, _ = all.Seek(from)
	}
	for ; k != nil && looked < n; looked++ {
		if found, _ := floor(search, k); !bytes.Equal(found, k) {
			return bytes.Clone(k), nil, looked, nil
		}
		k, _ = all.Next()
	}
	return nil, bytes.Clone(k), looked, nil
}

// Scan calls fn for each key that begins with prefix, from the key `from` on
// (nil for the first), in the order of the keys, until fn returns false or an
// error. The key is valid until fn returns, the value as long as the reader.
func (r *Reader) Scan(t ID, prefix, from []byte, fn func(key, value []byte) (bool, error)) error {
	if from == nil {
		from = prefix
	}
	m := r.merger()
	defer r.release(m)
	if err := m.seek(r, t, from); err != nil {
		return err
	}
	for {
		key, value, err := m.next()
		if err != nil || key == nil || !bytes.HasPrefix(key, prefix) {
			return err
		}
		more, err := fn(key, value)
		if err != nil || !more {
			return err
		}
	}
}

// merger goes through layers and leaves at once.
type merger struct {
	layers []layerReader // the newest first
	cursor *bbolt.Cursor
	leaf   leafReader
	// sealed says that leaf stands at an entry that was not yet given out.
	sealed bool
	// key is what was given out last of the leaves, values all that was.
	key    []byte
	values slab
}

type layerReader struct {
	iter btree.IterG[item]
	// at says that iter stands at an item that was not yet given out.
	at bool
}

// merger returns one that nobody uses: scans are many, and most are short.
func (r *Reader) merger() *merger {
	n := len(r.free)
	if n == 0 {
		return new(merger)
	}
	m := r.free[n-1]
	r.free = r.free[:n-1]
	return m
}

func (r *Reader) release(m *merger) { r.free = append(r.free, m) }

// seek goes to the first key of a table that is not below from.
func (m *merger) seek(r *Reader, t ID, from []byte) (err error) {
	m.layers, m.cursor, m.sealed = m.layers[:0], nil, false
	for _, l := range r.layers {
		if l.trees[t].Len() == 0 {
			continue
		}
		reader := layerReader{iter: l.trees[t].Iter()}
		reader.at = reader.iter.Seek(keyOnly(from))
		m.layers = append(m.layers, reader)
	}
	if m.cursor, err = r.cursor(t); err != nil {
		return err
	}
	m.leaf.of(t)
	first, leaf := floor(m.cursor, from)
	if err := m.leaf.openAt(first, leaf, from); err != nil {
		return err
	}
	if m.sealed, err = m.leaf.seek(from); err != nil || m.sealed {
		return err
	}
	return m.advance()
}

// advance comes to the next sealed entry.
func (m *merger) advance() (err error) {
	for {
		if m.sealed, err = m.leaf.next(); err != nil || m.sealed {
			return err
		}
		if more, err := m.leaf.openNext(m.cursor); err != nil || !more {
			return err
		}
	}
}

// next returns the next key with its value; a nil key at the end. The key is
// valid until the next call.
func (m *merger) next() (key, value []byte, err error) {
	for {
		newest := -1 // the layer that has the lowest key; of several the newest
		for i := range m.layers {
			if m.layers[i].at && (newest < 0 || less(m.layers[i].iter.Item(), m.layers[newest].iter.Item())) {
				newest = i
			}
		}
		if newest < 0 {
			if !m.sealed {
				return nil, nil, nil
			}
			return m.nextSealed()
		}
		lowest := m.layers[newest].iter.Item()
		if m.sealed && bytes.Compare(m.leaf.key, lowest.key()) < 0 {
			return m.nextSealed()
		}
		for i := range m.layers {
			if m.layers[i].at && !less(lowest, m.layers[i].iter.Item()) {
				m.layers[i].at = m.layers[i].iter.Next()
			}
		}
		if m.sealed && bytes.Equal(m.leaf.key, lowest.key()) {
			if err := m.advance(); err != nil {
				return nil, nil, err
			}
		}
		if !lowest.gone {
			return lowest.key(), lowest.value(), nil
		}
	}
}

func (m *merger) nextSealed() (key, value []byte, err error) {
	m.key = append(m.key[:0], m.leaf.key...)
	value = m.values.keep(m.leaf.value)
	return m.key, value, m.advance()
}

// Before returns the last key that begins with prefix and is below key, with
// its value; a nil key where there is none. CodeDamaged as Get.
func (r *Reader) Before(t ID, prefix, key []byte) (before, value []byte, err error) {
	for {
		var highest item
		for _, l := range r.layers {
			l.trees[t].Descend(keyOnly(key), func(i item) bool {
				if bytes.Compare(i.key(), key) >= 0 {
					return true
				}
				if highest.both == nil || less(highest, i) {
					highest = i
				}
				return false
			})
		}
		sealed, value, err := r.sealedBefore(t, key)
		if err != nil {
			return nil, nil, err
		}
		if highest.both == nil || sealed != nil && bytes.Compare(sealed, highest.key()) > 0 {
			if !bytes.HasPrefix(sealed, prefix) {
				return nil, nil, nil
			}
			return sealed, value, nil
		}
		if !bytes.HasPrefix(highest.key(), prefix) {
			return nil, nil, nil
		}
		if !highest.gone {
			return highest.key(), highest.value(), nil
		}
		key = highest.key()
	}
}

// sealedBefore returns the last sealed key below key, nil where there is none.
func (r *Reader) sealedBefore(t ID, key []byte) (before, value []byte, err error) {
	c, err := r.cursor(t)
	if err != nil {
		return nil, nil, err
	}
	first, leaf := floor(c, key)
	l := leafReader{table: t}
	if err := l.openAt(first, leaf, key); err != nil {
		return nil, nil, err
	}
	for {
		more, err := l.next()
		for ; err == nil && more && bytes.Compare(l.key, key) < 0; more, err = l.next() {
			before, value = append(before[:0], l.key...), append(value[:0], l.value...)
		}
		if err != nil || before != nil {
			return before, value, err
		}
		if first, more, err = l.openBefore(c, first); err != nil || !more {
			return nil, nil, err
		}
	}
}

// First returns the first key that begins with prefix and is not below from,
// with its value; a nil key where there is none. CodeDamaged as Get.
func (r *Reader) First(t ID, prefix, from []byte) (first, value []byte, err error) {
	err = r.Scan(t, prefix, from, func(k, v []byte) (bool, error) {
		first, value = bytes.Clone(k), v
		return false, nil
	})
	return first, value, err
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// All yields a table's entries in the order of the keys. They are valid as long
// as the reader. CodeDamaged as Get.
func (r *Reader) All(t ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := r.Scan(t, nil, []byte{}, func(k, v []byte) (bool, error) { return yield(Entry{bytes.Clone(k), v}, nil), nil })
		if err != nil {
			yield(Entry{}, err)
		}
	}
}
