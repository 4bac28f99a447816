package wal

// ReadImage judges a segment that is in memory.
func ReadImage(img []byte, first uint64, newest bool, fn func(number uint64, payload []byte) error) error {
	m := image{path: "image", first: first, newest: newest, bytes: img}
	if err := m.checkHeader(int64(len(img))); err != nil {
		return err
	}
	_, err := m.walk(fn)
	return err
}
