package recording

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// recorded is a recording of n records of a line, after so many others, and the
// records.
func recorded(t *testing.T, after, n int) (*line.Line, []byte, []line.Record) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l, err := line.New(line.Config{
		Name: "L1", Seed: 7, Start: time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC), Zone: zone, Dwell: line.Short(2000), OvenTrays: 1,
		Faults: []line.Fault{{ID: "F1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, l)
	if err != nil {
		t.Fatal(err)
	}
	var records []line.Record
	for r := range l.Records() {
		if after--; after >= 0 {
			continue
		}
		records = append(records, r)
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
		if len(records) == n {
			break
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return l, file.Bytes(), records
}

func TestRecording(t *testing.T) {
	// By then there are records of all kinds.
	const after, n = 15_500, 3000
	l, file, want := recorded(t, after, n)
	s, err := Check(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l.Blocks(), s.Blocks); diff != "" {
		t.Errorf("blocks mismatch (-want +got):\n%s", diff)
	}
	if s.Line != "L1" || s.Zone.String() != "Europe/Berlin" || s.Records != n || !s.First.Equal(want[0].Due) || !s.Last.Equal(want[n-1].Due) || len(s.Stands) != 0 {
		t.Errorf("summary is %+v", s)
	}
	i, kinds, touches := 0, make(map[string]bool), 0
	for r, err := range Records(bytes.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		w := want[i]
		i++
		kinds[r.Event.Fact.Kind()] = true
		touches += len(r.Truth.Touches)
		if r.Block != w.Block || r.Identity != w.Identity || !r.Due.Equal(w.Due) || !bytes.Equal(mes.AppendEvent(nil, r.Event), mes.AppendEvent(nil, w.Event)) {
			t.Fatalf("record %d is %s, want %s", i, r.Identity, w.Identity)
		}
		if len(r.Truth.Links)+len(r.Truth.Losses)+len(r.Truth.Touches) > 0 {
			if diff := cmp.Diff(w.Truth, r.Truth); diff != "" {
				t.Fatalf("the truth of %s mismatch (-want +got):\n%s", w.Identity, diff)
			}
		}
	}
	if i != n || len(kinds) != 7 || touches == 0 {
		t.Errorf("%d records of kinds %v with %d touches, want %d of all kinds", i, kinds, touches, n)
	}
	t.Logf("%d bytes a record", len(file)/n)
}

func TestStands(t *testing.T) {
	l, _, records := recorded(t, 0, 400)
	// Three of a block, of which the second stands.
	var of []line.Record
	for _, r := range records {
		if r.Block == records[len(records)-1].Block {
			of = append(of, r)
		}
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Stands(of[1]), w.Add(of[2]), w.End()); err != nil {
		t.Fatal(err)
	}
	s, err := Check(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[mes.Source]mes.Sequence{of[1].Identity.Source: 2}, s.Stands); diff != "" || s.Records != 1 {
		t.Errorf("%d records; stands mismatch (-want +got):\n%s", s.Records, diff)
	}
}

func TestCheckRefuses(t *testing.T) {
	_, file, _ := recorded(t, 0, 400)
	lines := bytes.SplitAfter(file, []byte("\n"))
	without := func(n int) []byte {
		return bytes.Join(append(append([][]byte(nil), lines[:n]...), lines[n+1:]...), nil)
	}
	changed := func(n int, old, with string) []byte {
		text := append([][]byte(nil), lines...)
		if text[n] = bytes.Replace(lines[n], []byte(old), []byte(with), 1); bytes.Equal(text[n], lines[n]) {
			t.Fatalf("line %d has no %s", n+1, old)
		}
		return bytes.Join(text, nil)
	}
	tests := []struct {
		name string
		file []byte
		code mes.Code
		want string
	}{
		{"empty", nil, mes.CodeFormat, "the file is empty, and no recording"},
		{"text", []byte("source,epoch\n"), mes.CodeFormat, "line 1: this is no recording of a line; one begins with"},
		{"other JSON", []byte(`{"source": "x"}` + "\n"), mes.CodeFormat, "line 1: this is no recording of a line; one begins with"},
		{"of a later version", changed(0, "takt-recording/1", "takt-recording/2"), mes.CodeFormat, `line 1: format is "takt-recording/2"; this program reads "takt-recording/1"`},
		{"a key of another's", changed(0, `"line"`, `"lines":2,"line"`), mes.CodeDamaged, `line 1: json: unknown field "lines"`},
		{"no zone", changed(0, "Europe/Berlin", "Europe/Bremen"), mes.CodeDamaged, `line 1: line "L1" in zone "Europe/Bremen" is none`},
		{"no block", changed(0, `"source":"L1`, `"source":"L2`), mes.CodeDamaged, "line 2: no block has the source L1"},
		{"no JSON", changed(5, `"due"`, `due`), mes.CodeDamaged, "line 6: invalid character 'd'"},
		{"another event", changed(5, `"eventTime":"2026-`, `"eventTime":"2025-`), mes.CodeDamaged, "line 6: the event is not the one that was recorded: its hash is another"},
		{"no event", changed(5, `"eventTime"`, `"eventTimes"`), mes.CodeDamaged, "line 6: event is no takt.v1.Event: "},
		{"another epoch", changed(5, `"epoch":1`, `"epoch":2`), mes.CodeDamaged, "line 6: epoch is 2; a recording has the line's own numbers"},
		{"back in time", changed(5, `"due":"2026-`, `"due":"2025-`), mes.CodeDamaged, "line 6: "},
		{"a record is missing", without(1), mes.CodeDamaged, "the recording ends after 399 records and had 400"},
		{"cut off between lines", bytes.Join(lines[:300], nil), mes.CodeDamaged, "line 301: the recording was cut off after 299 records"},
		{"cut off in a line", file[:len(file)/2], mes.CodeDamaged, "unexpected EOF"},
		{"more", append(bytes.Clone(file), lines[1]...), mes.CodeDamaged, "behind the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Check(bytes.NewReader(test.file))
			if err == nil || mes.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check:\n got %v (code %d)\nwant %s (code %d)", err, mes.CodeOf(err), test.want, test.code)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"format":"takt-recording/1","line":"L1","zone":"UTC","schemas":{},"blocks":[{"name":"B","source":"S","plc":"P","machines":["M"]}]}
{"due":"2026-03-02T05:00:00Z","source":"S","epoch":1,"sequence":1,"event":{"eventTime":"2026-03-02T05:00:00Z","slot":{"action":"CLEAN","slot":"tank"}},"hash":""}
{"end":1}
`))
	f.Fuzz(func(t *testing.T, file []byte) {
		_, err := Check(bytes.NewReader(file))
		if err == nil {
			return
		}
		if code := mes.CodeOf(err); code != mes.CodeDamaged && code != mes.CodeFormat {
			t.Errorf("code %d of %v", code, err)
		}
		// What is refused whole is refused record by record.
		last := io.EOF
		for _, err := range Records(bytes.NewReader(file)) {
			last = err
		}
		if last == nil || errors.Is(last, io.EOF) {
			t.Errorf("Records end without %v", err)
		}
	})
}
