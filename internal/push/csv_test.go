package push

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

const testMapping = `
source: {const: lab/ocv}
sequence: n
zone: Europe/Berlin
delimiter: ";"
fields:
  event_time: time
  equipment: {const: L1.OCV.01}
  process_segment: {const: ocv}
  work.subjects[0].kind: {const: REF_KIND_ITEM}
  work.subjects[0].id: cell
  work.subjects[0].material_definition: {const: cell}
  work.disposition: {column: result, codes: {PASS: conformant, FAIL: DISPOSITION_SCRAP}}
  work.defects[0].code: defect
  work.consumed[1].ref.kind: {const: item}
  work.consumed[1].ref.id: part
  work.consumed[0].ref.kind: {const: lot}
  work.consumed[0].ref.id: lot
  work.consumed[0].quantity.value: {column: grams, scale: -3}
  work.consumed[0].quantity.unit: {const: kg}
  work.consumed[0].interval.from_micrometres: {column: from, scale: 6}
  work.consumed[0].interval.to_micrometres: {column: to, scale: 6}
measurements:
  - {column: "OCV*", unit: V}
  - {column: ir, characteristic: internal_resistance, unit: mOhm}
`

func compiled(t *testing.T, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCSV(t *testing.T) {
	const file = "\uFEFFn;time;cell;result;defect;lot;grams;from;to;part;OCV1;OCV2;ir\r\n" +
		"7;2026-11-23T06:00:00.5;C0001;PASS;;EL-1;12.5;0.25;1.5;;3.29;-0;0.40000000000000002\r\n" +
		"9;2026-07-01 06:00:00; C 2;FAIL;OCV-1;;;;;P1;NaN;;\n"
	r := CSV(strings.NewReader(file), compiled(t, testMapping), Config{})
	records := all(t, r)
	schema := mes.Schema{Columns: []mes.Column{{Characteristic: "OCV1", Unit: "V"}, {Characteristic: "OCV2", Unit: "V"}, {Characteristic: "internal_resistance", Unit: "mOhm"}}}
	cell := func(id mes.ID) []mes.Ref {
		return []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: id}, MaterialDefinition: "cell"}}
	}
	want := []*mes.Event{{
		EventTime: time.Date(2026, 11, 23, 5, 0, 0, 500e6, time.UTC), UTCOffset: 3600, Equipment: "L1.OCV.01", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects: cell("C0001"), Disposition: mes.DispositionConformant,
			Measurements: &mes.Measurements{Schema: schema.ID(), Values: []float64{3.29, math.Copysign(0, -1), 0.4}},
			Consumed: []mes.Actual{{
				Ref:      mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: "EL-1"}},
				Quantity: &mes.Quantity{Value: mes.NewDecimal(125, -4), Unit: "kg"},
				Interval: &mes.Interval{From: 250_000, To: 1_500_000},
			}},
		},
	}, {
		EventTime: time.Date(2026, 7, 1, 4, 0, 0, 0, time.UTC), UTCOffset: 7200, Equipment: "L1.OCV.01", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects: cell(" C 2"), Disposition: mes.DispositionScrap, Defects: []mes.Defect{{Code: "OCV-1"}},
			Measurements: &mes.Measurements{
				Schema: schema.ID(), Values: []float64{math.NaN(), math.NaN(), math.NaN()},
				Notes: []mes.Note{{Index: 1, Quality: mes.QualityMissing}, {Index: 2, Quality: mes.QualityMissing}},
			},
			// The lot's columns are empty, and so the part stands first.
			Consumed: []mes.Actual{{Ref: mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: "P1"}}}},
		},
	}}
	for i, record := range records {
		if diff := cmp.Diff(want[i], decoded(t, record), sameBits); diff != "" {
			t.Errorf("row %d mismatch (-want +got):\n%s", i+1, diff)
		}
		if !bytes.Equal(record.Event, mes.AppendEvent(nil, want[i])) {
			t.Errorf("row %d is not canonical", i+1)
		}
	}
	if records[0].Identity.String() != "lab%2Focv:1:7" || records[1].Identity.String() != "lab%2Focv:1:9" {
		t.Errorf("identities are %s and %s", records[0].Identity, records[1].Identity)
	}
	if diff := cmp.Diff([]mes.Schema{schema}, r.Schemas()); diff != "" {
		t.Errorf("schemas mismatch (-want +got):\n%s", diff)
	}
}

const smallMapping = "source: {const: s}\nfields:\n  event_time: time\n  work.subjects[0].kind: {const: item}\n  work.subjects[0].id: id\n"

func TestCSVRefuses(t *testing.T) {
	const head, row = "time,id,v\n", "2026-11-23T06:00:00Z,A,1\n"
	for _, tt := range []struct{ name, mapping, file, want string }{
		{"no header", smallMapping, "", "f.csv:1: the file is empty"},
		{"no column", smallMapping, "time,name\n", `f.csv:1: there is no column "id"; the columns are time, name`},
		{"column twice", smallMapping, "time,id,id\n", `f.csv:1: two columns have the name "id"`},
		{"ragged", smallMapping, head + row + "x\n", "f.csv:3: column 1: wrong number of fields"},
		{"open quote", smallMapping, head + row + row + "\"2026,A,1\n\n\n", "f.csv:4: column 2: extraneous or missing"},
		{"no time", smallMapping, head + "yesterday,A,1\n", `f.csv:2: event_time is "yesterday", which is no time`},
		{"no zone", smallMapping, head + "2026-11-23 06:00:00,A,1\n", "f.csv:2: event_time is \"2026-11-23 06:00:00\", which has no offset from UTC; tell the mapping its zone"},
		{"time twice", smallMapping + "zone: Europe/Berlin\n", head + "2026-10-25 02:30:00,A,1\n", "showed twice"},
		{"time never", smallMapping + "zone: Europe/Berlin\n", head + "2026-03-29 02:30:00,A,1\n", "which no clock showed"},
		{"empty id", smallMapping, head + "2026-11-23T06:00:00Z,,1\n", "f.csv:2: fact is missing"},
		{"no code", smallMapping + "  work.disposition: {column: v, codes: {P: conformant}}\n", head + row, `f.csv:2: work.disposition is "1", which has no code`},
		{"no number", smallMapping + "measurements: [{column: v}]\n", head + "2026-11-23T06:00:00Z,A,\"3,2\"\n", `f.csv:2: work.measurements v is "3,2", which is no number`},
		{"no text", smallMapping + "  process_segment: v\n", head + "2026-11-23T06:00:00Z,A,\xff\n", "f.csv:2: process_segment is \"\\xff\", which is not UTF-8"},
		{"no sequence", smallMapping + "sequence: v\n", head + "2026-11-23T06:00:00Z,A,x\n", `f.csv:2: sequence is "x", which is no whole number from 1`},
		{"too fine", smallMapping + "  work.attempt: {column: v, scale: 1}\n", head + "2026-11-23T06:00:00Z,A,0.05\n", "f.csv:2: work.attempt is 0.05, which is no whole number in units of 10^-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var last error
			for _, err := range CSV(strings.NewReader(tt.file), compiled(t, tt.mapping), Config{Name: "f.csv"}).Records() {
				last = err
			}
			if last == nil || !strings.Contains(last.Error(), tt.want) {
				t.Errorf("error = %v, want %q in it", last, tt.want)
			}
			if c := mes.CodeOf(last); c != mes.CodeInvalid {
				t.Errorf("code = %d, want CodeInvalid", c)
			}
		})
	}
}

func TestCSVTimes(t *testing.T) {
	for _, tt := range []struct{ name, format, cell, want string }{
		{"offset", "", "2026-11-23T06:00:00.25+01:00", "2026-11-23T05:00:00.25Z 3600"},
		{"zone", "", "2026-11-23T06:00:00", "2026-11-23T05:00:00Z 3600"},
		{"unix", "unix", "1795413600.5", "2026-11-23T06:00:00.5Z 3600"},
		{"unix in ms", "unix_ms", "1795413600001", "2026-11-23T06:00:00.001Z 3600"},
		{"German", "02.01.2006 15:04:05", "23.11.2026 06:00:00,5", "2026-11-23T05:00:00.5Z 3600"},
		{"offset of its own", "02.01.2006 15:04 -0700", "23.11.2026 06:00 +0530", "2026-11-23T00:30:00Z 19800"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := compiled(t, smallMapping+"zone: Europe/Berlin\ntime_format: "+strconv.Quote(tt.format)+"\n")
			event := decoded(t, all(t, CSV(strings.NewReader("time,id\n\""+tt.cell+"\",A\n"), m, Config{}))[0])
			if got := fmt.Sprintf("%s %d", event.EventTime.Format(time.RFC3339Nano), event.UTCOffset); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCSVTakesTwoFactsInTurns(t *testing.T) {
	m := compiled(t, "source: {const: s}\nfields:\n  event_time: time\n  work.subjects[0].kind: {const: item}\n  work.subjects[0].id: id\n"+
		"  alias_binding.item.kind: {const: item}\n  alias_binding.item.id: item\n  alias_binding.alias_kind: {const: can}\n  alias_binding.value: name\n")
	var got []string
	for record, err := range CSV(strings.NewReader("time,id,item,name\n2026-11-23T06:00:00Z,A,,\n2026-11-23T06:00:00Z,,A,B\n2026-11-23T06:00:00Z,A,A,B\n"), m, Config{}).Records() {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, decoded(t, record).Fact.Kind())
	}
	want := []string{"work", "alias", "stdin:4: work.subjects[0].id stands beside alias_binding in this row; an event states one fact"}
	for i := range want {
		if i >= len(got) || !strings.HasSuffix(got[i], want[i]) && !strings.Contains(got[i], "stands beside") {
			t.Errorf("rows are %q, want %q", got, want)
			break
		}
	}
}

func TestMappingRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "source: {const: s}\nfeilds: {}\n", `line 2, column 1: unknown field "feilds"`},
		{"no source", "fields: {event_time: t}\n", "source has no column and no const"},
		{"unknown field", "source: s\nfields: {work.subject: t}\n", `fields.work.subject is no field: takt.v1.Work has no "subject"; it has subjects`},
		{"no place", "source: s\nfields: {work.subjects.id: t}\n", `needs a place at "subjects", which is a list: subjects[0]`},
		{"place too much", "source: s\nfields: {'work[0].place': t}\n", `has a place at "work", which is no list`},
		{"odd place", "source: s\nfields: {'work.subjects[x].id': t}\n", "a place in a list is written as subjects[0]"},
		{"message", "source: s\nfields: {'work.subjects[0]': t}\n", "is a message; map its fields; it has kind, id"},
		{"beyond a value", "source: s\nfields: {event_time.seconds: t}\n", `goes on after "event_time"`},
		{"scale of text", "source: s\nfields: {process_segment: {column: t, scale: 3}}\n", "has a scale, which only whole numbers and decimals take"},
		{"column and const", "source: s\nfields: {process_segment: {column: t, const: x}}\n", "has a column and a const"},
		{"measurements as a field", "source: s\nfields: {work.measurements: t}\n", "write their columns under the key measurements"},
		{"measurements elsewhere", "source: s\nfields: {}\nmeasurements: [{column: a}]\nmeasurements_field: work.place\n", "measurements_field is no field for measurements"},
		{"no zone", "source: s\nzone: Europe/Bärlin\n", "is no time zone"},
		{"format", "source: s\ntime_format: YYYY-MM-DD\n", "write the time 2006-01-02 15:04:05 in the way of the file"},
		{"named zone", "source: s\ntime_format: 2006-01-02 15:04 MST\n", "only offsets"},
		{"delimiter", "source: s\ndelimiter: ab\n", "must be one character"},
		{"constant sequence", "source: s\nsequence: {const: 1}\n", "two rows cannot have one number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseMapping([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v, want %q in it", err, tt.want)
			}
			if err != nil && mes.CodeOf(err) != mes.CodeInvalid {
				t.Errorf("code = %d, want CodeInvalid", mes.CodeOf(err))
			}
		})
	}
}

func TestMappingTakesNumbers(t *testing.T) {
	m := compiled(t, smallMapping+"epoch: {const: 3}\n  \n")
	records := all(t, CSV(strings.NewReader("time,id\n2026-11-23T06:00:00Z,A\n"), m, Config{}))
	if records[0].Identity.Epoch != 3 {
		t.Errorf("epoch = %d, want 3", records[0].Identity.Epoch)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add(testMapping, "n;time;cell;result;defect;lot;grams;from;to;part;OCV1;OCV2;ir\n7;2026-11-23T06:00:00.5;C0001;PASS;;EL-1;12.5;0.25;1.5;;3.29;-0;0.4\n")
	f.Add(smallMapping, "time,id\n2026-11-23T06:00:00Z,\"A\n\"\"B\"\n")
	f.Add(smallMapping+"time_format: unix\n", "time,id\n1795413600.5,=cmd\n")
	f.Fuzz(func(t *testing.T, mapping, file string) {
		m, err := ParseMapping([]byte(mapping))
		if err != nil {
			return
		}
		r := CSV(strings.NewReader(file), m, Config{Name: "f"})
		for record, err := range r.Records() {
			var e *mes.Error
			switch {
			case err != nil && (!errors.As(err, &e) || e.Values["line"] == ""):
				t.Fatalf("error %v names no line", err)
			case err != nil:
				continue
			case record.Identity.Validate() != nil:
				t.Fatalf("identity %s is not valid", record.Identity)
			}
			event := decoded(t, record)
			if err := event.Validate(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mes.AppendEvent(nil, event), record.Event) {
				t.Fatalf("event %x is not canonical", record.Event)
			}
			if work, ok := event.Fact.(*mes.Work); ok && work.Measurements != nil && !r.known[work.Measurements.Schema] {
				t.Fatal("the event uses a schema that Schemas does not have")
			}
		}
	})
}
