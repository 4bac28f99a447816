package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestKills kills the gateway and the service at random while a line runs, each
// alone and both at once, and compares what the line emitted with what the
// store holds. The slow tier kills as often as the promise says.
func TestKills(t *testing.T) {
	gatewayKills, serviceKills, bothKills := 3, 3, 2
	if long() {
		gatewayKills, serviceKills, bothKills = 50, 50, 20
	}
	var victims []string
	for range gatewayKills {
		victims = append(victims, "gateway")
	}
	for range serviceKills {
		victims = append(victims, "serve")
	}
	for range bothKills {
		victims = append(victims, "gateway serve")
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	r := newRoad(t, 400+150*len(victims))
	for _, victim := range victims {
		// The random moment is the point; nothing is waited for.
		<-time.After(time.Duration(200+random.IntN(1000)) * time.Millisecond)
		if r.line.ended() {
			t.Fatalf("the line ended before the kills did: %v", r.line.wait())
		}
		if strings.Contains(victim, "gateway") {
			r.gateway.kill()
		}
		if strings.Contains(victim, "serve") {
			r.service.kill()
			r.serve()
		}
		if strings.Contains(victim, "gateway") {
			r.gateway = r.start("gateway", "-c", r.file("gateway.yaml"))
		}
	}
	got, ledger := r.arrived()
	t.Logf("%d kills of the gateway, %d of the service, %d of both: %d records emitted, %d stored, %d duplicates",
		gatewayKills, serviceKills, bothKills, len(got), len(got), ledger.Duplicates)
}

// TestRestoreHeals backs up a service while a line runs, and loses its disk a
// while later. The backup is restored, gateways send again what came after it, and
// nothing is missing.
func TestRestoreHeals(t *testing.T) {
	r := newRoad(t, 800)
	for _, position := range []uint64{100, 200} { // the second one goes on with the first
		r.reach(position)
		if err := r.start("backup", r.file("backup"), "--server", r.grpc).wait(); err != nil {
			t.Fatalf("backup: %v", err)
		}
	}
	r.reach(400)
	r.service.kill()
	before, _ := storedSet(t, r.file("store"))
	if err := os.RemoveAll(r.file("store")); err != nil {
		t.Fatal(err)
	}
	if err := r.start("restore", r.file("backup"), "--data", r.file("store")).wait(); err != nil {
		t.Fatalf("restore: %v", err)
	}
	restored, _ := storedSet(t, r.file("store"))
	r.serve()
	got, _ := r.arrived()
	t.Logf("%d records when the disk was lost, %d in the backup, %d in the end", len(before), len(restored), len(got))
	if len(restored) == 0 || len(restored) >= len(before) {
		t.Error("the backup has nothing, or all: the test shows nothing")
	}
}

// road is a line, a gateway and a service, each a process, in one folder.
type road struct {
	t                      *testing.T
	dir, bin               string
	grpc, http             string
	service, line, gateway *process
	// within is the file that has the processes of a control group, for the service.
	within string
}

// newRoad starts a line that emits so many records, and what carries them.
func newRoad(t *testing.T, records int) *road {
	t.Helper()
	r := groundFor(t)
	r.begin(records)
	return r
}

// groundFor makes the folder of a road.
func groundFor(t *testing.T) *road {
	t.Helper()
	r := &road{t: t, dir: t.TempDir(), grpc: "127.0.0.1:0", http: "127.0.0.1:0"}
	r.bin = build(t, r.dir)
	return r
}

// begin starts what a road has.
func (r *road) begin(records int) {
	t := r.t
	t.Helper()
	r.serve()
	r.grpc, r.http = readAddresses(t, r.service, r.file("addresses"))
	r.line = r.start("sim", "--data", r.file("line"), "--speed", "25", "--warm", "1h", "--records", strconv.Itoa(records), "--port", "0",
		"--config-out", r.file("gateway.yaml"), "--emitted", r.file("emitted"), "--server", r.grpc, "--spool", r.file("spool"))
	waitForFile(t, r.line, r.file("gateway.yaml"))
	r.gateway = r.start("gateway", "-c", r.file("gateway.yaml"))
}

func (r *road) file(name string) string { return filepath.Join(r.dir, name) }

// start starts a command.
func (r *road) start(name string, args ...string) *process {
	r.t.Helper()
	return startProcess(r.t, r.bin, r.file(name+".log"), append([]string{name}, args...)...)
}

// serve starts the service, where it was before.
func (r *road) serve() {
	r.t.Helper()
	args := []string{"serve", "--data", r.file("store"), "--grpc", r.grpc, "--http", r.http, "--address-file", r.file("addresses")}
	if r.within == "" {
		r.service = r.start(args[0], args[1:]...)
		return
	}
	args = append([]string{"-c", `echo $$ > "$0" && exec "$@"`, r.within, r.bin}, args...)
	r.service = startProcess(r.t, "/bin/sh", r.file("serve.log"), args...)
}

// reach waits until the service has so many records.
func (r *road) reach(position uint64) {
	r.t.Helper()
	waitForPosition(r.t, r.grpc, position)
}

// waitForPosition waits until a service answers, and has so many records.
func waitForPosition(t *testing.T, addr string, position uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := client.Dial(client.Config{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		info, err := taktv1.NewAdminServiceClient(c.Conn()).GetServerInfo(ctx, &taktv1.GetServerInfoRequest{})
		if err == nil && info.GetPosition() >= position {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("wait for position %d: at %d, %v", position, info.GetPosition(), err)
		}
	}
}

// arrived waits until the line has ended and all that it emitted has arrived.
func (r *road) arrived() (map[string]string, store.LedgerEntry) {
	r.t.Helper()
	r.lineEnds()
	return arrived(r.t, r.dir, r.grpc, r.gateway, r.service)
}

// lineEnds waits until the line has ended.
func (r *road) lineEnds() {
	r.t.Helper()
	if err := r.line.wait(); err != nil {
		r.t.Fatalf("line: %v", err)
	}
}

// arrived waits until the service has all that the line in dir has emitted, ends
// the gateway and the service, and compares. It returns what is stored.
func arrived(t *testing.T, dir, grpc string, gateway, service *process) (map[string]string, store.LedgerEntry) {
	t.Helper()
	return compared(t, dir, landed(t, dir, grpc, gateway, service))
}

// landed waits until the service has all that the line in dir has emitted, and ends
// the gateway and the service. It returns what was emitted.
func landed(t *testing.T, dir, grpc string, gateway, service *process) map[string]string {
	t.Helper()
	journal, err := os.Open(filepath.Join(dir, "emitted"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = journal.Close() }()
	want := emittedSet(t, journal)
	waitForEvents(t, grpc, want)
	for _, p := range []*process{gateway, service} {
		p.interrupt()
		if err := p.wait(); err != nil {
			t.Errorf("end after an interrupt: %v", err)
		}
	}
	return want
}

// compared compares what was emitted with what is stored, and returns that.
func compared(t *testing.T, dir string, want map[string]string) (map[string]string, store.LedgerEntry) {
	t.Helper()
	got, ledger := storedSet(t, filepath.Join(dir, "store"))
	compareSets(t, want, got)
	if ledger.Quarantined != 0 || ledger.Refused != 0 {
		t.Errorf("ledger = %+v; want nothing in quarantine and nothing refused", ledger)
	}
	checkStore(t, filepath.Join(dir, "store"))
	return got, ledger
}

// build builds the program.
func build(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(dir, "takt")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/takt-mes/takt/cmd/takt").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// process is a program that runs beside the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

func startProcess(t *testing.T, bin, log string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(bin, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), out.Close())
		close(p.done)
	}()
	t.Cleanup(func() {
		if t.Failed() && p.ended() {
			t.Logf("%s had ended: %v", filepath.Base(log), p.err)
		}
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			if text, err := os.ReadFile(log); err == nil {
				t.Logf("%s:\n%s", filepath.Base(log), text[max(0, len(text)-4000):])
			}
		}
	})
	return p
}

func (p *process) kill() {
	p.t.Helper()
	if p.ended() {
		p.t.Fatalf("%s had ended by itself: %v", filepath.Base(p.log), p.err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
}

func (p *process) interrupt() { _ = p.cmd.Process.Signal(syscall.SIGINT) }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait returns how the process ended, and ends it after ten minutes.
func (p *process) wait() error { return p.waitFor(10 * time.Minute) }

func (p *process) waitFor(most time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(most):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("did not end within %s", most)
	}
}

// usage says what the process, which has ended, took.
func (p *process) usage() string {
	state := p.cmd.ProcessState
	text := fmt.Sprintf("%.1f s of CPU", (state.UserTime() + state.SystemTime()).Seconds())
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		text += fmt.Sprintf(", %d MiB at most", usage.Maxrss>>10)
	}
	return text
}

// waitForFile waits until a process has written a file.
func waitForFile(t *testing.T, p *process, path string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended before it wrote %s: %v", filepath.Base(p.log), filepath.Base(path), p.err)
		case <-time.After(time.Minute):
			t.Fatalf("%s was not written within a minute", filepath.Base(path))
		}
	}
}

func readAddresses(t *testing.T, p *process, path string) (grpc, http string) {
	t.Helper()
	waitForFile(t, p, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "grpc=%s\nhttp=%s", &grpc, &http); err != nil {
		t.Fatalf("read addresses: %v", err)
	}
	return grpc, http
}

// waitForEvents watches the log from its beginning until every emitted identity
// has come.
func waitForEvents(t *testing.T, addr string, want map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := client.Dial(client.Config{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	events := taktv1.NewEventServiceClient(c.Conn())
	seen := make(map[string]bool)
	add := func(e *taktv1.LoggedEvent) {
		id := fmt.Sprintf("%s %d %d", mes.Escape(string(e.GetIdentity().GetSource())), e.GetIdentity().GetEpoch(), e.GetIdentity().GetSequence())
		if _, emitted := want[id]; emitted {
			seen[id] = true
		}
	}
	watch, err := events.WatchEvents(ctx, &taktv1.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for request := (&taktv1.ListEventsRequest{PageSize: 1000}); ; {
		page, err := events.ListEvents(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.GetEvents() {
			add(e)
		}
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	for len(seen) < len(want) {
		r, err := watch.Recv()
		if err != nil {
			t.Fatalf("%d of %d records arrived: %v", len(seen), len(want), err)
		}
		if r.GetEvent() != nil {
			add(r.GetEvent())
		}
	}
}
