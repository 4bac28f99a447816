package push

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// all reads everything and fails at the first error.
func all(t *testing.T, r *Reader) []mes.Record {
	t.Helper()
	var records []mes.Record
	for record, err := range r.Records() {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}

func decoded(t *testing.T, record mes.Record) *mes.Event {
	t.Helper()
	event, err := mes.DecodeEvent(record.Event)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

const line = `{"source":"lab/ocv","epoch":2,"sequence":17,"event":{"eventTime":"2026-11-23T06:00:00.123+01:00","equipment":{"text":"L1.OCV.01"},"process_segment":"ocv","work":{"subjects":[{"kind":"REF_KIND_ITEM","id":{"text":"C0001"},"materialDefinition":"cell"}],"disposition":1,"attempt":"2","measurements":{"values":{"ocv1":3.2900000000000005,"ir":"-0","dcir":null,"k":"NaN"},"units":{"ocv1":"V"}},"consumed":[{"slot":"electrolyte","quantity":{"value":"12.50","unit":"g"}}]}}}`

func TestJSONLine(t *testing.T) {
	r := JSON(strings.NewReader("\n"+line+"\n"), Config{})
	records := all(t, r)
	if len(records) != 1 {
		t.Fatalf("got %d records, want 1", len(records))
	}
	wantID := mes.Identity{Source: "lab/ocv", Epoch: 2, Sequence: 17}
	if records[0].Identity != wantID {
		t.Errorf("identity = %s, want %s", records[0].Identity, wantID)
	}
	schema := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}, {Characteristic: "ir"}, {Characteristic: "dcir"}, {Characteristic: "k"}}}
	want := &mes.Event{
		EventTime: time.Date(2026, 11, 23, 5, 0, 0, 123e6, time.UTC), Equipment: "L1.OCV.01", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects:    []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: "C0001"}, MaterialDefinition: "cell"}},
			Disposition: mes.DispositionConformant, Attempt: 2,
			Measurements: &mes.Measurements{
				Schema: schema.ID(), Values: []float64{3.2900000000000005, math.Copysign(0, -1), math.NaN(), math.NaN()},
				Notes: []mes.Note{{Index: 2, Quality: mes.QualityMissing}},
			},
			Consumed: []mes.Actual{{Slot: "electrolyte", Quantity: &mes.Quantity{Value: mes.NewDecimal(125, -1), Unit: "g"}}},
		},
	}
	if !bytes.Equal(records[0].Event, mes.AppendEvent(nil, want)) {
		t.Errorf("event mismatch (-want +got):\n%s", cmp.Diff(want, decoded(t, records[0]), sameBits))
	}
	if diff := cmp.Diff([]mes.Schema{schema}, r.Schemas()); diff != "" {
		t.Errorf("schemas mismatch (-want +got):\n%s", diff)
	}
}

// sameBits compares doubles by their bits.
var sameBits = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

func TestJSONNumbersRows(t *testing.T) {
	const event = `{"event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":"QQ=="}]}}}`
	records := all(t, JSON(strings.NewReader(event+"\n\n"+event), Config{Source: "lab", Epoch: 3}))
	var got []string
	for _, r := range records {
		got = append(got, r.Identity.String())
	}
	if diff := cmp.Diff([]string{"lab:3:1", "lab:3:2"}, got); diff != "" {
		t.Errorf("identities mismatch (-want +got):\n%s", diff)
	}
}

func TestJSONRefuses(t *testing.T) {
	event := func(fields string) string {
		return `{"source":"s","sequence":1,"event":{"event_time":"2026-11-23T06:00:00Z",` + fields + `}}`
	}
	work := func(fields string) string {
		return event(`"work":{"subjects":[{"kind":"item","id":"QQ=="}],` + fields + `}`)
	}
	for _, tt := range []struct {
		name, line, field, want string
	}{
		{"no JSON", `{"source":`, "", "in:1: column"},
		{"no object", `[1]`, "", "the line is no object"},
		{"not UTF-8", "{\"source\":\"\xff\"}", "", "the line is not UTF-8"},
		{"half a pair", `{"source":"\ud800x"}`, "", "half a surrogate pair"},
		{"no event", `{"source":"s"}`, "event", "event is missing"},
		{"unknown key", `{"sorce":"s"}`, "sorce", "they are source, epoch, sequence and event"},
		{"key twice", `{"source":"s","source":"s"}`, "source", "comes twice"},
		{"sequence 0", `{"sequence":0}`, "sequence", "no whole number from 1"},
		{"no source", `{"event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":1,"id":"QQ=="}]}}}`, "identity.source", "is empty"},
		{"unknown field", event(`"werk":{}`), "werk", "is no field of takt.v1.Event; it has event_time"},
		{"unknown field below", work(`"defects":[{"code":"A"},{"cod":"B"}]`), "work.defects[1].cod", "it has code, place"},
		{"field twice", event(`"processSegment":"a","process_segment":"b"`), "process_segment", "comes twice"},
		{"two facts", work(`"place":"1"},"correction":{`), "correction", "stands beside work"},
		{"no base64", event(`"equipment":"L1.OCV.01"`), "equipment", `write {"text": "L1.OCV.01"}`},
		{"no text object", event(`"equipment":{"txt":"L1"}`), "equipment", `not {"text": …}`},
		{"no enumeration", work(`"disposition":"SCRAPPED"`), "work.disposition", "is not one of unspecified, conformant"},
		{"no known enumeration", work(`"disposition":77`), "work.disposition", "it must be one of"},
		{"fraction", work(`"attempt":1.5`), "work.attempt", "no whole number"},
		{"too large", work(`"attempt":4294967296`), "work.attempt", "0 to 4294967295"},
		{"no number", work(`"measurements":{"values":{"a":"3,29"}}`), "work.measurements.values.a", "is no number"},
		{"hexadecimal", work(`"measurements":{"values":{"a":"0x10"}}`), "work.measurements.values.a", "is no number"},
		{"beyond a double", work(`"measurements":{"values":{"a":1e999}}`), "work.measurements.values.a", "beyond a 64-bit float"},
		{"characteristic twice", work(`"measurements":{"values":{"a":1,"a":2}}`), "work.measurements.values", `"a" comes twice`},
		{"unit of nothing", work(`"measurements":{"values":{"a":1},"units":{"b":"V"}}`), "work.measurements.units", `has "b"`},
		{"schema beside names", work(`"measurements":{"values":{"a":1},"schema":"QUFBQUFBQUFBQUFBQUFBQQ=="}`), "work.measurements.schema", "the names are the schema"},
		{"no time", `{"source":"s","event":{"event_time":"2026-11-23"}}`, "event_time", "is no time"},
		{"no event time", `{"source":"s","event":{"work":{"subjects":[{"kind":1,"id":"QQ=="}]}}}`, "event_time", "is missing"},
		{"no fact", `{"source":"s","event":{"event_time":"2026-11-23T06:00:00Z"}}`, "fact", "is missing"},
		{"null in a list", event(`"work":{"subjects":[null]}`), "work.subjects[0]", "must be an object"},
		{"too large an event", work(`"place":"` + strings.Repeat("x", mes.MaxEventBytes) + `"`), "", "at most 262144 are taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var errs []error
			for _, err := range JSON(strings.NewReader(tt.line), Config{Name: "in"}).Records() {
				errs = append(errs, err)
			}
			if len(errs) != 1 || errs[0] == nil {
				t.Fatalf("errors = %v, want one", errs)
			}
			var e *mes.Error
			if !errors.As(errs[0], &e) || e.Values["line"] != "1" || e.Values["field"] != tt.field {
				t.Errorf("values = %v, want line 1 and field %q", e.Values, tt.field)
			}
			if !strings.HasPrefix(errs[0].Error(), "in:1: ") || !strings.Contains(errs[0].Error(), tt.want) {
				t.Errorf("error = %q, want %q in it", errs[0], tt.want)
			}
		})
	}
}

func TestJSONGoesOnAfterARow(t *testing.T) {
	good := `{"source":"s","event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":"QQ=="}]}}}`
	var got []string
	for record, err := range JSON(strings.NewReader(good+"\n{}\n"+good+"\n"), Config{Name: "in"}).Records() {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, record.Identity.String())
		}
	}
	if diff := cmp.Diff([]string{"s:1:1", "in:2: event is missing", "s:1:3"}, got); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
}

func TestJSONSequencesInAllRowsOrInNone(t *testing.T) {
	const event = `"event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":"QQ=="}]}}}`
	var last error
	for _, err := range JSON(strings.NewReader(`{"source":"s","sequence":2,`+event+"\n"+`{"source":"s",`+event), Config{Name: "in"}).Records() {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "in:2: sequence is given in some rows and not in others") {
		t.Errorf("error = %v, want one about the sequence", last)
	}
}

func TestJSONRefusesALineThatIsTooLong(t *testing.T) {
	var errs []error
	for _, err := range JSON(strings.NewReader(strings.Repeat(" ", MaxLineBytes+1)), Config{}).Records() {
		errs = append(errs, err)
	}
	if len(errs) != 1 || mes.CodeOf(errs[0]) != mes.CodeTooLarge {
		t.Errorf("errors = %v, want one of CodeTooLarge", errs)
	}
}

// TestJSONKeepsEveryBit sends doubles through text as strconv writes them.
func TestJSONKeepsEveryBit(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 0.1, 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, 5e-324, 3030.93, -1.7976931348623155e308, math.Inf(1), math.Inf(-1)} {
		s := fmt.Sprintf("%v", v)
		s = strings.Replace(strings.Replace(s, "+Inf", `"Infinity"`, 1), "-Inf", `"-Infinity"`, 1)
		for _, values := range []string{"[" + s + "]", `{"a":` + s + "}"} {
			text := `{"source":"s","event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":"QQ=="}],"measurements":{"values":` + values
			if values[0] == '[' {
				text += `,"schema":"QUFBQUFBQUFBQUFBQUFBQQ=="`
			}
			event := decoded(t, all(t, JSON(strings.NewReader(text+"}}}}"), Config{}))[0])
			work, _ := event.Fact.(*mes.Work)
			if got := work.Measurements.Values[0]; math.Float64bits(got) != math.Float64bits(v) {
				t.Errorf("%s came back as %v", values, got)
			}
		}
	}
}

// FuzzJSON compares with protobuf's own reader: what both take is the same
// event, and what only this one takes uses one of its conveniences.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(line))
	f.Add([]byte(`{"source":"s","event":{"eventTime":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"REF_KIND_LOT","id":"QQ"}],"measurements":{"schema":"QUFBQUFBQUFBQUFBQUFBQQ","values":[1e5,"NaN",-0.0],"notes":[{"index":1,"quality":2}]}}}}`))
	f.Add([]byte(`{"event":{"eventTime":"2026-11-23T06:00:00Z","coilGeometry":{"coil":"Qw==","lengthMicrometres":"1200000000","cutOuts":[{"atMicrometres":5,"code":"x"}]}}}`))
	f.Add([]byte(`{"event":{"eventTime":"2026-11-23T06:00:00Z","sourceFact":{"topic":"TOPIC_GAP","openTail":true,"first":1e2,"last":"18446744073709551615"}}}`))
	f.Add([]byte(`{"event":{"eventTime":"0001-01-01T00:00:00Z","decision":{"ends":{"source":"AA==","epoch":1}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.ContainsAny(data, "\r\n") {
			return
		}
		row, err := jsonRow(data)
		if err != nil {
			return
		}
		text, err := protojson.Marshal(row.event)
		if err != nil {
			// protojson refuses times beyond the year 9999; so do the rules.
			return
		}
		again, err := jsonRow([]byte(`{"event":` + string(text) + `}`))
		if err != nil {
			t.Fatalf("protobuf's JSON of %s is refused: %v", text, err)
		}
		if !same(row.event, again.event) {
			t.Fatalf("%s came back as %s", row.event, again.event)
		}
		theirs := new(taktv1.Event)
		inner := data[bytes.IndexByte(data, '{'):]
		if i := bytes.Index(inner, []byte(`"event":`)); i >= 0 && bytes.HasSuffix(inner, []byte("}}")) {
			inner = inner[i+len(`"event":`) : len(inner)-1]
		}
		if err := protojson.Unmarshal(inner, theirs); err == nil && bytes.Contains(data, inner) && len(inner) < len(data) && !same(row.event, theirs) {
			t.Fatalf("%s is\n%s here and\n%s to protobuf", inner, row.event, theirs)
		}
	})
}

// same compares messages by their bytes: proto.Equal takes every NaN for every
// other one.
func same(a, b proto.Message) bool {
	options := proto.MarshalOptions{Deterministic: true, AllowPartial: true}
	left, errLeft := options.Marshal(a)
	right, errRight := options.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func TestJSONBase64(t *testing.T) {
	raw := []byte{0, 0xff, 0xfb, '='}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		text := fmt.Sprintf(`{"source":"s","event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":%q}]}}}`, encoding.EncodeToString(raw))
		event := decoded(t, all(t, JSON(strings.NewReader(text), Config{}))[0])
		if work, _ := event.Fact.(*mes.Work); string(work.Subjects[0].ID) != string(raw) {
			t.Errorf("%s came back as %q", text, work.Subjects[0].ID)
		}
	}
}
