package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// Limits of one batch, as the API has them.
const (
	MaxBatchRecords = 1000
	MaxBatchBytes   = 1 << 20
)

// Sender names who appends.
type Sender struct {
	// Gateway is the sender's name.
	Gateway mes.Gateway
	// Spool names the count of its offsets.
	Spool string
	// Sources are those whose last number it wants to know; all that it ever
	// sent where there are none.
	Sources []mes.Source
}

// Opened is what the server said when a stream was opened.
type Opened struct {
	// Store is the server's store; another one than before lacks what only the
	// other one has.
	Store string
	// Durable is the offset up to which it has everything of the spool.
	Durable mes.Offset
	// MaxInFlight is how many batches may be without an answer at once.
	MaxInFlight int
	// Last is the last identity of each source that is known.
	Last []mes.Identity
}

// Ack is the server's answer to one batch.
type Ack struct {
	// Durable is the offset up to which every record is fsynced and readable:
	// the sender may forget them.
	Durable mes.Offset
	// Position is the last one of the log.
	Position mes.Position
	// Stored is how many of the batch were new, Duplicates how many the server
	// had already.
	Stored, Duplicates uint32
	// Quarantined are those that were kept, but are no events.
	Quarantined []Quarantined
}

// Quarantined is one record that was kept, but is no event.
type Quarantined struct {
	// Offset is the record's.
	Offset mes.Offset
	// Position is where it is kept.
	Position mes.Position
	// Reason is why.
	Reason error
}

// Source is where a stream's records come from: a spool, or a sequence.
type Source interface {
	// Read returns records after the offset, at most so many and so many bytes
	// of them, but at least one where there is one; Provenance.Offset runs on.
	Read(after mes.Offset, maxRecords, maxBytes int) ([]mes.Record, error)
	// Wait returns when there is a record after the offset, or io.EOF when
	// there will be none any more.
	Wait(ctx context.Context, after mes.Offset) error
	// Schemas returns those that the records read so far use, or more.
	Schemas() ([]mes.Schema, error)
}

// Stream is an open AppendEvents stream. It is used by one goroutine.
type Stream struct {
	stream grpc.BidiStreamingClient[taktv1.AppendEventsRequest, taktv1.AppendEventsResponse]
	cancel context.CancelFunc
	opened Opened
}

// OpenStream opens a stream and waits for the server's answer. It ends when ctx
// does. A newer stream of the same gateway ends this one with CodeTakenOver.
// Call Close in the end.
func (c *Client) OpenStream(ctx context.Context, sender Sender) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream{cancel: cancel}
	if err := s.open(ctx, c.conn, sender); err != nil {
		cancel()
		return nil, fmt.Errorf("open stream: %w", wire.Error(err))
	}
	return s, nil
}

func (s *Stream) open(ctx context.Context, conn grpc.ClientConnInterface, sender Sender) error {
	var err error
	if s.stream, err = taktv1.NewIngestServiceClient(conn).AppendEvents(ctx); err != nil {
		return err
	}
	open := &taktv1.AppendEventsRequest_Open{Gateway: []byte(sender.Gateway), Spool: sender.Spool}
	for _, source := range sender.Sources {
		open.Sources = append(open.Sources, []byte(source))
	}
	err = s.stream.Send(&taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Open_{Open: open}})
	if err != nil && !errors.Is(err, io.EOF) { // Recv tells why the stream has ended.
		return err
	}
	response, err := s.stream.Recv()
	if err != nil {
		return err
	}
	opened := response.GetOpened()
	if opened == nil || opened.GetMaxInFlight() == 0 {
		return mes.Errorf(mes.CodeInternal, "the server did not answer an open with an opened; is it a takt service of this version?")
	}
	s.opened = Opened{
		Store:       opened.GetStore(),
		Durable:     mes.Offset(opened.GetDurableOffset()),
		MaxInFlight: int(opened.GetMaxInFlight()),
	}
	for _, id := range opened.GetLast() {
		s.opened.Last = append(s.opened.Last, wire.IdentityFrom(id))
	}
	return nil
}

// Opened returns what the server said.
func (s *Stream) Opened() Opened { return s.opened }

// Close ends the stream. What was sent and not answered may be stored or not.
func (s *Stream) Close() { s.cancel() }

// Send sends what comes from source after the offset until the source says
// io.EOF and all is answered (then it returns nil), or ctx ends, or anything
// goes wrong. It calls ack for each answer, in order; an error of ack ends it.
// Records without an answer must be sent again, over a new stream: this one is
// closed when Send returns.
func (s *Stream) Send(ctx context.Context, source Source, after mes.Offset, ack func(Ack) error) error {
	group, inner := errgroup.WithContext(ctx)
	// The stream has the context that it was opened with; this one joins in, so
	// that an error of either side ends the other.
	defer context.AfterFunc(inner, s.cancel)()
	defer s.cancel()
	f := &flight{window: make(chan struct{}, s.opened.MaxInFlight)}
	group.Go(func() error { return s.receive(f, ack) })
	group.Go(func() error { return s.send(inner, source, after, f) })
	err := group.Wait()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// flight is what was sent and is not answered.
type flight struct {
	// window has a token for each batch, and one for the batch to come.
	window chan struct{}
	// sent counts batches; closed says that it was the last.
	sent   atomic.Int64
	closed atomic.Bool
}

func (s *Stream) send(ctx context.Context, source Source, after mes.Offset, f *flight) error {
	sent := make(map[mes.SchemaID]bool)
	for {
		select {
		case f.window <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		var records []mes.Record
		for {
			var err error
			if records, err = source.Read(after, MaxBatchRecords, MaxBatchBytes); err != nil {
				return fmt.Errorf("read records after offset %d: %w", after, err)
			}
			if len(records) > 0 {
				break
			}
			err = source.Wait(ctx, after)
			if errors.Is(err, io.EOF) {
				f.closed.Store(true)
				return wire.Error(s.stream.CloseSend())
			}
			if err != nil {
				return err
			}
		}
		batch, err := newBatch(after, records)
		if err != nil {
			return err
		}
		if batch.Schemas, err = unsent(source, sent); err != nil {
			return err
		}
		f.sent.Add(1)
		err = s.stream.Send(&taktv1.AppendEventsRequest{Message: &taktv1.AppendEventsRequest_Batch_{Batch: batch}})
		if errors.Is(err, io.EOF) {
			return nil // The stream has ended; receive learns why.
		}
		if err != nil {
			return fmt.Errorf("send batch at offset %d: %w", batch.GetFirstOffset(), wire.Error(err))
		}
		after += mes.Offset(len(records))
	}
}

func newBatch(after mes.Offset, records []mes.Record) (*taktv1.AppendEventsRequest_Batch, error) {
	batch := &taktv1.AppendEventsRequest_Batch{
		FirstOffset: uint64(after) + 1,
		Records:     make([]*taktv1.Record, len(records)),
	}
	for i := range records {
		// A wrong offset would tie another record to the acknowledgement.
		if got, want := records[i].Provenance.Offset, after+1+mes.Offset(i); got != want {
			return nil, mes.Errorf(mes.CodeInternal, "record %s came at offset %d where %d was due", records[i].Identity, got, want)
		}
		var err error
		if batch.Records[i], err = wire.Record(&records[i]); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// unsent returns the schemas that this stream has not sent yet.
func unsent(source Source, sent map[mes.SchemaID]bool) ([]*taktv1.Schema, error) {
	schemas, err := source.Schemas()
	if err != nil {
		return nil, fmt.Errorf("read schemas: %w", err)
	}
	var news []*taktv1.Schema
	for i := range schemas {
		id := schemas[i].ID()
		if sent[id] {
			continue
		}
		sent[id] = true
		news = append(news, wire.Schema(schemas[i]))
	}
	return news, nil
}

func (s *Stream) receive(f *flight, ack func(Ack) error) error {
	for answered := int64(0); ; answered++ {
		response, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			if f.closed.Load() && answered == f.sent.Load() {
				return nil
			}
			return mes.Errorf(mes.CodeUnavailable, "the server ended the stream; send again from its durable offset on")
		}
		if err != nil {
			return wire.Error(err)
		}
		appended := response.GetAppended()
		if appended == nil {
			return mes.Errorf(mes.CodeInternal, "the server answered a batch with something else")
		}
		a := Ack{
			Durable:    mes.Offset(appended.GetDurableOffset()),
			Position:   mes.Position(appended.GetPosition()),
			Stored:     appended.GetStored(),
			Duplicates: appended.GetDuplicates(),
		}
		for _, q := range appended.GetQuarantined() {
			a.Quarantined = append(a.Quarantined, Quarantined{
				Offset:   mes.Offset(q.GetOffset()),
				Position: mes.Position(q.GetPosition()),
				Reason:   wire.Error(status.FromProto(q.GetStatus()).Err()),
			})
		}
		if err := ack(a); err != nil {
			return fmt.Errorf("take the answer up to offset %d: %w", a.Durable, err)
		}
		select {
		case <-f.window:
		default:
			return mes.Errorf(mes.CodeInternal, "the server answered more batches than were sent")
		}
	}
}
