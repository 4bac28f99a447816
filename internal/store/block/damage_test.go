package block_test

import (
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

func TestEveryFlippedBitIsRefused(t *testing.T) {
	directory, packed := block.Pack(twenty(60, false))
	for _, p := range packed {
		eachFlip(p, func(at int) {
			if _, err := block.Open(p); mes.CodeOf(err) != mes.CodeDamaged {
				t.Fatalf("a block with bit %d flipped opens: %v", at, err)
			}
		})
	}
	eachFlip(directory, func(at int) {
		if _, err := block.OpenDirectory(directory); mes.CodeOf(err) != mes.CodeDamaged {
			t.Fatalf("a directory with bit %d flipped opens: %v", at, err)
		}
	})
}

func eachFlip(b []byte, f func(at int)) {
	for at := range 8 * len(b) {
		b[at/8] ^= 1 << (at % 8)
		f(at)
		b[at/8] ^= 1 << (at % 8)
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	directory, packed := block.Pack(twenty(60, false))
	for n := range packed[0] {
		if _, err := block.Open(packed[0][:n]); mes.CodeOf(err) != mes.CodeDamaged {
			t.Fatalf("a block cut to %d of %d bytes opens: %v", n, len(packed[0]), err)
		}
	}
	for n := range directory {
		if _, err := block.OpenDirectory(directory[:n]); mes.CodeOf(err) != mes.CodeDamaged {
			t.Fatalf("a directory cut to %d of %d bytes opens: %v", n, len(directory), err)
		}
	}
}

// TestDamageBehindTheChecksum flips every bit and makes the checksum match: the
// answer may be wrong then, but there is one, or an error.
func TestDamageBehindTheChecksum(t *testing.T) {
	rows := lineRows(t, 2000, 1)
	_, packed := block.Pack(append(rows[:300:300], twenty(40, true)...))
	for _, p := range packed {
		body := p[:len(p)-4]
		if len(body) > 1500 {
			continue
		}
		eachFlip(body, func(at int) {
			b, err := block.Open(sealed(body))
			if err != nil {
				refused(t, err)
				return
			}
			_, err = b.Row(at % b.Rows())
			refused(t, err)
		})
	}
}

func TestBeyondTheEnd(t *testing.T) {
	directory, packed := block.Pack(twenty(3, false))
	d, err := block.OpenDirectory(directory)
	if err != nil {
		t.Fatal(err)
	}
	b, err := block.Open(packed[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{-1, 3, 1 << 40} {
		if _, _, err := d.Place(i); mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("Place(%d) = %v, want an error with CodeDamaged", i, err)
		}
		if _, err := b.Row(i); mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("Row(%d) = %v, want an error with CodeDamaged", i, err)
		}
	}
}
