package store

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// The buckets. The first four are the log; the rest is derived from it.
var (
	bucketMeta   = []byte("meta")
	bucketGroup  = []byte("group")
	bucketLog    = []byte("log")
	bucketSchema = []byte("schema")

	bucketName       = []byte("name")
	bucketIdentity   = []byte("identity")
	bucketCoverage   = []byte("coverage")
	bucketThing      = []byte("thing")
	bucketMention    = []byte("mention")
	bucketDefinition = []byte("definition")
	bucketAlias      = []byte("alias")
	bucketSlot       = []byte("slot")
	bucketWithdrawn  = []byte("withdrawn")
	bucketFirst      = []byte("first")
	bucketAttempt    = []byte("attempt")
	bucketFlag       = []byte("flag")
	bucketLedger     = []byte("ledger")
	bucketTransport  = []byte("transport")
	bucketQuarantine = []byte("quarantine")
	bucketEquipment  = []byte("equipment")
)

var logBuckets = [][]byte{bucketMeta, bucketGroup, bucketLog, bucketSchema}

var derivedBuckets = [][]byte{
	bucketName, bucketIdentity, bucketCoverage, bucketThing, bucketMention, bucketDefinition, bucketAlias,
	bucketSlot, bucketWithdrawn, bucketFirst, bucketAttempt, bucketFlag, bucketLedger, bucketTransport,
	bucketQuarantine, bucketEquipment,
}

// A key is built by appending: numbers big-endian, so that keys sort as numbers
// do; names behind their length, so that no name is a prefix of another.
type key []byte

// fork returns the key so that what is appended to it does not change others that
// were built on it.
func (k key) fork() key { return slices.Clip(k) }

func (k key) u8(v uint8) key   { return append(k, v) }
func (k key) u32(v uint32) key { return binary.BigEndian.AppendUint32(k, v) }
func (k key) u64(v uint64) key { return binary.BigEndian.AppendUint64(k, v) }

// time appends an instant so that keys sort by it: seconds since year 1, then
// nanoseconds.
func (k key) time(t time.Time) key {
	return k.u64(uint64(t.Unix() - minUnix)).u32(uint32(t.Nanosecond())) //nolint:gosec // events' times are from year 1 on
}

func (k key) name(s string) key {
	k = binary.BigEndian.AppendUint16(k, uint16(len(s))) //nolint:gosec // ids and texts in keys are below 64 KiB
	return append(k, s...)
}

var minUnix = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// reader reads what a key or a value was built of. The first shortage stays;
// done reports it.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return make([]byte, max(0, min(n, 8)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *reader) time() time.Time {
	sec, nano := r.u64(), r.u32()
	return time.Unix(int64(sec)+minUnix, int64(nano)).UTC() //nolint:gosec // as written by key.time
}

func (r *reader) name() string {
	return string(r.take(int(binary.BigEndian.Uint16(r.take(2)))))
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads a length as a varint and as many bytes.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return r.take(int(n)) //nolint:gosec // not above the length of a slice
}

func (r *reader) hash() (h mes.Hash) {
	if b := r.take(len(h)); len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

func (r *reader) done(what string) error {
	if r.bad || len(r.b) > 0 {
		return mes.Errorf(mes.CodeDamaged, "%s has a shape that is not in this format; run takt check", what)
	}
	return nil
}

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}
