package block_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// FuzzPack packs what arbitrary bytes say, several times over with numbers that
// change, and reads every row again.
func FuzzPack(f *testing.F) {
	f.Add([]byte{}, []byte{}, []byte{}, []byte{}, uint8(1), uint8(0), uint64(0))
	f.Fuzz(func(t *testing.T, source, event, provenance, detail []byte, copies, reason uint8, salt uint64) {
		var rows []block.Row
		for i := range uint64(copies) {
			r := block.Row{
				Reason: reason, Source: source, Epoch: salt, Sequence: salt * i,
				Event: append([]byte(nil), event...), Provenance: provenance, Detail: detail,
			}
			if len(event) > 0 && salt > 0 {
				r.Event[(i*salt)%uint64(len(event))] ^= byte(i * salt >> 3)
			}
			if i%5 == 4 {
				r.Source = r.Event
			}
			rows = append(rows, r)
		}
		roundTrip(t, rows)
	})
}

// FuzzOpen reads a block of arbitrary bytes, with a checksum that matches: what
// it holds may be anything, but must not make the reader panic.
func FuzzOpen(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := block.Open(sealed(body))
		if err != nil {
			refused(t, err)
			return
		}
		for i := 0; i < b.Rows(); i += 1 + b.Rows()/16 {
			_, err := b.Row(i)
			refused(t, err)
		}
		all, err := b.Samples()
		refused(t, err)
		for _, s := range all[:min(len(all), 4)] {
			readAll(t, s)
		}
	})
}

func readAll(t *testing.T, s *block.Samples) {
	t.Helper()
	_, err := s.Sources()
	refused(t, err)
	_, err = s.Sequences()
	refused(t, err)
	_, err = s.EventTimes()
	refused(t, err)
	_, err = s.Equipment()
	refused(t, err)
	_, err = s.ProcessSegments()
	refused(t, err)
	_, err = s.Modes()
	refused(t, err)
	_, err = s.Attempts()
	refused(t, err)
	for index := range 3 {
		_, err = s.Values(index)
		refused(t, err)
	}
}

// FuzzDirectory reads a directory of arbitrary bytes.
func FuzzDirectory(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := block.OpenDirectory(sealed(body))
		if err != nil {
			refused(t, err)
			return
		}
		for i := 0; i < d.Len(); i += 1 + d.Len()/64 {
			k, _, err := d.Place(i)
			refused(t, err)
			if k < 0 || k >= max(d.Blocks(), 1) {
				t.Errorf("entry %d is in block %d of %d", i, k, d.Blocks())
			}
		}
		if n := len(d.Entries(nil, 0)); n > d.Len() {
			t.Errorf("block 0 has %d of %d entries", n, d.Len())
		}
	})
}

// sealed appends the checksum that a block and a directory end in.
func sealed(body []byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(append([]byte(nil), body...), sum)
}

// refused checks that an error, where there is one, says that bytes are damaged.
func refused(t *testing.T, err error) {
	t.Helper()
	if err != nil && mes.CodeOf(err) != mes.CodeDamaged {
		t.Fatalf("error %v has the code %v, want damaged", err, mes.CodeOf(err))
	}
}
