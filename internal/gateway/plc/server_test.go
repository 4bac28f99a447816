package plc

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"
	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/mes"
)

const (
	lineURI = "urn:takt:line"
	source  = mes.Source("L1/P2/WND01")
	patient = 20 * time.Second
)

// serverCertificate is the PLC's, one for all of them, since keys take long.
var serverCertificate = sync.OnceValues(func() (*certificate, error) { return newCertificate("plc") })

// testServer is an OPC UA server.
type testServer struct {
	srv  *server.Server
	addr string
	ns   uint16
}

// testPLC is a record block on a server, with a boot id of its own.
type testPLC struct {
	*testServer
	t     *testing.T
	block string
	vars  map[string]*server.VariableNode
	// acks are the numbers that were written to Ack, which holds them by then.
	acks chan uint32
	mu   sync.Mutex
	// refuse is what writes to Ack are answered with; guarded by mu.
	refuse ua.StatusCode
	// lose says that writes to Ack are taken and forgotten; guarded by mu.
	lose bool
}

// types are the standard block's, `[]` before what is an array.
var types = map[string]string{
	"Ready": "UInt32", "Ack": "UInt32", "Seq": "UInt32", "Kind": "Int32",
	"Time": "DateTime", "Start": "DateTime", "Equipment": "String", "Segment": "String", "JobOrder": "String",
	"RecipeName": "String", "RecipeVersion": "String", "Operator": "String", "Mode": "Int32",
	"SubjectKind": "[]Int32", "SubjectId": "[]String", "SubjectDef": "[]String", "Disposition": "Int32", "Attempt": "UInt32",
	"Values": "[]Double", "DefectCode": "[]String", "DefectPlace": "[]String", "ToolId": "[]String", "ToolCount": "[]UInt32",
	"Carrier": "String", "Place": "String",
	"ConKind": "[]Int32", "ConId": "[]String", "ConDef": "[]String", "ConSlot": "[]String", "ConUnit": "[]String", "ConQty": "[]Int64",
	"ConLane": "[]UInt32", "ConFrom": "[]Int64", "ConTo": "[]Int64", "ConDelta": "[]Int64",
	"ProKind": "[]Int32", "ProId": "[]String", "ProDef": "[]String", "ProSlot": "[]String", "ProUnit": "[]String", "ProQty": "[]Int64",
	"ProLane": "[]UInt32", "ProFrom": "[]Int64", "ProTo": "[]Int64", "ProDelta": "[]Int64",
	"Coil": "String", "Length": "Int64", "Lanes": "UInt32", "Winding": "Int32", "StartScrap": "Int64",
	"CutAt": "[]Int64", "CutLength": "[]Int64", "CutCode": "[]String", "SpliceAt": "[]Int64", "SpliceNext": "[]String",
	"MarkLane": "[]UInt32", "MarkFrom": "[]Int64", "MarkTo": "[]Int64", "MarkCode": "[]String",
	"Elongation": "Int64", "Parent": "String", "ParentLane": "UInt32",
	"SlotAction": "Int32", "SlotName": "String", "MatKind": "Int32", "MatId": "String", "MatDef": "String",
	"RemQty": "Int64", "RemUnit": "String", "RemLane": "UInt32", "RemFrom": "Int64", "RemTo": "Int64", "RemDelta": "Int64",
	"PlaceAction": "Int32", "ParentKind": "Int32", "ParentId": "String", "ParentDef": "String",
	"ChildKind": "[]Int32", "ChildId": "[]String", "ChildDef": "[]String", "ChildPlace": "[]String",
	"AliasItemKind": "Int32", "AliasItemId": "String", "AliasItemDef": "String", "AliasKind": "String", "AliasValue": "String", "AliasReader": "String",
	"LotKind": "Int32", "LotId": "String", "LotDef": "String", "LotStatus": "Int32", "Supplier": "String", "SupplierLot": "String",
	"LotQty": "Int64", "LotUnit": "String", "CertValues": "[]Double", "Expiry": "DateTime",
	"EqTopic": "Int32", "EqCode": "String", "EqActive": "Boolean", "EqMessage": "String", "EqToolId": "String", "EqToolCount": "UInt32", "EqValidUntil": "DateTime",
}

var zeros = map[string]struct {
	dataType ua.NodeID
	scalar   any
	array    any
}{
	"UInt32":   {ua.DataTypeIDUInt32, uint32(0), []uint32{}},
	"Int32":    {ua.DataTypeIDInt32, int32(0), []int32{}},
	"Int64":    {ua.DataTypeIDInt64, int64(0), []int64{}},
	"Double":   {ua.DataTypeIDDouble, float64(0), []float64{}},
	"String":   {ua.DataTypeIDString, "", []string{}},
	"DateTime": {ua.DataTypeIDDateTime, time.Time{}, []time.Time{}},
	"Boolean":  {ua.DataTypeIDBoolean, false, []bool{}},
}

// shared is the server of all tests that do it no harm: a server takes seconds
// to read the nodes of its own.
var shared = sync.OnceValues(func() (*testServer, error) {
	dir, err := os.MkdirTemp("", "takt-plc")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return newServer(dir)
})

// newServer starts a server for the rest of the tests.
func newServer(dir string) (*testServer, error) {
	own, err := serverCertificate()
	if err != nil {
		return nil, err
	}
	crt, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	if err := writePEM(crt, "CERTIFICATE", own.der); err != nil {
		return nil, err
	}
	if err := writePEM(key, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(own.key)); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	srv, err := server.New(
		ua.ApplicationDescription{ApplicationURI: "urn:takt:test:plc", ApplicationType: ua.ApplicationTypeServer},
		crt, key, "opc.tcp://"+addr,
		server.WithAnonymousIdentity(true),
		server.WithSecurityPolicyNone(true),
		server.WithInsecureSkipVerify(),
		server.WithServerDiagnostics(false),
		server.WithGetRolesFunc(func(any, string, string) ([]ua.NodeID, error) {
			return []ua.NodeID{ua.ObjectIDWellKnownRoleOperator}, nil
		}),
	)
	if err != nil {
		return nil, err
	}
	// The library makes its list of endpoints when it is first asked for, under a
	// lock for readers: two first connections would race.
	_ = srv.Endpoints()
	s := &testServer{srv: srv, addr: addr, ns: srv.NamespaceManager().Add(lineURI)}
	servers.Go(func() { _ = srv.ListenAndServe() })
	mu.Lock()
	defer mu.Unlock()
	running = append(running, srv)
	return s, nil
}

var (
	servers sync.WaitGroup
	mu      sync.Mutex
	// running are the servers to close in the end, which takes each three
	// seconds; guarded by mu.
	running []*server.Server
)

func TestMain(m *testing.M) {
	code := m.Run()
	mu.Lock()
	for _, srv := range running {
		servers.Go(func() { _ = srv.Close() })
	}
	mu.Unlock()
	servers.Wait()
	os.Exit(code)
}

var blocks atomic.Uint32

// startPLC makes a block on the shared server, all of it empty.
func startPLC(t *testing.T, boot uint32) *testPLC {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s.startBlock(t, boot, fmt.Sprintf("L1.WND.%02d", blocks.Add(1)))
}

// startServer makes a block on a server of its own.
func startServer(t *testing.T, boot uint32, block string) *testPLC {
	t.Helper()
	s, err := newServer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s.startBlock(t, boot, block)
}

func (s *testServer) startBlock(t *testing.T, boot uint32, block string) *testPLC {
	t.Helper()
	p := &testPLC{
		testServer: s,
		t:          t,
		block:      block,
		vars:       make(map[string]*server.VariableNode),
		acks:       make(chan uint32, 1000),
	}
	for name, typ := range types {
		p.add(name, typ)
	}
	p.add("BootId", "UInt32")
	p.tag("BootId", boot)
	p.vars["Ack"].SetWriteValueHandler(func(_ *server.Session, w ua.WriteValue) (ua.DataValue, ua.StatusCode) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.refuse != 0 {
			p.acks <- 0
			return ua.DataValue{}, p.refuse
		}
		if !p.lose {
			p.vars["Ack"].SetValue(w.Value)
		}
		p.acks <- w.Value.Value.(uint32)
		// On a plain Good the server would set the value now, over what the test
		// may have set since.
		return ua.DataValue{}, ua.GoodCompletesAsynchronously
	})
	return p
}

func (p *testPLC) add(name, typ string) {
	p.t.Helper()
	typ, array := strings.CutPrefix(typ, "[]")
	zero := zeros[typ]
	value, rank, dims := zero.scalar, ua.ValueRankScalar, []uint32(nil)
	if array {
		value, rank, dims = zero.array, ua.ValueRankOneDimension, []uint32{0}
	}
	id := p.block + "." + name
	node := server.NewVariableNode(p.srv, ua.NewNodeIDString(p.ns, id), ua.NewQualifiedName(p.ns, id), ua.NewLocalizedText(id, ""), ua.LocalizedText{},
		nil, nil, dataValue(value, ua.Good), zero.dataType, rank, dims, ua.AccessLevelsCurrentRead|ua.AccessLevelsCurrentWrite, 0, false, nil)
	if err := p.srv.NamespaceManager().AddNode(node); err != nil {
		p.t.Fatal(err)
	}
	p.vars[name] = node
}

func dataValue(v any, status ua.StatusCode) ua.DataValue {
	now := time.Now()
	return ua.NewDataValue(v, status, now, 0, now, 0)
}

// tag sets a variable of the block.
func (p *testPLC) tag(name string, v any) {
	p.t.Helper()
	if p.vars[name] == nil {
		p.t.Fatalf("the block has no tag %s", name)
	}
	p.vars[name].SetValue(dataValue(v, ua.Good))
}

// status sets the status of a variable of the block.
func (p *testPLC) status(name string, status ua.StatusCode) {
	p.vars[name].SetValue(dataValue(p.vars[name].Value().Value, status))
}

// offer writes a record and raises Ready.
func (p *testPLC) offer(n uint32, kind int32, tags map[string]any) {
	p.t.Helper()
	for name, typ := range types {
		if name == "Ready" || name == "Ack" {
			continue
		}
		v, ok := tags[name]
		if !ok {
			typ, array := strings.CutPrefix(typ, "[]")
			if v = zeros[typ].scalar; array {
				v = zeros[typ].array
			}
		}
		p.tag(name, v)
	}
	p.tag("Kind", kind)
	p.tag("Seq", n)
	p.tag("Ready", n)
}

// acknowledged waits until the record is acknowledged.
func (p *testPLC) acknowledged(n uint32) {
	p.t.Helper()
	select {
	case got := <-p.acks:
		if got != n {
			p.t.Fatalf("record %d was acknowledged, want %d", got, n)
		}
	case <-time.After(patient):
		p.t.Fatalf("record %d was not acknowledged", n)
	}
}

func (p *testPLC) refuseAcks(status ua.StatusCode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = status
}

func (p *testPLC) loseAcks(lose bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = lose
}

// dropSubscriptions takes the subscriptions away behind the clients' backs.
func (p *testPLC) dropSubscriptions() {
	m := p.srv.SubscriptionManager()
	for i := range uint32(10_000) {
		if s, ok := m.Get(i); ok {
			s.Delete()
			m.Delete(s)
		}
	}
}

func writePEM(path, typ string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), 0o600)
}

// freeAddr is a port that nobody has just now: the server's library takes none
// that is open, and does not say which it took for 0.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// proxy stands between the gateway and a PLC and fails on purpose.
type proxy struct {
	l  net.Listener
	mu sync.Mutex
	// guarded by mu
	target string
	hole   bool
	conns  map[net.Conn]bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: target, conns: make(map[net.Conn]bool)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) serve(c net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	up, err := net.Dial("tcp", target)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	p.conns[c], p.conns[up] = true, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(up, c) })
	wg.Go(func() { p.copy(c, up) })
	wg.Wait()
}

// copy forwards, and swallows while there is a hole.
func (p *proxy) copy(dst, src net.Conn) {
	defer func() { _, _ = dst.Close(), src.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		hole := p.hole
		p.mu.Unlock()
		if hole {
			continue
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) setHole(hole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = hole
}

func (p *proxy) retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// testGateway is a client with a spool.
type testGateway struct {
	t      *testing.T
	spool  *spool.Spool
	client *Client
	file   *config.Config
	// logged are the messages that were logged, with their attributes.
	logged chan string
	stop   func()
}

// fileFor returns the gateway file for a block, which is reached at the address.
func fileFor(p *testPLC, addr string) *config.Config {
	c := config.Config{
		Gateway: config.Gateway{Name: "line-1", Zone: "Europe/Berlin"},
		Schemas: map[string][]config.Column{"winding": {{Characteristic: "cathode_length", Unit: "m"}, {Characteristic: "cycle_time", Unit: "s"}}},
		PLCs: []config.PLC{{
			Name:         "L1P2",
			Endpoint:     "opc.tcp://" + addr,
			Security:     config.Security{Policy: "None", Mode: "None", AllowNone: true},
			Namespaces:   map[string]string{"p": lineURI},
			Subscription: config.Subscription{Publish: 50 * time.Millisecond},
			BootID:       "p;s=" + p.block + ".BootId",
			Stations:     []config.Station{{Source: string(source), Template: "std", Vars: map[string]string{"block": p.block}, Schema: "winding"}},
		}},
		Templates: map[string]config.Template{"std": config.StandardBlock()},
	}
	c = c.WithDefaults()
	return &c
}

func startGateway(t *testing.T, dir string, file *config.Config) *testGateway {
	t.Helper()
	if err := file.Validate(); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(spool.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	g := &testGateway{t: t, spool: sp, file: file, logged: make(chan string, 10_000)}
	zone, err := time.LoadLocation(file.Gateway.Zone)
	if err != nil {
		t.Fatal(err)
	}
	facts := &Facts{Source: file.Gateway.OwnSource(), Gateway: mes.Gateway(file.Gateway.Name), Zone: zone, Spool: sp}
	g.client, err = New(file, &file.PLCs[0], facts, slog.New(slog.NewTextHandler(logWriter{g.logged}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.client.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := sp.Close(); err != nil {
			t.Errorf("close spool: %v", err)
		}
	})
	t.Cleanup(g.stop)
	return g
}

type logWriter struct{ logged chan string }

func (w logWriter) Write(b []byte) (int, error) {
	select {
	case w.logged <- string(b):
	default:
	}
	return len(b), nil
}

// says waits until a line with the text is logged.
func (g *testGateway) says(text string) string {
	g.t.Helper()
	var lines []string
	timeout := time.After(patient)
	for {
		select {
		case line := <-g.logged:
			if strings.Contains(line, text) {
				return line
			}
			lines = append(lines, line)
		case <-timeout:
			g.t.Fatalf("%q was not logged, but\n%s", text, strings.Join(lines, ""))
		}
	}
}

// settles waits until the station has looked for a record, which is not there
// yet, at its connect and at the first ring, which tells of no change. After it
// a record is read when Ready changes, and not before.
func (g *testGateway) settles() {
	g.t.Helper()
	g.says("no record is offered")
	g.says("no record is offered")
}

// staysConnected watches the connection, which must be the first, for a while.
func (g *testGateway) staysConnected(while time.Duration) {
	g.t.Helper()
	for end := time.After(while); ; {
		select {
		case line := <-g.logged:
			if strings.Contains(line, "not connected") {
				g.t.Fatalf("the connection was lost: %s", line)
			}
			continue
		case <-end:
		}
		break
	}
	if connects := g.client.Stats().Connects; connects != 1 {
		g.t.Errorf("%d connections; want 1", connects)
	}
}

// records returns the source's records in the spool.
func (g *testGateway) records(of mes.Source) []mes.Record {
	g.t.Helper()
	var records []mes.Record
	after := mes.Offset(0)
	for {
		entries, err := g.spool.Read(after, 0, 0)
		if err != nil {
			g.t.Fatal(err)
		}
		if len(entries) == 0 {
			return records
		}
		for _, e := range entries {
			if e.Record.Identity.Source == of {
				records = append(records, e.Record)
			}
			after = e.Offset
		}
	}
}

// identities returns the records' as `epoch:sequence`.
func (g *testGateway) identities() []string {
	var list []string
	for _, r := range g.records(source) {
		list = append(list, fmt.Sprintf("%d:%d", r.Identity.Epoch, r.Identity.Sequence))
	}
	return list
}

func (g *testGateway) wantIdentities(want ...string) {
	g.t.Helper()
	if diff := cmp.Diff(want, g.identities()); diff != "" {
		g.t.Errorf("spooled identities mismatch (-want +got):\n%s", diff)
	}
}

func (g *testGateway) stats() StationStats { return g.client.Stats().Stations[0] }

func pinOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
