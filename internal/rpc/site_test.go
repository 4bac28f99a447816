package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/store"
)

var t0 = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// site is a server over a real store on loopback, and a client's connection.
type site struct {
	address string
	store   *store.Store
	conn    *grpc.ClientConn
}

// newSite starts a server. When the test ends, it has ended without an error and
// its store is whole.
func newSite(t *testing.T, cfg rpc.Config) *site {
	t.Helper()
	return newSiteOver(t, cfg, store.Config{Now: func() time.Time { return t0 }})
}

// newSiteOver is newSite over a store that is set up in its own way.
func newSiteOver(t *testing.T, cfg rpc.Config, over store.Config) *site {
	t.Helper()
	dir := t.TempDir()
	over.Dir = dir
	s, err := store.Open(over)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := rpc.New(cfg, s, slog.New(slog.DiscardHandler))
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Errorf("serve: %v", err)
		}
		_, err := store.CheckDir(context.Background(), dir, func(p store.Progress) {
			for _, problem := range p.Problems {
				t.Errorf("check %s: %s", p.Stage, problem)
			}
		})
		if err != nil {
			t.Errorf("check: %v", err)
		}
	})
	at := &site{address: listener.Addr().String(), store: s}
	at.conn = at.dial(t)
	return at
}

// dial opens a connection of its own.
func (at *site) dial(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(at.address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// appender is a client's end of an AppendEvents stream.
type appender struct {
	grpc.BidiStreamingClient[taktv1.AppendEventsRequest, taktv1.AppendEventsResponse]
}

func open(t *testing.T, conn *grpc.ClientConn) appender {
	t.Helper()
	// Nothing here takes long; a test that hangs says where.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := taktv1.NewIngestServiceClient(conn).AppendEvents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return appender{stream}
}

// call sends a message and returns its answer, or how the stream ended.
func (a appender) call(m *taktv1.AppendEventsRequest) (*taktv1.AppendEventsResponse, error) {
	if err := a.Send(m); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return a.Recv()
}

func opening(gateway, spool string) *taktv1.AppendEventsRequest {
	return &taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Open_{
		Open: &taktv1.AppendEventsRequest_Open{Gateway: []byte(gateway), Spool: spool},
	}}
}

func batch(first uint64, records ...*taktv1.Record) *taktv1.AppendEventsRequest {
	return &taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Batch_{
		Batch: &taktv1.AppendEventsRequest_Batch{FirstOffset: first, Records: records},
	}}
}

func record(source string, sequence uint64, event []byte) *taktv1.Record {
	return &taktv1.Record{Identity: &taktv1.Identity{Source: []byte(source), Epoch: 1, Sequence: sequence}, Event: event}
}

// event encodes an event; what is not set of what every event has is.
func event(e mes.Event) []byte {
	if e.EventTime.IsZero() {
		e.EventTime = t0
	}
	return mes.AppendEvent(nil, &e)
}

// worked is an event of work on an item.
func worked(item string) []byte {
	return event(mes.Event{Equipment: "L1.OCV.01", ProcessSegment: "ocv", Fact: &mes.Work{
		Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(item)}}}, Disposition: mes.DispositionConformant,
	}})
}

// good returns records that nothing is wrong with.
func good(source string, first, count int) []*taktv1.Record {
	records := make([]*taktv1.Record, count)
	for i := range records {
		records[i] = record(source, uint64(first+i), worked("C1"))
	}
	return records
}

// info returns the ErrorInfo of an error, empty where there is none.
func info(err error) *errdetails.ErrorInfo {
	for _, d := range status.Convert(err).Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok {
			return i
		}
	}
	return new(errdetails.ErrorInfo)
}

// wantError compares how a call ended.
func wantError(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	if status.Code(err) != code || info(err).GetReason() != reason {
		t.Errorf("%s = %v, reason %q; want %v, reason %q", what, err, info(err).GetReason(), code, reason)
	}
	if reason != "" && info(err).GetDomain() != "takt" {
		t.Errorf("%s has the domain %q", what, info(err).GetDomain())
	}
}

// counts are a ledger's sum.
type counts struct{ stored, duplicates, quarantined, refused uint64 }

func (at *site) ledger(t *testing.T) counts {
	t.Helper()
	m, err := taktv1.NewLedgerServiceClient(at.conn).ListLedgerEntries(t.Context(), &taktv1.ListLedgerEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	sum := m.GetSum()
	c := counts{sum.GetStored(), sum.GetDuplicates(), sum.GetQuarantined(), sum.GetRefused()}
	if sum.GetReceived() != c.received() {
		t.Errorf("the ledger does not close: %v", sum)
	}
	return c
}

func (c counts) received() uint64 { return c.stored + c.duplicates + c.quarantined + c.refused }

func (c counts) less(other counts) counts {
	return counts{c.stored - other.stored, c.duplicates - other.duplicates, c.quarantined - other.quarantined, c.refused - other.refused}
}

// lives shows that the connection and the store still serve: another gateway's
// record is taken and found.
func (at *site) lives(t *testing.T) {
	t.Helper()
	stream := open(t, at.conn)
	if _, err := stream.call(opening("after", "s")); err != nil {
		t.Fatalf("open afterwards: %v", err)
	}
	m, err := stream.call(batch(1, record("AFTER", 1, worked("AFTERWARDS"))))
	if err != nil || m.GetAppended().GetStored() != 1 {
		t.Fatalf("append afterwards = %v, %v; want 1 stored", m, err)
	}
	_, err = taktv1.NewMaterialServiceClient(at.conn).GetItem(t.Context(), &taktv1.GetItemRequest{
		Name: "items/AFTERWARDS", MinPosition: m.GetAppended().GetPosition(),
	})
	if err != nil {
		t.Fatalf("ask afterwards: %v", err)
	}
}
