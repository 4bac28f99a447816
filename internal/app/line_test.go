package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/line"
)

// TestLine plays a whole line that has run for days, at one cell a second and
// with all its PLCs, through a gateway into the service, each a process of its
// own, and compares what the line emitted with what the store holds. The slow
// tier plays for half an hour, or for TAKT_LINE, as 2h, in real time and with
// real dwell times; otherwise it is a short while with short ones.
func TestLine(t *testing.T) {
	const takt = time.Second
	played, speed := 110*time.Second, "4"
	// In so short a while not all of more machines would have their turn.
	machines := map[string]int{"FRM": 2, "GRD": 2, "PACK": 1, "PEOL": 1}
	args := []string{"--warm", "1h", "--dwell-divisor", "500", "--oven-trays", "2", "--machines", "FRM=2,GRD=2,PACK=1,PEOL=1"}
	if long() {
		played, speed, machines, args = 30*time.Minute, "1", nil, []string{"--warm", "240h"}
		if text := os.Getenv("TAKT_LINE"); text != "" {
			var err error
			if played, err = time.ParseDuration(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	bin := build(t, dir)
	file := func(name string) string { return filepath.Join(dir, name) }
	start := func(name string, args ...string) *process {
		return startProcess(t, bin, file(name+".log"), append([]string{name}, args...)...)
	}
	service := start("serve", "--data", file("store"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--address-file", file("addresses"))
	grpc, _ := readAddresses(t, service, file("addresses"))
	plant := start("sim", append(args, "--data", file("line"), "--speed", speed, "--for", played.String(), "--port", "0",
		"--config-out", file("gateway.yaml"), "--emitted", file("emitted"), "--server", grpc, "--spool", file("spool"))...)
	waitForFile(t, plant, file("gateway.yaml"))
	gateway := start("gateway", "-c", file("gateway.yaml"))
	if err := plant.waitFor(2*played + 10*time.Minute); err != nil {
		t.Fatalf("line: %v", err)
	}
	got, ledger := arrived(t, dir, grpc, gateway, service)
	if ledger.Duplicates != 0 {
		t.Errorf("ledger = %+v; want nothing twice", ledger)
	}
	quiet := checkReported(t, machines, got)
	if n := float64(played / takt); float64(len(got)) < 25*n {
		t.Errorf("%d records of %g cells; want 25 a cell or more", len(got), n)
	}
	said, err := os.ReadFile(file("sim.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	t.Logf("%s of the line at speed %s: %d records emitted, as many stored, %.1f a second of the line", played, speed, len(got), float64(len(got))/played.Seconds())
	t.Logf("the line said: %s", lines[len(lines)-1])
	t.Logf("nothing to report in this time had %v", quiet)
	for _, p := range []*process{plant, gateway, service} {
		t.Logf("%s: %s", strings.TrimSuffix(filepath.Base(p.log), ".log"), p.usage())
	}
}

// nowAndThen is the steps whose machines do not report every minute: lots,
// batches, coils, oven loads and samples take their time.
var nowAndThen = []string{
	"IQC-P", "IQC-L", "IQC-W", "IQC-X", "MIX-C", "MIX-A", "TNK-C", "TNK-A", "COT-C", "COT-A", "CAL-C", "CAL-A",
	"SLT-C", "SLT-A", "NOT-C", "NOT-A", "BAK", "TU1", "KFT", "PEL", "XSC",
}

// checkReported checks that every record block of a line has reported, by the
// identities that were stored. It returns those that have not, and need not.
func checkReported(t *testing.T, machines map[string]int, stored map[string]string) (quiet []string) {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Start: time.Unix(1, 0), Machines: machines})
	if err != nil {
		t.Fatal(err)
	}
	reported := make(map[string]bool)
	for id := range stored {
		source, _, _ := strings.Cut(id, " ")
		reported[source] = true
	}
	for _, b := range l.Blocks() {
		switch {
		case reported[b.Source.String()]:
		case slices.Contains(nowAndThen, strings.Split(b.Name, ".")[1]):
			quiet = append(quiet, b.Name)
		default:
			t.Errorf("%s has reported nothing", b.Name)
		}
	}
	return quiet
}
