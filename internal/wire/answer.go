package wire

import (
	"fmt"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/statistics"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/yield"
)

// LoggedEvent returns the message of an event as the log has it.
func LoggedEvent(e store.Event) (*taktv1.LoggedEvent, error) {
	event, err := Event(e.Bytes)
	if err != nil {
		return nil, err
	}
	provenance, err := Provenance(&e.Provenance)
	if err != nil {
		return nil, err
	}
	hash := mes.HashEvent(e.Bytes)
	return &taktv1.LoggedEvent{
		Name: fmt.Sprintf("events/%d", e.Position), Position: uint64(e.Position), RecordTime: Time(e.RecordTime),
		Identity: Identity(e.Identity), ContentHash: hash[:], Event: event, Provenance: provenance,
		WithdrawnBy: uint64(e.WithdrawnBy),
	}, nil
}

// Item returns the message of an item.
func Item(item store.Item) *taktv1.Item {
	m := &taktv1.Item{
		Name: mes.Thing{Kind: mes.RefItem, ID: item.ID}.String(), Id: []byte(item.ID), MaterialDefinition: item.Definition,
		ProcessSegment: item.ProcessSegment, Disposition: taktv1.Disposition(item.Disposition), EventTime: Time(item.EventTime),
		Flags: flags(item.Flags),
	}
	for _, a := range item.Aliases {
		m.Aliases = append(m.Aliases, &taktv1.Item_Alias{AliasKind: a.Kind, Value: []byte(a.Value), Position: uint64(a.Position)})
	}
	for _, s := range item.Stays {
		m.Containments = append(m.Containments, &taktv1.Item_Containment{
			Parent: s.Since.Parent.String(), Place: s.Since.Place, Since: Time(s.Since.Time), Position: uint64(s.Since.Position),
		})
	}
	return m
}

// ItemEntry returns the message of one event of an item's record.
func ItemEntry(e store.ItemEntry) (*taktv1.GetItemRecordResponse_Entry, error) {
	event, err := LoggedEvent(e.Event)
	if err != nil {
		return nil, err
	}
	m := &taktv1.GetItemRecordResponse_Entry{Event: event, Role: roles[e.Role]}
	if e.Carrier != (mes.Thing{}) {
		m.Carrier = e.Carrier.String()
	}
	for _, s := range e.Slots {
		m.Slots = append(m.Slots, &taktv1.ResolvedSlot{Slot: s.Slot, Lots: names(s.Lots)})
	}
	return m, nil
}

var roles = map[store.Role]taktv1.GetItemRecordResponse_Role{
	store.RoleSubject:   taktv1.GetItemRecordResponse_ROLE_SUBJECT,
	store.RoleConsumed:  taktv1.GetItemRecordResponse_ROLE_CONSUMED,
	store.RoleProduced:  taktv1.GetItemRecordResponse_ROLE_PRODUCED,
	store.RoleChild:     taktv1.GetItemRecordResponse_ROLE_CHILD,
	store.RoleParent:    taktv1.GetItemRecordResponse_ROLE_PARENT,
	store.RoleNamed:     taktv1.GetItemRecordResponse_ROLE_NAMED,
	store.RoleMentioned: taktv1.GetItemRecordResponse_ROLE_MENTIONED,
	store.RoleCarried:   taktv1.GetItemRecordResponse_ROLE_CARRIED,
}

func names(things []mes.Thing) []string {
	var list []string
	for _, t := range things {
		list = append(list, t.String())
	}
	return list
}

// Lot returns the message of a lot.
func Lot(lot store.Lot) *taktv1.Lot {
	m := &taktv1.Lot{
		Name: mes.Thing{Kind: mes.RefLot, ID: lot.ID}.String(), Id: []byte(lot.ID), MaterialDefinition: lot.Definition,
		Status: taktv1.LotReport_Status(lot.Status), Supplier: lot.Supplier, SupplierLot: []byte(lot.SupplierLot), Flags: flags(lot.Flags),
	}
	for _, q := range lot.Quantities {
		m.Quantities = append(m.Quantities, Quantity(&q))
	}
	for _, q := range lot.Consumed {
		m.Consumed = append(m.Consumed, Quantity(&q))
	}
	return m
}

// Flag returns the message of a flag.
func Flag(f store.Flag) *taktv1.Flag {
	m := &taktv1.Flag{Thing: f.Thing.String(), Kind: flagKinds[f.Kind], Detail: f.Detail}
	if f.Equipment != "" {
		m.Thing = EquipmentName(f.Equipment)
	}
	for _, p := range f.Positions {
		m.Positions = append(m.Positions, uint64(p))
	}
	return m
}

var flagKinds = map[store.FlagKind]taktv1.FlagKind{
	store.FlagTwoParents:       taktv1.FlagKind_FLAG_KIND_TWO_PARENTS,
	store.FlagTwoCarriers:      taktv1.FlagKind_FLAG_KIND_TWO_CARRIERS,
	store.FlagSecondBirth:      taktv1.FlagKind_FLAG_KIND_SECOND_BIRTH,
	store.FlagNameTaken:        taktv1.FlagKind_FLAG_KIND_NAME_TAKEN,
	store.FlagUnknownEquipment: taktv1.FlagKind_FLAG_KIND_UNKNOWN_EQUIPMENT,
	store.FlagExpired:          taktv1.FlagKind_FLAG_KIND_EXPIRED,
}

func flags(list []store.Flag) []*taktv1.Flag {
	var m []*taktv1.Flag
	for _, f := range list {
		m = append(m, Flag(f))
	}
	return m
}

// Match returns the message of a thing that bears a name.
func Match(m store.Match) *taktv1.SearchMaterialResponse_Match {
	return &taktv1.SearchMaterialResponse_Match{Thing: m.Thing.String(), AliasKind: m.AliasKind, MaterialDefinition: m.Definition}
}

// Edge returns the message of an edge; definition says what a thing is made to
// be.
func Edge(e genealogy.Edge, definition func(mes.Thing) (string, error)) (*taktv1.GenealogyEdge, error) {
	m := &taktv1.GenealogyEdge{
		Output: e.Output.String(), Depth: int32(e.Depth), Certainty: taktv1.Certainty(e.Certainty), //nolint:gosec // far below 2^31
		Alternatives: int32(e.Alternatives), Quantity: Quantity(e.Quantity), Interval: Interval(e.Interval), //nolint:gosec // far below 2^31
		Slot: e.Slot, Place: e.Place, Equipment: []byte(e.Equipment), ProcessSegment: e.ProcessSegment,
		EventTime: Time(e.Time), Position: uint64(e.Position), Removed: e.Removed,
	}
	var err error
	if m.OutputDefinition, err = definition(e.Output); err != nil || e.Input == (mes.Thing{}) {
		return m, err
	}
	m.Input = e.Input.String()
	m.InputDefinition, err = definition(e.Input)
	return m, err
}

// ReachedThings returns the message of what is like a thing, without ids.
func ReachedThings(t store.Reached) *taktv1.ReachedThings {
	return &taktv1.ReachedThings{
		Collection: t.Thing.Kind.String() + "s", MaterialDefinition: t.Definition,
		Certainty: taktv1.Certainty(t.Certainty), Removed: t.Removed,
	}
}

// Alike reports whether ReachedThings are the same of two things.
func Alike(a, b store.Reached) bool {
	return a.Thing.Kind == b.Thing.Kind && a.Definition == b.Definition && a.Certainty == b.Certainty && a.Removed == b.Removed
}

// YieldRow returns the message of a row of yield.
func YieldRow(r yield.Row) *taktv1.ComputeYieldResponse_Row {
	return &taktv1.ComputeYieldResponse_Row{
		Period: r.Period.Name, StartTime: Time(r.Period.Start), EndTime: Time(r.Period.End), ProcessSegment: r.ProcessSegment,
		Equipment: []byte(r.Equipment), Tested: r.Tested, Passed: r.Passed, FirstPassYield: r.FirstPassYield(),
	}
}

// Statistics returns the message of a sample and the figures that describe it,
// without quantiles and histogram.
func Statistics(s *store.Sample, f statistics.Summary) *taktv1.ComputeStatisticsResponse {
	x := &s.Excluded
	m := &taktv1.ComputeStatisticsResponse{
		Unit: s.Unit, Count: count(f.Count), UncertainCount: count(s.Uncertain), ProcessSegments: s.ProcessSegments,
		Excluded: &taktv1.ComputeStatisticsResponse_Excluded{
			Withdrawn: count(x.Withdrawn), OtherModes: count(x.OtherModes), Missing: count(x.Missing),
			NotFinite: count(x.NotFinite), Bad: count(x.Bad),
		},
	}
	if f.Count > 0 {
		m.Mean, m.Minimum, m.Maximum = &f.Mean, &f.Min, &f.Max
	}
	if f.Count > 1 {
		m.StandardDeviation = &f.Deviation
	}
	return m
}

// Bin returns the message of a bin.
func Bin(b statistics.Bin) *taktv1.ComputeStatisticsResponse_Bin {
	return &taktv1.ComputeStatisticsResponse_Bin{Lower: b.Lower, Upper: b.Upper, Count: count(b.Count)}
}

func count(n int) uint64 { return uint64(n) } //nolint:gosec // a count is never negative

// LedgerEntry returns the message of an entry of the ledger.
func LedgerEntry(e store.LedgerEntry) *taktv1.LedgerEntry {
	return &taktv1.LedgerEntry{
		Source: []byte(e.Source), Hour: Time(e.Hour), Received: e.Received(), Stored: e.Stored, Duplicates: e.Duplicates,
		Quarantined: e.Quarantined, Refused: e.Refused,
	}
}

// maxGaps is how many gaps of an epoch are listed.
const maxGaps = 1000

// SourceEpoch returns the message of one epoch of a source.
func SourceEpoch(e store.SourceEpoch) *taktv1.Source_Epoch {
	m := &taktv1.Source_Epoch{Epoch: uint64(e.Epoch), First: uint64(e.First), Last: uint64(e.Last), Missing: e.Missing}
	for _, g := range e.Gaps[:min(len(e.Gaps), maxGaps)] {
		m.Gaps = append(m.Gaps, &taktv1.Source_Gap{First: uint64(g[0]), Last: uint64(g[1])})
	}
	return m
}

// QuarantinedRecord returns the message of a record in quarantine, with its
// event's bytes where withBytes.
func QuarantinedRecord(q store.QuarantinedRecord, withBytes bool) (*taktv1.QuarantinedRecord, error) {
	record, err := Record(&q.Record)
	if !withBytes && record != nil {
		record.Event = nil
	}
	return &taktv1.QuarantinedRecord{
		Name: fmt.Sprintf("quarantinedRecords/%d", q.Position), Position: uint64(q.Position), RecordTime: Time(q.RecordTime),
		Status: Status(q.Err()).Proto(), Record: record,
	}, err
}

// EquipmentName returns the resource name of a piece of equipment.
func EquipmentName(id mes.EquipmentID) string { return "equipment/" + id.String() }

// Equipment returns the message of a piece of equipment.
func Equipment(q store.Equipment) *taktv1.Equipment {
	m := &taktv1.Equipment{
		Name: EquipmentName(q.ID), Id: []byte(q.ID), DisplayName: q.DisplayName, Known: q.Known, Events: q.Events,
		LastEventTime: Time(q.LastEventTime),
	}
	for _, s := range q.Slots {
		slot := &taktv1.Equipment_Slot{Slot: s.Slot, Since: Time(s.Since)}
		if s.Material != (mes.Thing{}) {
			slot.Lot = s.Material.String()
		}
		m.Slots = append(m.Slots, slot)
	}
	return m
}
