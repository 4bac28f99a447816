package rpc_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/store"
)

// TestBadInput sends what no gateway should, and looks at the answer, at the
// ledger, and at whether anybody else is harmed.
func TestBadInput(t *testing.T) {
	long := strings.Repeat("x", mes.MaxIDBytes+44)
	item := func(id string) mes.Ref { return mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(id)}} }
	lot := func(id string) mes.Ref { return mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: mes.ID(id)}} }
	textField := func(text string) []byte {
		return protowire.AppendBytes(protowire.AppendTag(worked("C1"), 5, protowire.BytesType), []byte(text))
	}
	nested := protowire.AppendTag(nil, 16, protowire.BytesType)
	for range 10_000 {
		nested = protowire.AppendBytes(protowire.AppendTag(nil, 16, protowire.BytesType), nested)
	}

	// Each row sends its messages on a stream of its own, behind an open.
	for _, tc := range []struct {
		name string
		// bare leaves the open out.
		bare bool
		send []*taktv1.AppendEventsRequest
		// How the stream ends; OK where it goes on.
		code   codes.Code
		reason string
		says   string
		values map[string]string
		// The reasons of what comes into quarantine, and what they say.
		quarantined []string
		why         string
		ledger      counts
		then        func(t *testing.T, at *site)
	}{
		{
			name: "nothing wrong",
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 3)...), batch(4), batch(4, good("S", 4, 1)...)}, ledger: counts{stored: 4},
		},
		{
			name:        "malformed protobuf",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, []byte{0xff, 0xff}), record("S", 2, worked("C2")))},
			quarantined: []string{"INVALID_FIELD"}, why: "malformed", ledger: counts{stored: 1, quarantined: 1},
		},
		{
			name:        "an event without a byte",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, nil))},
			quarantined: []string{"INVALID_FIELD"}, why: "event_time is missing", ledger: counts{quarantined: 1},
		},
		{
			name:        "a field that nobody knows",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, protowire.AppendVarint(protowire.AppendTag(worked("C1"), 99, protowire.VarintType), 1)))},
			quarantined: []string{"INVALID_FIELD"}, why: "field 99 is not known here", ledger: counts{quarantined: 1},
		},
		{
			name:        "two facts in one event",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, append(worked("C1"), protowire.AppendBytes(protowire.AppendTag(nil, 26, protowire.BytesType), nil)...)))},
			quarantined: []string{"INVALID_FIELD"}, why: "second fact", ledger: counts{quarantined: 1},
		},
		{
			name:        "10,000 messages in one another",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, nested))},
			quarantined: []string{"INVALID_FIELD"}, why: "malformed", ledger: counts{quarantined: 1},
		},
		{
			name:        "an event that is too large",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, make([]byte, mes.MaxEventBytes+1)), record("S", 2, worked("C2")))},
			quarantined: []string{"TOO_LARGE"}, why: "at most 262144", ledger: counts{stored: 1, quarantined: 1},
			then: func(t *testing.T, at *site) {
				t.Helper()
				q, err := taktv1.NewLedgerServiceClient(at.conn).GetQuarantinedRecord(t.Context(), &taktv1.GetQuarantinedRecordRequest{Name: "quarantinedRecords/1"})
				if err != nil || len(q.GetRecord().GetEvent()) != mes.MaxEventBytes+1 {
					t.Errorf("GetQuarantinedRecord = %d bytes, %v; want all bytes", len(q.GetRecord().GetEvent()), err)
				}
			},
		},
		{
			name: "more records than a batch may have",
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 1001)...)},
			code: codes.InvalidArgument, reason: "TOO_LARGE", says: "at most 1000", values: map[string]string{"limit": "1000", "got": "1001"},
			ledger: counts{refused: 1001},
		},
		{
			name: "more bytes than a batch may have",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 1, make([]byte, 1<<19)), record("T", 1, make([]byte, 1<<19)), record("S", 2, make([]byte, 1)))},
			code: codes.InvalidArgument, reason: "TOO_LARGE", says: "1048576 bytes", values: map[string]string{"limit": "1048576", "got": "1048577"},
			ledger: counts{refused: 3},
		},
		{
			name: "as much as a batch may have",
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 1000)...)}, ledger: counts{stored: 1000},
		},
		{
			name: "a message of 5 MiB",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 1, make([]byte, 5<<20)))},
			code: codes.ResourceExhausted, says: "4194304",
		},
		{
			name: "a hole in transport",
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 2)...), batch(5, good("S", 5, 2)...)},
			code: codes.OutOfRange, reason: "OFFSET_GAP", says: "3 comes next", values: map[string]string{"expected": "3", "got": "5"},
			ledger: counts{stored: 2, refused: 2},
		},
		{
			name: "an offset of 0",
			send: []*taktv1.AppendEventsRequest{batch(0, good("S", 1, 2)...)},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "offsets count from 1", values: map[string]string{"field": "batch.first_offset"},
			ledger: counts{refused: 2},
		},
		{
			name: "offsets that end beyond the last number",
			send: []*taktv1.AppendEventsRequest{batch(math.MaxUint64, good("S", 1, 3)...)},
			code: codes.OutOfRange, reason: "OFFSET_GAP", says: "1 comes next", ledger: counts{refused: 3},
		},
		{
			name: "sent again",
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 3)...), batch(1, good("S", 1, 3)...), batch(2, good("S", 2, 3)...)}, ledger: counts{stored: 4, duplicates: 5},
		},
		{
			name: "a schema without a name",
			send: []*taktv1.AppendEventsRequest{{Message: &taktv1.AppendEventsRequest_Batch_{Batch: &taktv1.AppendEventsRequest_Batch{
				FirstOffset: 1, Records: good("S", 1, 2), Schemas: []*taktv1.Schema{{Columns: []*taktv1.Schema_Column{{Unit: "V"}}}},
			}}}},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "characteristic is empty", ledger: counts{refused: 2},
		},
		{
			name: "a gap in identity",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 7, worked("C1")), record("S", 9, worked("C1")))}, ledger: counts{stored: 2},
			then: func(t *testing.T, at *site) {
				t.Helper()
				m, err := taktv1.NewLedgerServiceClient(at.conn).ListSources(t.Context(), &taktv1.ListSourcesRequest{})
				// In order of their names: AFTER is of lives.
				want := &taktv1.Source{Source: []byte("S"), Epochs: []*taktv1.Source_Epoch{{Epoch: 1, First: 7, Last: 9, Missing: 1, Gaps: []*taktv1.Source_Gap{{First: 8, Last: 8}}}}}
				if err != nil || len(m.GetSources()) != 2 || !proto.Equal(m.GetSources()[1], want) {
					t.Errorf("ListSources = %v, %v; want %v", m, err, want)
				}
			},
		},
		{
			name:        "one identity, two contents, and both again",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, worked("C1")), record("S", 1, worked("C2")), record("S", 1, worked("C1")), record("S", 1, worked("C2")))},
			quarantined: []string{"IDENTITY_CONFLICT"}, why: "S:1:1 is taken by the event at position 1", ledger: counts{stored: 1, quarantined: 1, duplicates: 2},
		},
		{
			name:        "no identity",
			send:        []*taktv1.AppendEventsRequest{batch(1, &taktv1.Record{Event: worked("C1")})},
			quarantined: []string{"INVALID_FIELD"}, why: "identity.source is empty", ledger: counts{quarantined: 1},
		},
		{
			name:        "epoch and sequence 0",
			send:        []*taktv1.AppendEventsRequest{batch(1, &taktv1.Record{Identity: &taktv1.Identity{Source: []byte("S"), Sequence: 1}, Event: worked("C1")}, record("S", 0, worked("C1")))},
			quarantined: []string{"INVALID_FIELD", "INVALID_FIELD"}, why: "count from 1", ledger: counts{quarantined: 2},
		},
		{
			name:        "a source of 300 bytes",
			send:        []*taktv1.AppendEventsRequest{batch(1, record(long, 1, worked("C1")))},
			quarantined: []string{"INVALID_FIELD"}, why: "identity.source has 300 bytes; at most 256", ledger: counts{quarantined: 1},
		},
		{
			name:        "an item of 300 bytes",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, worked(long)))},
			quarantined: []string{"INVALID_FIELD"}, why: "work.subjects[0].id has 300 bytes; at most 256", ledger: counts{quarantined: 1},
		},
		{
			name:        "an item without a name",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, worked("")))},
			quarantined: []string{"INVALID_FIELD"}, why: "work.subjects[0].id is empty", ledger: counts{quarantined: 1},
		},
		{
			name: "ids with NUL and with what is no UTF-8",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S\x00", 1, worked("C\x00")), record("S\xff", 1, worked("C\xff")))}, ledger: counts{stored: 2},
			then: func(t *testing.T, at *site) {
				t.Helper()
				for _, id := range []string{"C\x00", "C\xff"} {
					m, err := taktv1.NewMaterialServiceClient(at.conn).GetItem(t.Context(), &taktv1.GetItemRequest{Name: "items/" + mes.Escape(id)})
					if err != nil || string(m.GetItem().GetId()) != id {
						t.Errorf("GetItem(%q) = %q, %v", id, m.GetItem().GetId(), err)
					}
				}
			},
		},
		{
			name:        "a text that is no UTF-8",
			send:        []*taktv1.AppendEventsRequest{batch(1, record("S", 1, textField("oc\xff")))},
			quarantined: []string{"INVALID_FIELD"}, why: "field 5 is not UTF-8", ledger: counts{quarantined: 1},
		},
		{
			name: "names that are too long for an index",
			send: []*taktv1.AppendEventsRequest{batch(
				1,
				record("S", 1, event(mes.Event{ProcessSegment: strings.Repeat("s", 40_000), Fact: &mes.Work{Subjects: []mes.Ref{item("C1")}}})),
				record("S", 2, event(mes.Event{Equipment: "E", Fact: &mes.SlotChange{Action: mes.SlotLoad, Slot: strings.Repeat("s", 40_000), Material: lot("L")}})),
				record("S", 3, event(mes.Event{Equipment: "E", Fact: &mes.Work{Subjects: []mes.Ref{item("C1")}, Consumed: []mes.Actual{{Slot: strings.Repeat("s", 70_000)}}}})),
			)},
			quarantined: []string{"INVALID_FIELD", "INVALID_FIELD", "INVALID_FIELD"}, why: "at most 256", ledger: counts{quarantined: 3},
		},
		{
			name: "texts that are cut within a letter",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 1, event(mes.Event{Equipment: "E", Fact: &mes.Placement{
				Action:   mes.PlacementAdd,
				Parent:   mes.Ref{Thing: mes.Thing{Kind: mes.RefCarrier, ID: "T1"}, MaterialDefinition: strings.Repeat("é", 200)},
				Children: []mes.Child{{Ref: mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: "C1"}, MaterialDefinition: "x" + strings.Repeat("é", 200)}, Place: "x" + strings.Repeat("é", 200)}},
			}})), record("S", 2, event(mes.Event{Equipment: "E", Fact: &mes.AliasBinding{Item: item("C1"), AliasKind: "x" + strings.Repeat("é", 200), Value: "V"}})),
				record("S", 3, event(mes.Event{Fact: &mes.MasterData{Resource: "equipment/E", Content: `{"displayName":"x` + strings.Repeat("é", 200) + `"}`}})))},
			ledger: counts{stored: 3},
			then: func(t *testing.T, at *site) {
				t.Helper()
				client := taktv1.NewMaterialServiceClient(at.conn)
				_, err := client.ListItems(t.Context(), &taktv1.ListItemsRequest{})
				wantError(t, "ListItems", err, codes.OK, "")
				_, err = client.SearchMaterial(t.Context(), &taktv1.SearchMaterialRequest{Value: []byte("V")})
				wantError(t, "SearchMaterial", err, codes.OK, "")
				_, err = taktv1.NewEquipmentServiceClient(at.conn).ListEquipment(t.Context(), &taktv1.ListEquipmentRequest{})
				wantError(t, "ListEquipment", err, codes.OK, "")
			},
		},
		{
			name: "amounts that no decimal can hold the sum of",
			send: []*taktv1.AppendEventsRequest{batch(
				1,
				record("S", 1, event(mes.Event{Fact: &mes.Work{Produced: []mes.Actual{{Ref: lot("L"), Quantity: &mes.Quantity{Value: mes.Decimal{Coefficient: 9, Exponent: 18}, Unit: "kg"}}}}})),
				record("S", 2, event(mes.Event{Fact: &mes.Work{Produced: []mes.Actual{{Ref: lot("L"), Quantity: &mes.Quantity{Value: mes.Decimal{Coefficient: 1, Exponent: -18}, Unit: "kg"}}}}})),
			)},
			ledger: counts{stored: 2},
			then: func(t *testing.T, at *site) {
				t.Helper()
				m, err := taktv1.NewMaterialServiceClient(at.conn).ListLots(t.Context(), &taktv1.ListLotsRequest{})
				if err != nil || len(m.GetLots()) != 1 || len(m.GetLots()[0].GetQuantities()) != 2 {
					t.Errorf("ListLots = %v, %v; want one lot with both amounts", m, err)
				}
			},
		},
		{
			name: "equipment that nobody knows",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 1, worked("C1")))}, ledger: counts{stored: 1},
			then: func(t *testing.T, at *site) {
				t.Helper()
				flags := func() int {
					m, err := taktv1.NewMaterialServiceClient(at.conn).ListFlags(t.Context(), &taktv1.ListFlagsRequest{Kind: taktv1.FlagKind_FLAG_KIND_UNKNOWN_EQUIPMENT})
					if err != nil {
						t.Fatal(err)
					}
					return len(m.GetFlags())
				}
				if n := flags(); n != 0 {
					t.Errorf("%d pieces of equipment are flagged where there is no plant model", n)
				}
				stream := open(t, at.conn)
				_, _ = stream.call(opening("plant", "s"))
				if _, err := stream.call(batch(1, record("PLM", 1, event(mes.Event{Fact: &mes.MasterData{Resource: "equipment/L1.FIL.01"}})))); err != nil {
					t.Fatal(err)
				}
				if n := flags(); n != 1 {
					t.Errorf("%d pieces of equipment are flagged; want L1.OCV.01", n)
				}
			},
		},
		{
			name: "NaN, minus zero and the infinities",
			send: []*taktv1.AppendEventsRequest{batch(1, record("S", 1, event(mes.Event{Fact: &mes.Work{
				Subjects: []mes.Ref{item("C1")}, Measurements: &mes.Measurements{Schema: mes.SchemaID(strings.Repeat("s", mes.SchemaIDBytes)), Values: oddValues},
			}})))}, ledger: counts{stored: 1},
			then: func(t *testing.T, at *site) {
				t.Helper()
				m, err := taktv1.NewEventServiceClient(at.conn).GetEvent(t.Context(), &taktv1.GetEventRequest{Name: "events/1"})
				if err != nil {
					t.Fatal(err)
				}
				got := m.GetEvent().GetWork().GetMeasurements().GetValues()
				if len(got) != len(oddValues) {
					t.Fatalf("%d values came back", len(got))
				}
				for i, want := range oddValues {
					if math.Float64bits(got[i]) != math.Float64bits(want) {
						t.Errorf("value %d came back as %x; want %x", i, math.Float64bits(got[i]), math.Float64bits(want))
					}
				}
			},
		},
		{
			name: "a batch and no open", bare: true,
			send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 2)...)},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "must be an open first", ledger: counts{refused: 2},
		},
		{
			name: "an empty message and no open", bare: true, send: []*taktv1.AppendEventsRequest{{}},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "must be an open first",
		},
		{
			name: "an empty message", send: []*taktv1.AppendEventsRequest{{}},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "must be a batch",
		},
		{
			name: "a second open", send: []*taktv1.AppendEventsRequest{batch(1, good("S", 1, 1)...), opening("g", "s")},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "opened once", ledger: counts{stored: 1},
		},
		{
			name: "a gateway of 300 bytes", bare: true, send: []*taktv1.AppendEventsRequest{opening(long, "s")},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "1 to 256 bytes",
		},
		{
			name: "a spool without a name", bare: true, send: []*taktv1.AppendEventsRequest{opening("g", "")},
			code: codes.InvalidArgument, reason: "INVALID_FIELD", says: "1 to 256 bytes",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			at := newSite(t, rpc.Config{})
			stream := open(t, at.conn)
			if !tc.bare {
				if _, err := stream.call(opening("g", "s")); err != nil {
					t.Fatal(err)
				}
			}
			var sent uint64
			var reasons []string
			var err error
			for i, m := range tc.send {
				if proto.Size(m) <= rpc.MaxMessageBytes { // a longer one is not read
					sent += uint64(len(m.GetBatch().GetRecords()))
				}
				var answer *taktv1.AppendEventsResponse
				if answer, err = stream.call(m); err != nil {
					if i != len(tc.send)-1 {
						t.Fatalf("message %d: %v", i, err)
					}
					break
				}
				if want := m.GetBatch().GetFirstOffset() + uint64(len(m.GetBatch().GetRecords())) - 1; answer.GetAppended().GetDurableOffset() < want {
					t.Errorf("message %d: durable offset = %d; want %d", i, answer.GetAppended().GetDurableOffset(), want)
				}
				for _, q := range answer.GetAppended().GetQuarantined() {
					err := status.FromProto(q.GetStatus()).Err()
					reasons = append(reasons, info(err).GetReason())
					if !strings.Contains(err.Error(), tc.why) {
						t.Errorf("quarantined with %v; want %q", err, tc.why)
					}
				}
			}
			wantError(t, "the stream", err, tc.code, tc.reason)
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the stream ended with %v; want %q", err, tc.says)
			}
			for name, want := range tc.values {
				if got := info(err).GetMetadata()[name]; got != want {
					t.Errorf("the error's %s = %q; want %q", name, got, want)
				}
			}
			if diff := cmp.Diff(tc.quarantined, reasons); diff != "" {
				t.Errorf("quarantine mismatch (-want +got):\n%s", diff)
			}
			got := at.ledger(t)
			if got != tc.ledger || got.received() != sent {
				t.Errorf("ledger = %+v of %d received; want %+v of %d", got, got.received(), tc.ledger, sent)
			}
			at.lives(t)
			if diff := cmp.Diff(counts{stored: 1}, at.ledger(t).less(got), cmp.AllowUnexported(counts{})); diff != "" {
				t.Errorf("ledger afterwards mismatch (-want +got):\n%s", diff)
			}
			if tc.then != nil {
				tc.then(t, at)
			}
		})
	}
}

var oddValues = []float64{
	math.NaN(), math.Float64frombits(0x7ff8dead0000beef), math.Float64frombits(0xfff0000000000001), math.Copysign(0, -1),
	math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64,
}

// rawCodec sends bytes as they are, so that they need be no message.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (rawCodec) Name() string                       { return "proto" }

// TestMalformedMessage sends frames that are no message, to a stream and to a
// question: that is the client's fault, and said to be.
func TestMalformedMessage(t *testing.T) {
	t.Parallel()
	at := newSite(t, rpc.Config{})
	badText := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType),
		protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("\xff")))
	for _, tc := range []struct {
		name  string
		bytes []byte
	}{
		{"a tag that is cut off", []byte{0x0a, 0xff}},
		{"bytes without a meaning", bytes.Repeat([]byte{0xff}, 100)},
		{"a spool that is no UTF-8", badText},
	} {
		t.Run(tc.name, func(t *testing.T) {
			payload := tc.bytes
			stream, err := at.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
				taktv1.IngestService_AppendEvents_FullMethodName, grpc.ForceCodec(rawCodec{}))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(&payload); err != nil {
				t.Fatal(err)
			}
			var answer []byte
			err = stream.RecvMsg(&answer)
			wantError(t, "AppendEvents", err, codes.InvalidArgument, "INVALID_FIELD")
			if !strings.Contains(err.Error(), "cannot be read") {
				t.Errorf("AppendEvents = %v; want that the message cannot be read", err)
			}
			err = at.conn.Invoke(t.Context(), taktv1.MaterialService_GetItem_FullMethodName, &payload, &answer, grpc.ForceCodec(rawCodec{}))
			wantError(t, "GetItem", err, codes.InvalidArgument, "INVALID_FIELD")
		})
	}
	at.lives(t)
}

// TestStreamTakenOver opens a second stream of one spool: the first one, which
// may hang on a connection that nobody reads, is ended.
func TestStreamTakenOver(t *testing.T) {
	t.Parallel()
	at := newSite(t, rpc.Config{})
	older := open(t, at.conn)
	if _, err := older.call(opening("g\xff", "s")); err != nil {
		t.Fatal(err)
	}
	if _, err := older.call(batch(1, good("S", 1, 2)...)); err != nil {
		t.Fatal(err)
	}
	other := open(t, at.conn) // of another spool, and not concerned
	if _, err := other.call(opening("g\xff", "another")); err != nil {
		t.Fatal(err)
	}
	newer := open(t, at.dial(t))
	m, err := newer.call(opening("g\xff", "s"))
	if err != nil || m.GetOpened().GetDurableOffset() != 2 {
		t.Fatalf("the newer stream's open = %v, %v; want durable offset 2", m, err)
	}
	_, err = older.Recv()
	wantError(t, "the older stream", err, codes.Aborted, "STREAM_TAKEN_OVER")
	if got := info(err).GetMetadata()["gateway"]; got != "g%FF" {
		t.Errorf("the error's gateway = %q", got)
	}
	for _, stream := range []appender{newer, other} {
		first := uint64(1)
		if stream == newer {
			first = 3
		}
		if _, err := stream.call(batch(first, record("T", first, worked("C1")))); err != nil {
			t.Errorf("append to a stream that was not taken over: %v", err)
		}
	}
	if got, want := at.ledger(t), (counts{stored: 4}); got != want {
		t.Errorf("ledger = %+v; want %+v", got, want)
	}
}

// TestClientThatDoesNotRead has one client send and never read: its answers fill
// its own window, and another client's batches go on.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	at := newSite(t, rpc.Config{})
	// A window that does not grow; one answer to a batch of malformed records is
	// longer.
	const window = 1 << 16
	silent := open(t, at.dial(t, grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window)))
	if _, err := silent.call(opening("silent", "s")); err != nil {
		t.Fatal(err)
	}
	const batches, records = 8, 1000
	changed := at.store.Changed()
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			for n := range batches {
				bad := make([]*taktv1.Record, records)
				for i := range bad {
					bad[i] = record("SILENT", uint64(n*records+i+1), []byte{0xff})
				}
				if err := silent.Send(batch(uint64(n*records+1), bad...)); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	<-changed // the first batch is in the log, and its answer on the way

	reading := open(t, at.dial(t))
	if _, err := reading.call(opening("reading", "s")); err != nil {
		t.Fatal(err)
	}
	const rounds = 50
	for n := range uint64(rounds) {
		if _, err := reading.call(batch(n+1, record("READING", n+1, worked("C1")))); err != nil {
			t.Fatalf("round %d: %v", n, err)
		}
	}
	// The silent one stands still behind the answers that it does not read.
	if got := at.ledger(t); got.stored != rounds || got.quarantined == 0 || got.quarantined == batches*records {
		t.Errorf("ledger = %+v; want %d stored, and some of the %d in quarantine", got, rounds, batches*records)
	}
	for n := range batches {
		m, err := silent.Recv()
		if want := uint64((n + 1) * records); err != nil || m.GetAppended().GetDurableOffset() != want {
			t.Fatalf("answer %d = durable offset %d, %v; want %d", n, m.GetAppended().GetDurableOffset(), err, want)
		}
	}
	if err := <-sent; err != nil {
		t.Errorf("send: %v", err)
	}
	if got, want := at.ledger(t), (counts{stored: rounds, quarantined: batches * records}); got != want {
		t.Errorf("ledger = %+v; want %+v", got, want)
	}
}

// TestBatchesBehindOneAnother has a commit stand still. What a stream sends
// meanwhile is on its way into the next one, as far as the store has room; what
// is sent back then ends the stream, behind the answers to the others.
func TestBatchesBehindOneAnother(t *testing.T) {
	t.Parallel()
	committing, goOn := make(chan struct{}, 1), make(chan struct{})
	metrics := prometheus.NewRegistry()
	at := newSiteOver(t, rpc.Config{}, store.Config{QueueEvents: 3, Metrics: metrics, Now: func() time.Time {
		select {
		case committing <- struct{}{}:
		default:
		}
		<-goOn
		return t0
	}})
	stream := open(t, at.conn)
	if _, err := stream.call(opening("g", "s")); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(4) {
		if err := stream.Send(batch(n+1, record("S", n+1, worked("C1")))); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			<-committing
		}
	}
	for busy(t, metrics) == 0 && stream.Context().Err() == nil {
		runtime.Gosched()
	}
	close(goOn)
	// An answer has the last position of its commit.
	for n, want := range []uint64{1, 3, 3} {
		m, err := stream.Recv()
		if got := m.GetAppended(); err != nil || got.GetDurableOffset() != uint64(n+1) || got.GetPosition() != want {
			t.Errorf("answer %d = %v, %v; want durable offset %d at position %d", n+1, m, err, n+1, want)
		}
	}
	_, err := stream.Recv()
	wantError(t, "the stream", err, codes.ResourceExhausted, "STORE_BUSY")
	if got, want := at.ledger(t), (counts{stored: 3, refused: 1}); got != want {
		t.Errorf("ledger = %+v; want %+v", got, want)
	}
}

// busy returns how many batches a store has sent back.
func busy(t *testing.T, metrics *prometheus.Registry) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "takt_store_busy_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("the store has no metric of busy batches")
	return 0
}

// TestStreamFillsNoQueue has a stream send the largest batches, as many as may be
// in flight, to a store that has room for one: none is sent back.
func TestStreamFillsNoQueue(t *testing.T) {
	t.Parallel()
	at := newSiteOver(t, rpc.Config{}, store.Config{QueueEvents: store.MaxBatchRecords})
	stream := open(t, at.conn)
	if _, err := stream.call(opening("g", "s")); err != nil {
		t.Fatal(err)
	}
	const batches = 4
	sent := make(chan error, 1)
	go func() {
		var err error
		for n := 0; n < batches && err == nil; n++ {
			records := make([]*taktv1.Record, store.MaxBatchRecords)
			first := uint64(n*store.MaxBatchRecords + 1)
			for i := range records {
				records[i] = record("S", first+uint64(i), worked(fmt.Sprint("C", first+uint64(i))))
			}
			err = stream.Send(batch(first, records...))
		}
		sent <- err
	}()
	for n := range batches {
		if m, err := stream.Recv(); err != nil || m.GetAppended().GetStored() != store.MaxBatchRecords {
			t.Fatalf("answer %d = %v, %v", n, m, err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
