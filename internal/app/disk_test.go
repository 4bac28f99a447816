package app

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/powercut"
)

// TestSlowDisk has the service's disk take 50 ms to sync, and stand still for five
// seconds while a line runs: acknowledgements are late, the service says that its
// disk is slow, and nothing is lost or stored twice.
func TestSlowDisk(t *testing.T) {
	r := groundFor(t)
	disk := powercut.New()
	var stall atomic.Int64
	disk.Slow = func() time.Duration { return 50*time.Millisecond + time.Duration(stall.Swap(0)) }
	unmount := r.storeOn(disk)
	r.begin(600)
	r.reach(100)
	stall.Store(int64(5 * time.Second))
	for tick := time.Tick(20 * time.Millisecond); !strings.Contains(r.ready(), "the disk is slow"); <-tick {
		if r.line.ended() {
			t.Fatal("the line ended, and the disk was never called slow")
		}
	}
	r.lineEnds()
	want := landed(t, r.dir, r.grpc, r.gateway, r.service)
	r.storeOff(unmount)
	got, ledger := compared(t, r.dir, want)
	t.Logf("%d records emitted, %d stored, %d duplicates", len(want), len(got), ledger.Duplicates)
}

// TestLyingDisk cuts the power of a service whose disk says that it synced, and did
// not, while a line runs. What is left on it opens, or is refused with a sentence and
// thrown away; gateways see how far the service is, and send the rest again.
func TestLyingDisk(t *testing.T) {
	r := groundFor(t)
	chance := rand.New(rand.NewPCG(seed(t), 0))
	disk := powercut.New()
	disk.Lies = true
	unmount := r.storeOn(disk)
	r.begin(900)
	refused := 0
	for cut := range 3 {
		r.reach(uint64(150 * (cut + 1)))
		disk = disk.Cut(chance, []float64{0, 0.5, 1}[cut])
		r.service.kill()
		unmount()
		disk.Lies = true
		unmount = r.storeOn(disk)
		r.serve()
		if !r.answers() {
			refused++
			if err := r.service.wait(); err == nil {
				t.Error("the service ended without an error, and answers nothing")
			}
			unmount()
			disk = powercut.New()
			disk.Lies = true
			unmount = r.storeOn(disk)
			r.serve()
		}
	}
	r.lineEnds()
	want := landed(t, r.dir, r.grpc, r.gateway, r.service)
	r.storeOff(unmount)
	got, ledger := compared(t, r.dir, want)
	t.Logf("%d records emitted, %d stored, %d duplicates; %d of 3 disks refused", len(want), len(got), ledger.Duplicates, refused)
}

// storeOn has the store on a disk of its own, until unmount is called.
func (r *road) storeOn(disk *powercut.Disk) (unmount func()) {
	r.t.Helper()
	if err := powercut.Usable(); err != nil {
		r.t.Skipf("no disk of our own: %v", err)
	}
	if err := errors.Join(os.MkdirAll(r.file("store"), 0o750), disk.Mount(r.file("store"))); err != nil {
		r.t.Fatal(err)
	}
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			if err := disk.Unmount(); err != nil {
				r.t.Error(err)
			}
		}
	}
	r.t.Cleanup(unmount)
	return unmount
}

// storeOff moves the store from its disk to where the rest is: what serves a disk's
// pages must not wait for them itself.
func (r *road) storeOff(unmount func()) {
	r.t.Helper()
	if out, err := exec.Command("cp", "-r", r.file("store"), r.file("copy")).CombinedOutput(); err != nil {
		r.t.Fatalf("copy the store: %v\n%s", err, out)
	}
	unmount()
	if err := errors.Join(os.Remove(r.file("store")), os.Rename(r.file("copy"), r.file("store"))); err != nil {
		r.t.Fatal(err)
	}
}

// answers waits until the service answers, or has ended.
func (r *road) answers() bool {
	r.t.Helper()
	for tick := time.Tick(20 * time.Millisecond); !r.service.ended(); <-tick {
		if strings.HasPrefix(r.ready(), "ready") {
			return true
		}
	}
	return false
}

// ready returns what the service says of itself, nothing where it does not answer.
func (r *road) ready() string {
	r.t.Helper()
	resp, err := http.Get("http://" + r.http + "/readyz")
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return ""
	}
	return string(text)
}
