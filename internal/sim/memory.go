package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"sync"

	"github.com/takt-mes/takt/internal/mes"
)

// memory is a PLC's retentive memory: a small file that is written in place. A
// kill of the process leaves what was written to the system; fsync, for a power
// cut, comes once a second and at the end.
//
// The file begins with a header: `TAKTPLC1`, the line's fingerprint (32 bytes)
// and the CRC-32C of both. Behind it, in slots of 48 bytes, come the PLC itself
// and each of its blocks, each twice. Of the two the valid one with the higher
// count is true, and the other one is overwritten. A slot is: count, four
// numbers (8 bytes little-endian each), CRC-32C of these and of the slot's place
// (4 bytes), padding.
type memory struct {
	path string
	file *os.File

	mu    sync.Mutex
	slots []slot
	dirty bool
}

// slot is what is kept of a block, or of the PLC, with the number of times that
// it was written.
type slot struct {
	count uint64
	state state
}

type state [4]uint64

// The places of state: in slot 0, the PLC's, the boot id is the first number.
const (
	// stateAcked is the line's sequence that was acknowledged last.
	stateAcked = iota
	// stateOffered is the one that was offered last.
	stateOffered
	// stateBase is what the PLC's own number lacks to the line's.
	stateBase
	// stateEpoch counts the lives of the PLC's own numbers, from 0.
	stateEpoch
)

const (
	memoryMagic  = "TAKTPLC1"
	headerBytes  = len(memoryMagic) + 32 + 4
	slotBytes    = 48
	sumAt        = 40 // Where a slot's checksum is.
	slotsAligned = 64 // Where the slots begin.
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openMemory opens or makes the memory of a PLC with so many blocks.
func openMemory(path string, fingerprint [32]byte, blocks int) (*memory, error) {
	m := &memory{path: path, slots: make([]slot, 1+blocks)}
	var err error
	if m.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil { //nolint:gosec // the simulator's own folder
		return nil, fmt.Errorf("open PLC memory: %w", err)
	}
	if err := m.load(fingerprint); err != nil {
		return nil, errors.Join(err, m.file.Close())
	}
	return m, nil
}

func (m *memory) load(fingerprint [32]byte) error {
	header := append([]byte(memoryMagic), fingerprint[:]...)
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	size := slotsAligned + 2*len(m.slots)*slotBytes
	data, err := os.ReadFile(m.path)
	if err != nil {
		return fmt.Errorf("read PLC memory: %w", err)
	}
	switch {
	case len(data) == 0:
		if _, err := m.file.WriteAt(append(header, make([]byte, size-len(header))...), 0); err != nil {
			return fmt.Errorf("make PLC memory: %w", err)
		}
		return nil
	case len(data) != size || !slices.Equal(data[:headerBytes], header):
		return mes.Errorf(mes.CodeFormat, "%s is the memory of another line (another seed, start or number of machines); give this one a folder of its own", m.path).With("path", m.path)
	}
	for i := range m.slots {
		valid := 0
		for half := range 2 {
			s, ok := decodeSlot(i, half, data)
			if ok {
				valid++
			}
			if ok && s.count >= m.slots[i].count {
				m.slots[i] = s
			}
		}
		if valid == 0 {
			return mes.Errorf(mes.CodeDamaged, "%s is damaged; remove it to begin the line anew, with a new folder for the gateway and the service, too", m.path).With("path", m.path)
		}
	}
	return nil
}

func slotAt(i, half int) int { return slotsAligned + (2*i+half)*slotBytes }

func decodeSlot(i, half int, data []byte) (slot, bool) {
	b := data[slotAt(i, half):][:slotBytes]
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return slot{}, true // Never written.
	}
	var s slot
	s.count = binary.LittleEndian.Uint64(b)
	for k := range s.state {
		s.state[k] = binary.LittleEndian.Uint64(b[8+8*k:])
	}
	return s, binary.LittleEndian.Uint32(b[sumAt:]) == slotSum(i, b[:sumAt])
}

func slotSum(i int, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte{byte(i), byte(i >> 8)}) //nolint:gosec // the low bytes
}

// get returns what is kept in slot i.
func (m *memory) get(i int) state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slots[i].state
}

// set keeps it. It is safe from a kill when set returns.
func (m *memory) set(i int, st state) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := slot{count: m.slots[i].count + 1, state: st}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, slotBytes), s.count)
	for _, n := range s.state {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, slotSum(i, b))
	half := int(s.count % 2)
	if _, err := m.file.WriteAt(b, int64(slotAt(i, half))); err != nil {
		return fmt.Errorf("write PLC memory: %w", err)
	}
	m.slots[i], m.dirty = s, true
	return nil
}

// sync makes what was set safe from a power cut.
func (m *memory) sync() error {
	m.mu.Lock()
	dirty := m.dirty
	m.dirty = false
	m.mu.Unlock()
	if !dirty {
		return nil
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("sync PLC memory: %w", err)
	}
	return nil
}

func (m *memory) close() error {
	return errors.Join(m.sync(), m.file.Close())
}
