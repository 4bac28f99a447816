package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMemoryLimit runs the service in a control group. One with too little memory has
// it killed again and again, and nothing is lost; one with 256 MiB carries a line's
// history at full speed and is not killed.
func TestMemoryLimit(t *testing.T) {
	r := groundFor(t)
	// Files on a disk of memory would count as the service's own.
	dir, err := os.MkdirTemp("/var/tmp", "takt-memory-") //nolint:usetesting // which is where TMPDIR is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Symlink(dir, r.file("store")); err != nil {
		t.Fatal(err)
	}
	const little, much = 64 << 20, 256 << 20
	group := memoryGroup(t, little)
	r.within = group.procs()
	history := func() *process {
		return r.start("sim", "history", "--data", r.file("line"), "--records", "80000", "--dwell-divisor", "1000",
			"--emitted", r.file("emitted"), "--server", r.grpc)
	}
	most := 1
	if long() {
		most = 5
	}
	for kills := range most {
		r.serve()
		if kills == 0 {
			r.grpc, r.http = readAddresses(t, r.service, r.file("addresses"))
		}
		waitForPosition(t, r.grpc, 0)
		load := history()
		if err := r.service.waitFor(2 * time.Minute); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("with %d MiB, the service ended with %v; want it killed", little>>20, err)
		}
		_ = load.wait() // It has nobody to talk to.
	}
	group.limit(t, much)
	r.serve()
	waitForPosition(t, r.grpc, 0)
	if err := history().wait(); err != nil {
		t.Errorf("history: %v", err)
	}
	r.service.interrupt()
	if err := r.service.wait(); err != nil {
		t.Errorf("with %d MiB, the service ended with %v", much>>20, err)
	}
	journal, err := os.Open(r.file("emitted"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = journal.Close() }()
	got, ledger := compared(t, r.dir, emittedSet(t, journal))
	t.Logf("%d records stored, %d duplicates; %d MiB at most", len(got), ledger.Duplicates, group.read(t, "memory.max_usage_in_bytes")>>20)
}

// memoryGroupDir is a control group of memory.
type memoryGroupDir string

// memoryGroup makes a control group that has so many bytes, for a test.
func memoryGroup(t *testing.T, bytes int) memoryGroupDir {
	t.Helper()
	const root = "/sys/fs/cgroup/memory"
	dir := filepath.Join(root, fmt.Sprintf("takt-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Skipf("no control group of our own: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	g := memoryGroupDir(dir)
	g.limit(t, bytes)
	return g
}

func (g memoryGroupDir) procs() string { return filepath.Join(string(g), "cgroup.procs") }

func (g memoryGroupDir) limit(t *testing.T, bytes int) {
	t.Helper()
	err := os.WriteFile(filepath.Join(string(g), "memory.limit_in_bytes"), fmt.Append(nil, bytes), 0o600)
	if err != nil {
		t.Fatal(err)
	}
}

func (g memoryGroupDir) read(t *testing.T, name string) (n int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(g), name))
	if err == nil {
		_, err = fmt.Sscan(strings.TrimSpace(string(text)), &n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
