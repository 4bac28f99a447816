package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type ingestService struct {
	taktv1.UnimplementedIngestServiceServer
	*Server
}

// streams keeps one open stream a spool: a newer one ends the older, which may
// hang on a connection that nobody reads.
type streams struct {
	mu   sync.Mutex
	open map[spool]*openStream
}

type spool struct {
	gateway mes.Gateway
	name    string
}

type openStream struct{ cancel context.CancelCauseFunc }

// enter makes this stream the spool's own until leave is called.
func (s *streams) enter(ctx context.Context, of spool) (own context.Context, leave func()) {
	own, cancel := context.WithCancelCause(ctx)
	this := &openStream{cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[spool]*openStream)
	}
	if before := s.open[of]; before != nil {
		before.cancel(mes.Errorf(mes.CodeTakenOver, "the gateway %s opened a newer stream for this spool", of.gateway).With("gateway", of.gateway.String()))
	}
	s.open[of] = this
	return own, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[of] == this {
			delete(s.open, of)
		}
	}
}

// AppendEvents implements the API. A client that does not read its answers fills
// its own stream's window, and nothing else waits for it.
func (s *ingestService) AppendEvents(stream taktv1.IngestService_AppendEventsServer) error {
	first, err := stream.Recv()
	if err != nil {
		return ended(err)
	}
	open := first.GetOpen()
	if open == nil {
		if err := s.store.Refuse(stream.Context(), batchFrom(spool{}, first.GetBatch()).Records); err != nil {
			return err
		}
		return mes.Invalid("message", "must be an open first; batches follow it")
	}
	of := spool{mes.Gateway(open.GetGateway()), open.GetSpool()}
	ctx, leave := s.streams.enter(stream.Context(), of)
	defer leave()
	opened, err := s.open(ctx, of, open.GetSources())
	if err != nil {
		return err
	}
	if err := stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Opened_{Opened: opened}}); err != nil {
		return ended(err)
	}
	return s.append(ctx, stream, of)
}

// append answers a stream's batches in their order, while those behind them are
// on their way into the log already.
func (s *ingestService) append(ctx context.Context, stream taktv1.IngestService_AppendEventsServer, of spool) error {
	received := make(chan appending, MaxInFlight)
	room := semaphore.NewWeighted(roomBytes)
	go func() { // ends with the stream at the latest, which the handler's return ends
		for more := true; more; {
			a := s.receive(ctx, stream, of, room)
			more = a.err == nil
			select {
			case received <- a:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		var a appending
		select {
		case a = <-received:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if a.err != nil {
			return ended(a.err)
		}
		appended, err := a.batch.Wait(ctx)
		if err != nil {
			return causeOf(ctx, err)
		}
		if err := stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Appended_{Appended: appendedMessage(appended)}}); err != nil {
			return ended(err)
		}
		room.Release(a.room)
	}
}

// appending is a batch that was received and not answered, or the error that
// nothing is received behind.
type appending struct {
	batch store.Appending
	room  int64
	err   error
}

// A stream's batches without an answer have room for as much as the largest batch
// has: many small ones are worth no more of the store's queue than that one.
const (
	roomBytes       = store.MaxBatchBytes
	roomBytesRecord = store.MaxBatchBytes / store.MaxBatchRecords
)

// roomOf returns the room that a batch takes.
func roomOf(batch *taktv1.AppendEventsRequest_Batch) int64 {
	room := max(1, roomBytesRecord*len(batch.GetRecords()))
	events := 0
	for _, r := range batch.GetRecords() {
		events += len(r.GetEvent())
	}
	return int64(min(max(room, events), roomBytes))
}

// receive receives the next batch and begins to append it, as soon as there is
// room.
func (s *ingestService) receive(ctx context.Context, stream taktv1.IngestService_AppendEventsServer, of spool, room *semaphore.Weighted) (a appending) {
	request, err := stream.Recv()
	if err != nil {
		return appending{err: err}
	}
	batch := request.GetBatch()
	if batch == nil {
		return appending{err: mes.Invalid("message", "must be a batch; a stream is opened once")}
	}
	a.room = roomOf(batch)
	if a.err = room.Acquire(ctx, a.room); a.err == nil {
		a.batch, a.err = s.store.Begin(ctx, batchFrom(of, batch))
	}
	a.err = causeOf(ctx, a.err)
	return a
}

// ended makes the end that a client chose no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// causeOf says why a stream's context ended, where that is what err is.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (s *ingestService) open(ctx context.Context, of spool, sources [][]byte) (*taktv1.AppendEventsResponse_Opened, error) {
	if of.gateway == "" || len(of.gateway) > mes.MaxIDBytes || of.name == "" || len(of.name) > mes.MaxIDBytes {
		return nil, mes.Invalid("open", fmt.Sprintf("must name a gateway and a spool of 1 to %d bytes", mes.MaxIDBytes))
	}
	opened := &taktv1.AppendEventsResponse_Opened{Store: s.store.ID(), MaxInFlight: MaxInFlight}
	err := s.store.View(ctx, 0, func(v *store.View) error {
		durable, err := v.Durable(of.gateway, of.name)
		if err != nil {
			return err
		}
		opened.DurableOffset = uint64(durable)
		for _, source := range sources {
			last, known, err := v.Last(mes.Source(source))
			if err != nil {
				return err
			}
			if known {
				opened.Last = append(opened.Last, wire.Identity(last))
			}
		}
		return nil
	})
	return opened, err
}

func batchFrom(of spool, m *taktv1.AppendEventsRequest_Batch) store.Batch {
	b := store.Batch{Gateway: of.gateway, Spool: of.name, First: mes.Offset(m.GetFirstOffset())}
	b.Records = make([]mes.Record, len(m.GetRecords()))
	for i, r := range m.GetRecords() {
		b.Records[i] = wire.RecordFrom(r)
		// The transport's own words are the server's to write.
		b.Records[i].Provenance.Gateway, b.Records[i].Provenance.Spool = of.gateway, of.name
		b.Records[i].Provenance.Offset = b.First + mes.Offset(i)
		b.Records[i].Provenance.Principal = ""
	}
	for _, schema := range m.GetSchemas() {
		b.Schemas = append(b.Schemas, wire.SchemaFrom(schema))
	}
	return b
}

func appendedMessage(a store.Appended) *taktv1.AppendEventsResponse_Appended {
	m := &taktv1.AppendEventsResponse_Appended{
		DurableOffset: uint64(a.Durable), Position: uint64(a.Position),
		Stored: uint32(a.Stored), Duplicates: uint32(a.Duplicates), //nolint:gosec // a batch has at most 1,000
	}
	for _, q := range a.Quarantined {
		m.Quarantined = append(m.Quarantined, &taktv1.AppendEventsResponse_Quarantined{
			Offset: uint64(q.Offset), Position: uint64(q.Position), Status: wire.Status(q.Err()).Proto(),
		})
	}
	return m
}
