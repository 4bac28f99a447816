package scenario_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/statistics"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
	"github.com/takt-mes/takt/internal/yield"
)

// world answers questions about what happened, in the API's messages. Lists are
// whole: whoever has pages reads them all.
type world interface {
	Trace(thing string, way taktv1.Direction, depth int32) ([]*taktv1.GenealogyEdge, error)
	Record(item string) (*taktv1.GetItemRecordResponse, error)
	Lot(lot string) (*taktv1.Lot, error)
	Yield(r *taktv1.ComputeYieldRequest) (*taktv1.ComputeYieldResponse, error)
	Statistics(r *taktv1.ComputeStatisticsRequest) (*taktv1.ComputeStatisticsResponse, error)
	Ledger() ([]*taktv1.LedgerEntry, error)
	Sources() ([]*taktv1.Source, error)
	Quarantine() ([]*taktv1.QuarantinedRecord, error)
	Search(value mes.ID) ([]*taktv1.SearchMaterialResponse_Match, error)
	Flags() ([]*taktv1.Flag, error)
	Equipment() ([]*taktv1.Equipment, error)
	Events() ([]*taktv1.LoggedEvent, error)
}

// recordTime is when every record of every scenario is taken.
var recordTime = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// How much of the log a store keeps in memory: as much as it likes, or nothing
// beyond a group, so that all but the last is in sealed blocks and leaves.
const (
	inMemory = 0
	inBlocks = 1
)

// openStore opens a store that is checked when the test ends: whatever a
// scenario appends, the indexes must be what the log says.
func openStore(t *testing.T, dir string, sealBytes int) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return recordTime }, SealBytes: sealBytes})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
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
	return s
}

// arrive appends records in batches that end behind each of the given places.
func arrive(t *testing.T, s *store.Store, gateway mes.Gateway, schemas []mes.Schema, records []mes.Record, ends ...int) {
	t.Helper()
	from := 0
	for _, end := range append(ends, len(records)) {
		b := store.Batch{
			Gateway: gateway, Spool: "s", First: mes.Offset(from + 1), Records: records[from:end], Schemas: schemas,
		}
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatalf("append: %v", err)
		}
		from = end
	}
}

// direct asks a store.
type direct struct {
	t        *testing.T
	store    *store.Store
	calendar yield.Calendar
}

func (d *direct) view(fn func(v *store.View) error) error { return d.store.View(d.t.Context(), 0, fn) }

func (d *direct) Trace(thing string, way taktv1.Direction, depth int32) (edges []*taktv1.GenealogyEdge, err error) {
	start, err := mes.ParseThing(thing)
	if err != nil {
		return nil, err
	}
	return edges, d.view(func(v *store.View) error {
		if start, err = v.Resolve(start); err != nil {
			return err
		}
		edges, err = edgesOf(v, start, genealogy.Direction(way), int(depth))
		return err
	})
}

// edgesOf returns all edges of a trace.
func edgesOf(v *store.View, start mes.Thing, way genealogy.Direction, depth int) (edges []*taktv1.GenealogyEdge, err error) {
	for e, err := range v.Trace(start, way, depth) {
		if err != nil {
			return nil, err
		}
		m, err := wire.Edge(e, v.Definition)
		if err != nil {
			return nil, err
		}
		edges = append(edges, m)
	}
	return edges, nil
}

func (d *direct) Record(item string) (*taktv1.GetItemRecordResponse, error) {
	r := new(taktv1.GetItemRecordResponse)
	thing, err := mes.ParseThing(item)
	if err != nil {
		return nil, err
	}
	return r, d.view(func(v *store.View) error {
		if thing, err = v.Resolve(thing); err != nil {
			return err
		}
		found, err := v.Item(thing.ID)
		if err != nil {
			return err
		}
		r.Item = wire.Item(found)
		entries, err := v.ItemRecord(thing.ID)
		if err != nil {
			return err
		}
		for _, e := range entries {
			m, err := wire.ItemEntry(e)
			if err != nil {
				return err
			}
			r.Entries = append(r.Entries, m)
			if w, ok := e.Event.Event.Fact.(*mes.Work); ok && w.Measurements != nil {
				schema, _, err := v.Schema(w.Measurements.Schema)
				if err != nil {
					return err
				}
				r.Schemas = append(r.Schemas, wire.Schema(schema))
			}
		}
		return nil
	})
}

func (d *direct) Lot(name string) (lot *taktv1.Lot, err error) {
	thing, err := mes.ParseThing(name)
	if err != nil {
		return nil, err
	}
	return lot, d.view(func(v *store.View) error {
		if thing, err = v.Resolve(thing); err != nil {
			return err
		}
		found, err := v.Lot(thing.ID)
		lot = wire.Lot(found)
		return err
	})
}

func (d *direct) Yield(r *taktv1.ComputeYieldRequest) (*taktv1.ComputeYieldResponse, error) {
	from, to := wire.TimeFrom(r.GetStartTime()), wire.TimeFrom(r.GetEndTime())
	divisions := map[taktv1.Period]yield.Division{
		taktv1.Period_PERIOD_HOUR: yield.Hourly, taktv1.Period_PERIOD_SHIFT: yield.Shiftwise, taktv1.Period_PERIOD_DAY: yield.Daily,
	}
	periods, err := d.calendar.Divide(from, to, divisions[r.GetPeriod()])
	if err != nil {
		return nil, err
	}
	table := yield.NewTable(periods, r.GetByEquipment())
	response := new(taktv1.ComputeYieldResponse)
	return response, d.view(func(v *store.View) error {
		for i, p := range periods {
			for c, err := range v.Tested(r.GetProcessSegment(), p.Start, p.End) {
				if err != nil {
					return err
				}
				table.Count(i, c)
			}
		}
		for _, row := range table.Rows() {
			response.Rows = append(response.Rows, wire.YieldRow(row))
		}
		if rolled, known := table.RolledThroughputYield(); known {
			response.RolledThroughputYield = &rolled
		}
		return nil
	})
}

func (d *direct) Statistics(r *taktv1.ComputeStatisticsRequest) (m *taktv1.ComputeStatisticsResponse, err error) {
	return m, d.view(func(v *store.View) error {
		sample, err := v.Statistics(store.StatisticsQuery{
			Characteristic: r.GetCharacteristic(), Unit: r.Unit, ProcessSegment: r.GetProcessSegment(), AllModes: r.GetAllModes(),
			From: wire.TimeFrom(r.GetStartTime()), To: wire.TimeFrom(r.GetEndTime()),
		})
		if err != nil {
			return err
		}
		m = wire.Statistics(&sample, statistics.Summarize(sample.Values))
		if len(sample.Values) > 0 {
			for i, q := range statistics.Quantiles(sample.Values, r.GetQuantiles()) {
				m.Quantiles = append(m.Quantiles, &taktv1.ComputeStatisticsResponse_Quantile{Probability: r.GetQuantiles()[i], Value: q})
			}
		}
		for _, b := range statistics.Histogram(sample.Values, int(r.GetBins())) {
			m.Bins = append(m.Bins, wire.Bin(b))
		}
		return nil
	})
}

// collect reads a sequence of a view to its end.
func collect[T, M any](d *direct, of func(*store.View) func(func(T, error) bool), convert func(T) (M, error)) (list []M, err error) {
	return list, d.view(func(v *store.View) error {
		for element, err := range of(v) {
			if err != nil {
				return err
			}
			m, err := convert(element)
			if err != nil {
				return err
			}
			list = append(list, m)
		}
		return nil
	})
}

// surely is a conversion that cannot go wrong.
func surely[T, M any](convert func(T) M) func(T) (M, error) {
	return func(e T) (M, error) { return convert(e), nil }
}

func (d *direct) Ledger() ([]*taktv1.LedgerEntry, error) {
	return collect(d, func(v *store.View) func(func(store.LedgerEntry, error) bool) { return v.Ledger() }, surely(wire.LedgerEntry))
}

func (d *direct) Sources() ([]*taktv1.Source, error) {
	return collect(d, func(v *store.View) func(func(store.SourceEpoch, error) bool) { return v.Sources() },
		func(e store.SourceEpoch) (*taktv1.Source, error) {
			return &taktv1.Source{Source: []byte(e.Source), Epochs: []*taktv1.Source_Epoch{wire.SourceEpoch(e)}}, nil
		})
}

func (d *direct) Quarantine() ([]*taktv1.QuarantinedRecord, error) {
	return collect(d, func(v *store.View) func(func(store.QuarantinedRecord, error) bool) { return v.Quarantine(0) },
		func(q store.QuarantinedRecord) (*taktv1.QuarantinedRecord, error) {
			return wire.QuarantinedRecord(q, true)
		})
}

func (d *direct) Search(value mes.ID) (matches []*taktv1.SearchMaterialResponse_Match, err error) {
	return matches, d.view(func(v *store.View) error {
		found, err := v.Search(value)
		for _, m := range found {
			matches = append(matches, wire.Match(m))
		}
		return err
	})
}

func (d *direct) Flags() ([]*taktv1.Flag, error) {
	return collect(d, func(v *store.View) func(func(store.Flag, error) bool) { return v.Flags() }, surely(wire.Flag))
}

func (d *direct) Equipment() ([]*taktv1.Equipment, error) {
	return collect(d, func(v *store.View) func(func(store.Equipment, error) bool) { return v.Equipment() }, surely(wire.Equipment))
}

func (d *direct) Events() ([]*taktv1.LoggedEvent, error) {
	return collect(d, func(v *store.View) func(func(store.Event, error) bool) { return v.Events(0, store.Filter{}) }, wire.LoggedEvent)
}

// remote asks a server, by pages of two.
type remote struct {
	t      *testing.T
	conn   *grpc.ClientConn
	client *client.Client
}

const pageSize = 2

// serve starts a server over a store, until the test ends.
func serve(t *testing.T, s *store.Store, calendar yield.Calendar) *remote {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := rpc.New(rpc.Config{Version: "test", Calendar: calendar}, s, slog.New(slog.DiscardHandler))
	go func() { ended <- server.Serve(ctx, listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	keeping, err := client.Dial(client.Config{Addr: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = keeping.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &remote{t, conn, keeping}
}

// append sends records as a gateway does, in batches of a few.
func (r *remote) append(t *testing.T, schemas []mes.Schema, records []mes.Record) {
	t.Helper()
	stream, err := taktv1.NewIngestServiceClient(r.conn).AppendEvents(r.t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(m *taktv1.AppendEventsRequest) *taktv1.AppendEventsResponse {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("send: %v", err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		return response
	}
	send(&taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Open_{
		Open: &taktv1.AppendEventsRequest_Open{Gateway: []byte("g"), Spool: "s"},
	}})
	const few = 3
	for from := 0; from < len(records); from += few {
		b := &taktv1.AppendEventsRequest_Batch{FirstOffset: uint64(from + 1)}
		if from == 0 {
			for _, schema := range schemas {
				b.Schemas = append(b.Schemas, wire.Schema(schema))
			}
		}
		for i := range records[from:min(from+few, len(records))] {
			m, err := wire.Record(&records[from+i])
			if err != nil {
				t.Fatal(err)
			}
			b.Records = append(b.Records, m)
		}
		appended := send(&taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Batch_{Batch: b}}).GetAppended()
		if want := uint64(from + len(b.GetRecords())); appended.GetDurableOffset() != want {
			t.Fatalf("durable offset = %d; want %d", appended.GetDurableOffset(), want)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream ended with %v", err)
	}
}

// pages reads a list to its end.
func pages[E any](page func(token string) ([]E, string, error)) (all []E, err error) {
	for token := ""; ; {
		elements, next, err := page(token)
		if err != nil {
			return nil, wire.Error(err)
		}
		if all = append(all, elements...); next == "" {
			return all, nil
		}
		token = next
	}
}

func (r *remote) Trace(thing string, way taktv1.Direction, depth int32) ([]*taktv1.GenealogyEdge, error) {
	service := taktv1.NewGenealogyServiceClient(r.conn)
	edges, err := pages(func(token string) ([]*taktv1.GenealogyEdge, string, error) {
		m, err := service.TraceGenealogy(r.t.Context(), &taktv1.TraceGenealogyRequest{
			Thing: thing, Direction: way, MaxDepth: depth, PageSize: pageSize, PageToken: token,
		})
		return m.GetEdges(), m.GetNextPageToken(), err
	})
	if err != nil {
		return nil, err
	}
	// The stream must say the same.
	stream, err := service.StreamGenealogy(r.t.Context(), &taktv1.StreamGenealogyRequest{Thing: thing, Direction: way, MaxDepth: depth})
	if err != nil {
		return nil, wire.Error(err)
	}
	var streamed []*taktv1.GenealogyEdge
	for complete := false; !complete; {
		m, err := stream.Recv()
		if err != nil {
			return nil, wire.Error(err)
		}
		streamed, complete = append(streamed, m.GetEdges()...), m.GetComplete()
	}
	if diff := cmp.Diff(edges, streamed, protocmp.Transform()); diff != "" {
		r.t.Errorf("StreamGenealogy(%s) mismatch (-pages +stream):\n%s", thing, diff)
	}
	return edges, r.things(thing, way, depth, edges)
}

// things has a stream of things alone say what the edges do.
func (r *remote) things(thing string, way taktv1.Direction, depth int32, edges []*taktv1.GenealogyEdge) error {
	stream, err := taktv1.NewGenealogyServiceClient(r.conn).StreamGenealogy(r.t.Context(), &taktv1.StreamGenealogyRequest{
		Thing: thing, Direction: way, MaxDepth: depth, ThingsOnly: true,
	})
	if err != nil {
		return wire.Error(err)
	}
	var got []string
	for complete := false; !complete; {
		m, err := stream.Recv()
		if err != nil {
			return wire.Error(err)
		}
		for _, alike := range m.GetThings() {
			for _, id := range alike.GetIds() {
				name := alike.GetCollection() + "/" + mes.ID(id).String()
				got = append(got, thingLine(name, alike.GetMaterialDefinition(), alike.GetCertainty(), alike.GetRemoved()))
			}
		}
		complete = m.GetComplete()
	}
	slices.Sort(got)
	if diff := cmp.Diff(thingLines(edges, way), got); diff != "" {
		r.t.Errorf("StreamGenealogy(%s) of things alone mismatch (-edges +things):\n%s", thing, diff)
	}
	return nil
}

func (r *remote) Record(item string) (*taktv1.GetItemRecordResponse, error) {
	service := taktv1.NewMaterialServiceClient(r.conn)
	m, err := service.GetItemRecord(r.t.Context(), &taktv1.GetItemRecordRequest{Name: item})
	if err != nil {
		return nil, wire.Error(err)
	}
	// A client that keeps schemas must say the same.
	for range 2 {
		kept, err := r.client.ItemRecord(r.t.Context(), &taktv1.GetItemRecordRequest{Name: item})
		if err != nil {
			return nil, err
		}
		if !proto.Equal(m, kept) { // to which no number is as good as another
			r.t.Errorf("ItemRecord(%s) of the client is %v; the service says %v", item, kept, m)
		}
	}
	// GetItem must say the same of the item itself.
	alone, err := service.GetItem(r.t.Context(), &taktv1.GetItemRequest{Name: item})
	m.Item = alone.GetItem()
	return m, wire.Error(err)
}

func (r *remote) Lot(lot string) (*taktv1.Lot, error) {
	m, err := taktv1.NewMaterialServiceClient(r.conn).GetLot(r.t.Context(), &taktv1.GetLotRequest{Name: lot})
	return m.GetLot(), wire.Error(err)
}

func (r *remote) Yield(request *taktv1.ComputeYieldRequest) (*taktv1.ComputeYieldResponse, error) {
	m, err := taktv1.NewYieldServiceClient(r.conn).ComputeYield(r.t.Context(), request)
	return m, wire.Error(err)
}

func (r *remote) Statistics(request *taktv1.ComputeStatisticsRequest) (*taktv1.ComputeStatisticsResponse, error) {
	m, err := taktv1.NewStatisticsServiceClient(r.conn).ComputeStatistics(r.t.Context(), request)
	return m, wire.Error(err)
}

func (r *remote) Ledger() ([]*taktv1.LedgerEntry, error) {
	return pages(func(token string) ([]*taktv1.LedgerEntry, string, error) {
		m, err := taktv1.NewLedgerServiceClient(r.conn).ListLedgerEntries(r.t.Context(), &taktv1.ListLedgerEntriesRequest{PageSize: pageSize, PageToken: token})
		return m.GetEntries(), m.GetNextPageToken(), err
	})
}

func (r *remote) Sources() ([]*taktv1.Source, error) {
	m, err := taktv1.NewLedgerServiceClient(r.conn).ListSources(r.t.Context(), &taktv1.ListSourcesRequest{})
	return m.GetSources(), wire.Error(err)
}

func (r *remote) Quarantine() ([]*taktv1.QuarantinedRecord, error) {
	return pages(func(token string) ([]*taktv1.QuarantinedRecord, string, error) {
		m, err := taktv1.NewLedgerServiceClient(r.conn).ListQuarantinedRecords(r.t.Context(), &taktv1.ListQuarantinedRecordsRequest{PageSize: pageSize, PageToken: token})
		return m.GetRecords(), m.GetNextPageToken(), err
	})
}

func (r *remote) Search(value mes.ID) ([]*taktv1.SearchMaterialResponse_Match, error) {
	m, err := taktv1.NewMaterialServiceClient(r.conn).SearchMaterial(r.t.Context(), &taktv1.SearchMaterialRequest{Value: []byte(value)})
	return m.GetMatches(), wire.Error(err)
}

func (r *remote) Flags() ([]*taktv1.Flag, error) {
	return pages(func(token string) ([]*taktv1.Flag, string, error) {
		m, err := taktv1.NewMaterialServiceClient(r.conn).ListFlags(r.t.Context(), &taktv1.ListFlagsRequest{PageSize: pageSize, PageToken: token})
		return m.GetFlags(), m.GetNextPageToken(), err
	})
}

func (r *remote) Equipment() ([]*taktv1.Equipment, error) {
	return pages(func(token string) ([]*taktv1.Equipment, string, error) {
		m, err := taktv1.NewEquipmentServiceClient(r.conn).ListEquipment(r.t.Context(), &taktv1.ListEquipmentRequest{PageSize: pageSize, PageToken: token})
		return m.GetEquipment(), m.GetNextPageToken(), err
	})
}

func (r *remote) Events() ([]*taktv1.LoggedEvent, error) {
	return pages(func(token string) ([]*taktv1.LoggedEvent, string, error) {
		m, err := taktv1.NewEventServiceClient(r.conn).ListEvents(r.t.Context(), &taktv1.ListEventsRequest{PageSize: pageSize, PageToken: token})
		return m.GetEvents(), m.GetNextPageToken(), err
	})
}
