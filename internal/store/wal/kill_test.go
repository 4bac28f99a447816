package wal_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/takt-mes/takt/internal/store/wal"
)

// helperDir names the log of a process that TestKill starts to be killed.
const helperDir = "TAKT_WAL_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Fprintln(os.Stderr, "helper:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// helper appends until it is killed, and says what it has acknowledged.
func helper(dir string) error {
	l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes})
	if err != nil {
		return err
	}
	for n := l.Last() + 1; ; n++ {
		if err := l.Append(n, payloadOf(n)); err != nil {
			return err
		}
		fmt.Println(n)
		if n%50 == 0 {
			if err := l.Trim(n - 40); err != nil {
				return err
			}
		}
	}
}

// What Append has acknowledged is there after a kill, whenever it comes.
func TestKill(t *testing.T) {
	kills := 20
	if os.Getenv("TAKT_LONG") != "" {
		kills = 500
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(5, 6))
	var acknowledged uint64
	for kill := range kills {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := random.IntN(100); lines.Scan(); left-- {
			if left == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			// What is still in the pipe was acknowledged, too.
			if acknowledged, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		_ = cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatalf("kill %d: %s", kill, &stderr)
		}
		l := open(t, dir)
		// Of one more, nobody was told.
		if l.Last() != acknowledged && l.Last() != acknowledged+1 {
			t.Fatalf("kill %d: last record %d; want %d or one more", kill, l.Last(), acknowledged)
		}
		if got := replay(t, l, 0); got[0] > max(41, acknowledged)-40 {
			t.Fatalf("kill %d: the first record is %d; nobody trimmed so much", kill, got[0])
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged < uint64(kills) {
		t.Errorf("only %d records were acknowledged in %d runs", acknowledged, kills)
	}
}
