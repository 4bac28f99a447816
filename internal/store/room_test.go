package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// smallDisk mounts a disk of so many bytes for a test.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("no disk of our own: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// loader appends a line's records until something is refused, and goes on there.
type loader struct {
	t       *testing.T
	s       *store.Store
	records []mes.Record
	durable mes.Offset
}

func newLoader(t *testing.T, cfg store.Config, most int) *loader {
	t.Helper()
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &loader{t: t, s: s}
	for r := range childRecords(0) {
		if l.records = append(l.records, r); len(l.records) == most {
			break
		}
	}
	return l
}

// load appends until an error, or so many are there.
func (l *loader) load(n int) error {
	const batch = 200
	for int(l.durable) < n {
		rest := l.records[l.durable:n]
		a, err := l.s.Append(l.t.Context(), store.Batch{Gateway: "g1", Spool: "s1", First: l.durable + 1, Records: rest[:min(batch, len(rest))]})
		if err != nil {
			return err
		}
		l.durable = a.Durable
	}
	return nil
}

// wantBusy loads until the disk has no room, and asks for all that is there.
func (l *loader) wantBusy() {
	l.t.Helper()
	if err := l.load(len(l.records)); mes.CodeOf(err) != mes.CodeBusy {
		l.t.Fatalf("%d of %d records are stored, and then: %v", l.durable, len(l.records), err)
	}
	if err := sameRecords(l.s, l.durable); err != nil {
		l.t.Error(err)
	}
}

// loadSome loads so many more, once there is room, within the test's time.
func (l *loader) loadSome(more int) {
	l.t.Helper()
	for n := min(int(l.durable)+more, len(l.records)); ; {
		err := l.load(n)
		if err == nil {
			return
		}
		if mes.CodeOf(err) != mes.CodeBusy {
			l.t.Fatal(err)
		}
		select { // As a gateway waits.
		case <-time.After(50 * time.Millisecond):
		case <-l.t.Context().Done():
			l.t.Fatal(err)
		}
	}
}

// ballast takes all but so many bytes of a disk, as another program would.
func ballast(t *testing.T, dir string, leave uint64) (remove func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err = unix.ENOSPC; errors.Is(err, unix.ENOSPC); { // where the store took some meanwhile
		var free uint64
		if free, _, err = disk.Free(dir); err == nil && free > leave {
			err = unix.Fallocate(int(f.Fd()), 0, 0, int64(free-leave))
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// TestReserve fills a disk with events: none is taken into the reserve, questions
// are answered, and with room again all goes on in the same process. Without a
// reserve, the same disk takes all of them.
func TestReserve(t *testing.T) {
	const reserve = 8 << 20
	for _, control := range []bool{false, true} {
		dir := smallDisk(t, "48m")
		cfg := store.Config{Dir: filepath.Join(dir, "store"), SealBytes: 1 << 20, ReserveBytes: reserve}
		if control {
			cfg.ReserveBytes = 1
		}
		l := newLoader(t, cfg, 40_000)
		s := l.s
		l.loadSome(4_000)
		remove := ballast(t, dir, reserve+1<<19)
		if control {
			if err := l.load(len(l.records)); err != nil {
				t.Errorf("without a reserve, %d of %d records are stored, and then: %v", l.durable, len(l.records), err)
			}
			remove()
			continue
		}
		l.wantBusy()
		free, _, err := disk.Free(dir)
		if err != nil {
			t.Fatal(err)
		}
		// What was queued goes into a segment that is laid out whole, and what was
		// durable before is sealed.
		const some = 5 << 20
		if free < reserve-some {
			t.Errorf("%d bytes are free of a reserve of %d", free, reserve)
		}
		if err := s.Room(); mes.CodeOf(err) != mes.CodeBusy {
			t.Errorf("Room = %v", err)
		}
		refused := refusedOf(t, s)
		remove()
		l.loadSome(len(l.records))
		if err := s.Room(); err != nil {
			t.Error(err)
		}
		if after := refusedOf(t, s); after <= refused {
			t.Errorf("the ledger has %d refused, %d before there was room", after, refused)
		}
		wantWhole(t, s, l.durable)
	}
}

// TestFullDisk has another program take the whole disk, again and again.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "64m")
	l := newLoader(t, store.Config{Dir: filepath.Join(dir, "store"), SealBytes: 1 << 20, ReserveBytes: 1}, 40_000)
	for n := range 3 {
		l.loadSome(4_000)
		remove := ballast(t, dir, uint64(n)<<18)
		l.wantBusy()
		remove()
	}
	l.loadSome(len(l.records))
	wantWhole(t, l.s, l.durable)
}

// refusedOf returns how many records the ledger has as refused.
func refusedOf(t *testing.T, s *store.Store) (refused uint64) {
	t.Helper()
	err := s.View(t.Context(), 0, func(v *store.View) error {
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			refused += e.Refused
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return refused
}

// wantWhole wants every record in a store, and nothing wrong.
func wantWhole(t *testing.T, s *store.Store, durable mes.Offset) {
	t.Helper()
	if err := sameRecords(s, durable); err != nil {
		t.Error(err)
	}
	if n, err := s.Check(t.Context(), func(p store.Progress) {
		for _, problem := range p.Problems {
			t.Error(problem)
		}
	}); n > 0 || err != nil {
		t.Errorf("check: %d problems, %v", n, err)
	}
}
