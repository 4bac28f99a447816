package sim

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.mem")
	sum := [32]byte{1}
	reopen := func(m *memory) *memory {
		t.Helper()
		if m != nil {
			// As after a kill: without a sync.
			if err := m.file.Close(); err != nil {
				t.Fatal(err)
			}
		}
		m, err := openMemory(path, sum, 2)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := reopen(nil)
	for n := range uint64(5) {
		for i := range 3 {
			want := state{n + uint64(i), n, 7, n * n}
			if err := m.set(i, want); err != nil {
				t.Fatal(err)
			}
			m = reopen(m)
			if got := m.get(i); got != want {
				t.Fatalf("slot %d is %v, want %v", i, got, want)
			}
		}
	}
	// A torn write of the newer half leaves what was there before it.
	newer := int(m.slots[1].count % 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(whole)
	torn[slotAt(1, newer)+9] ^= 0xff
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	m = reopen(m)
	if got, want := m.get(1), (state{4, 3, 7, 9}); got != want {
		t.Errorf("after a torn write %v, want %v", got, want)
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	// Nothing is made of what cannot be right.
	torn[slotAt(1, 1-newer)+9] ^= 0xff
	tests := []struct {
		name string
		data []byte
		code mes.Code
	}{
		{"both halves damaged", torn, mes.CodeDamaged},
		{"cut off", whole[:len(whole)-1], mes.CodeFormat},
		{"another fingerprint", append([]byte(memoryMagic+"\x02"), whole[len(memoryMagic)+1:]...), mes.CodeFormat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(path, test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openMemory(path, sum, 2); mes.CodeOf(err) != test.code || err == nil {
				t.Errorf("openMemory = %v, want code %d", err, test.code)
			}
		})
	}
}
