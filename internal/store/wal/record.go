package wal

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"
)

const (
	// sector is what a disk writes whole or not at all.
	sector = 512
	// unit is what a record begins and ends at a multiple of, so that its header
	// lies within one sector.
	unit = 32

	recordHeaderBytes = 24
	endMarkBytes      = 4
	// endMark ends a record, so that its last sector is never sparse.
	endMark = 0x5AC3E1D7

	// MaxPayload is the most bytes that a record may hold.
	MaxPayload = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordHeader is the header of a record; see FORMAT.md.
type recordHeader struct {
	number uint64
	length uint32 // of the payload
	sparse uint32 // later sectors with at most one bit set
	body   uint32 // checksum of all behind the header
}

// span returns how many bytes a record with so long a payload takes.
func span(length int) int {
	return (recordHeaderBytes + length + endMarkBytes + unit - 1) &^ (unit - 1)
}

func payloadBytes(parts [][]byte) (n int) {
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// encode returns the record as it is written at an offset of a segment, in
// buf's memory where there is enough.
func encode(buf []byte, seed uint32, at int, number uint64, parts [][]byte) []byte {
	length := payloadBytes(parts)
	buf = append(slices.Grow(buf[:0], span(length)), make([]byte, recordHeaderBytes)...)
	for _, part := range parts {
		buf = append(buf, part...)
	}
	buf = append(buf, make([]byte, span(length)-endMarkBytes-len(buf))...)
	buf = binary.LittleEndian.AppendUint32(buf, endMark)

	binary.LittleEndian.PutUint32(buf[0:], uint32(length)) //nolint:gosec // at most MaxPayload
	binary.LittleEndian.PutUint64(buf[4:], number)
	binary.LittleEndian.PutUint32(buf[12:], sparseSectors(buf, at, 1))
	binary.LittleEndian.PutUint32(buf[16:], bodySum(buf, seed))
	binary.LittleEndian.PutUint32(buf[20:], headerSum(buf, seed))
	return buf
}

// decodeHeader reads the header at the start of b, and says whether it is one.
func decodeHeader(b []byte, seed uint32) (h recordHeader, ok bool) {
	h = recordHeader{
		length: binary.LittleEndian.Uint32(b[0:]),
		number: binary.LittleEndian.Uint64(b[4:]),
		sparse: binary.LittleEndian.Uint32(b[12:]),
		body:   binary.LittleEndian.Uint32(b[16:]),
	}
	return h, headerSum(b, seed) == binary.LittleEndian.Uint32(b[20:]) && h.length <= MaxPayload
}

func headerSum(record []byte, seed uint32) uint32 {
	return crc32.Update(seed, castagnoli, record[:20])
}

func bodySum(record []byte, seed uint32) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, record[:16]), castagnoli, record[recordHeaderBytes:])
}

// sparseSectors counts the sectors behind that of the header in which the
// record, which begins at an offset of its segment, has at most so many bits.
func sparseSectors(record []byte, at, most int) (n uint32) {
	for from := sector - at%sector; from < len(record); from += sector {
		if !moreBits(record[from:min(from+sector, len(record))], most) {
			n++
		}
	}
	return n
}

func allZero(b []byte) bool { return !moreBits(b, 0) }

// moreBits says whether more than so many bits of b, a multiple of eight bytes,
// are set.
func moreBits(b []byte, most int) bool {
	n := 0
	for ; len(b) >= 8; b = b[8:] {
		if word := binary.LittleEndian.Uint64(b); word != 0 {
			if n += bits.OnesCount64(word); n > most {
				return true
			}
		}
	}
	return false
}
