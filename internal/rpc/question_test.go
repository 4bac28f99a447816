package rpc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/rpc"
)

// filled starts a server that has some items, by one source.
func filled(t *testing.T, cfg rpc.Config) *site {
	t.Helper()
	at := newSite(t, cfg)
	stream := open(t, at.conn)
	if _, err := stream.call(opening("g", "s")); err != nil {
		t.Fatal(err)
	}
	var records []*taktv1.Record
	for i := range uint64(5) {
		records = append(records, record("S", i+1, worked(fmt.Sprintf("C%d", i))))
	}
	if _, err := stream.call(batch(1, append(records, record("S", 6, []byte{0xff}))...)); err != nil {
		t.Fatal(err)
	}
	return at
}

// TestBadQuestion asks what cannot be answered.
func TestBadQuestion(t *testing.T) {
	t.Parallel()
	at, other := filled(t, rpc.Config{}), filled(t, rpc.Config{})
	items := func(at *site, definition, token string) (*taktv1.ListItemsResponse, error) {
		return taktv1.NewMaterialServiceClient(at.conn).ListItems(t.Context(), &taktv1.ListItemsRequest{
			PageSize: 2, PageToken: token, MaterialDefinition: definition,
		})
	}
	page, err := items(at, "", "")
	if err != nil || page.GetNextPageToken() == "" {
		t.Fatalf("first page = %v, %v; want one with a next page", page, err)
	}
	foreign, err := items(other, "", "")
	if err != nil {
		t.Fatal(err)
	}
	material := taktv1.NewMaterialServiceClient(at.conn)
	events := taktv1.NewEventServiceClient(at.conn)
	ledger := taktv1.NewLedgerServiceClient(at.conn)
	genealogy := taktv1.NewGenealogyServiceClient(at.conn)
	yields := taktv1.NewYieldServiceClient(at.conn)
	equipment := taktv1.NewEquipmentServiceClient(at.conn)
	statistics := func(change func(*taktv1.ComputeStatisticsRequest)) func(context.Context) error {
		r := &taktv1.ComputeStatisticsRequest{Characteristic: "ocv1", StartTime: timestamppb.New(t0), EndTime: timestamppb.New(t0.AddDate(0, 0, 1))}
		change(r)
		return func(ctx context.Context) error {
			_, err := taktv1.NewStatisticsServiceClient(at.conn).ComputeStatistics(ctx, r)
			return err
		}
	}
	item := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := material.GetItem(ctx, &taktv1.GetItemRequest{Name: name})
			return err
		}
	}
	event := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := events.GetEvent(ctx, &taktv1.GetEventRequest{Name: name})
			return err
		}
	}
	trace := func(r *taktv1.TraceGenealogyRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := genealogy.TraceGenealogy(ctx, r); return err }
	}
	backward := taktv1.Direction_DIRECTION_BACKWARD
	for _, tc := range []struct {
		name   string
		ask    func(context.Context) error
		code   codes.Code
		reason string
		says   string
	}{
		{"nothing wrong", item("items/C1"), codes.OK, "", ""},
		{"an item that nothing names", item("items/C9"), codes.NotFound, "NOT_FOUND", "items/C9"},
		{"a name without a collection", item("C1"), codes.InvalidArgument, "INVALID_FIELD", "items/{item}"},
		{"a name of another collection", item("lots/C1"), codes.InvalidArgument, "INVALID_FIELD", "items/{id}"},
		{"a name without an id", item("items/"), codes.InvalidArgument, "INVALID_FIELD", "items/{item}"},
		{"no name", item(""), codes.InvalidArgument, "INVALID_FIELD", ""},
		{"a name with half an escape", item("items/C%4"), codes.InvalidArgument, "INVALID_FIELD", "%25"},
		{"a name with an escape that is none", item("items/C%zz"), codes.InvalidArgument, "INVALID_FIELD", "%25"},
		{"a name of 100,000 bytes", item("items/" + strings.Repeat("C", 100_000)), codes.NotFound, "NOT_FOUND", ""},
		{"an event at position 0", event("events/0"), codes.NotFound, "NOT_FOUND", ""},
		{"an event behind the log", event("events/99"), codes.NotFound, "NOT_FOUND", "the log ends at 6"},
		{"an event in quarantine", event("events/6"), codes.NotFound, "NOT_FOUND", "quarantinedRecords/6"},
		{"an event at no number", event("events/-1"), codes.InvalidArgument, "INVALID_FIELD", "events/{position}"},
		{"an event at too large a number", event("events/18446744073709551616"), codes.InvalidArgument, "INVALID_FIELD", ""},
		{"a quarantined record that is an event", func(ctx context.Context) error {
			_, err := ledger.GetQuarantinedRecord(ctx, &taktv1.GetQuarantinedRecordRequest{Name: "quarantinedRecords/1"})
			return err
		}, codes.NotFound, "NOT_FOUND", "is an event"},
		{"equipment that nobody is", func(ctx context.Context) error {
			_, err := equipment.GetEquipment(ctx, &taktv1.GetEquipmentRequest{Name: "equipment/L9"})
			return err
		}, codes.NotFound, "NOT_FOUND", "L9"},
		{"a schema that nobody sent", func(ctx context.Context) error {
			_, err := events.GetSchema(ctx, &taktv1.GetSchemaRequest{Name: "schemas/" + strings.Repeat("ab", 16)})
			return err
		}, codes.NotFound, "NOT_FOUND", ""},
		{"a schema that is no hexadecimal", func(ctx context.Context) error {
			_, err := events.GetSchema(ctx, &taktv1.GetSchemaRequest{Name: "schemas/xyz"})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", "32 hexadecimal digits"},
		{"a search for nothing", func(ctx context.Context) error {
			_, err := material.SearchMaterial(ctx, &taktv1.SearchMaterialRequest{})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", ""},
		{"a trace without a direction", trace(&taktv1.TraceGenealogyRequest{Thing: "items/C1"}), codes.InvalidArgument, "INVALID_FIELD", "direction"},
		{"a trace of negative depth", trace(&taktv1.TraceGenealogyRequest{Thing: "items/C1", Direction: backward, MaxDepth: -1}), codes.InvalidArgument, "INVALID_FIELD", "max_depth"},
		{"a page that is too large", trace(&taktv1.TraceGenealogyRequest{Thing: "items/C1", Direction: backward, PageSize: 10_001}), codes.InvalidArgument, "INVALID_FIELD", "10000"},
		{"a page of negative size", trace(&taktv1.TraceGenealogyRequest{Thing: "items/C1", Direction: backward, PageSize: -1}), codes.InvalidArgument, "INVALID_FIELD", "page_size"},
		{"the next page", func(context.Context) error { _, err := items(at, "", page.GetNextPageToken()); return err }, codes.OK, "", ""},
		{"the page token of another request", func(context.Context) error {
			_, err := items(at, "cell", page.GetNextPageToken())
			return err
		}, codes.InvalidArgument, "TOKEN_MISMATCH", "another question"},
		{"the page token of another question", trace(&taktv1.TraceGenealogyRequest{Thing: "items/C1", Direction: backward, PageToken: page.GetNextPageToken()}), codes.InvalidArgument, "TOKEN_MISMATCH", "another question"},
		{"the page token of another store", func(context.Context) error { _, err := items(at, "", foreign.GetNextPageToken()); return err }, codes.FailedPrecondition, "TOKEN_FOREIGN", "another store"},
		{"a page token that is none", func(context.Context) error { _, err := items(at, "", "not a token"); return err }, codes.InvalidArgument, "TOKEN_MISMATCH", ""},
		{"the resume token of another store", func(ctx context.Context) error {
			stream, err := events.WatchEvents(ctx, &taktv1.WatchEventsRequest{ResumeToken: page.GetNextPageToken()})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}, codes.InvalidArgument, "TOKEN_MISMATCH", ""},
		{"a position that is ahead", func(ctx context.Context) error {
			_, err := material.GetItem(ctx, &taktv1.GetItemRequest{Name: "items/C1", MinPosition: 7})
			return err
		}, codes.FailedPrecondition, "POSITION_AHEAD", "the log ends at position 6"},
		{"the position that is reached", func(ctx context.Context) error {
			_, err := material.GetItem(ctx, &taktv1.GetItemRequest{Name: "items/C1", MinPosition: 6})
			return err
		}, codes.OK, "", ""},
		{"a yield without a time", func(ctx context.Context) error {
			_, err := yields.ComputeYield(ctx, &taktv1.ComputeYieldRequest{})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", "start_time"},
		{"a yield of a time that ends before it begins", func(ctx context.Context) error {
			_, err := yields.ComputeYield(ctx, &taktv1.ComputeYieldRequest{StartTime: timestamppb.New(t0), EndTime: timestamppb.New(t0)})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", "end_time"},
		{"a yield by the hour of two years", func(ctx context.Context) error {
			_, err := yields.ComputeYield(ctx, &taktv1.ComputeYieldRequest{
				StartTime: timestamppb.New(t0), EndTime: timestamppb.New(t0.AddDate(2, 0, 0)), Period: taktv1.Period_PERIOD_HOUR,
			})
			return err
		}, codes.InvalidArgument, "TOO_LARGE", "400 days"},
		{"a yield by the fortnight", func(ctx context.Context) error {
			_, err := yields.ComputeYield(ctx, &taktv1.ComputeYieldRequest{StartTime: timestamppb.New(t0), EndTime: timestamppb.New(t0.AddDate(0, 0, 1)), Period: 99})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", "period"},
		{"a yield of a time out of range", func(ctx context.Context) error {
			_, err := yields.ComputeYield(ctx, &taktv1.ComputeYieldRequest{
				StartTime: &timestamppb.Timestamp{Seconds: -1 << 62}, EndTime: &timestamppb.Timestamp{Seconds: 1 << 62},
			})
			return err
		}, codes.InvalidArgument, "INVALID_FIELD", "start_time"},
		{"statistics of nothing", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Characteristic = "" }), codes.InvalidArgument, "INVALID_FIELD", "characteristic"},
		{"statistics of what nobody measured", statistics(func(*taktv1.ComputeStatisticsRequest) {}), codes.NotFound, "NOT_FOUND", "ocv1"},
		{"statistics without a time", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.StartTime = nil }), codes.InvalidArgument, "INVALID_FIELD", "start_time"},
		{"statistics without an end", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.EndTime = nil }), codes.InvalidArgument, "INVALID_FIELD", "end_time"},
		{"statistics of a time out of range", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.EndTime.Seconds = 1 << 62 }), codes.InvalidArgument, "INVALID_FIELD", "end_time"},
		{"statistics of a time that ends as it begins", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.EndTime = r.GetStartTime() }), codes.InvalidArgument, "INVALID_FIELD", "end_time"},
		{"a quantile in percent", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Quantiles = []float64{0.5, 95} }), codes.InvalidArgument, "INVALID_FIELD", "quantiles[1]"},
		{"a quantile that is no number", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Quantiles = []float64{math.NaN()} }), codes.InvalidArgument, "INVALID_FIELD", "quantiles[0]"},
		{"101 quantiles", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Quantiles = make([]float64, 101) }), codes.InvalidArgument, "INVALID_FIELD", "at most 100"},
		{"bins below none", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Bins = -1 }), codes.InvalidArgument, "INVALID_FIELD", "bins"},
		{"bins beyond counting", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Bins = 1001 }), codes.InvalidArgument, "INVALID_FIELD", "1 to 1000"},
		{"statistics of equipment without a collection", statistics(func(r *taktv1.ComputeStatisticsRequest) { r.Equipment = "L1" }), codes.InvalidArgument, "INVALID_FIELD", "equipment/{equipment}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.ask(t.Context())
			wantError(t, "the question", err, tc.code, tc.reason)
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the question = %v; want %q", err, tc.says)
			}
		})
	}
	if got, want := at.ledger(t), (counts{stored: 5, quarantined: 1}); got != want {
		t.Errorf("ledger = %+v; want %+v", got, want)
	}
	at.lives(t)
}

// TestPagesAreOfOneView asks for the second page after more was appended.
func TestPagesAreOfOneView(t *testing.T) {
	t.Parallel()
	at := filled(t, rpc.Config{})
	client := taktv1.NewMaterialServiceClient(at.conn)
	var names []string
	for token := ""; ; {
		m, err := client.ListItems(t.Context(), &taktv1.ListItemsRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		if m.GetPosition() != 6 {
			t.Errorf("the page is of position %d; want 6, as the first one was", m.GetPosition())
		}
		for _, i := range m.GetItems() {
			names = append(names, i.GetName())
		}
		if token = m.GetNextPageToken(); token == "" {
			break
		}
		if len(names) == 2 {
			at.lives(t) // appends one more item
		}
	}
	if got, want := strings.Join(names, " "), "items/C0 items/C1 items/C2 items/C3 items/C4"; got != want {
		t.Errorf("items = %s; want %s", got, want)
	}
}

// TestDeadline asks with a deadline that is over when the server reads it, as
// no client of gRPC's own would send.
func TestDeadline(t *testing.T) {
	t.Parallel()
	at := filled(t, rpc.Config{})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	message, err := proto.Marshal(&taktv1.TraceGenealogyRequest{Thing: "items/C1", Direction: taktv1.Direction_DIRECTION_FORWARD})
	if err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+at.address+taktv1.GenealogyService_TraceGenealogy_FullMethodName, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	r.Header.Set("Grpc-Timeout", "1n")
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	got := response.Trailer.Get("Grpc-Status") + response.Header.Get("Grpc-Status")
	if want := fmt.Sprintf("%d", codes.DeadlineExceeded); got != want {
		t.Errorf("status = %q; want %s", got, want)
	}
	at.lives(t)
}

func TestReflection(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprintf("off=%t", off), func(t *testing.T) {
			at := newSite(t, rpc.Config{NoReflection: off})
			stream, err := reflectionv1.NewServerReflectionClient(at.conn).ServerReflectionInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
			m, err := stream.Recv()
			if off {
				wantError(t, "reflection", err, codes.Unimplemented, "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			listed := fmt.Sprint(m.GetListServicesResponse().GetService())
			for _, service := range []string{
				"takt.v1.IngestService", "takt.v1.EventService", "takt.v1.MaterialService", "takt.v1.GenealogyService",
				"takt.v1.YieldService", "takt.v1.StatisticsService", "takt.v1.LedgerService", "takt.v1.EquipmentService", "takt.v1.AdminService", "grpc.health.v1.Health",
			} {
				if !strings.Contains(listed, `"`+service+`"`) {
					t.Errorf("reflection does not name %s: %s", service, listed)
				}
			}
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	at := newSite(t, rpc.Config{NoReflection: true})
	m, err := healthv1.NewHealthClient(at.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || m.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health = %v, %v; want SERVING", m.GetStatus(), err)
	}
}

// FuzzPageToken sends tokens that nobody gave out: each is refused, or answered
// as if it had been given out.
func FuzzPageToken(f *testing.F) {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, seed := range []string{
		"", "x", "====", encode("{}"), encode(`{"s":"a","q":"b","p":1,"a":2}`), encode(`{"p":18446744073709551615,"a":18446744073709551615}`),
		encode(`{"p":-1}`), encode(`{"k":"////"}`), encode("null"), encode("[]"), encode(strings.Repeat("[", 10_000)),
	} {
		f.Add(seed)
	}
	f.Fuzz(rpc.ReadAnyToken)
}
