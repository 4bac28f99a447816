package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// Entry is a record at its place in the spool.
type Entry struct {
	// Offset is the place; Record.Provenance has it too, with the spool's name.
	Offset mes.Offset
	// Time is when it was appended.
	Time time.Time
	// Record is what was appended.
	Record mes.Record
}

// Limits of one Read where the caller has none.
const (
	defaultReadRecords = 1000
	defaultReadBytes   = 1 << 20
)

// Read returns the records after the offset in order, at most maxRecords and
// maxBytes of them encoded, but at least one where there is one; limits of 0
// mean 1,000 and 1 MiB. It returns an Error with CodeDamaged, which names file
// and offset, rather than a record that is not as it was appended, and with
// CodeOffsetGap where the next record has been pruned (see Rewind).
func (s *Spool) Read(after mes.Offset, maxRecords, maxBytes int) ([]Entry, error) {
	if maxRecords <= 0 {
		maxRecords = defaultReadRecords
	}
	if maxBytes <= 0 {
		maxBytes = defaultReadBytes
	}
	// A commit may be in the file already and not be known yet: then it is too
	// early to send it, since its acknowledgement could not be taken.
	s.mu.Lock()
	known := s.marks.last
	s.mu.Unlock()
	var entries []Entry
	err := s.view(func(tx *bbolt.Tx) error {
		// The transaction's own marks: those in memory may be ahead of it.
		var m marks
		value, err := s.unseal(metaBucket, []byte("marks"), tx.Bucket(metaBucket).Get([]byte("marks")))
		if err != nil {
			return err
		}
		if err := m.decode(value); err != nil {
			return s.damaged("its marks cannot be read")
		}
		m.last = min(m.last, known)
		next := m.base + uint64(after) + 1
		if next > m.last {
			return nil
		}
		if next < m.first {
			return mes.Errorf(mes.CodeOffsetGap, "the spool no longer has offset %d, but begins at %d", m.offset(next), m.offset(m.first)).
				With("expected", decimal(m.offset(m.first))).With("got", decimal(m.offset(next)))
		}
		size := 0
		c := tx.Bucket(recordsBucket).Cursor()
		for k, v := c.Seek(recordKey(next)); next <= m.last && len(entries) < maxRecords; k, v = c.Next() {
			// Numbers are dense: another key than this is damage.
			if !bytes.Equal(k, recordKey(next)) {
				return s.missing(m.offset(next))
			}
			if size += len(v); size > maxBytes && len(entries) > 0 {
				break
			}
			e, err := s.decodeRecord(m, k, v)
			if err != nil {
				return err
			}
			entries = append(entries, e)
			next++
		}
		return nil
	})
	if err != nil {
		// What came before the damage is good, and must be sent.
		if len(entries) > 0 {
			return entries, nil
		}
		return nil, err
	}
	return entries, nil
}

// record reads one record that must be there.
func (s *Spool) record(tx *bbolt.Tx, m marks, n uint64) (Entry, error) {
	key := recordKey(n)
	value := tx.Bucket(recordsBucket).Get(key)
	if value == nil {
		return Entry{}, s.missing(m.offset(n))
	}
	return s.decodeRecord(m, key, value)
}

func (s *Spool) missing(offset mes.Offset) error {
	return s.damaged(fmt.Sprintf("the record at offset %d is missing", offset)).With("offset", decimal(offset))
}

func decimal(offset mes.Offset) string { return strconv.FormatUint(uint64(offset), 10) }

func recordKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func number(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func encodeRecord(now time.Time, r *mes.Record) []byte {
	p := r.Provenance
	p.Spool, p.Offset = "", 0 // Read fills them in: they may change.
	provenance := mes.AppendProvenance(nil, &p)
	b := make([]byte, 0, 8+len(provenance)+len(r.Identity.Source)+len(r.Event)+32)
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixNano()))
	b = appendString(b, string(provenance))
	b = appendString(b, string(r.Identity.Source))
	b = binary.AppendUvarint(b, uint64(r.Identity.Epoch))
	b = binary.AppendUvarint(b, uint64(r.Identity.Sequence))
	return append(b, r.Event...)
}

// decodeRecord copies what it returns: key and value die with the transaction.
func (s *Spool) decodeRecord(m marks, key, value []byte) (Entry, error) {
	offset := m.offset(number(key))
	broken := func(what string) error {
		return s.damaged(fmt.Sprintf("the record at offset %d %s", offset, what)).With("offset", decimal(offset))
	}
	payload, err := s.unseal(recordsBucket, key, value)
	if err != nil {
		return Entry{}, broken("does not match its checksum")
	}
	r := reader{buf: bytes.Clone(payload)}
	e := Entry{Offset: offset, Time: time.Unix(0, int64(r.uint64()))} //nolint:gosec // as it was written
	provenance := r.string()
	e.Record.Identity = mes.Identity{
		Source:   mes.Source(r.string()),
		Epoch:    mes.Epoch(r.uvarint()),
		Sequence: mes.Sequence(r.uvarint()),
	}
	e.Record.Event = r.buf
	if r.bad {
		return Entry{}, broken("is cut off")
	}
	if e.Record.Provenance, err = mes.DecodeProvenance([]byte(provenance)); err != nil {
		return Entry{}, broken("has no readable provenance")
	}
	e.Record.Provenance.Spool, e.Record.Provenance.Offset = m.name, offset
	return e, nil
}

// identityKey is the beginning of the keys of all records with the identity.
func identityKey(id mes.Identity) []byte {
	b := appendString(make([]byte, 0, len(id.Source)+32), string(id.Source))
	b = binary.BigEndian.AppendUint64(b, uint64(id.Epoch))
	return binary.BigEndian.AppendUint64(b, uint64(id.Sequence))
}

func (m *marks) encode() []byte {
	b := appendString(nil, m.name)
	b = appendString(b, m.store)
	for _, n := range []uint64{m.base, m.first, m.last, m.acknowledged} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func (m *marks) decode(b []byte) error {
	r := reader{buf: b}
	*m = marks{name: r.string(), store: r.string(), base: r.uvarint(), first: r.uvarint(), last: r.uvarint(), acknowledged: r.uvarint()}
	if r.bad || len(r.buf) > 0 || m.first == 0 || m.first > m.last+1 || m.acknowledged > m.last || m.base > m.last {
		return errors.New("marks are malformed")
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(bucket, key, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

// put writes a value with its checksum.
func put(tx *bbolt.Tx, bucket, key, payload []byte) error {
	value := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(payload)), checksum(bucket, key, payload))
	if err := tx.Bucket(bucket).Put(key, append(value, payload...)); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	return nil
}

// unseal verifies a value's checksum and returns what is behind it.
func (s *Spool) unseal(bucket, key, value []byte) ([]byte, error) {
	if len(value) < 4 || binary.BigEndian.Uint32(value) != checksum(bucket, key, value[4:]) {
		return nil, s.damaged(fmt.Sprintf("%s/%s does not match its checksum", bucket, mes.Escape(string(key))))
	}
	return value[4:], nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader reads what was appended; bad stays true once something was missing.
type reader struct {
	buf []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, k := binary.Uvarint(r.buf)
	if k <= 0 {
		r.buf, r.bad = nil, true
		return 0
	}
	r.buf = r.buf[k:]
	return v
}

func (r *reader) uint64() uint64 {
	if len(r.buf) < 8 {
		r.buf, r.bad = nil, true
		return 0
	}
	v := binary.BigEndian.Uint64(r.buf)
	r.buf = r.buf[8:]
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.buf)) {
		r.buf, r.bad = nil, true
		return ""
	}
	s := string(r.buf[:n])
	r.buf = r.buf[n:]
	return s
}
