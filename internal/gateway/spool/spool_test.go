package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, config Config) *Spool {
	t.Helper()
	s, err := Open(config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// event makes bytes that only this identity has; the spool does not look inside.
func event(id mes.Identity) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s;", id), 4+int(id.Sequence%5))
}

func record(source string, n int) mes.Record {
	id := mes.Identity{Source: mes.Source(source), Epoch: 1, Sequence: mes.Sequence(n)}
	return mes.Record{
		Identity:   id,
		Event:      event(id),
		Provenance: mes.Provenance{Gateway: "g1", PLCTime: time.Unix(int64(n), 0).UTC(), Status: 7},
	}
}

func appendAll(t *testing.T, s *Spool, records ...mes.Record) Appended {
	t.Helper()
	a, err := s.Append(t.Context(), records...)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return a
}

// readAll reads to the end and checks that offsets are dense.
func readAll(t *testing.T, s *Spool, after mes.Offset) []Entry {
	t.Helper()
	all, err := readTo(s, after)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return all
}

func readTo(s *Spool, after mes.Offset) ([]Entry, error) {
	var all []Entry
	for {
		entries, err := s.Read(after, 7, 0)
		if err != nil {
			return all, err
		}
		if len(entries) == 0 {
			return all, nil
		}
		for _, e := range entries {
			if after++; e.Offset != after || e.Record.Provenance.Offset != after {
				return all, fmt.Errorf("offset %d (in the provenance %d) came where %d was due", e.Offset, e.Record.Provenance.Offset, after)
			}
		}
		all = append(all, entries...)
	}
}

func wantCode(t *testing.T, err error, code mes.Code) {
	t.Helper()
	var e *mes.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error = %v, want an Error with code %d", err, code)
	}
}

func TestAppendAndRead(t *testing.T) {
	c := newClock()
	s := open(t, Config{Dir: t.TempDir(), Now: c.Now})
	var want []Entry
	for i := 1; i <= 20; i++ {
		r := record("L1/P2/WND01", i)
		if got := appendAll(t, s, r); got.Offset != mes.Offset(i) || got.New != 1 {
			t.Fatalf("Append = %+v, want offset %d", got, i)
		}
		r.Provenance.Spool, r.Provenance.Offset = s.Name(), mes.Offset(i)
		want = append(want, Entry{Offset: mes.Offset(i), Time: c.Now().Local(), Record: r})
		c.advance(time.Second)
	}
	if diff := cmp.Diff(want, readAll(t, s, 0)); diff != "" {
		t.Errorf("Read mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[12:], readAll(t, s, 12)); diff != "" {
		t.Errorf("Read(12) mismatch (-want +got):\n%s", diff)
	}
	got, err := s.Read(3, 0, 1)
	if err != nil || len(got) != 1 || got[0].Offset != 4 {
		t.Errorf("Read with one byte = %v, %v; want the one record at 4", got, err)
	}
	if got, err := s.Read(20, 0, 0); err != nil || len(got) != 0 {
		t.Errorf("Read at the end = %v, %v; want nothing", got, err)
	}
}

func TestAppendAgain(t *testing.T) {
	first, second, third := record("a", 1), record("a", 2), record("b", 1)
	fourth := record("d", 1)
	fifth := mes.Record{Identity: fourth.Identity, Event: []byte("x")}
	other := first
	other.Event = []byte("other content")
	tests := []struct {
		name    string
		records []mes.Record
		want    Appended
		last    mes.Offset
	}{
		{"same", []mes.Record{first}, Appended{Offset: 1, Duplicates: 1}, 3},
		{"same with another provenance", []mes.Record{{Identity: second.Identity, Event: second.Event}}, Appended{Offset: 2, Duplicates: 1}, 3},
		{"other content", []mes.Record{other}, Appended{Offset: 4, New: 1, Conflicts: []mes.Identity{first.Identity}}, 4},
		{"other content again", []mes.Record{other, first}, Appended{Offset: 4, Duplicates: 2}, 4},
		{"some new", []mes.Record{third, record("b", 2), second}, Appended{Offset: 5, New: 1, Duplicates: 2}, 5},
		{"twice in one call", []mes.Record{record("c", 1), record("c", 1)}, Appended{Offset: 6, New: 1, Duplicates: 1}, 6},
		{"twice in one call with other content", []mes.Record{fourth, fifth}, Appended{Offset: 8, New: 2, Conflicts: []mes.Identity{fourth.Identity}}, 8},
		{"a source that begins as another", []mes.Record{record("aa", 1)}, Appended{Offset: 9, New: 1}, 9},
		{"none", nil, Appended{}, 9},
	}
	s := open(t, Config{Dir: t.TempDir()})
	appendAll(t, s, first, second, third)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, appendAll(t, s, test.records...)); diff != "" {
				t.Errorf("Append mismatch (-want +got):\n%s", diff)
			}
			if got := s.Stats().Last; got != test.last {
				t.Errorf("Last = %d, want %d", got, test.last)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	huge := record("a", 2)
	huge.Event = make([]byte, mes.MaxEventBytes+1)
	tests := []struct {
		name   string
		record mes.Record
		code   mes.Code
	}{
		{"no source", mes.Record{Identity: mes.Identity{Epoch: 1, Sequence: 1}}, mes.CodeInvalid},
		{"long source", record(strings.Repeat("s", mes.MaxIDBytes+1), 1), mes.CodeInvalid},
		{"sequence 0", record("a", 0), mes.CodeInvalid},
		{"event too large", huge, mes.CodeTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Append(t.Context(), record("a", 1), test.record)
			wantCode(t, err, test.code)
			if got := s.Stats().Records; got != 0 {
				t.Errorf("%d records were appended, want none", got)
			}
		})
	}
}

func TestReopen(t *testing.T) {
	c := newClock()
	config := Config{Dir: t.TempDir(), Now: c.Now, Retention: time.Hour}
	s := open(t, config)
	for i := 1; i <= 30; i++ {
		appendAll(t, s, record("a", i), record("b", 2*i))
	}
	schema := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}, {Characteristic: "acir", Unit: "mOhm"}}}
	id, err := s.PutSchema(schema)
	if err != nil || id != schema.ID() {
		t.Fatalf("PutSchema = %v, %v", id, err)
	}
	for _, err := range []error{
		s.SetState("a", []byte("old")), s.SetState("a", []byte("new")),
		s.Learn(mes.Identity{Source: "a", Epoch: 1, Sequence: 5}),
		s.Learn(mes.Identity{Source: "c", Epoch: 3, Sequence: 9}),
		s.Acknowledge(25),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	name, entries, stats := s.Name(), readAll(t, s, 0), s.Stats()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if _, err := s.Append(t.Context(), record("a", 31)); mes.CodeOf(err) != mes.CodeUnavailable {
		t.Errorf("Append after Close = %v, want CodeUnavailable", err)
	}
	if _, err := s.Read(0, 0, 0); mes.CodeOf(err) != mes.CodeUnavailable {
		t.Errorf("Read after Close = %v, want CodeUnavailable", err)
	}

	s = open(t, config)
	if s.Name() != name {
		t.Errorf("Name = %s, want %s", s.Name(), name)
	}
	if diff := cmp.Diff(entries, readAll(t, s, 0)); diff != "" {
		t.Errorf("Read mismatch (-want +got):\n%s", diff)
	}
	got := s.Stats()
	got.Bytes, got.Fill = stats.Bytes, stats.Fill // A commit later, other pages are free.
	got.Oldest = got.Oldest.UTC()
	if diff := cmp.Diff(stats, got); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
	wantLast := map[mes.Source]mes.Identity{
		"a": {Source: "a", Epoch: 1, Sequence: 30},
		"b": {Source: "b", Epoch: 1, Sequence: 60},
		"c": {Source: "c", Epoch: 3, Sequence: 9},
	}
	for source, want := range wantLast {
		if got, ok := s.Last(source); !ok || got != want {
			t.Errorf("Last(%s) = %v, %t; want %v", source, got, ok, want)
		}
	}
	if got, ok := s.Last("d"); ok {
		t.Errorf("Last(d) = %v, want none", got)
	}
	if got, err := s.State("a"); err != nil || string(got) != "new" {
		t.Errorf("State(a) = %q, %v; want new", got, err)
	}
	if got, err := s.State("b"); err != nil || got != nil {
		t.Errorf("State(b) = %q, %v; want none", got, err)
	}
	schemas, err := s.Schemas()
	if diff := cmp.Diff([]mes.Schema{schema}, schemas); err != nil || diff != "" {
		t.Errorf("Schemas mismatch: %v\n%s", err, diff)
	}
	if got := appendAll(t, s, record("a", 30), record("a", 31)); got.Offset != 61 || got.Duplicates != 1 {
		t.Errorf("Append = %+v, want offset 61 and a duplicate", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	boltFile := func(t *testing.T, change func(tx *bbolt.Tx) error) string {
		t.Helper()
		dir := t.TempDir()
		db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(change); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	tests := []struct {
		name string
		dir  func(t *testing.T) string
		code mes.Code
		text string
	}{
		{"open elsewhere", func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			open(t, Config{Dir: dir})
			return dir
		}, mes.CodeLocked, "another process has the spool"},
		{"another version", func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			if err := open(t, Config{Dir: dir}).Close(); err != nil {
				t.Fatal(err)
			}
			db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(func(tx *bbolt.Tx) error { return put(tx, metaBucket, []byte("format"), []byte{9}) }); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return dir
		}, mes.CodeFormat, "has format 9, this program reads 1"},
		{"another kind of bbolt file", func(t *testing.T) string {
			t.Helper()
			return boltFile(t, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("members"))
				return err
			})
		}, mes.CodeFormat, "no spool"},
		{"no bbolt file", func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileName), bytes.Repeat([]byte("takt "), 10000), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, mes.CodeDamaged, fileName},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(Config{Dir: test.dir(t)})
			wantCode(t, err, test.code)
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %q does not say %q", err, test.text)
			}
		})
	}
}

func TestConcurrentAppends(t *testing.T) {
	const writers, each = 8, 60
	s := open(t, Config{Dir: t.TempDir()})
	readerDone := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(map[mes.Identity]int)
	go func() {
		readerDone <- func() error {
			for after := mes.Offset(0); after < writers*each; {
				if err := s.Wait(ctx, after); err != nil {
					return err
				}
				entries, err := s.Read(after, 50, 0)
				if err != nil {
					return err
				}
				for _, e := range entries {
					if after++; e.Offset != after || !bytes.Equal(e.Record.Event, event(e.Record.Identity)) {
						return fmt.Errorf("at %d: %+v", after, e)
					}
					seen[e.Record.Identity]++
				}
				if err := s.Acknowledge(after); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			source := mes.Source(fmt.Sprint("w", w))
			for i := 1; i <= each; i++ {
				if _, err := s.Append(ctx, record(string(source), i)); err != nil {
					t.Errorf("Append: %v", err)
					cancel()
					return
				}
				if last, ok := s.Last(source); !ok || last.Sequence != mes.Sequence(i) {
					t.Errorf("Last(%s) = %v after %d", source, last, i)
				}
				if i%20 == 0 {
					if err := s.SetState(source, fmt.Append(nil, i)); err != nil {
						t.Errorf("SetState: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := <-readerDone; err != nil {
		t.Fatalf("reader: %v", err)
	}
	if len(seen) != writers*each {
		t.Errorf("%d identities came out, want %d", len(seen), writers*each)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

// Callers that wait at the same time share one commit.
func TestAppendsShareACommit(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	// The writer stands in the first request until the others have queued up.
	entered, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.do(t.Context(), 0, func(*change) error {
			close(entered)
			<-leave
			return nil
		})
	})
	<-entered
	before := s.db.Stats()
	const callers = 50
	for i := range callers {
		wg.Go(func() {
			if _, err := s.Append(context.Background(), record("a", i+1)); err != nil {
				t.Errorf("Append: %v", err)
			}
		})
	}
	for len(s.queue) < callers {
		// Nothing signals a full queue; the goroutines need a moment only.
		runtime.Gosched()
	}
	close(leave)
	wg.Wait()
	after := s.db.Stats()
	if got := after.TxStats.GetWrite() - before.TxStats.GetWrite(); got > 40 {
		t.Errorf("%d page writes for %d appends; they did not share a commit", got, callers)
	}
	if got := len(readAll(t, s, 0)); got != callers {
		t.Errorf("%d records, want %d", got, callers)
	}
}

func TestWait(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- s.Wait(ctx, 1) }()
	appendAll(t, s, record("a", 1))
	appendAll(t, s, record("a", 2))
	if err := <-waiting; err != nil {
		t.Errorf("Wait = %v", err)
	}
	go func() { waiting <- s.Wait(ctx, 2) }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want Canceled", err)
	}
	go func() { waiting <- s.Wait(context.Background(), 2) }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; mes.CodeOf(err) != mes.CodeUnavailable {
		t.Errorf("Wait = %v, want CodeUnavailable", err)
	}
}

// eventually waits for what the writer does unasked, commit by commit.
func eventually(t *testing.T, s *Spool, what string, holds func(Stats) bool) {
	t.Helper()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if holds(s.Stats()) {
			return
		}
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: still not, %+v", what, s.Stats())
		}
	}
}

func TestPrune(t *testing.T) {
	const records = 3 * pruneRecords
	c := newClock()
	s := open(t, Config{Dir: t.TempDir(), Now: c.Now, Retention: time.Hour})
	fill := func(source string) {
		var batch []mes.Record
		for i := 1; i <= records; i++ {
			batch = append(batch, record(source, i))
		}
		appendAll(t, s, batch...)
	}
	fill("a")
	c.advance(59 * time.Minute)
	fill("b")
	full := s.Stats().Bytes
	if err := s.Acknowledge(records + 10); err != nil {
		t.Fatal(err)
	}
	// A commit passes, and takes nothing that is younger than the retention.
	if err := s.SetState("a", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.First != 1 || got.Records != 2*records || got.Pending != records-10 {
		t.Fatalf("before the retention is over: %+v", got)
	}
	c.advance(time.Minute)
	if err := s.Acknowledge(records + 10); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, "prune a", func(st Stats) bool { return st.First == records+1 })
	if got := s.Stats().Bytes; got > full*2/3 {
		t.Errorf("%d bytes are taken of %d before, though half is gone", got, full)
	}
	c.advance(time.Hour)
	if err := s.Acknowledge(records + 10); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, "prune b", func(st Stats) bool { return st.First == records+11 })
	if got := readAll(t, s, records+10); len(got) != records-10 {
		t.Errorf("%d records are left, want the %d without an acknowledgement", len(got), records-10)
	}
	_, err := s.Read(records, 0, 0)
	wantCode(t, err, mes.CodeOffsetGap)
	// What has gone is known by its source's last number alone.
	if last, _ := s.Last("a"); last.Sequence != records {
		t.Errorf("Last(a) = %v, want %d", last, records)
	}
	if err := s.Acknowledge(2*records + 1); mes.CodeOf(err) != mes.CodeInvalid {
		t.Errorf("Acknowledge beyond the end = %v, want CodeInvalid", err)
	}
	if err := s.Acknowledge(2 * records); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, "prune all", func(st Stats) bool { return st.Records == 0 })
	if got := appendAll(t, s, record("b", records+1)); got.Offset != 2*records+1 {
		t.Errorf("Append after all is gone = %+v, want offset %d", got, 2*records+1)
	}
}

func TestFull(t *testing.T) {
	var log lockedBuffer
	s := open(t, Config{
		Dir: t.TempDir(), MaxBytes: 400_000, Retention: 100 * time.Hour,
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	n := 0
	fill := func() error {
		for {
			r := record("a", n+1)
			r.Event = append(r.Event, make([]byte, 2000)...)
			if _, err := s.Append(t.Context(), r); err != nil {
				return err
			}
			n++
		}
	}
	err := fill()
	wantCode(t, err, mes.CodeBusy)
	if n < 50 {
		t.Errorf("full after %d records", n)
	}
	if got := strings.Count(log.String(), "spool is filling up"); got != 3 {
		t.Errorf("%d warnings, want one each at 70, 85 and 95 %%:\n%s", got, log.String())
	}
	// Nothing is dropped, and what is there already is still a duplicate.
	if got := readAll(t, s, 0); len(got) != n {
		t.Errorf("%d records, want %d", len(got), n)
	}
	again := record("a", 1)
	again.Event = append(again.Event, make([]byte, 2000)...)
	if got := appendAll(t, s, again); got.Duplicates != 1 || got.Offset != 1 {
		t.Errorf("Append again = %+v, want a duplicate", got)
	}
	// Acknowledged records make room before their time.
	if err := s.Acknowledge(mes.Offset(n / 2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, "make room", func(st Stats) bool { return st.Fill < pressure })
	before := n
	wantCode(t, fill(), mes.CodeBusy)
	if n == before {
		t.Error("no record went in though there was room")
	}
	first := s.Stats().First
	if got := readAll(t, s, first-1); len(got) != n-int(first)+1 || first > mes.Offset(before/2)+1 {
		t.Errorf("%d records from %d on, want all up to %d", len(got), first, n)
	}
}

func TestRewind(t *testing.T) {
	// The spool has offsets 1 to 10; those up to pruned are gone, those up to
	// acknowledged were acknowledged by the store s1.
	tests := []struct {
		name                 string
		pruned, acknowledged mes.Offset
		store                string
		durable              mes.Offset
		want                 Start
		first                mes.Sequence
	}{
		{"as it was", 4, 8, "s1", 8, Start{After: 8}, 9},
		{"an acknowledgement was lost", 4, 8, "s1", 9, Start{After: 9}, 10},
		{"all durable", 4, 8, "s1", 10, Start{After: 10}, 0},
		{"the same store knows less", 4, 8, "s1", 5, Start{After: 5}, 6},
		{"the same store knows just enough", 4, 8, "s1", 4, Start{After: 4}, 5},
		{"the same store lacks what is gone", 4, 8, "s1", 3, Start{Renamed: true, Gone: 1}, 5},
		{"a new store", 4, 8, "s2", 0, Start{Renamed: true, Gone: 4}, 5},
		{"a new store, nothing gone", 0, 8, "s2", 0, Start{}, 1},
		{"a restored store with another id", 4, 8, "s2", 6, Start{After: 4}, 5},
		{"the server knows more than the spool ever had", 4, 8, "s1", 12, Start{Renamed: true}, 5},
		{"nothing is left", 10, 10, "s2", 0, Start{Renamed: true, Gone: 10}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			config := Config{Dir: t.TempDir(), Now: c.Now, Retention: time.Hour}
			s := open(t, config)
			name := s.Name()
			if got, err := s.Rewind(t.Context(), "s1", 0); err != nil || got != (Start{}) {
				t.Fatalf("Rewind of a new spool = %+v, %v", got, err)
			}
			for i := 1; i <= 10; i++ {
				if mes.Offset(i) == test.pruned+1 {
					c.advance(time.Hour)
				}
				appendAll(t, s, record("a", i))
			}
			if test.pruned == 10 {
				c.advance(time.Hour)
			}
			if err := s.Acknowledge(test.acknowledged); err != nil {
				t.Fatal(err)
			}
			eventually(t, s, "prune", func(st Stats) bool { return st.First == test.pruned+1 })

			got, err := s.Rewind(t.Context(), test.store, test.durable)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Fatalf("Rewind mismatch: %v (-want +got):\n%s", err, diff)
			}
			if renamed := s.Name() != name; renamed != test.want.Renamed {
				t.Errorf("the name is %s after %s", s.Name(), name)
			}
			check := func(s *Spool) {
				t.Helper()
				entries := readAll(t, s, got.After)
				if test.first == 0 {
					if len(entries) != 0 {
						t.Errorf("%d records come, want none", len(entries))
					}
					return
				}
				if len(entries) != int(11-test.first) || entries[0].Record.Identity.Sequence != test.first || entries[0].Record.Provenance.Spool != s.Name() {
					t.Errorf("records %+v, want those from %d on", entries, test.first)
				}
			}
			check(s)
			after := s.Stats()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, config)
			check(s)
			if got := s.Stats(); got.Acknowledged != after.Acknowledged || got.First != after.First {
				t.Errorf("after a restart %+v, want %+v", got, after)
			}
			// Offsets go on under whichever name it has.
			want := s.Stats().Last + 1
			if got := appendAll(t, s, record("a", 11)); got.Offset != want {
				t.Errorf("Append = %+v, want offset %d", got, want)
			}
		})
	}
}

// A commit that fails leaves open what is on the disk; nothing may be
// acknowledged on top of it.
func TestFailedCommitClosesForGood(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, s, record("a", 1))
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	_, first := s.Append(t.Context(), record("a", 2))
	if first == nil {
		t.Fatal("Append to a file that cannot be written = nil")
	}
	_, second := s.Append(t.Context(), record("a", 3))
	_, read := s.Read(0, 0, 0)
	for what, err := range map[string]error{
		"Append": second, "Read": read, "Wait": s.Wait(t.Context(), 9), "SetState": s.SetState("a", nil), "Acknowledge": s.Acknowledge(1),
	} {
		if !errors.Is(err, first) {
			t.Errorf("%s = %v, want %v", what, err, first)
		}
	}
	if last, _ := s.Last("a"); last.Sequence != 1 {
		t.Errorf("Last = %v, want the record that was committed", last)
	}
	_ = s.Close() // The file is closed already.
}

func TestAppendGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// No writer: the queue is all there is.
		s := &Spool{queue: make(chan *request), stopped: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Append(ctx, record("a", 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Append = %v, want DeadlineExceeded", err)
		}
	})
}

// Whatever happens to the file, no record comes out that did not go in.
func TestDamagedFile(t *testing.T) {
	rounds := 150
	if os.Getenv("TAKT_LONG") != "" {
		rounds = 3000
	}
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	want := make(map[mes.Offset]mes.Record)
	for i := 1; i <= 300; i++ {
		r := record("a", i)
		offset := appendAll(t, s, r).Offset
		r.Provenance.Spool, r.Provenance.Offset = s.Name(), offset
		want[offset] = r
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	outcomes := map[string]int{}
	for round := range rounds {
		damaged := bytes.Clone(whole)
		what := ""
		switch round % 3 {
		case 0:
			at := random.IntN(len(damaged))
			damaged[at] ^= 1 << random.IntN(8)
			what = fmt.Sprintf("a bit flipped at %d", at)
		case 1:
			at := random.IntN(len(damaged) - 512)
			clear(damaged[at : at+512])
			what = fmt.Sprintf("512 bytes zeroed at %d", at)
		case 2:
			at := random.IntN(len(damaged))
			damaged = damaged[:at]
			what = fmt.Sprintf("cut off at %d", at)
		}
		sub := t.TempDir()
		if err := os.WriteFile(filepath.Join(sub, fileName), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		outcomes[damageOutcome(t, sub, what, want)]++
		if t.Failed() {
			return
		}
	}
	t.Logf("%v", outcomes)
	if outcomes["Open refused"] == 0 || outcomes["Read refused"] == 0 {
		t.Errorf("outcomes %v: the damage did not reach what it should", outcomes)
	}
}

func damageOutcome(t *testing.T, dir, what string, want map[mes.Offset]mes.Record) string {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		if code := mes.CodeOf(err); code != mes.CodeDamaged && code != mes.CodeFormat {
			t.Errorf("%s: Open = %v, want CodeDamaged", what, err)
		}
		return "Open refused"
	}
	defer func() { _ = s.Close() }()
	// A file cut down to nothing is a new spool, under another name.
	fresh := s.Name() != want[1].Provenance.Spool
	entries, err := readTo(s, 0)
	for _, e := range entries {
		// DeepEqual first: a diff of what is equal takes its time, too.
		if !reflect.DeepEqual(want[e.Offset], e.Record) {
			t.Errorf("%s: a wrong record at %d (-want +got):\n%s", what, e.Offset, cmp.Diff(want[e.Offset], e.Record))
		}
	}
	if err != nil {
		if mes.CodeOf(err) != mes.CodeDamaged || !strings.Contains(err.Error(), fileName) {
			t.Errorf("%s: Read = %v, want CodeDamaged and the file's name", what, err)
		}
		return "Read refused"
	}
	// Where the newest of bbolt's two first pages is broken, as by a power cut
	// in the middle of a commit, the commit before it counts.
	if !fresh && len(entries) < len(want)-1 {
		t.Errorf("%s: %d records of %d, without an error", what, len(entries), len(want))
	}
	if got := s.Stats().Last; int(got) != len(entries) {
		t.Errorf("%s: %d records up to offset %d", what, len(entries), got)
	}
	return "nothing was hit"
}

// lockedBuffer takes a log from several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
