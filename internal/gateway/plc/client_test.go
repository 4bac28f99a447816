package plc

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/awcullen/opcua/ua"
	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

var eventTime = time.Date(2026, 7, 1, 6, 30, 0, 123e6, time.UTC)

// work is a record of work on one item.
func work(id string) map[string]any {
	return map[string]any{
		"Time": eventTime, "Equipment": "L1.WND.01", "Segment": "winding",
		"SubjectKind": []int32{1}, "SubjectId": []string{id}, "SubjectDef": []string{"jelly-roll"}, "Disposition": int32(1),
	}
}

func ref(kind mes.RefKind, id mes.ID, def string) mes.Ref {
	return mes.Ref{Thing: mes.Thing{Kind: kind, ID: id}, MaterialDefinition: def}
}

func TestHandshakeCarriesEveryKind(t *testing.T) {
	t.Parallel()
	schema := fileFor(new(testPLC), "").MesSchema("winding")
	values := []float64{
		31.25, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64,
		math.Float64frombits(0x7ff8_0000_dead_beef), math.Float64frombits(0xfff0_0000_0000_0001),
	}
	tests := []struct {
		name string
		kind int32
		tags map[string]any
		want *mes.Event
	}{
		{
			"work", config.KindWork,
			map[string]any{
				"Time": eventTime, "Start": eventTime.Add(-12 * time.Second), "Equipment": "L1.WND.01", "Segment": "winding", "JobOrder": "JO-7",
				"RecipeName": "W-60", "RecipeVersion": "12", "Operator": "op-17", "Mode": int32(2),
				"SubjectKind": []int32{1, 3}, "SubjectId": []string{"JR\x00\xff 1 ", strings.Repeat("x", 300)}, "SubjectDef": []string{"jelly-roll", ""},
				"Disposition": int32(5), "Attempt": uint32(3), "Values": values,
				"DefectCode": []string{"WND-03", "WND-04"}, "DefectPlace": []string{"", "edge"},
				"ToolId": []string{"KNIFE-1"}, "ToolCount": []uint32{4_000_000_000}, "Carrier": "TRAY-1", "Place": "17",
				"ConKind": []int32{2, 0, 2}, "ConId": []string{"COIL-1", "", "LOT-2"}, "ConDef": []string{"cathode", "", "tape"},
				"ConSlot": []string{"cathode", "separator", ""}, "ConUnit": []string{"", "m", "1"}, "ConQty": []int64{0, 7_250_000, -1_000_000},
				"ConLane": []uint32{4, 0, 0}, "ConFrom": []int64{1_200_000_000, 0, 0}, "ConTo": []int64{1_207_250_000, 0, 0}, "ConDelta": []int64{50_000, 0, 0},
				"ProKind": []int32{1}, "ProId": []string{"JR-1"}, "ProDef": []string{"jelly-roll"}, "ProSlot": []string{""},
				"ProUnit": []string{"1"}, "ProQty": []int64{1_000_000},
			},
			&mes.Event{
				EventTime: eventTime, StartTime: eventTime.Add(-12 * time.Second), UTCOffset: 7200, Equipment: "L1.WND.01", ProcessSegment: "winding", JobOrder: "JO-7",
				Recipe: mes.Recipe{Name: "W-60", Version: "12"}, Operator: "op-17", Mode: mes.ModeReference,
				Fact: &mes.Work{
					Subjects:    []mes.Ref{ref(mes.RefItem, "JR\x00\xff 1 ", "jelly-roll"), ref(mes.RefCarrier, mes.ID(strings.Repeat("x", 300)), "")},
					Disposition: mes.DispositionScrap, Attempt: 3,
					Measurements: &mes.Measurements{Schema: schema.ID(), Values: values},
					Defects:      []mes.Defect{{Code: "WND-03"}, {Code: "WND-04", Place: "edge"}},
					Tools:        []mes.Tool{{ID: "KNIFE-1", Count: 4_000_000_000}},
					Carrier:      "TRAY-1", Place: "17",
					Consumed: []mes.Actual{
						{Ref: ref(mes.RefLot, "COIL-1", "cathode"), Slot: "cathode", Interval: &mes.Interval{Lane: 4, From: 1_200_000_000, To: 1_207_250_000, Delta: 50_000}},
						{Slot: "separator", Quantity: &mes.Quantity{Value: mes.NewDecimal(725, -2), Unit: "m"}},
						{Ref: ref(mes.RefLot, "LOT-2", "tape"), Quantity: &mes.Quantity{Value: mes.NewDecimal(-1, 0), Unit: "1"}},
					},
					Produced: []mes.Actual{{Ref: ref(mes.RefItem, "JR-1", "jelly-roll"), Quantity: &mes.Quantity{Value: mes.NewDecimal(1, 0), Unit: "1"}}},
				},
			},
		},
		{
			"coil", config.KindCoil,
			map[string]any{
				"Time": eventTime, "Coil": "COIL-1", "Length": int64(1_900_000_000), "Lanes": uint32(4), "Winding": int32(1), "StartScrap": int64(3_000_000),
				"CutAt": []int64{10, 20}, "CutLength": []int64{1, 2}, "CutCode": []string{"COA-01", ""},
				"SpliceAt": []int64{5}, "SpliceNext": []string{"FOIL-2"},
				"MarkLane": []uint32{2}, "MarkFrom": []int64{100}, "MarkTo": []int64{200}, "MarkCode": []string{"COA-02"},
				"Elongation": int64(-150), "Parent": "COIL-0", "ParentLane": uint32(1),
			},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.CoilGeometry{
				Coil: "COIL-1", Length: 1_900_000_000, Lanes: 4, Winding: mes.WindingReversed, StartScrap: 3_000_000,
				CutOuts: []mes.CutOut{{At: 10, Length: 1, Code: "COA-01"}, {At: 20, Length: 2}},
				Splices: []mes.Splice{{At: 5, Next: "FOIL-2"}},
				Marks:   []mes.Mark{{Interval: mes.Interval{Lane: 2, From: 100, To: 200}, Code: "COA-02"}}, Elongation: -150, Parent: "COIL-0", ParentLane: 1,
			}},
		},
		{
			"slot", config.KindSlot,
			map[string]any{
				"Time": eventTime, "SlotAction": int32(2), "SlotName": "tank", "MatKind": int32(2), "MatId": "EL-1", "MatDef": "electrolyte",
				"RemQty": int64(12_345_678), "RemUnit": "kg",
			},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.SlotChange{
				Action: mes.SlotUnload, Slot: "tank", Material: ref(mes.RefLot, "EL-1", "electrolyte"),
				Remaining: &mes.Quantity{Value: mes.NewDecimal(12_345_678, -6), Unit: "kg"},
			}},
		},
		{
			"clean", config.KindSlot,
			map[string]any{"Time": eventTime, "SlotAction": int32(3), "SlotName": "tank"},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.SlotChange{Action: mes.SlotClean, Slot: "tank"}},
		},
		{
			"placement", config.KindPlacement,
			map[string]any{
				"Time": eventTime, "PlaceAction": int32(1), "ParentKind": int32(3), "ParentId": "TRAY-1", "ParentDef": "tray",
				"ChildKind": []int32{1, 1}, "ChildId": []string{"C1", "C2"}, "ChildDef": []string{"cell", "cell"}, "ChildPlace": []string{"1", "2"},
			},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.Placement{
				Action: mes.PlacementAdd, Parent: ref(mes.RefCarrier, "TRAY-1", "tray"),
				Children: []mes.Child{{Ref: ref(mes.RefItem, "C1", "cell"), Place: "1"}, {Ref: ref(mes.RefItem, "C2", "cell"), Place: "2"}},
			}},
		},
		{
			"alias", config.KindAlias,
			map[string]any{"Time": eventTime, "AliasItemKind": int32(1), "AliasItemId": "C1", "AliasItemDef": "cell", "AliasKind": "can-code", "AliasValue": "\xf0\x00 ", "AliasReader": "CAM-1"},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.AliasBinding{
				Item: ref(mes.RefItem, "C1", "cell"), AliasKind: "can-code", Value: "\xf0\x00 ", Reader: "CAM-1",
			}},
		},
		{
			"lot", config.KindLot,
			map[string]any{
				"Time": eventTime, "LotKind": int32(2), "LotId": "LOT-1", "LotDef": "NMP", "LotStatus": int32(2), "Supplier": "Süd", "SupplierLot": "S-9",
				"LotQty": int64(200_000_000), "LotUnit": "kg", "CertValues": []float64{99.9, 0.02}, "Expiry": eventTime.AddDate(1, 0, 0),
			},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200, Fact: &mes.LotReport{
				Lot: ref(mes.RefLot, "LOT-1", "NMP"), Status: mes.LotReleased, Supplier: "Süd", SupplierLot: "S-9",
				Quantity: &mes.Quantity{Value: mes.NewDecimal(200, 0), Unit: "kg"}, Certificate: &mes.Measurements{Schema: schema.ID(), Values: []float64{99.9, 0.02}},
				ExpiryTime: eventTime.AddDate(1, 0, 0),
			}},
		},
		{
			"equipment", config.KindEquipment,
			map[string]any{
				"Time": time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), "Equipment": "L1.WND.01", "EqTopic": int32(3), "EqCode": "knife", "EqActive": true, "EqMessage": "changed",
				"EqToolId": "KNIFE-2", "EqToolCount": uint32(1), "EqValidUntil": eventTime,
			},
			&mes.Event{EventTime: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), UTCOffset: 3600, Equipment: "L1.WND.01", Fact: &mes.EquipmentReport{
				Topic: mes.EquipmentTool, Code: "knife", Active: true, Message: "changed", Tool: mes.Tool{ID: "KNIFE-2", Count: 1}, ValidUntil: eventTime,
			}},
		},
		{
			"nothing but a time", config.KindWork,
			map[string]any{"Time": eventTime},
			&mes.Event{EventTime: eventTime, UTCOffset: 7200},
		},
	}
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	for i, test := range tests {
		p.offer(uint32(i+1), test.kind, test.tags)
		p.acknowledged(uint32(i + 1))
	}
	records := g.records(source)
	if len(records) != len(tests) {
		t.Fatalf("%d records are spooled, want %d", len(records), len(tests))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := records[i]
			if want := (mes.Identity{Source: source, Epoch: 1, Sequence: mes.Sequence(i + 1)}); r.Identity != want {
				t.Errorf("identity is %s, want %s", r.Identity, want)
			}
			if want := mes.AppendEvent(nil, test.want); string(want) != string(r.Event) {
				got, err := mes.DecodeEvent(r.Event)
				t.Errorf("event mismatch (%v) (-want +got):\n%s", err, cmp.Diff(test.want, got, cmp.Comparer(func(a, b float64) bool {
					return math.Float64bits(a) == math.Float64bits(b)
				})))
			}
			v := r.Provenance
			if v.Gateway != "line-1" || v.PLCTime.IsZero() || v.SourceTime.IsZero() || v.ServerTime.IsZero() || v.GatewayTime.IsZero() || v.ClockQuality != mes.ClockGood || v.Status != 0 {
				t.Errorf("provenance is %+v", v)
			}
		})
	}
	if s := g.stats(); s.Records != uint64(len(tests)) || s.Spooled.Count() != s.Records || s.Duplicates+s.Conflicts+s.Missing+s.Rereads+s.Epochs != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestWhatIsNoEventGoesAsItCame(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	text := work("JR-1")
	text["Segment"] = "wind\xffing"
	p.offer(1, config.KindWork, text)
	p.acknowledged(1)
	number := work("JR-2")
	number["Disposition"] = int32(-7)
	p.offer(2, config.KindWork, number)
	p.acknowledged(2)
	for i, want := range []string{"wind\xffing", "JR-2"} {
		r := g.records(source)[i]
		if e, err := mes.DecodeEvent(r.Event); err == nil {
			if err = e.Validate(); err == nil {
				t.Errorf("event %d is valid: %+v", i, e)
			}
		}
		if !strings.Contains(string(r.Event), want) {
			t.Errorf("event %d does not hold %q: %q", i, want, r.Event)
		}
	}
}

func TestGatewayRestartsBetweenSpoolAndAck(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	dir := t.TempDir()
	g := startGateway(t, dir, fileFor(p, p.addr))
	p.refuseAcks(ua.BadOutOfService)
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(0)
	g.wantIdentities("1:1")
	g.stop()

	p.refuseAcks(ua.Good)
	for len(p.acks) > 0 {
		<-p.acks
	}
	g = startGateway(t, dir, fileFor(p, p.addr))
	p.acknowledged(1)
	p.offer(2, config.KindWork, work("JR-2"))
	p.acknowledged(2)
	g.wantIdentities("1:1", "1:2")
	if s := g.stats(); s.Duplicates != 1 || s.Records != 1 || s.Conflicts != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestAcknowledgedRecordIsNotReadAgain(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	dir := t.TempDir()
	g := startGateway(t, dir, fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	g.stop()
	// The PLC has begun to write the next record.
	p.tag("SubjectId", []string{"JR-2"})
	g = startGateway(t, dir, fileFor(p, p.addr))
	g.says("no record is offered")
	p.offer(2, config.KindWork, work("JR-2"))
	p.acknowledged(2)
	g.wantIdentities("1:1", "1:2")
	if s := g.stats(); s.Conflicts != 0 || s.Duplicates != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestPLCRestarts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		boot  uint32
		n     uint32
		id    string
		want  []string
		fact  string
		stats func(StationStats) bool
	}{
		{"numbers go on", 18, 4, "JR-4", []string{"1:1", "1:2", "1:3", "1:4"}, "", func(s StationStats) bool { return s.Records == 4 }},
		{"numbers go on with a gap", 18, 6, "JR-4", []string{"1:1", "1:2", "1:3", "1:6"}, "", func(s StationStats) bool { return s.Missing == 2 }},
		{"numbers go back", 18, 1, "JR-4", []string{"1:1", "1:2", "1:3", "2:1"}, "boot id 17 → 18, number 3 → 1", func(s StationStats) bool { return s.Epochs == 1 && s.Records == 4 }},
		{"the last record again", 18, 3, "JR-3", []string{"1:1", "1:2", "1:3"}, "", func(s StationStats) bool { return s.Duplicates == 1 }},
		{"the last number with other content", 18, 3, "JR-4", []string{"1:1", "1:2", "1:3", "2:3"}, "boot id 17 → 18, number 3 → 3", func(s StationStats) bool { return s.Epochs == 1 && s.Missing == 2 }},
		{"numbers go back without a restart", 17, 1, "JR-4", []string{"1:1", "1:2", "1:3", "1:1"}, "", func(s StationStats) bool { return s.Conflicts == 1 && s.Epochs == 0 }},
		{"the last record again without a restart", 17, 3, "JR-3", []string{"1:1", "1:2", "1:3"}, "", func(s StationStats) bool { return s.Duplicates == 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPLC(t, 17)
			px := startProxy(t, p.addr)
			g := startGateway(t, t.TempDir(), fileFor(p, px.addr()))
			for n, id := range []string{"JR-1", "JR-2", "JR-3"} {
				p.offer(uint32(n+1), config.KindWork, work(id))
				p.acknowledged(uint32(n + 1))
			}
			px.setHole(true)
			p.tag("Ready", uint32(0))
			p.tag("Ack", uint32(0))
			p.tag("BootId", test.boot)
			p.offer(test.n, config.KindWork, work(test.id))
			px.setHole(false)
			px.cut()
			p.acknowledged(test.n)
			g.wantIdentities(test.want...)
			if s := g.stats(); !test.stats(s) {
				t.Errorf("stats are %+v", s)
			}
			var facts []string
			for _, r := range g.records("gateway/line-1") {
				e, err := mes.DecodeEvent(r.Event)
				if err != nil {
					t.Fatal(err)
				}
				if err := e.Validate(); err != nil {
					t.Errorf("fact: %v", err)
				}
				f := e.Fact.(*mes.SourceFact)
				if f.Topic != mes.SourceEpochOpened || f.Source != source || f.Epoch != 2 || !f.OpenTail {
					t.Errorf("fact is %+v", f)
				}
				facts = append(facts, f.Evidence)
			}
			if got := strings.Join(facts, ";"); got != test.fact {
				t.Errorf("facts are %q, want %q", got, test.fact)
			}
		})
	}
}

func TestDuplicateTriggerIsAcknowledgedAgain(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	p.tag("Ack", uint32(0)) // The PLC has not seen it.
	p.acknowledged(1)
	g.wantIdentities("1:1")
	if s := g.stats(); s.Duplicates != 1 || s.Records != 1 {
		t.Errorf("stats are %+v", s)
	}
}

// TestLostAcknowledgementIsGivenAgain: Ready does not change when the PLC loses
// an acknowledgement, so nothing rings, and a line once stood for good.
func TestLostAcknowledgementIsGivenAgain(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	g.settles()
	p.loseAcks(true)
	p.offer(1, config.KindWork, work("JR-1"))
	g.says("plc does not keep the acknowledgement")
	p.loseAcks(false)
	for p.vars["Ack"].Value().Value != uint32(1) {
		p.acknowledged(1)
	}
	g.wantIdentities("1:1")
	if s := g.stats(); s.Duplicates == 0 || s.Records != 1 || s.Audited == 0 {
		t.Errorf("stats are %+v", s)
	}
	if connects := g.client.Stats().Connects; connects != 1 {
		t.Errorf("%d connections; want 1", connects)
	}
}

func TestSameNumberOtherContent(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	p.tag("SubjectId", []string{"JR-2"})
	p.tag("Ack", uint32(0))
	p.acknowledged(1)
	g.wantIdentities("1:1", "1:1")
	if s := g.stats(); s.Conflicts != 1 || s.Records != 1 || s.Epochs != 0 {
		t.Errorf("stats are %+v", s)
	}
	g.says("number is taken by other content")
}

func TestConnectionBreaks(t *testing.T) {
	t.Parallel()
	breaks := map[string]func(*proxy){
		"cut":        (*proxy).cut,
		"black hole": func(p *proxy) { p.setHole(true) },
	}
	for name, fault := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPLC(t, 17)
			px := startProxy(t, p.addr)
			g := startGateway(t, t.TempDir(), fileFor(p, px.addr()))
			p.offer(1, config.KindWork, work("JR-1"))
			p.acknowledged(1)
			fault(px)
			start := time.Now()
			p.offer(2, config.KindWork, work("JR-2"))
			g.says("plc not connected")
			px.setHole(false)
			px.cut()
			p.acknowledged(2)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s to come back", took)
			}
			g.wantIdentities("1:1", "1:2")
			if s := g.client.Stats(); s.Connects < 2 || !s.Connected {
				t.Errorf("stats are %+v", s)
			}
		})
	}
}

// TestQuietPLCKeepsItsConnection watches a PLC that has nothing to report for
// several keep-alives: a publish request that timed out at the very moment of
// one once ended the connection every few seconds.
func TestQuietPLCKeepsItsConnection(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	g.staysConnected(20 * time.Second) // sixteen keep-alives of ten intervals of 125 ms
}

// TestWaitingStationKeepsTheConnection: a record that is read over and over has
// rung once, and will not again; the audit once took that for a dead
// subscription, and all the PLC's stations lost their connection every four
// seconds.
func TestWaitingStationKeepsTheConnection(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	p.status("SubjectId", ua.BadSensorFailure)
	p.tag("Seq", uint32(2))
	p.tag("Ready", uint32(2))
	g.says("station waits")
	g.staysConnected(3 * auditInterval)
	p.tag("SubjectId", []string{"JR-2"})
	p.acknowledged(2)
	g.wantIdentities("1:1", "1:2")
}

func TestAuditFindsWhatDidNotRing(t *testing.T) {
	t.Parallel()
	p := startServer(t, 17, "L1.WND.01")
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	g.settles()
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	p.dropSubscriptions()
	start := time.Now()
	p.offer(2, config.KindWork, work("JR-2"))
	p.acknowledged(2)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s to find the record", took)
	}
	if s := g.stats(); s.Audited == 0 {
		t.Errorf("stats are %+v", s)
	}
	g.says("the subscription is silent")
	p.offer(3, config.KindWork, work("JR-3"))
	p.acknowledged(3)
	g.wantIdentities("1:1", "1:2", "1:3")
}

func TestBadStatusIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	p.status("SubjectId", ua.BadSensorFailure)
	p.tag("Seq", uint32(2))
	p.tag("Ready", uint32(2))
	if line := g.says("station waits"); !strings.Contains(line, "SubjectId") {
		t.Errorf("the log does not name the tag: %s", line)
	}
	g.wantIdentities("1:1")
	p.tag("SubjectId", []string{"JR-2"})
	p.acknowledged(2)
	g.wantIdentities("1:1", "1:2")
	if s := g.stats(); s.Rereads < patience {
		t.Errorf("stats are %+v", s)
	}
}

func TestUncertainStatusIsNoted(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	g.says("plc connected")
	tags := work("JR-1")
	p.offer(0, config.KindWork, tags)
	p.vars["Values"].SetValue(dataValue([]float64{1, 2}, ua.UncertainLastUsableValue))
	p.tag("Seq", uint32(1))
	p.tag("Ready", uint32(1))
	p.acknowledged(1)
	r := g.records(source)[0]
	e, err := mes.DecodeEvent(r.Event)
	if err != nil {
		t.Fatal(err)
	}
	status := uint32(ua.UncertainLastUsableValue)
	want := []mes.Note{{Index: 0, Quality: mes.QualityUncertain, Status: status}, {Index: 1, Quality: mes.QualityUncertain, Status: status}}
	if diff := cmp.Diff(want, e.Fact.(*mes.Work).Measurements.Notes); diff != "" {
		t.Errorf("notes mismatch (-want +got):\n%s", diff)
	}
	if r.Provenance.Status != status {
		t.Errorf("the record's status is %#x, want %#x", r.Provenance.Status, status)
	}
}

func TestTornRecordIsReadAgain(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
	g.says("plc connected")
	p.tag("Ready", uint32(1)) // Before its data, against the rules.
	g.says("station waits")
	g.wantIdentities()
	p.offer(1, config.KindWork, work("JR-1"))
	p.acknowledged(1)
	if s := g.stats(); s.Rereads < patience {
		t.Errorf("stats are %+v", s)
	}
}

func TestStationStops(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*config.Config, *testPLC)
		want   string
	}{
		{"wrong type", func(c *config.Config, _ *testPLC) {
			c.Templates["std"].Records[0].Fields["work.attempt"] = config.Tag("p;s={block}.Segment")
		}, `station L1%2FP2%2FWND01: tag p;s={block}.Segment is a String, but work.attempt takes an integer; map another tag, or change its type in the PLC`},
		{"array for one field", func(c *config.Config, _ *testPLC) {
			c.Templates["std"].Records[0].Fields["work.place"] = config.Tag("p;s={block}.SubjectId")
		}, `tag p;s={block}.SubjectId is an array of String, but work.place takes a String`},
		{"no such tag", func(c *config.Config, _ *testPLC) {
			c.Templates["std"].Records[6].Fields["equipment_report.message"] = config.Tag("p;s={block}.Message")
		}, `tag p;s={block}.Message: `},
		{"unknown kind", func(_ *config.Config, p *testPLC) {
			p.offer(1, 9, work("JR-1"))
		}, `record 1 is of kind 9, which its template has no fields for; add it to records`},
		{"no schema", func(c *config.Config, p *testPLC) {
			c.PLCs[0].Stations[0].Schema = ""
			tags := work("JR-1")
			tags["Values"] = []float64{1}
			p.offer(1, config.KindWork, tags)
		}, `it measured 1 values, but has no schema that names them; give the station one`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPLC(t, 17)
			file := fileFor(p, p.addr)
			test.change(file, p)
			g := startGateway(t, t.TempDir(), file)
			want := strings.ReplaceAll(test.want, "{block}", p.block)
			if line := g.says("station stopped"); !strings.Contains(line, want) {
				t.Errorf("the log is\n%s want in it\n%s", line, want)
			}
			if s := g.stats(); !strings.Contains(s.Stopped, want) {
				t.Errorf("stopped is %q, want in it %q", s.Stopped, want)
			}
			g.wantIdentities()
			if len(p.acks) > 0 {
				t.Errorf("record %d was acknowledged", <-p.acks)
			}
		})
	}
}

func TestNewSpoolGoesOnWhereTheServerKnows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		n    uint32
		want string
	}{
		{"after", 11, "3:11"},
		{"at", 10, "3:10"},
		{"before", 1, "4:1"},
	}
	p := startPLC(t, 17)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p.tag("Ready", uint32(0))
			p.tag("Ack", uint32(0))
			g := startGateway(t, t.TempDir(), fileFor(p, p.addr))
			if err := g.spool.Learn(mes.Identity{Source: source, Epoch: 3, Sequence: 10}); err != nil {
				t.Fatal(err)
			}
			p.offer(test.n, config.KindWork, work("JR-1"))
			p.acknowledged(test.n)
			g.wantIdentities(test.want)
			g.stop()
		})
	}
}

func TestStartTimeStandsForABootID(t *testing.T) {
	t.Parallel()
	old := startPLC(t, 17)
	px := startProxy(t, old.addr)
	p := startServer(t, 17, old.block)
	file := fileFor(p, px.addr())
	file.PLCs[0].BootID = ""
	g := startGateway(t, t.TempDir(), file)
	old.offer(1, config.KindWork, work("JR-1"))
	old.acknowledged(1)
	p.offer(1, config.KindWork, work("JR-2"))
	px.retarget(p.addr)
	px.cut()
	p.acknowledged(1)
	g.wantIdentities("1:1", "2:1")
}

func TestSecuredChannel(t *testing.T) {
	t.Parallel()
	own, err := serverCertificate()
	if err != nil {
		t.Fatal(err)
	}
	p := startPLC(t, 17)
	for _, policy := range []string{"Basic256Sha256", "Aes256_Sha256_RsaPss"} {
		file := fileFor(p, p.addr)
		file.PLCs[0].Security = config.Security{Policy: policy, Mode: "SignAndEncrypt"}
		file.PLCs[0].Trust.PinSHA256 = []string{strings.Repeat("00", 32)}
		g := startGateway(t, t.TempDir(), file)
		if line := g.says("which is not pinned"); !strings.Contains(line, pinOf(own.der)) {
			t.Errorf("the log does not name the certificate: %s", line)
		}
		g.stop()
		file.PLCs[0].Trust.PinSHA256 = []string{strings.ToUpper(pinOf(own.der))}
		p.tag("Ready", uint32(0))
		p.tag("Ack", uint32(0))
		g = startGateway(t, t.TempDir(), file)
		p.offer(1, config.KindWork, work("JR-1"))
		p.acknowledged(1)
		g.wantIdentities("1:1")
		g.stop()
	}
}

func TestWrongNamespaceAndEndpoint(t *testing.T) {
	t.Parallel()
	p := startPLC(t, 17)
	file := fileFor(p, p.addr)
	file.PLCs[0].Namespaces["p"] = "urn:takt:lines"
	g := startGateway(t, t.TempDir(), file)
	g.says(`the server has no namespace \"urn:takt:lines\"; did you mean \"urn:takt:line\"?`)
	g.stop()
	file = fileFor(p, p.addr)
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	file.PLCs[0].Endpoint = "opc.tcp://" + addr
	g = startGateway(t, t.TempDir(), file)
	g.says("for its endpoints")
}
