package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

const window = 4

// errEnd ends a stream without an error.
var errEnd = errors.New("end")

// failing is an IngestService that fails where a test wants it to; the real one
// is tried where it is built. It keeps what it was sent in memory.
type failing struct {
	taktv1.UnimplementedIngestServiceServer
	// open fails an open; after is called for each batch before its answer.
	open  func() error
	after func(batches int) error

	mu      sync.Mutex
	opens   []*taktv1.AppendEventsRequest_Open
	records []*taktv1.Record
	schemas []*taktv1.Schema
	batches []int
}

func (f *failing) AppendEvents(stream grpc.BidiStreamingServer[taktv1.AppendEventsRequest, taktv1.AppendEventsResponse]) error {
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	if f.open != nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.opens = append(f.opens, request.GetOpen())
	durable := len(f.records)
	f.mu.Unlock()
	err = stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Opened_{Opened: &taktv1.AppendEventsResponse_Opened{
		Store: "s1", DurableOffset: uint64(durable), MaxInFlight: window,
		Last: []*taktv1.Identity{{Source: []byte("a\xff"), Epoch: 2, Sequence: 3}},
	}}})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer := f.take(request.GetBatch())
		if f.after != nil {
			if err := f.after(n); errors.Is(err, errEnd) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if err := stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Appended_{Appended: answer}}); err != nil {
			return err
		}
	}
}

func (f *failing) take(batch *taktv1.AppendEventsRequest_Batch) *taktv1.AppendEventsResponse_Appended {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches = append(f.batches, len(batch.GetRecords()))
	f.schemas = append(f.schemas, batch.GetSchemas()...)
	var answer taktv1.AppendEventsResponse_Appended
	for i, r := range batch.GetRecords() {
		if offset := int(batch.GetFirstOffset()) + i; offset <= len(f.records) {
			answer.Duplicates++
			continue
		}
		f.records = append(f.records, r)
		answer.Stored++
	}
	answer.DurableOffset = uint64(len(f.records))
	answer.Position = answer.GetDurableOffset() * 2
	return &answer
}

func serve(t *testing.T, f *failing) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	taktv1.RegisterIngestServiceServer(server, f)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	c, err := Dial(Config{Addr: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c
}

func record(n int) mes.Record {
	return mes.Record{
		Identity: mes.Identity{Source: "L1/P2/WND01\xff", Epoch: 1, Sequence: mes.Sequence(n)},
		Event:    fmt.Appendf(nil, "event %d", n),
		Provenance: mes.Provenance{
			PLCTime: time.Unix(int64(n), 5_000_000).UTC(), ClockOffset: -time.Millisecond, ClockQuality: mes.ClockGood, Status: 0x40000000,
		},
	}
}

func records(n int) iter.Seq2[mes.Record, error] {
	return func(yield func(mes.Record, error) bool) {
		for i := 1; i <= n; i++ {
			if !yield(record(i), nil) {
				return
			}
		}
	}
}

// check compares what the server has with the first n records.
func (f *failing) check(t *testing.T, sender Sender, n int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.records) != n {
		t.Fatalf("the server has %d records, want %d", len(f.records), n)
	}
	for i, got := range f.records {
		want := record(i + 1)
		want.Provenance.Gateway, want.Provenance.Spool, want.Provenance.Offset = sender.Gateway, sender.Spool, mes.Offset(i+1)
		p, err := proto.Marshal(got.GetProvenance())
		if err != nil {
			t.Fatal(err)
		}
		provenance, err := mes.DecodeProvenance(p)
		if err != nil {
			t.Fatal(err)
		}
		back := mes.Record{
			Identity: mes.Identity{
				Source:   mes.Source(got.GetIdentity().GetSource()),
				Epoch:    mes.Epoch(got.GetIdentity().GetEpoch()),
				Sequence: mes.Sequence(got.GetIdentity().GetSequence()),
			},
			Event:      got.GetEvent(),
			Provenance: provenance,
		}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Fatalf("record %d mismatch (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestAppendAll(t *testing.T) {
	const n = 2500
	f := &failing{}
	c := serve(t, f)
	sender := Sender{Gateway: "history", Spool: "seed 1", Sources: []mes.Source{"x", "y"}}
	schema := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}}}
	var acks []mes.Offset
	total, err := c.AppendAll(t.Context(), sender, []mes.Schema{schema}, records(n), func(a Ack) error {
		acks = append(acks, a.Durable)
		return nil
	})
	if err != nil {
		t.Fatalf("AppendAll: %v", err)
	}
	if diff := cmp.Diff(Total{Sent: n, Stored: n, Durable: n, Position: 2 * n}, total); diff != "" {
		t.Errorf("AppendAll mismatch (-want +got):\n%s", diff)
	}
	f.check(t, sender, n)
	if diff := cmp.Diff([]mes.Offset{1000, 2000, 2500}, acks); diff != "" {
		t.Errorf("acks mismatch (-want +got):\n%s", diff)
	}
	if len(f.schemas) != 1 || f.schemas[0].GetColumns()[0].GetCharacteristic() != "ocv1" {
		t.Errorf("schemas %v, want ocv1 once", f.schemas)
	}
	if open := f.opens[0]; string(open.GetGateway()) != "history" || open.GetSpool() != "seed 1" || len(open.GetSources()) != 2 {
		t.Errorf("open %v", open)
	}
	// All of it again is nothing to do.
	total, err = c.AppendAll(t.Context(), sender, nil, records(n), nil)
	if want := (Total{Resumed: n, Durable: n}); err != nil || total != want {
		t.Errorf("AppendAll again = %+v, %v; want %+v", total, err, want)
	}
}

func TestAppendAllSplitsByBytes(t *testing.T) {
	f := &failing{}
	c := serve(t, f)
	big := func(yield func(mes.Record, error) bool) {
		for i := 1; i <= 12; i++ {
			r := record(i)
			r.Event = make([]byte, mes.MaxEventBytes)
			if !yield(r, nil) {
				return
			}
		}
	}
	if _, err := c.AppendAll(t.Context(), Sender{Gateway: "g", Spool: "s"}, nil, big, nil); err != nil {
		t.Fatalf("AppendAll: %v", err)
	}
	if diff := cmp.Diff([]int{4, 4, 4}, f.batches); diff != "" {
		t.Errorf("batches mismatch (-want +got):\n%s", diff)
	}
}

// Every stream breaks after some batches, with or without an answer to the last.
func TestAppendAllGoesOnWhereItStopped(t *testing.T) {
	const n = 6000
	f := &failing{}
	f.after = func(batches int) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if batches > len(f.opens)%3 {
			return status.Error(codes.Unavailable, "gone")
		}
		return nil
	}
	c := serve(t, f)
	sender := Sender{Gateway: "g", Spool: "s"}
	tries := 1
	for ; ; tries++ {
		_, err := c.AppendAll(t.Context(), sender, nil, records(n), nil)
		if err == nil {
			break
		}
		if mes.CodeOf(err) != mes.CodeUnavailable {
			t.Fatalf("AppendAll = %v, want CodeUnavailable", err)
		}
		if tries > n {
			t.Fatal("it does not go on")
		}
	}
	f.check(t, sender, n)
	if tries < 4 {
		t.Errorf("%d tries; the stream did not break", tries)
	}
}

func TestAppendAllStops(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name    string
		server  *failing
		records iter.Seq2[mes.Record, error]
		ack     func(Ack) error
		is      error
		code    mes.Code
	}{
		{
			name: "the sequence breaks", server: &failing{}, is: broken,
			records: func(yield func(mes.Record, error) bool) {
				if yield(record(1), nil) {
					yield(mes.Record{}, broken)
				}
			},
		},
		{name: "the ack breaks", server: &failing{}, records: records(5000), ack: func(Ack) error { return broken }, is: broken},
		{
			name: "the server ends the stream without a word", records: records(5000), code: mes.CodeUnavailable,
			server: &failing{after: func(int) error { return errEnd }},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, test.server)
			_, err := c.AppendAll(t.Context(), Sender{Gateway: "g", Spool: "s"}, nil, test.records, test.ack)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || test.is == nil && mes.CodeOf(err) != test.code {
				t.Errorf("AppendAll = %v, want %v or code %d", err, test.is, test.code)
			}
		})
	}
}

// live is a source that a test fills while it is being sent.
type live struct {
	mu      sync.Mutex
	records []mes.Record
	schemas []mes.Schema
	more    chan struct{}
}

func (l *live) add(r mes.Record, schemas ...mes.Schema) {
	l.mu.Lock()
	r.Provenance.Gateway, r.Provenance.Spool, r.Provenance.Offset = "g", "s", mes.Offset(len(l.records)+1)
	l.records = append(l.records, r)
	l.schemas = append(l.schemas, schemas...)
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *live) Read(after mes.Offset, maxRecords, _ int) ([]mes.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := min(len(l.records), int(after)+maxRecords)
	return append([]mes.Record(nil), l.records[after:end]...), nil
}

func (l *live) Wait(ctx context.Context, after mes.Offset) error {
	for {
		l.mu.Lock()
		there := len(l.records) > int(after)
		l.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *live) Schemas() ([]mes.Schema, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]mes.Schema(nil), l.schemas...), nil
}

func TestSendFollowsASource(t *testing.T) {
	f := &failing{}
	c := serve(t, f)
	stream, err := c.OpenStream(t.Context(), Sender{Gateway: "g", Spool: "s"})
	if err != nil {
		t.Fatalf("OpenStream: %v", err)
	}
	defer stream.Close()
	want := Opened{Store: "s1", MaxInFlight: window, Last: []mes.Identity{{Source: "a\xff", Epoch: 2, Sequence: 3}}}
	if diff := cmp.Diff(want, stream.Opened()); diff != "" {
		t.Errorf("Opened mismatch (-want +got):\n%s", diff)
	}
	source := &live{more: make(chan struct{}, 1)}
	acked := make(chan Ack)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		sent <- stream.Send(ctx, source, 0, func(a Ack) error {
			acked <- a
			return nil
		})
	}()
	for i := 1; i <= 3; i++ {
		source.add(record(i), mes.Schema{Columns: []mes.Column{{Characteristic: fmt.Sprint("c", i)}}})
		if a := <-acked; a.Durable != mes.Offset(i) || a.Stored != 1 {
			t.Errorf("ack %d = %+v", i, a)
		}
	}
	cancel()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want Canceled", err)
	}
	f.check(t, Sender{Gateway: "g", Spool: "s"}, 3)
	if len(f.schemas) != 3 {
		t.Errorf("%d schemas were sent, want each of 3 once", len(f.schemas))
	}
}

func TestSendRefusesAWrongOffset(t *testing.T) {
	c := serve(t, &failing{})
	stream, err := c.OpenStream(t.Context(), Sender{Gateway: "g", Spool: "s"})
	if err != nil {
		t.Fatalf("OpenStream: %v", err)
	}
	defer stream.Close()
	source := &live{records: []mes.Record{record(1)}}
	err = stream.Send(t.Context(), source, 0, func(Ack) error { return nil })
	if mes.CodeOf(err) != mes.CodeInternal || err == nil {
		t.Errorf("Send of a record without its offset = %v", err)
	}
}

// A server that does not answer has no more than the window to hold.
func TestSendKeepsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		f := &failing{}
		f.after = func(int) error {
			<-leave
			return nil
		}
		listener := bufconn.Listen(1 << 20)
		server := grpc.NewServer()
		taktv1.RegisterIngestServiceServer(server, f)
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		conn, err := grpc.NewClient("passthrough:bufconn",
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{conn: conn}
		pulled := 0
		all := func(yield func(mes.Record, error) bool) {
			for i := 1; i <= 10*MaxBatchRecords; i++ {
				pulled++
				if !yield(record(i), nil) {
					return
				}
			}
		}
		sent := make(chan error, 1)
		go func() {
			_, err := c.AppendAll(t.Context(), Sender{Gateway: "g", Spool: "s"}, nil, all, nil)
			sent <- err
		}()
		synctest.Wait()
		if pulled != window*MaxBatchRecords {
			t.Errorf("%d records are under way, want %d", pulled, window*MaxBatchRecords)
		}
		close(leave)
		if err := <-sent; err != nil {
			t.Errorf("AppendAll: %v", err)
		}
		f.check(t, Sender{Gateway: "g", Spool: "s"}, 10*MaxBatchRecords)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestErrors(t *testing.T) {
	withDetails := func(code codes.Code, message string, details ...protoadapt.MessageV1) error {
		st, err := status.New(code, message).WithDetails(details...)
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	info := func(domain, reason string, metadata map[string]string) protoadapt.MessageV1 {
		return &errdetails.ErrorInfo{Domain: domain, Reason: reason, Metadata: metadata}
	}
	gap := map[string]string{"expected": "5", "got": "9"}
	retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	tests := []struct {
		name   string
		err    error
		code   mes.Code
		values map[string]string
	}{
		{"gap", withDetails(codes.OutOfRange, "m", info("takt", "OFFSET_GAP", gap)), mes.CodeOffsetGap, gap},
		{"busy", withDetails(codes.ResourceExhausted, "m", info("takt", "STORE_BUSY", nil), retry), mes.CodeBusy, map[string]string{"retry_delay": "1s"}},
		{"taken over", withDetails(codes.Aborted, "m", info("takt", "STREAM_TAKEN_OVER", nil)), mes.CodeTakenOver, nil},
		{"too large", withDetails(codes.InvalidArgument, "m", info("takt", "TOO_LARGE", nil)), mes.CodeTooLarge, nil},
		{"another domain's reason", withDetails(codes.Unavailable, "m", info("proxy", "OFFSET_GAP", gap)), mes.CodeUnavailable, nil},
		{"unavailable", status.Error(codes.Unavailable, "m"), mes.CodeUnavailable, nil},
		{"unknown", status.Error(codes.Unknown, "m"), mes.CodeInternal, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, &failing{open: func() error { return test.err }})
			_, err := c.OpenStream(t.Context(), Sender{Gateway: "g", Spool: "s"})
			var e *mes.Error
			if !errors.As(err, &e) {
				t.Fatalf("OpenStream = %v, want a mes.Error", err)
			}
			if e.Code != test.code || e.Message != "m" {
				t.Errorf("code %d, %q; want %d", e.Code, e.Message, test.code)
			}
			if diff := cmp.Diff(test.values, e.Values); diff != "" {
				t.Errorf("Values mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNobodyIsThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(Config{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.OpenStream(t.Context(), Sender{Gateway: "g", Spool: "s"}); mes.CodeOf(err) != mes.CodeUnavailable {
		t.Errorf("OpenStream = %v, want CodeUnavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.OpenStream(ctx, Sender{Gateway: "g", Spool: "s"}); !errors.Is(err, context.Canceled) {
		t.Errorf("OpenStream = %v, want Canceled", err)
	}
}

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		config Config
		ok     bool
	}{
		{Config{Addr: "127.0.0.1:7600"}, true},
		{Config{Addr: "localhost:7600"}, true},
		{Config{Addr: "[::1]:7600"}, true},
		{Config{Addr: ":7600"}, true},
		{Config{Addr: "10.0.0.1:7600"}, false},
		{Config{Addr: "mes:7600"}, false},
		{Config{Addr: "mes:7600", Insecure: true}, true},
		{Config{Addr: "127.0.0.1"}, false},
		{Config{Addr: "127.0.0.1:"}, false},
		{Config{}, false},
	}
	for _, test := range tests {
		t.Run(test.config.Addr, func(t *testing.T) {
			if err := test.config.Validate(); (err == nil) != test.ok || err != nil && mes.CodeOf(err) != mes.CodeInvalid {
				t.Errorf("Validate = %v, want ok %t", err, test.ok)
			}
		})
	}
}
