package sim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopcua/opcua"
	"github.com/gopcua/opcua/ua"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// single is one machine of each kind.
func single() map[string]int {
	l, err := line.New(line.Config{Name: "L1", Start: time.Unix(1, 0)})
	if err != nil {
		panic(err)
	}
	machines := make(map[string]int)
	for _, b := range l.Blocks() {
		for _, machine := range b.Machines {
			machines[strings.Split(string(machine), ".")[1]] = 1
		}
	}
	return machines
}

// small is a part of a line with one machine of each kind: the first records of
// the blocks of some steps, of every kind, without the many scans of a coil.
func small(t *testing.T) *line.Line {
	t.Helper()
	return smallLine()
}

var smallLine = sync.OnceValue(func() *line.Line {
	return partOf("L1", 7, "IQC-X", "TNK-C", "SLT-C", "WND", "INS", "HP2", "TL1", "BAK", "FRM")
})

// partRecords is how many records a part of a line has.
const partRecords = 1200

// partOf is the first records of the blocks of some steps, numbered anew, on two
// PLCs.
func partOf(name string, seed uint64, codes ...string) *line.Line {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	l, err := line.New(line.Config{
		Name: name, Seed: seed, Start: time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC), Zone: zone,
		Machines: single(), Dwell: line.Short(2000), OvenTrays: 1,
	})
	if err != nil {
		panic(err)
	}
	var blocks []line.Block
	place := make(map[int]int)
	for i, b := range l.Blocks() {
		if slices.Contains(codes, strings.Split(b.Name, ".")[1]) {
			place[i] = len(blocks)
			// A server takes long to start: two do.
			b.PLC = fmt.Sprintf("%sP%d", name, 1+len(blocks)%2)
			blocks = append(blocks, b)
		}
	}
	counts := make([]mes.Sequence, len(blocks))
	var records []line.Record
	for r := range l.Records() {
		i, ok := place[r.Block]
		if _, work := r.Event.Fact.(*mes.Work); !ok || work && blocks[i].ProcessSegment == "slitting" {
			continue
		}
		r.Block = i
		counts[i]++
		r.Identity.Sequence = counts[i]
		if records = append(records, r); len(records) == partRecords {
			break
		}
	}
	return line.Replay(name, zone, blocks, slices.Values(records))
}

// take returns the first n records of a line.
func take(l *line.Line, n int) []line.Record {
	records := make([]line.Record, 0, n)
	for r := range l.Records() {
		if len(records) == n {
			break
		}
		records = append(records, r)
	}
	return records
}

// read is what a client found in a block.
type read struct {
	block  line.Block
	number uint32
	bootID uint32
	values map[string]any
}

// client is a small gateway: it asks all blocks of a PLC over and over, and
// acknowledges what it finds. It tells more than a subscription does, and does
// not wait for the server to publish.
type client struct {
	*opcua.Client
	ns     uint16
	blocks []line.Block
	last   map[string]uint32
}

func connect(ctx context.Context, t *testing.T, l *line.Line, plc, endpoint string, options ...opcua.Option) (*client, error) {
	t.Helper()
	if options == nil {
		endpoints, err := opcua.GetEndpoints(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		ep, err := opcua.SelectEndpoint(endpoints, ua.SecurityPolicyURINone, ua.MessageSecurityModeNone)
		if err != nil {
			return nil, err
		}
		options = []opcua.Option{opcua.AuthAnonymous(), opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeAnonymous)}
	}
	options = append(options, opcua.AutoReconnect(false))
	c, err := opcua.NewClient(endpoint, options...)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	ns, err := c.FindNamespace(ctx, Namespace)
	if err != nil {
		return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
	}
	r := &client{Client: c, ns: ns, last: map[string]uint32{}}
	for _, b := range l.Blocks() {
		if b.PLC == plc {
			r.blocks = append(r.blocks, b)
		}
	}
	return r, nil
}

func (c *client) read(ctx context.Context, ids ...string) ([]*ua.DataValue, error) {
	request := &ua.ReadRequest{TimestampsToReturn: ua.TimestampsToReturnBoth}
	for _, id := range ids {
		request.NodesToRead = append(request.NodesToRead, &ua.ReadValueID{NodeID: ua.NewStringNodeID(c.ns, id), AttributeID: ua.AttributeIDValue})
	}
	response, err := c.Read(ctx, request)
	if err != nil {
		return nil, err
	}
	for i, r := range response.Results {
		if r.Status != ua.StatusOK {
			return nil, fmt.Errorf("read %s: %w", ids[i], r.Status)
		}
	}
	return response.Results, nil
}

func (c *client) ack(ctx context.Context, block string, n uint32) error {
	response, err := c.Write(ctx, &ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{
		NodeID: ua.NewStringNodeID(c.ns, block+".Ack"), AttributeID: ua.AttributeIDValue,
		Value: &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(n)},
	}}})
	if err != nil {
		return err
	}
	if response.Results[0] != ua.StatusOK {
		return fmt.Errorf("write %s.Ack: %w", block, response.Results[0])
	}
	return nil
}

// round reads every block once and hands on each record that is new; what take
// lets pass is acknowledged.
func (c *client) round(ctx context.Context, take func(read) bool) error {
	ids := []string{bootIDTag}
	for _, b := range c.blocks {
		ids = append(ids, b.Name+".Ready")
	}
	ready, err := c.read(ctx, ids...)
	if err != nil {
		return err
	}
	for i, b := range c.blocks {
		n := ready[1+i].Value.Value().(uint32)
		if n == 0 || n == c.last[b.Name] {
			continue
		}
		r := read{block: b, number: n, bootID: ready[0].Value.Value().(uint32), values: map[string]any{}}
		ids = ids[:0]
		for _, tag := range tags {
			ids = append(ids, b.Name+"."+tag.name)
		}
		ids = append(ids, b.Name+".Seq", b.Name+".Ack")
		values, err := c.read(ctx, ids...)
		if err != nil {
			return err
		}
		for k, tag := range tags {
			r.values[tag.name] = values[k].Value.Value()
		}
		if seq := values[len(tags)].Value.Value().(uint32); seq != n {
			return fmt.Errorf("block %s: Ready is %d, Seq %d", b.Name, n, seq)
		}
		r.values["Ack"] = values[len(tags)+1].Value.Value()
		c.last[b.Name] = n
		if !take(r) {
			continue
		}
		if err := c.ack(ctx, b.Name, n); err != nil {
			return err
		}
	}
	return nil
}

// gatewayOf reads all PLCs of a line until ctx ends or take says no more; a PLC
// that goes away is connected to again.
func gatewayOf(ctx context.Context, t *testing.T, l *line.Line, s *Sim, take func(read) bool) {
	t.Helper()
	var wg sync.WaitGroup
	for plc, endpoint := range s.Endpoints() {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := connect(ctx, t, l, plc, endpoint)
				if err != nil {
					continue
				}
				for err == nil && ctx.Err() == nil {
					err = c.round(ctx, take)
				}
				_ = c.Close(context.WithoutCancel(ctx))
			}
		})
	}
	wg.Wait()
}

// rebuild makes the event of what a client has read, from the gateway file's
// template and the API's descriptors alone.
func rebuild(t *testing.T, l *line.Line, r read) *mes.Event {
	t.Helper()
	template := config.StandardBlock()
	kind := int64(r.values["Kind"].(int32))
	i := slices.IndexFunc(template.Records, func(rec config.Record) bool { return rec.Kind == kind })
	if i < 0 {
		t.Fatalf("block %s: kind %d is in no template", r.block.Name, kind)
	}
	event := &taktv1.Event{}
	for path, field := range template.Records[i].Fields {
		_, name, _ := strings.Cut(field.Tag, "}.")
		value, ok := r.values[name]
		if !ok {
			t.Fatalf("tag %s of %s is missing", name, path)
		}
		if strings.HasSuffix(path, "measurements") || strings.HasSuffix(path, "certificate") {
			values, _ := value.([]float64)
			if len(values) == 0 {
				continue
			}
			schema := r.block.Schema.ID()
			fill(t, event.ProtoReflect(), path+".schema", []byte(schema), 0)
			for _, v := range values {
				fill(t, event.ProtoReflect(), path+".values", v, 0)
			}
			continue
		}
		fill(t, event.ProtoReflect(), path, value, field.Scale)
	}
	b, err := proto.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	e, err := mes.DecodeEvent(b)
	if err != nil {
		t.Fatalf("block %s number %d: %v", r.block.Name, r.number, err)
	}
	_, offset := e.EventTime.In(l.Config().Zone).Zone()
	e.UTCOffset = int32(offset)
	return e
}

// fill sets a field by its path; zeros are left out.
func fill(t *testing.T, m protoreflect.Message, path string, value any, scale int32) {
	t.Helper()
	if v, ok := value.(time.Time); ok {
		if v.IsZero() {
			return
		}
		fill(t, m, path+".seconds", v.Unix(), 0)
		fill(t, m, path+".nanos", int32(v.Nanosecond()), 0)
		return
	}
	if scale != 0 {
		switch v := value.(type) {
		case int64:
			if v != 0 {
				d := mes.NewDecimal(v, scale)
				fill(t, m, path+".coefficient", d.Coefficient, 0)
				fill(t, m, path+".exponent", d.Exponent, 0)
			}
		case []int64:
			for i, v := range v {
				if v != 0 {
					list, rest, _ := strings.Cut(path, "[].")
					d := mes.NewDecimal(v, scale)
					fill(t, row(t, m, list, i), rest+".coefficient", d.Coefficient, 0)
					fill(t, row(t, m, list, i), rest+".exponent", d.Exponent, 0)
				}
			}
		}
		return
	}
	if list, rest, ok := strings.Cut(path, "[]."); ok {
		switch v := value.(type) {
		case []string:
			for i, v := range v {
				fill(t, row(t, m, list, i), rest, v, 0)
			}
		case []int32:
			for i, v := range v {
				fill(t, row(t, m, list, i), rest, v, 0)
			}
		case []uint32:
			for i, v := range v {
				fill(t, row(t, m, list, i), rest, v, 0)
			}
		case []int64:
			for i, v := range v {
				fill(t, row(t, m, list, i), rest, v, 0)
			}
		case nil:
		default:
			t.Fatalf("%s is a %T", path, value)
		}
		return
	}
	name, rest, nested := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil {
		t.Fatalf("%s has no field %s", m.Descriptor().FullName(), name)
	}
	if nested {
		if value == "" || value == int32(0) || value == uint32(0) || value == int64(0) || value == false {
			return // Would make a message of nothing.
		}
		fill(t, m.Mutable(f).Message(), rest, value, 0)
		return
	}
	if f.IsList() {
		m.Mutable(f).List().Append(protoreflect.ValueOf(value))
		return
	}
	m.Set(f, scalar(t, f, value))
}

// row returns a row of a list, which grows to it.
func row(t *testing.T, m protoreflect.Message, path string, i int) protoreflect.Message {
	t.Helper()
	name, rest, nested := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if nested {
		return row(t, m.Mutable(f).Message(), rest, i)
	}
	list := m.Mutable(f).List()
	for list.Len() <= i {
		list.AppendMutable()
	}
	return list.Get(i).Message()
}

func scalar(t *testing.T, f protoreflect.FieldDescriptor, value any) protoreflect.Value {
	t.Helper()
	switch v := value.(type) {
	case string:
		if f.Kind() == protoreflect.BytesKind {
			return protoreflect.ValueOfBytes([]byte(v))
		}
	case int32:
		if f.Kind() == protoreflect.EnumKind {
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(v))
		}
	case uint32:
		if f.Kind() == protoreflect.Uint64Kind {
			return protoreflect.ValueOfUint64(uint64(v))
		}
	}
	return protoreflect.ValueOf(value)
}

// compare checks a record that was read against the line's.
func compare(t *testing.T, l *line.Line, want line.Record, got read) {
	t.Helper()
	if got.block.Source != want.Identity.Source || mes.Sequence(got.number) != want.Identity.Sequence {
		t.Errorf("number %d of %s, want %s", got.number, got.block.Source, want.Identity)
		return
	}
	e := rebuild(t, l, got)
	if !bytes.Equal(mes.AppendEvent(nil, e), mes.AppendEvent(nil, want.Event)) {
		t.Errorf("%s mismatch (-want +got):\n%s", want.Identity, cmp.Diff(want.Event, e))
	}
}

// newSim makes a sim that is closed when the test ends.
func newSim(t *testing.T, l *line.Line, config Config, streams Streams) *Sim {
	t.Helper()
	s, err := New(l, config, streams)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// patient is longer than anything here takes on a slow machine.
const patient = 3 * time.Minute

// play plays until the line ends, or until the gateway wants no more.
func play(t *testing.T, l *line.Line, s *Sim, records iter.Seq[line.Record], take func(read) bool, stop <-chan struct{}) error {
	t.Helper()
	// A test that hangs says where, rather than when.
	ctx, cancel := context.WithTimeoutCause(t.Context(), patient, fmt.Errorf("%s are over", patient))
	defer cancel()
	if stop != nil {
		go func() {
			select {
			case <-stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	gatewayDone := make(chan struct{})
	go func() {
		defer close(gatewayDone)
		gatewayOf(ctx, t, l, s, take)
	}()
	err := s.Play(ctx, records)
	cancel()
	<-gatewayDone
	return err
}

func TestPlay(t *testing.T) {
	const n = 700
	l := small(t)
	want := take(l, n)
	byIdentity := map[mes.Identity]line.Record{}
	kinds := map[string]int{}
	for _, r := range want {
		byIdentity[r.Identity] = r
		kinds[r.Event.Fact.Kind()]++
	}
	if len(kinds) < 7 {
		t.Fatalf("the records are too few to try every kind: %v", kinds)
	}
	var emitted, truth bytes.Buffer
	s := newSim(t, l, Config{Dir: t.TempDir(), Records: n}, Streams{Emitted: &emitted, Truth: &truth})
	var mu sync.Mutex
	got := map[mes.Identity]read{}
	err := play(t, l, s, l.Records(), func(r read) bool {
		mu.Lock()
		defer mu.Unlock()
		got[mes.Identity{Source: r.block.Source, Epoch: 1, Sequence: mes.Sequence(r.number)}] = r
		return true
	}, nil)
	if err != nil {
		t.Fatalf("Play: %v", err)
	}
	if len(got) != n {
		t.Errorf("%d records arrived, want %d", len(got), n)
	}
	for id, r := range got {
		want, ok := byIdentity[id]
		if !ok {
			t.Errorf("%s arrived, which is not of the line", id)
			continue
		}
		compare(t, l, want, r)
		if r.bootID != 1 {
			t.Errorf("BootId = %d, want 1", r.bootID)
		}
	}
	var wantEmitted []string
	for id, r := range byIdentity {
		hash := mes.HashEvent(mes.AppendEvent(nil, r.Event))
		wantEmitted = append(wantEmitted, fmt.Sprintf("%s %d %d %s", id.Source, id.Epoch, id.Sequence, hex.EncodeToString(hash[:])))
	}
	lines := strings.Split(strings.TrimSpace(emitted.String()), "\n")
	slices.Sort(lines)
	slices.Sort(wantEmitted)
	if diff := cmp.Diff(wantEmitted, lines); diff != "" {
		t.Errorf("emitted mismatch (-want +got):\n%s", diff)
	}
	if got := strings.Count(truth.String(), "\n"); got != n {
		t.Errorf("%d lines of truth, want %d", got, n)
	}
	stats := s.Stats()
	if stats.Ready != n || stats.Acknowledged != n || stats.Latency.Count() != n || stats.Latency.Max() == 0 || !stats.Now.Equal(want[n-1].Due) {
		t.Errorf("Stats = %+v", stats)
	}
}

// A line that is stopped anywhere goes on where it stopped, with its numbers,
// and a PLC shows what it had shown.
func TestPlayGoesOn(t *testing.T) {
	const n = 200
	l := small(t)
	want := take(l, n)
	last := map[string]line.Record{}
	dir := t.TempDir()
	counts := map[mes.Identity]int{}
	for start := uint32(1); ; start++ {
		s := newSim(t, l, Config{Dir: dir, Until: want[n-1].Due.Add(time.Millisecond)}, Streams{})
		var mu sync.Mutex
		stop := make(chan struct{})
		taken := 0
		err := play(t, l, s, l.Records(), func(r read) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.bootID != start {
				t.Errorf("BootId = %d at start %d", r.bootID, start)
			}
			if before, ok := last[r.block.Name]; ok && uint32(before.Identity.Sequence) == r.number {
				// It stands there with its acknowledgement, or without where
				// that did not arrive.
				compare(t, l, before, r)
				return true
			}
			id := mes.Identity{Source: r.block.Source, Epoch: 1, Sequence: mes.Sequence(r.number)}
			i := slices.IndexFunc(want, func(w line.Record) bool { return w.Identity == id })
			if i < 0 {
				return true // Of the same millisecond as the last.
			}
			compare(t, l, want[i], r)
			if before, ok := last[r.block.Name]; ok && before.Identity.Sequence+1 != id.Sequence {
				t.Errorf("%s came after %s", id, before.Identity)
			}
			last[r.block.Name] = want[i]
			counts[id]++
			if taken++; taken == 60 {
				close(stop)
			}
			return taken <= 60
		}, stop)
		if err == nil {
			if start < 3 {
				t.Errorf("only %d starts; the line did not stop", start)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Play: %v", err)
		}
		if start > 20 {
			t.Fatal("the line does not go on")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range want {
		if counts[r.Identity] == 0 {
			t.Errorf("%s was not offered", r.Identity)
		}
	}
}

func TestRestart(t *testing.T) {
	tests := []struct {
		name     string
		renumber bool
	}{{"retentive", false}, {"numbers begin anew", true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const n = 300
			l := small(t)
			var emitted bytes.Buffer
			s := newSim(t, l, Config{Dir: t.TempDir(), Records: n}, Streams{Emitted: &emitted})
			var mu sync.Mutex
			last := map[string]read{}
			hashes := map[string]bool{}
			restarts := make(chan error, 1)
			taken := 0
			err := play(t, l, s, l.Records(), func(r read) bool {
				hash := mes.HashEvent(mes.AppendEvent(nil, rebuild(t, l, r)))
				mu.Lock()
				defer mu.Unlock()
				before, ok := last[r.block.Name]
				switch {
				case !ok || r.number == before.number+1:
				case r.number == before.number && r.bootID != before.bootID && !test.renumber:
				case test.renumber && r.bootID == before.bootID+1:
					// Renumbered once; what was under way comes as 1 or is done.
					if r.number != 1 {
						t.Errorf("%s: number %d after a restart, want 1", r.block.Name, r.number)
					}
				default:
					t.Errorf("%s: number %d (boot %d) after %d (boot %d)", r.block.Name, r.number, r.bootID, before.number, before.bootID)
				}
				last[r.block.Name] = r
				hashes[hex.EncodeToString(hash[:])] = true
				if taken++; taken == 100 {
					go func() {
						var err error
						for _, b := range l.Blocks() {
							if i := slices.IndexFunc(s.plcs, func(p *plc) bool { return p.name == b.PLC }); s.plcs[i].blocks[0].Name == b.Name {
								err = errors.Join(err, s.Restart(b.PLC, test.renumber))
							}
						}
						restarts <- err
					}()
				}
				return true
			}, nil)
			if err != nil {
				t.Fatalf("Play: %v", err)
			}
			if err := <-restarts; err != nil && mes.CodeOf(err) != mes.CodeUnavailable {
				t.Fatalf("Restart: %v", err)
			}
			for _, r := range take(l, n) {
				hash := mes.HashEvent(mes.AppendEvent(nil, r.Event))
				if !hashes[hex.EncodeToString(hash[:])] {
					t.Errorf("%s did not arrive", r.Identity)
				}
			}
			epochs := map[string]bool{}
			for line := range strings.SplitSeq(strings.TrimSpace(emitted.String()), "\n") {
				epochs[strings.Fields(line)[1]] = true
			}
			if want := 1; test.renumber != (len(epochs) > want) {
				t.Errorf("epochs %v were offered", slices.Sorted(maps.Keys(epochs)))
			}
		})
	}
	if err := newSim(t, small(t), Config{Dir: t.TempDir()}, Streams{}).Restart("L9P9", false); mes.CodeOf(err) != mes.CodeNotFound {
		t.Errorf("Restart of an unknown PLC = %v, want CodeNotFound", err)
	}
}

// After the history the PLCs' numbers go on, and their last record stands there.
func TestHistory(t *testing.T) {
	const history, n = 400, 100
	l := small(t)
	all := take(l, history+n)
	until := all[history].Due
	cut := slices.IndexFunc(all, func(r line.Record) bool { return !r.Due.Before(until) })
	script := NewScript(l)
	defer script.Close()
	var past []mes.Record
	for r, err := range script.History(until) {
		if err != nil {
			t.Fatal(err)
		}
		past = append(past, r)
	}
	if len(past) != cut {
		t.Fatalf("%d records of history, want %d", len(past), cut)
	}
	for i, r := range past {
		if r.Identity != all[i].Identity || !bytes.Equal(r.Event, mes.AppendEvent(nil, all[i].Event)) || r.Provenance.Gateway != HistoryGateway {
			t.Fatalf("history record %d is %s, want %s", i, r.Identity, all[i].Identity)
		}
	}
	last := map[string]line.Record{}
	for _, r := range all[:cut] {
		last[l.Blocks()[r.Block].Name] = r
	}

	dir := t.TempDir()
	s := newSim(t, l, Config{Dir: dir, HistoryUntil: until, Records: n}, Streams{})
	var mu sync.Mutex
	offered := 0
	take := func(r read) bool {
		mu.Lock()
		defer mu.Unlock()
		if w, ok := last[r.block.Name]; ok && uint32(w.Identity.Sequence) == r.number {
			compare(t, l, w, r)
			if r.values["Ack"] != r.number {
				t.Errorf("%s stands there with Ack %v", w.Identity, r.values["Ack"])
			}
			return true
		}
		offered++
		if w, ok := last[r.block.Name]; ok && uint32(w.Identity.Sequence) > r.number {
			t.Errorf("%s: %d was offered, which is history", r.block.Name, r.number)
		}
		return true
	}
	if err := play(t, l, s, script.Rest(), take, nil); err != nil {
		t.Fatalf("Play: %v", err)
	}
	if offered != n {
		t.Errorf("%d records were offered, want %d", offered, n)
	}
	// A later start needs neither the history nor its end.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newSim(t, l, Config{Dir: dir, Records: 10}, Streams{})
	again := map[mes.Identity]bool{}
	err := play(t, l, s, l.Records(), func(r read) bool {
		if r.values["Ack"] != r.number {
			mu.Lock()
			defer mu.Unlock()
			again[mes.Identity{Source: r.block.Source, Epoch: 1, Sequence: mes.Sequence(r.number)}] = true
		}
		return true
	}, nil)
	if err != nil {
		t.Fatalf("Play again: %v", err)
	}
	for _, r := range all[:cut+n] {
		if again[r.Identity] {
			t.Errorf("%s was offered again", r.Identity)
		}
	}
}

func TestSpeed(t *testing.T) {
	l := small(t)
	records := take(l, 40)
	begin, end := records[0].Due, records[39].Due
	// So fast that all of it takes a third of a second.
	speed := 3 * end.Sub(begin).Seconds()
	s := newSim(t, l, Config{Dir: t.TempDir(), Records: 40, Speed: speed}, Streams{})
	started := time.Now()
	if err := play(t, l, s, l.Records(), func(read) bool { return true }, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < 333*time.Millisecond {
		t.Errorf("it took %s, want a third of a second", took)
	}
}

func TestLogin(t *testing.T) {
	l := small(t)
	s := newSim(t, l, Config{Dir: t.TempDir(), User: &User{Name: "mes", Password: "secret"}}, Streams{})
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan error, 1)
	go func() { played <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-played; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want Canceled", err)
		}
	}()
	plc := l.Blocks()[0].PLC
	endpoints, err := opcua.GetEndpoints(ctx, s.Endpoints()[plc])
	if err != nil {
		t.Fatal(err)
	}
	ep, err := opcua.SelectEndpoint(endpoints, ua.SecurityPolicyURINone, ua.MessageSecurityModeNone)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options []opcua.Option
		ok      bool
	}{
		{"right", []opcua.Option{opcua.AuthUsername("mes", "secret"), opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeUserName)}, true},
		{"wrong password", []opcua.Option{opcua.AuthUsername("mes", "sesame"), opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeUserName)}, false},
		{"anonymous", []opcua.Option{opcua.AuthAnonymous(), opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeAnonymous)}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := connect(ctx, t, l, plc, s.Endpoints()[plc], test.options...)
			if (err == nil) != test.ok {
				t.Errorf("connect = %v, want ok %t", err, test.ok)
			}
			if err == nil {
				if err := c.Close(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestOnlyAckIsWritable(t *testing.T) {
	l := small(t)
	s := newSim(t, l, Config{Dir: t.TempDir()}, Streams{})
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan error, 1)
	go func() { played <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-played; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want Canceled", err)
		}
	}()
	b := l.Blocks()[0]
	c, err := connect(ctx, t, l, b.PLC, s.Endpoints()[b.PLC])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	write := func(id string, v any) ua.StatusCode {
		response, err := c.Write(ctx, &ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{
			NodeID: ua.NewStringNodeID(c.ns, id), AttributeID: ua.AttributeIDValue,
			Value: &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(v)},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return response.Results[0]
	}
	if got := write(b.Name+".Ready", uint32(9)); got != ua.StatusBadNotWritable {
		t.Errorf("write Ready = %v, want BadNotWritable", got)
	}
	if got := write(b.Name+".Ack", "9"); got != ua.StatusBadTypeMismatch {
		t.Errorf("write a string to Ack = %v, want BadTypeMismatch", got)
	}
	if got := write(b.Name+".Ack", uint32(4_000_000)); got != ua.StatusOK {
		t.Errorf("write Ack = %v", got)
	}
	if got := s.Stats().Acknowledged; got != 0 {
		t.Errorf("%d records were acknowledged by a wrong number", got)
	}
}

func TestGatewayConfig(t *testing.T) {
	l := small(t)
	s := newSim(t, l, Config{Dir: t.TempDir()}, Streams{})
	c := GatewayConfig(l, s.Endpoints(), config.Gateway{Name: "line-1"})
	if err := c.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	data, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back, err := config.Parse(data)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if diff := cmp.Diff(c, back); diff != "" {
		t.Errorf("the file reads otherwise (-want +got):\n%s", diff)
	}
	stations := map[string]config.Station{}
	for _, p := range c.PLCs {
		for _, st := range p.Stations {
			stations[st.Source] = st
		}
	}
	for _, b := range l.Blocks() {
		st, ok := stations[string(b.Source)]
		if !ok {
			t.Errorf("%s has no station", b.Source)
			continue
		}
		if b.Schema == nil {
			continue
		}
		if schema := c.MesSchema(st.Schema); schema.ID() != b.Schema.ID() {
			t.Errorf("%s has another schema", b.Source)
		}
	}
	if c.Gateway.Zone != "Europe/Berlin" {
		t.Errorf("Zone = %s, want the line's", c.Gateway.Zone)
	}
}

// The template and the variables name the same tags.
func TestTagsAreThoseOfTheTemplate(t *testing.T) {
	template := map[string]bool{}
	standard := config.StandardBlock()
	for _, tag := range []string{standard.Ready, standard.Ack, standard.Seq, standard.Kind} {
		template[strings.TrimPrefix(tag, "p;s={block}.")] = true
	}
	for _, record := range standard.Records {
		for _, f := range record.Fields {
			template[strings.TrimPrefix(f.Tag, "p;s={block}.")] = true
		}
	}
	ours := map[string]bool{}
	for _, tag := range slices.Concat(handshake, tags) {
		ours[tag.name] = true
	}
	if diff := cmp.Diff(template, ours); diff != "" {
		t.Errorf("tags mismatch (-template +ours):\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	l := small(t)
	dir := t.TempDir()
	if err := newSim(t, l, Config{Dir: dir}, Streams{}).Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		line   *line.Line
		config Config
		code   mes.Code
	}{
		{"memory of another line", l, Config{Dir: dir, Made: "of something else"}, mes.CodeFormat},
		{"no folder", l, Config{}, mes.CodeInvalid},
		{"negative speed", l, Config{Dir: t.TempDir(), Speed: -1}, mes.CodeInvalid},
		{"unknown PLC", l, Config{Dir: t.TempDir(), Listen: map[string]string{"L9P9": "127.0.0.1:0"}}, mes.CodeInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(test.line, test.config, Streams{}); mes.CodeOf(err) != test.code || err == nil {
				t.Errorf("New = %v, want code %d", err, test.code)
			}
		})
	}
}
