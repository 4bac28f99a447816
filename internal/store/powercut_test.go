package store_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/powercut"
	"github.com/takt-mes/takt/internal/store"
)

// A process of its own appends to the store on the disk whose power is cut: it
// is started with the directory, and what it is to do.
const (
	childDir  = "TAKT_STORE_CHILD_DIR"
	childDoes = "TAKT_STORE_CHILD_DOES"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childDoes)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child opens the store, says how far it is durable, and appends or checks.
func child(dir, does string) (err error) {
	ctx := context.Background()
	const sealBytes = 1 << 20 // so that a run of some thousand events seals
	s, err := store.Open(store.Config{Dir: dir, SealBytes: sealBytes})
	if err != nil {
		return err
	}
	var durable mes.Offset
	err = s.View(ctx, 0, func(v *store.View) error {
		durable, err = v.Durable("g1", "s1")
		return err
	})
	if err != nil {
		return err
	}
	fmt.Println(durable)
	next, stop := iter.Pull(childRecords(durable))
	defer stop()
	if does == "check" {
		if err := sameRecords(s, durable); err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		_, err := store.CheckDir(ctx, dir, func(p store.Progress) {
			for _, problem := range p.Problems {
				fmt.Fprintln(os.Stderr, "check:", p.Stage, problem)
			}
		})
		return err
	}
	chance := rand.New(rand.NewPCG(uint64(durable), 6))
	for {
		var records []mes.Record
		for range 1 + chance.IntN(200) {
			r, _ := next()
			records = append(records, r)
		}
		a, err := s.Append(ctx, store.Batch{Gateway: "g1", Spool: "s1", First: durable + 1, Records: records})
		if err != nil {
			return err
		}
		durable = a.Durable
		fmt.Println(durable)
	}
}

// childRecords yields the records of a line behind the first of them.
func childRecords(after mes.Offset) iter.Seq[mes.Record] {
	return func(yield func(mes.Record) bool) {
		l, err := line.New(line.Config{Name: "L1", Seed: 3, Start: t0, Dwell: line.Short(2000)})
		if err != nil {
			panic(err)
		}
		n := mes.Offset(0)
		for r := range l.Records() {
			if n++; n <= after {
				continue
			}
			if !yield(mes.Record{Identity: r.Identity, Event: mes.AppendEvent(nil, r.Event)}) {
				return
			}
		}
	}
}

// sameRecords compares the log with what was sent, up to an offset.
func sameRecords(s *store.Store, durable mes.Offset) error {
	next, stop := iter.Pull(childRecords(0))
	defer stop()
	return s.View(context.Background(), 0, func(v *store.View) error {
		n := mes.Offset(0)
		for e, err := range v.Events(0, store.Filter{}) {
			if err != nil {
				return err
			}
			if e.Event == nil {
				continue
			}
			n++
			if want, _ := next(); e.Identity != want.Identity || !bytes.Equal(e.Bytes, want.Event) {
				return fmt.Errorf("position %d is %v, %x; sent as %v, %x", e.Position, e.Identity, e.Bytes, want.Identity, want.Event)
			}
		}
		if n != durable {
			return fmt.Errorf("%d events in the log, but durable up to %d", n, durable)
		}
		return nil
	})
}

// run runs a child on a disk until it ends, and returns the last offset that it
// called durable.
func run(t *testing.T, d *powercut.Disk, does string) (durable mes.Offset, complaint string) {
	t.Helper()
	mount := t.TempDir()
	if err := d.Mount(mount); err != nil {
		t.Fatalf("mount: %v", err)
	}
	defer func() {
		if err := d.Unmount(); err != nil {
			t.Fatalf("unmount: %v", err)
		}
	}()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+filepath.Join(mount, "store"), childDoes+"="+does)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		durable = mes.Offset(n)
	}
	_ = cmd.Wait()
	return durable, stderr.String()
}

// cut cuts the power under a store again and again, at any operation on its
// disk, and calls lost with how many acknowledged records are gone, and what is
// wrong beside.
func cut(t *testing.T, seed uint64, cuts int, lies bool, lost func(n int, wrong string)) {
	t.Helper()
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk whose power can be cut: %v", err)
	}
	chance := rand.New(rand.NewPCG(seed, 7))
	disk := powercut.New()
	disk.Lies = lies
	var before mes.Offset
	for range cuts {
		if before > 30_000 || chance.IntN(20) == 0 {
			disk, before = powercut.New(), 0 // a first start is cut, too
			disk.Lies = lies
		}
		disk.CutAt(1 + chance.IntN([]int{10, 100, 1000}[chance.IntN(3)]))
		acknowledged, complaint := run(t, disk, "append")
		if strings.Contains(complaint, "panic") {
			t.Fatalf("the power cut ends in a panic: %s", complaint)
		}
		acknowledged = max(acknowledged, before)
		disk = disk.Cut(chance, []float64{0, 0.5, 1}[chance.IntN(3)])
		durable, complaint := run(t, disk, "check")
		lost(int(max(acknowledged, durable)-durable), complaint)
		before = durable
	}
}

// TestPowerCut cuts the power, whatever the store is doing: no acknowledged
// record is lost, and what is there is what was sent. TAKT_SEED repeats a run.
func TestPowerCut(t *testing.T) {
	cuts, seed := 8, uint64(1)
	if long {
		cuts = 1000
	}
	if s := os.Getenv("TAKT_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TAKT_SEED: %v", err)
		}
	}
	n := 0
	cut(t, seed, cuts, false, func(lost int, wrong string) {
		n++
		if lost != 0 || wrong != "" {
			t.Fatalf("cut %d of seed %d: %d acknowledged records lost; %s", n, seed, lost, wrong)
		}
	})
}

// TestPowerCutOfALiar is the control: on a disk that syncs nothing, records are
// lost, and TestPowerCut sees it.
func TestPowerCutOfALiar(t *testing.T) {
	failures := 0
	cut(t, 1, 10, true, func(lost int, wrong string) {
		if lost != 0 || wrong != "" {
			failures++
		}
	})
	if failures == 0 {
		t.Error("a disk that syncs nothing loses nothing: the test cannot fail")
	}
}
