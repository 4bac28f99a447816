package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/sim"
	"github.com/takt-mes/takt/internal/store"
)

// patient is longer than anything here takes on a slow machine.
const patient = 3 * time.Minute

// service is a real one.
type service struct {
	dir, addr string
	stop      func()
}

// serve starts the service on its data; addr may be that of an earlier one.
func serve(t *testing.T, dir, addr string) *service {
	t.Helper()
	st, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- rpc.New(rpc.Config{}, st, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	s := &service{dir: dir, addr: l.Addr().String()}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// stored stops the service and returns the hashes of a line's events by their
// identity, and the ledger's sum.
func (s *service) stored(t *testing.T) (map[string]string, store.LedgerEntry) {
	t.Helper()
	s.stop()
	st, err := store.Open(store.Config{Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	if problems, err := st.Check(t.Context(), func(store.Progress) {}); problems != 0 || err != nil {
		t.Errorf("Check finds %d problems, %v", problems, err)
	}
	set := make(map[string]string)
	var sum store.LedgerEntry
	err = st.View(t.Context(), 0, func(v *store.View) error {
		for e, err := range v.Events(0, store.Filter{}) {
			if err != nil {
				return err
			}
			if e.Event != nil && strings.HasPrefix(string(e.Identity.Source), "L1/") {
				set[fmt.Sprintf("%s %d %d", e.Identity.Source, e.Identity.Epoch, e.Identity.Sequence)] = fmt.Sprintf("%x", mes.HashEvent(e.Bytes))
			}
		}
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			sum = sum.Add(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, sum
}

// plant is a line with its PLCs' memories.
type plant struct {
	line *line.Line
	dir  string
	// emitted is the line's journal; one player writes it at a time.
	emitted bytes.Buffer
}

// single is one machine of each kind.
func single(t *testing.T) map[string]int {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Start: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	machines := make(map[string]int)
	for _, b := range l.Blocks() {
		for _, machine := range b.Machines {
			machines[strings.Split(string(machine), ".")[1]] = 1
		}
	}
	return machines
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l, err := line.New(line.Config{
		Name: "L1", Seed: 7, Start: time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC), Zone: zone,
		Machines: single(t), Dwell: line.Short(2000), OvenTrays: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &plant{line: l, dir: t.TempDir()}
}

// play starts the PLCs and returns what waits until so many further records are
// acknowledged.
func (p *plant) play(t *testing.T, records uint64) (*sim.Sim, func()) {
	t.Helper()
	s, err := sim.New(p.line, sim.Config{Dir: p.dir, Records: records}, sim.Streams{Emitted: &p.emitted})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	wait := sync.OnceFunc(func() {
		if err := <-done; err != nil && !t.Failed() {
			t.Errorf("the line was not played: %v; %+v", err, s.Stats())
		}
		cancel()
		if err := s.Close(); err != nil {
			t.Errorf("close the line: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wait() })
	return s, wait
}

// offered returns the hashes of what was offered by its identity.
func (p *plant) offered(t *testing.T) map[string]string {
	t.Helper()
	set := make(map[string]string)
	for lines := bufio.NewScanner(bytes.NewReader(p.emitted.Bytes())); lines.Scan(); {
		i := strings.LastIndexByte(lines.Text(), ' ')
		set[lines.Text()[:i]] = lines.Text()[i+1:]
	}
	return set
}

// wantEach compares where a PLC numbers anew. A record that was not acknowledged
// then is offered again under another number, and the first may or may not have
// been taken. Where its number and content are as before, it is the same record
// to the gateway, and the line's epoch goes uncounted: so content is compared,
// and that no number is stored twice the service has seen to.
func wantEach(t *testing.T, offered, stored map[string]string) {
	t.Helper()
	want, got := make(map[string]bool), make(map[string]bool)
	for _, hash := range offered {
		want[hash] = true
	}
	for _, hash := range stored {
		got[hash] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events mismatch (-offered +stored):\n%s", diff)
	}
}

// start runs a gateway of the plant.
func (p *plant) start(t *testing.T, s *sim.Sim, dir, addr string) (*Gateway, func()) {
	t.Helper()
	g, err := New(sim.GatewayConfig(p.line, s.Endpoints(), config.Gateway{
		Name: "line-1", Spool: config.Spool{Dir: dir}, Server: config.Server{Addr: addr},
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return g, stop
}

func drain(t *testing.T, g *Gateway) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := g.Drain(ctx); err != nil {
		t.Fatalf("Drain: %v; %+v", err, g.Stats())
	}
}

// TestRoad takes a line through what may happen to it. The PLCs' servers take
// long to start, so that it is one road for all.
func TestRoad(t *testing.T) {
	t.Parallel()
	p, spool, data := newPlant(t), t.TempDir(), t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// The gateway is new, and there is no service yet: the line does not wait.
	s, played := p.play(t, 120)
	g, stop := p.start(t, s, spool, addr)
	await(t, func() bool { return s.Stats().Acknowledged >= 20 })
	if s := g.Stats(); s.Spool.Pending == 0 || s.Connected {
		t.Errorf("without a service the stats are %+v", s)
	}
	service := serve(t, data, addr)
	await(t, func() bool { return g.Stats().Connected })

	// The service goes and comes back, while the line goes on.
	service.stop()
	await(t, func() bool { return s.Stats().Acknowledged >= 60 })
	service = serve(t, data, addr)

	// So does the gateway.
	stop()
	g, stop = p.start(t, s, spool, addr)
	played()
	drain(t, g)
	stop()
	stored, ledger := service.stored(t)
	if diff := cmp.Diff(p.offered(t), stored); diff != "" {
		t.Errorf("events mismatch (-offered +stored):\n%s", diff)
	}
	if ledger.Quarantined != 0 || ledger.Refused != 0 {
		t.Errorf("ledger is %+v, want nothing in quarantine and nothing refused", ledger)
	}

	// The gateway has a new disk, and a PLC restarts and numbers anew.
	service = serve(t, data, addr)
	s, played = p.play(t, 100)
	g, stop = p.start(t, s, t.TempDir(), addr)
	await(t, func() bool { return s.Stats().Acknowledged >= 10 })
	if err := s.Restart("L1P1", true); err != nil {
		t.Fatal(err)
	}
	played()
	drain(t, g)
	epochs := uint64(0)
	for _, plc := range g.Stats().PLCs {
		for _, station := range plc.Stations {
			epochs += station.Epochs
			if station.Conflicts != 0 || station.Missing != 0 || station.Stopped != "" {
				t.Errorf("station is %+v", station)
			}
		}
	}
	if stats := g.Stats(); stats.Quarantined != 0 || stats.Stored == 0 || epochs == 0 {
		t.Errorf("%d epochs were opened; stats are %+v", epochs, stats)
	}
	stop()
	stored, ledger = service.stored(t)
	wantEach(t, p.offered(t), stored)
	if ledger.Quarantined != 0 {
		t.Errorf("ledger is %+v, want nothing in quarantine", ledger)
	}
}

// await waits until a condition holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	timeout := time.After(patient)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("it did not come to it")
		}
	}
}

// lonely is the file of a gateway whose PLC is not there.
func lonely(t *testing.T, addr string) config.Config {
	t.Helper()
	return config.Config{
		Gateway: config.Gateway{Name: "line-1", Spool: config.Spool{Dir: t.TempDir()}, Server: config.Server{Addr: addr}},
		PLCs: []config.PLC{{
			Name: "A", Endpoint: "opc.tcp://127.0.0.1:1", Security: config.Security{Policy: "None", Mode: "None", AllowNone: true},
			Namespaces: map[string]string{"p": "urn:x"},
			Stations:   []config.Station{{Source: "A/1", Template: "std", Vars: map[string]string{"block": "B"}}},
		}},
		Templates: map[string]config.Template{"std": config.StandardBlock()},
	}
}

func TestNewSpoolLearnsWhatTheServiceKnows(t *testing.T) {
	t.Parallel()
	service := serve(t, t.TempDir(), "127.0.0.1:0")
	c, err := client.Dial(client.Config{Addr: service.addr})
	if err != nil {
		t.Fatal(err)
	}
	want := mes.Identity{Source: "A/1", Epoch: 3, Sequence: 10}
	_, err = c.AppendAll(t.Context(), client.Sender{Gateway: "another", Spool: "s"}, nil, func(yield func(mes.Record, error) bool) {
		yield(mes.Record{Identity: want, Event: mes.AppendEvent(nil, &mes.Event{
			EventTime: time.Unix(1, 0), Fact: &mes.SlotChange{Action: mes.SlotClean, Slot: "tank"},
		})}, nil)
	}, nil)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	g, err := New(lonely(t, service.addr), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	await(t, func() bool { return g.Stats().Connected })
	if got, ok := g.spool.Last("A/1"); !ok || got != want {
		t.Errorf("the spool knows %s, want %s", got, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// damaged is a service whose store is.
type damaged struct {
	taktv1.UnimplementedIngestServiceServer
	asked chan struct{}
}

func (d *damaged) AppendEvents(grpc.BidiStreamingServer[taktv1.AppendEventsRequest, taktv1.AppendEventsResponse]) error {
	select {
	case d.asked <- struct{}{}:
	default:
	}
	s, err := status.New(codes.DataLoss, "a record does not match its checksum").WithDetails(&errdetails.ErrorInfo{Domain: "takt", Reason: "DAMAGED"})
	if err != nil {
		return err
	}
	return s.Err()
}

func TestLineGoesOnWithADamagedService(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	d := &damaged{asked: make(chan struct{}, 1)}
	taktv1.RegisterIngestServiceServer(server, d)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	file := lonely(t, l.Addr().String())
	g, err := New(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	for range 3 {
		select {
		case <-d.asked:
		case err := <-ended:
			t.Fatalf("the gateway has given up: %v", err)
		case <-time.After(patient):
			t.Fatal("the gateway does not ask again")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestLoadNamesThePlaceOfAFieldThatIsNone(t *testing.T) {
	c := config.Config{
		Gateway: config.Gateway{Name: "line-1"},
		PLCs: []config.PLC{{
			Name: "A", Endpoint: "opc.tcp://127.0.0.1:4840", Security: config.Security{Policy: "None", Mode: "None", AllowNone: true},
			Namespaces: map[string]string{"p": "urn:x"},
			Stations:   []config.Station{{Source: "A/1", Template: "t"}},
		}},
		Templates: map[string]config.Template{"t": {
			Pattern: "handshake_seq", Ready: "p;s=R", Ack: "p;s=A",
			Records: []config.Record{{Fields: map[string]config.Field{"event_time": config.Tag("p;s=T"), "work.plaec": config.Tag("p;s=P")}}},
		}},
	}
	data, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Load(path)
	want := `records[0].fields["work.plaec"] is no field of takt.v1.Event: Work has no "plaec"; did you mean "place"?`
	if err == nil || !strings.HasPrefix(err.Error(), path+": line ") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Load:\n got %v\nwant …%s", err, want)
	}
}

func TestNewRefusesAnotherMachineWithoutEncryption(t *testing.T) {
	p := newPlant(t)
	file := sim.GatewayConfig(p.line, nil, config.Gateway{Name: "line-1", Spool: config.Spool{Dir: t.TempDir()}, Server: config.Server{Addr: "mes.example:7600"}})
	for i := range file.PLCs {
		file.PLCs[i].Endpoint = "opc.tcp://127.0.0.1:4840"
	}
	if _, err := New(file, slog.New(slog.DiscardHandler)); err == nil || !strings.HasSuffix(err.Error(), "(insecure: true)") {
		t.Errorf("New: %v, want a refusal that names insecure", err)
	}
	file.Gateway.Server.Insecure = true
	g, err := New(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
