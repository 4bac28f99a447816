package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
)

// messageEvents is how many events a message has where throughput is asked for.
const messageEvents = 256

// takt is Takt's side: a server, its own or another's, and a client.
type takt struct {
	// process is nil where the server is another's.
	process *server
	client  *client.Client
	records *recorder
	// schemas are those that what is loaded comes under.
	schemas []mes.Schema
	spools  map[string]*spool
	// lost counts the loads that broke off: their spools are not used again, since
	// nobody knows up to where the server has them.
	lost int
	// stored counts what the server has acknowledged as new.
	stored uint64
}

func newTakt() *takt {
	return &takt{records: newRecorder(), schemas: allSchemas(), spools: make(map[string]*spool)}
}

// openTakt starts a server in a folder, or takes the one at an address.
func openTakt(ctx context.Context, program, dir, address string) (*takt, error) {
	t := newTakt()
	if address == "" {
		t.process = newServer(program, dir)
		if err := t.process.start(ctx); err != nil {
			return nil, err
		}
		address = t.process.address
	}
	return t, t.dial(address)
}

func (t *takt) dial(address string) error {
	dialled, err := client.Dial(client.Config{Addr: address})
	if err != nil {
		return errors.Join(err, t.close())
	}
	t.client = dialled
	return nil
}

// close closes the client, and the server where it is the bench's own.
func (t *takt) close() error {
	var errs []error
	if t.client != nil {
		errs = append(errs, t.client.Close())
		t.client = nil
	}
	if t.process != nil {
		errs = append(errs, t.process.stop())
	}
	return errors.Join(errs...)
}

// spool returns the named sender; offsets count within it.
func (t *takt) spool(name string) *spool {
	s := t.spools[name]
	if s == nil {
		s = &spool{sender: client.Sender{Gateway: mes.Gateway("bench-" + name), Spool: fmt.Sprintf("bench-%d", t.lost)}}
		t.spools[name] = s
	}
	return s
}

// lose gives up the spools of a load that broke off.
func (t *takt) lose() {
	t.lost++
	clear(t.spools)
}

// load is events in the form that Takt takes them in, ready to be sent.
type load struct {
	spools []*spool
	parts  [][]mes.Record
}

// events counts them.
func (l load) events() (n int) {
	for _, part := range l.parts {
		n += len(part)
	}
	return n
}

// prepare divides events among streams: what numbers events sends by one of them.
func (t *takt) prepare(events []Event, streams int) load {
	l := load{spools: make([]*spool, streams), parts: make([][]mes.Record, streams)}
	for i := range events {
		part := events[i].Source % streams
		l.parts[part] = append(l.parts[part], t.records.record(&events[i]))
	}
	for i := range streams {
		l.spools[i] = t.spool(fmt.Sprintf("%d-of-%d", i+1, streams))
		l.spools[i].take(l.parts[i])
	}
	return l
}

// append sends a load and returns how long it took from the first message to the
// last acknowledgement. Each event must be new to the server.
func (t *takt) append(ctx context.Context, l load, batch int) (time.Duration, error) {
	return t.appendPaced(ctx, l, batch, nil)
}

// appendPaced is append at a pace: of each stream's batches.
func (t *takt) appendPaced(ctx context.Context, l load, batch int, pace func(start time.Time) func(int) time.Time) (time.Duration, error) {
	streams := make([]*client.Stream, len(l.parts))
	for i, s := range l.spools {
		var err error
		if streams[i], err = t.client.OpenStream(ctx, s.sender); err != nil {
			return 0, err
		}
		defer streams[i].Close()
	}
	var stored atomic.Uint64
	group, inner := errgroup.WithContext(ctx)
	began := time.Now()
	for i, part := range l.parts {
		if len(part) == 0 {
			continue
		}
		q := &queue{records: part, schemas: t.schemas, batch: batch}
		if pace != nil {
			q.paced = pace(began)
		}
		group.Go(func() error {
			n, err := t.send(inner, streams[i], l.spools[i].sender, q)
			stored.Add(n)
			return err
		})
	}
	err := group.Wait()
	took := time.Since(began)
	if err == nil && stored.Load() != uint64(l.events()) { //nolint:gosec // a count
		err = fmt.Errorf("the server stored %d of %d events; was the same load there before?", stored.Load(), l.events())
	}
	t.stored += stored.Load()
	if err != nil {
		t.lose()
	}
	return took, err
}

// send sends a queue over a stream and returns how many events of it the server has
// stored. A server that is busy is asked again when it said so, over a new stream.
func (t *takt) send(ctx context.Context, stream *client.Stream, sender client.Sender, q *queue) (stored uint64, err error) {
	first := q.records[0].Provenance.Offset - 1
	durable := first
	for {
		err := stream.Send(ctx, q, durable, func(a client.Ack) error {
			stored += uint64(a.Stored)
			durable = a.Durable
			return nil
		})
		if mes.CodeOf(err) != mes.CodeBusy || err == nil {
			return stored, err
		}
		if stream, err = t.again(ctx, sender, err); err != nil {
			return stored, err
		}
		defer stream.Close()
		// What was stored without an answer.
		stored += uint64(stream.Opened().Durable - durable)
		durable = stream.Opened().Durable
		q.read = int(durable - first) //nolint:gosec // within the records
	}
}

// busyTime is how long a busy server is left alone that does not say how long.
const busyTime = 50 * time.Millisecond

// again waits as long as a busy server asked for, and opens a new stream.
func (t *takt) again(ctx context.Context, sender client.Sender, busy error) (*client.Stream, error) {
	delay := busyTime
	if e, ok := errors.AsType[*mes.Error](busy); ok {
		if said, err := time.ParseDuration(e.Values["retry_delay"]); err == nil {
			delay = said
		}
	}
	if err := sleepUntil(ctx, time.Now().Add(delay)); err != nil {
		return nil, err
	}
	return t.client.OpenStream(ctx, sender)
}

// single sends events one at a time over one stream, each after the one before is
// acknowledged, and returns how long each took.
func (t *takt) single(ctx context.Context, events []Event, paced func(int) time.Time) ([]time.Duration, error) {
	records := make([]mes.Record, len(events))
	for i := range events {
		records[i] = t.records.record(&events[i])
	}
	s := t.spool("single")
	stream, err := t.client.OpenStream(ctx, s.sender)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	durable := s.sent
	s.take(records)
	source := newAlone(records, paced)
	for {
		err = stream.Send(ctx, source, durable, func(a client.Ack) error {
			source.acknowledge()
			t.stored += uint64(a.Stored)
			durable = a.Durable
			return nil
		})
		if mes.CodeOf(err) != mes.CodeBusy || err == nil {
			break
		}
		if stream, err = t.again(ctx, s.sender, err); err != nil {
			break
		}
		defer stream.Close()
		for ; durable < stream.Opened().Durable; durable++ {
			source.acknowledge()
			t.stored++
		}
		source.resume()
	}
	if err == nil && len(source.took) != len(events) {
		err = fmt.Errorf("the server stored %d of %d events", len(source.took), len(events))
	}
	if err != nil {
		t.lose()
	}
	return source.took, err
}

// settle waits until the server has nothing left to do.
func (t *takt) settle(ctx context.Context) error {
	const (
		// looks are at least so far apart, and idle is what a server may use
		// between two of them that does nothing but wait.
		looks = 250 * time.Millisecond
		idle  = clockTick
		most  = 30 * time.Second
	)
	if t.process == nil {
		return sleepUntil(ctx, time.Now().Add(time.Second))
	}
	before, err := usageOf(t.process.pid())
	for late := time.Now().Add(most); err == nil && time.Now().Before(late); {
		if err := sleepUntil(ctx, time.Now().Add(looks)); err != nil {
			return err
		}
		var now usage
		if now, err = usageOf(t.process.pid()); now.cpu-before.cpu <= idle {
			return err
		}
		before = now
	}
	return err
}

// size returns how many bytes the store takes on the disk.
func (t *takt) size(ctx context.Context) (int64, error) {
	if t.process != nil {
		return diskOf(filepath.Join(t.process.dir, "store"))
	}
	info, err := taktv1.NewAdminServiceClient(t.client.Conn()).GetServerInfo(ctx, &taktv1.GetServerInfoRequest{})
	return int64(info.GetSizeBytes()), err //nolint:gosec // no store has 8 EiB
}
