package store

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// bbolt does not checksum its data pages, so every value carries a checksum of
// its key and itself, and none is read without it.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealBytes = crc32.Size

func sealOf(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// put writes a value with its seal.
func put(b *bbolt.Bucket, key, value []byte) error {
	sealed := make([]byte, 0, len(value)+sealBytes)
	sealed = append(sealed, value...)
	return b.Put(key, binary.LittleEndian.AppendUint32(sealed, sealOf(key, value)))
}

// get returns the value of a key, nil where there is none. It is valid for the
// life of the transaction.
func get(b *bbolt.Bucket, key []byte) ([]byte, error) {
	sealed := b.Get(key)
	if sealed == nil {
		return nil, nil
	}
	return unseal(key, sealed)
}

func unseal(key, sealed []byte) ([]byte, error) {
	value := sealed[:max(0, len(sealed)-sealBytes)]
	if len(sealed) < sealBytes || binary.LittleEndian.Uint32(sealed[len(value):]) != sealOf(key, value) {
		return nil, mes.Errorf(mes.CodeDamaged, "a record (key %x) does not match its checksum; run takt check, then restore or takt rebuild", key)
	}
	return slices.Clip(value), nil
}

// scan calls fn for each key that begins with prefix, from the key `from` on
// (nil for the first), until fn returns false or an error.
func scan(b *bbolt.Bucket, prefix, from []byte, fn func(key, value []byte) (bool, error)) error {
	c := b.Cursor()
	if from == nil {
		from = prefix
	}
	for k, sealed := c.Seek(from); k != nil && hasPrefix(k, prefix); k, sealed = c.Next() {
		value, err := unseal(k, sealed)
		if err != nil {
			return err
		}
		more, err := fn(k, value)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func hasPrefix(k, prefix []byte) bool {
	return len(k) >= len(prefix) && string(k[:len(prefix)]) == string(prefix)
}
