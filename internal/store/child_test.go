package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// A process of its own has the store that is killed, or whose disk fails. It is
// started with the directory, and with what it is to do.
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

// child opens the store, says how far it is durable, and appends or checks; or does
// something with a store that nobody has open.
func child(dir, does string) (err error) {
	ctx := context.Background()
	does, early := strings.CutPrefix(does, "early ")
	switch does, again := strings.CutSuffix(does, " again"); does {
	case "expire", "migrate":
		return offlineChild(ctx, dir, does, again)
	}
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
	const some = 3000
	for does != "append some" || durable < some {
		var records []mes.Record
		for range 1 + chance.IntN(200) {
			r, _ := next()
			records = append(records, r)
		}
		if early { // which no store may
			fmt.Println(durable + mes.Offset(len(records)))
		}
		a, err := s.Append(ctx, store.Batch{Gateway: "g1", Spool: "s1", First: durable + 1, Records: records})
		if err != nil {
			return err
		}
		durable = a.Durable
		if !early {
			fmt.Println(durable)
		}
	}
	return s.Close()
}

// offlineChild removes what is old, or migrates; again where that was cut off: then
// it says how many events are left, and checks.
func offlineChild(ctx context.Context, dir, does string, again bool) error {
	progress := func(p store.Progress) {
		for _, problem := range p.Problems {
			fmt.Fprintln(os.Stderr, p.Stage, problem)
		}
	}
	do := func() (err error) {
		if does == "migrate" {
			_, err = store.Migrate(ctx, dir, progress)
		} else {
			_, err = store.Expire(ctx, store.Retention{Dir: dir, Before: oldBefore, Progress: progress})
		}
		return err
	}
	err := do()
	if again && mes.CodeOf(err) == mes.CodeDamaged && strings.Contains(err.Error(), "run takt rebuild") {
		err = errors.Join(store.Rebuild(ctx, dir, progress), do())
	}
	if err != nil || !again {
		return err
	}
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		return err
	}
	left := 0
	err = s.View(ctx, 0, func(v *store.View) error {
		for e, err := range v.Events(0, store.Filter{}) {
			if err != nil {
				return err
			}
			if e.Event != nil {
				left++
			}
		}
		return nil
	})
	fmt.Println(left)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	_, err = store.CheckDir(ctx, dir, progress)
	return err
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

// runChild runs a child until it ends, and returns the last offset that it called
// durable, and what it complained of. It calls each with every offset before the
// next one is read.
func runChild(t *testing.T, dir, does string, each func(child *os.Process)) (durable mes.Offset, complaint string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childDoes+"="+does)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	each(cmd.Process)
	for lines := bufio.NewScanner(out); lines.Scan(); each(cmd.Process) {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		durable = mes.Offset(n)
	}
	_ = cmd.Wait()
	return durable, stderr.String()
}

// seed is where the chance of a fault test comes from: TAKT_SEED repeats a run, as
// a test that failed says.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(1)
	if text := os.Getenv("TAKT_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TAKT_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with: TAKT_SEED=%d TAKT_LONG=%s go test ./internal/store -run '%s$'", n, os.Getenv("TAKT_LONG"), t.Name())
		}
	})
	return n
}
