package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/gateway"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

// TestSECOM sends the first 500 units of UCI SECOM, 297 values each, from a PLC
// over OPC UA through a gateway: 500 units come out, every value bit for bit,
// and first-pass yield in all and per day is the published one.
func TestSECOM(t *testing.T) {
	rows := table(t, "secom/units.csv")
	var want struct {
		Tested, Passed uint64
		FirstPassYield float64 `json:"first_pass_yield"`
		PerDay         map[string]struct{ Tested, Passed uint64 }
	}
	var raw map[string]json.RawMessage
	if err := json.NewDecoder(shared(t, "secom/expected_yield.json")).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	for field, into := range map[string]any{"tested": &want.Tested, "passed": &want.Passed, "first_pass_yield": &want.FirstPassYield, "per_day": &want.PerDay} {
		if err := json.Unmarshal(raw[field], into); err != nil {
			t.Fatal(err)
		}
	}
	schema, records := secom(t, rows)
	c := serve(t, Site{})
	l := line.Replay("SECOM", time.UTC, testers(&schema), func(yield func(line.Record) bool) {
		for _, r := range records {
			if !yield(r) {
				return
			}
		}
	})
	playThrough(t, l, c.addr)

	items := taktv1.NewMaterialServiceClient(c.Conn())
	twins := make(map[string]int)
	for i, row := range rows {
		record, err := items.GetItemRecord(t.Context(), &taktv1.GetItemRecordRequest{Name: "items/" + row["unit"]})
		if err != nil {
			t.Fatalf("%s: %v", row["unit"], err)
		}
		if len(record.GetEntries()) != 1 {
			t.Fatalf("%s has %d records; want 1", row["unit"], len(record.GetEntries()))
		}
		values := record.GetEntries()[0].GetEvent().GetEvent().GetWork().GetMeasurements().GetValues()
		sent := records[i].Event.Fact.(*mes.Work).Measurements.Values
		if len(values) != len(sent) {
			t.Fatalf("%s has %d values; want %d", row["unit"], len(values), len(sent))
		}
		for k := range values {
			if math.Float64bits(values[k]) != math.Float64bits(sent[k]) {
				t.Errorf("%s: %s = %x; want %x", row["unit"], schema.Columns[k].Characteristic, math.Float64bits(values[k]), math.Float64bits(sent[k]))
			}
		}
		if got := record.GetSchemas()[0].GetColumns()[296].GetCharacteristic(); got != schema.Columns[296].Characteristic {
			t.Errorf("the last characteristic of %s is %s", row["unit"], got)
		}
		twins[row["timestamp"]]++
	}
	pairs := 0
	for _, n := range twins {
		if n == 2 {
			pairs++
		}
	}
	if pairs != 10 {
		t.Errorf("%d pairs of units share a time; want 10", pairs)
	}
	figures := taktv1.NewYieldServiceClient(c.Conn())
	request := &taktv1.ComputeYieldRequest{
		StartTime: timestamppb.New(time.Date(2008, 1, 1, 0, 0, 0, 0, time.UTC)), EndTime: timestamppb.New(time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
	all, err := figures.ComputeYield(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if row := all.GetRows()[0]; len(all.GetRows()) != 1 || row.GetTested() != want.Tested || row.GetPassed() != want.Passed || row.GetFirstPassYield() != want.FirstPassYield {
		t.Errorf("yield in all = %v; want %d of %d, %v", all.GetRows(), want.Passed, want.Tested, want.FirstPassYield)
	}
	request.Period = taktv1.Period_PERIOD_DAY
	days, err := figures.ComputeYield(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(days.GetRows()) != len(want.PerDay) {
		t.Errorf("%d days; want %d", len(days.GetRows()), len(want.PerDay))
	}
	for _, row := range days.GetRows() {
		if day := want.PerDay[row.GetPeriod()]; row.GetTested() != day.Tested || row.GetPassed() != day.Passed {
			t.Errorf("yield of %s = %d of %d; want %d of %d", row.GetPeriod(), row.GetPassed(), row.GetTested(), day.Passed, day.Tested)
		}
	}
	t.Logf("%d units, %d values each, bit for bit; first-pass yield %d of %d = %v, %d days equal; %d pairs of equal times",
		len(rows), len(schema.Columns), want.Passed, want.Tested, want.FirstPassYield, len(days.GetRows()), pairs)
}

// testStations is how many stations the units are spread over: one record block
// hands over at most eight a second.
const testStations = 10

func testers(schema *mes.Schema) []line.Block {
	var blocks []line.Block
	for i := range testStations {
		blocks = append(blocks, line.Block{
			Name: fmt.Sprintf("SECOM.TST.%02d", i+1), Source: mes.Source(fmt.Sprintf("SECOM/P1/TST%02d", i+1)), PLC: "SECOMP1",
			Schema: schema, SchemaName: "test", ProcessSegment: "final-test",
		})
	}
	return blocks
}

// secom makes records of the units. Its columns are unit, timestamp, result and
// then the sensors, in the file's order.
func secom(t *testing.T, rows []map[string]string) (mes.Schema, []line.Record) {
	t.Helper()
	var schema mes.Schema
	for n := 1; n <= 590; n++ {
		if name := "S" + strconv.Itoa(n); rows[0][name] != "" {
			schema.Columns = append(schema.Columns, mes.Column{Characteristic: name, Unit: "1"})
		}
	}
	if len(schema.Columns) != 297 {
		t.Fatalf("the file has %d sensors; want 297", len(schema.Columns))
	}
	blocks := testers(&schema)
	var records []line.Record
	for i, row := range rows {
		at, err := time.Parse("2006-01-02T15:04:05", row["timestamp"])
		if err != nil {
			t.Fatal(err)
		}
		work := &mes.Work{
			Subjects:     []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(row["unit"])}, MaterialDefinition: "unit"}},
			Disposition:  map[string]mes.Disposition{"PASS": mes.DispositionConformant, "FAIL": mes.DispositionScrap}[row["result"]],
			Measurements: &mes.Measurements{Schema: schema.ID()},
		}
		for _, column := range schema.Columns {
			v, err := strconv.ParseFloat(row[column.Characteristic], 64)
			if err != nil {
				t.Fatal(err)
			}
			work.Measurements.Values = append(work.Measurements.Values, v)
		}
		records = append(records, line.Record{
			Due:      at,
			Block:    i % testStations,
			Identity: mes.Identity{Source: blocks[i%testStations].Source, Epoch: 1, Sequence: mes.Sequence(i/testStations + 1)},
			Event:    &mes.Event{EventTime: at, Equipment: mes.EquipmentID(blocks[i%testStations].Name), ProcessSegment: "final-test", Fact: work},
		})
	}
	return schema, records
}

// playThrough plays a line through its OPC UA servers and a gateway into the
// service, as fast as records are acknowledged, and waits until the service has
// everything.
func playThrough(t *testing.T, l *line.Line, addr string) {
	t.Helper()
	player, err := sim.New(l, sim.Config{Dir: t.TempDir()}, sim.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(sim.GatewayConfig(l, player.Endpoints(), config.Gateway{
		Name: "test", Spool: config.Spool{Dir: t.TempDir()}, Server: config.Server{Addr: addr},
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	if err := player.Run(t.Context()); err != nil {
		t.Errorf("play: %v", err)
	}
	if err := g.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("gateway: %v", err)
	}
	if err := player.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
