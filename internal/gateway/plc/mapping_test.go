package plc

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// customFile is a gateway file with one record of these fields.
func customFile(fields map[string]config.Field) *config.Config {
	c := fileFor(&testPLC{block: "B"}, "x:1")
	if _, ok := fields["event_time"]; !ok {
		fields["event_time"] = config.Tag("p;s={block}.Time")
	}
	c.Templates["std"] = config.Template{
		Pattern: config.PatternHandshakeSeq,
		Ready:   "p;s={block}.Ready",
		Ack:     "p;s={block}.Ack",
		Records: []config.Record{{Fields: fields}},
	}
	return c
}

func TestCheck(t *testing.T) {
	tag := config.Tag("p;s={block}.X")
	tests := []struct {
		name   string
		fields map[string]config.Field
		want   string // The end of the error; none where empty.
	}{
		{"a message's name is near", map[string]config.Field{"workk.place": tag}, `is no field of takt.v1.Event: Event has no "workk"; did you mean "work"?`},
		{"a field's name is near", map[string]config.Field{"work.consumed[].quantity.valu": tag}, `Quantity has no "valu"; did you mean "value"?`},
		{"no []", map[string]config.Field{"work.subjects.id": tag}, `needs a [] at "subjects", which is a list`},
		{"[] too much", map[string]config.Field{"work.place[]": tag}, `has a [] at "place", which is no list`},
		{"a message", map[string]config.Field{"work.energy": tag}, `is a message; map its fields, as work.energy.value`},
		{"goes on after a scalar", map[string]config.Field{"work.place.x": tag}, `goes on after "place", which has no fields that can be mapped`},
		{"goes on after measurements", map[string]config.Field{"work.measurements.values": tag}, `goes on after "measurements", which has no fields that can be mapped`},
		{"two facts", map[string]config.Field{"work.place": tag, "slot_change.slot": tag}, `is another fact than the record's other fields; an event states one`},
		{"list of tags for a scalar", map[string]config.Field{"work.place": {Tags: []string{"p;s=A"}}}, `has a list of tags, which only measurements take`},
		{"scale of text", map[string]config.Field{"work.place": {Tag: "p;s=A", Scale: 1}}, `has a scale, which only a decimal takes`},
		{"padding of a number", map[string]config.Field{"work.attempt": {Tag: "p;s=A", Padding: "nul"}}, `has a padding, which only a string takes`},
		{"code of no value", map[string]config.Field{"work.disposition": {Tag: "p;s=A", Codes: map[int64]string{1: "GOOD"}}}, `has the code 1: "GOOD" is none of CONFORMANT, REWORK, RETEST, REPAIR, SCRAP, DOWNGRADE, SAMPLE, CONCESSION`},
		{"constant of no value", map[string]config.Field{"mode": config.Const("standby")}, `"standby" is none of COMMISSIONING, REFERENCE, DRY_RUN`},
		{"constant number", map[string]config.Field{"work.attempt": config.Const("-1")}, `-1 is out of range`},
		{"good", map[string]config.Field{"work.subjects[].kind": config.Const("item"), "work.subjects[].id": tag}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Check(customFile(test.fields))
			if test.want == "" {
				if err != nil {
					t.Errorf("Check: %v", err)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("Check:\n got %v\nwant … %s", err, test.want)
			}
			if place, ok := errors.AsType[*config.PlaceError](err); !ok || len(place.Path) != 6 || mes.CodeOf(err) != mes.CodeInvalid {
				t.Errorf("%v does not say its place", err)
			}
		})
	}
}

func TestCheckTakesTheStandardBlock(t *testing.T) {
	if err := Check(fileFor(&testPLC{block: "B"}, "x:1")); err != nil {
		t.Error(err)
	}
}

// read makes an event of tags by name, without a PLC.
func read(t *testing.T, c *config.Config, tags map[string]any) (*mes.Event, []byte, error) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := compile(c, &c.PLCs[0], &c.PLCs[0].Stations[0])
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{m: m, values: make([]any, len(m.tags)), status: make([]uint32, len(m.tags))}
	for i, tag := range m.tags {
		r.values[i] = tags[strings.TrimPrefix(tag, "p;s=B.")]
	}
	if err := r.check(); err != nil {
		return nil, nil, err
	}
	raw, err := r.event(m.shapes[0], time.UTC)
	if err != nil {
		return nil, nil, err
	}
	e, err := mes.DecodeEvent(raw)
	return e, raw, err
}

func TestFieldsOfAPLCThatKnowsNothingOfTakt(t *testing.T) {
	c := customFile(map[string]config.Field{
		"process_segment":                     config.Const("winding of {block}"),
		"mode":                                config.Const("1"),
		"work.subjects[].kind":                config.Const("ITEM"),
		"work.subjects[].id":                  {Tag: "p;s={block}.Cell", Padding: config.PaddingSpace},
		"work.subjects[].material_definition": config.Const("cell"),
		"work.disposition":                    {Tag: "p;s={block}.Res", Codes: map[int64]string{1: "CONFORMANT", 2: "scrap"}},
		"work.attempt":                        config.Tag("p;s={block}.Try"),
		"work.place":                          {Tag: "p;s={block}.Place", Padding: config.PaddingNUL},
		"work.measurements":                   {Tags: []string{"p;s={block}.A", "p;s={block}.B", "p;s={block}.C", "p;s={block}.D"}},
		"work.energy.value":                   {Tag: "p;s={block}.Wh", Scale: -3},
		"work.energy.unit":                    config.Const("kW.h"),
		"work.consumed[].slot":                config.Tag("p;s={block}.Slots"),
		"work.consumed[].quantity.value":      {Tag: "p;s={block}.Grams", Scale: -3},
		"work.consumed[].quantity.unit":       config.Const("kg"),
	})
	schema := c.MesSchema("winding")
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(w *mes.Work) *mes.Event {
		return &mes.Event{EventTime: when, ProcessSegment: "winding of B", Mode: mes.ModeCommissioning, Fact: w}
	}
	cell := []mes.Ref{ref(mes.RefItem, "C1", "cell")}
	tests := []struct {
		name string
		tags map[string]any
		want *mes.Event
	}{
		{
			"all",
			map[string]any{
				"Time": when, "Cell": "C1   ", "Res": int16(2), "Try": uint8(2), "Place": "7\x00\x00", "A": float32(1.5), "B": int16(-3), "C": nil, "D": uint64(math.MaxUint64),
				"Wh": int32(1200), "Slots": []string{"tape", "", "glue", ""}, "Grams": []int32{1500, 0, 0, 0},
			},
			event(&mes.Work{
				Subjects: cell, Disposition: mes.DispositionScrap, Attempt: 2, Place: "7",
				Measurements: &mes.Measurements{
					Schema: schema.ID(), Values: []float64{1.5, -3, missing, math.MaxUint64},
					Notes: []mes.Note{{Index: 2, Quality: mes.QualityMissing}, {Index: 3, Raw: "18446744073709551615"}},
				},
				Energy: &mes.Quantity{Value: mes.NewDecimal(12, -1), Unit: "kW.h"},
				Consumed: []mes.Actual{
					{Slot: "tape", Quantity: &mes.Quantity{Value: mes.NewDecimal(15, -1), Unit: "kg"}},
					{Slot: "glue"},
				},
			}),
		},
		{
			"an array where one was",
			map[string]any{"Time": when, "Cell": []string{"C1", "    "}, "Res": int16(0), "A": 0.0, "B": 0.0, "C": 0.0, "D": 0.0},
			event(&mes.Work{Subjects: cell, Measurements: &mes.Measurements{Schema: schema.ID(), Values: make([]float64, 4)}}),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, raw, err := read(t, c, test.tags)
			if err != nil {
				t.Fatal(err)
			}
			if want := mes.AppendEvent(nil, test.want); string(raw) != string(want) {
				t.Errorf("event mismatch (-want +got):\n%s", cmp.Diff(test.want, got, cmp.Comparer(func(a, b float64) bool {
					return math.Float64bits(a) == math.Float64bits(b)
				})))
			}
		})
	}
	t.Run("a code that nobody knows", func(t *testing.T) {
		_, raw, err := read(t, c, map[string]any{"Time": when, "Cell": "C1", "Res": int16(9)})
		if err == nil || !strings.Contains(string(raw), "C1") {
			t.Errorf("%q is an event", raw)
		}
	})
	t.Run("a negative count", func(t *testing.T) {
		_, raw, err := read(t, c, map[string]any{"Time": when, "Cell": "C1", "Try": int32(-12)})
		if err == nil || !strings.Contains(string(raw), "-12") {
			t.Errorf("%q is an event, or does not say -12", raw)
		}
	})
	t.Run("a structure", func(t *testing.T) {
		_, _, err := read(t, c, map[string]any{"Time": when, "Cell": struct{}{}})
		if _, ok := errors.AsType[*mismatchError](err); !ok {
			t.Errorf("read: %v, want a mismatch", err)
		}
	})
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name     string
		last     mes.Identity
		memory   memory
		n        mes.Sequence
		same     bool
		want     mes.Epoch
		evidence string
	}{
		{"first of all", mes.Identity{}, memory{}, 7, false, 1, ""},
		{"next", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "b"}, 7, false, 2, ""},
		{"next after a restart", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "a"}, 7, false, 2, ""},
		{"back", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "b"}, 1, false, 2, ""},
		{"back after a restart", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "a"}, 1, false, 3, "boot id a → b, number 6 → 1"},
		{"back after a restart, but the same", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "a"}, 5, true, 2, ""},
		{"same number after a restart", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "a"}, 6, true, 2, ""},
		{"same number, other content after a restart", mes.Identity{Epoch: 2, Sequence: 6}, memory{2, "a"}, 6, false, 3, "boot id a → b, number 6 → 6"},
		{"learnt, next", mes.Identity{Epoch: 2, Sequence: 6}, memory{}, 7, false, 2, ""},
		{"learnt, same number", mes.Identity{Epoch: 2, Sequence: 6}, memory{}, 6, false, 2, ""},
		{"learnt, back", mes.Identity{Epoch: 2, Sequence: 6}, memory{}, 1, false, 3, "boot id unknown → b, number 6 → 1"},
		{"learnt while in another epoch, back", mes.Identity{Epoch: 4, Sequence: 6}, memory{1, "b"}, 3, false, 5, "boot id unknown → b, number 6 → 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			epoch, evidence, err := decide(test.last, test.memory, "b", test.n, func() (bool, error) { return test.same, nil })
			if epoch != test.want || evidence != test.evidence || err != nil {
				t.Errorf("decide = %d, %q, %v; want %d, %q", epoch, evidence, err, test.want, test.evidence)
			}
		})
	}
}
