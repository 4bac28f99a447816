package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/awcullen/opcua/ua"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// tag is a variable of the standard block.
type tag struct {
	name string
	// kind is the fact that it belongs to, 0 for all.
	kind int32
	// zero is its value where a record says nothing, and with it its type.
	zero ua.Variant
}

// The zeros of each type.
var (
	zeroUInt32   = ua.Variant(uint32(0))
	zeroInt32    = ua.Variant(int32(0))
	zeroInt64    = ua.Variant(int64(0))
	zeroString   = ua.Variant("")
	zeroBoolean  = ua.Variant(false)
	zeroDateTime = ua.Variant(time.Time{})
	noUInt32s    = ua.Variant([]uint32{})
	noInt32s     = ua.Variant([]int32{})
	noInt64s     = ua.Variant([]int64{})
	noDoubles    = ua.Variant([]float64{})
	noStrings    = ua.Variant([]string{})
)

// Names of the tags of the handshake.
const (
	tagReady = "Ready"
	tagAck   = "Ack"
	tagSeq   = "Seq"
	tagKind  = "Kind"
)

// handshake are the tags that no record fills.
var handshake = []tag{{tagReady, 0, zeroUInt32}, {tagAck, 0, zeroUInt32}, {tagSeq, 0, zeroUInt32}}

// tags are those that a record fills.
var tags = []tag{
	{tagKind, 0, zeroInt32},
	{"Time", 0, zeroDateTime},
	{"Start", 0, zeroDateTime},
	{"Equipment", 0, zeroString},
	{"Segment", 0, zeroString},
	{"JobOrder", 0, zeroString},
	{"RecipeName", 0, zeroString},
	{"RecipeVersion", 0, zeroString},
	{"Operator", 0, zeroString},
	{"Mode", 0, zeroInt32},

	{"SubjectKind", config.KindWork, noInt32s},
	{"SubjectId", config.KindWork, noStrings},
	{"SubjectDef", config.KindWork, noStrings},
	{"Disposition", config.KindWork, zeroInt32},
	{"Attempt", config.KindWork, zeroUInt32},
	{"Values", config.KindWork, noDoubles},
	{"DefectCode", config.KindWork, noStrings},
	{"DefectPlace", config.KindWork, noStrings},
	{"ToolId", config.KindWork, noStrings},
	{"ToolCount", config.KindWork, noUInt32s},
	{"Carrier", config.KindWork, zeroString},
	{"Place", config.KindWork, zeroString},
	{"ConKind", config.KindWork, noInt32s},
	{"ConId", config.KindWork, noStrings},
	{"ConDef", config.KindWork, noStrings},
	{"ConSlot", config.KindWork, noStrings},
	{"ConQty", config.KindWork, noInt64s},
	{"ConUnit", config.KindWork, noStrings},
	{"ConLane", config.KindWork, noUInt32s},
	{"ConFrom", config.KindWork, noInt64s},
	{"ConTo", config.KindWork, noInt64s},
	{"ConDelta", config.KindWork, noInt64s},
	{"ProKind", config.KindWork, noInt32s},
	{"ProId", config.KindWork, noStrings},
	{"ProDef", config.KindWork, noStrings},
	{"ProSlot", config.KindWork, noStrings},
	{"ProQty", config.KindWork, noInt64s},
	{"ProUnit", config.KindWork, noStrings},
	{"ProLane", config.KindWork, noUInt32s},
	{"ProFrom", config.KindWork, noInt64s},
	{"ProTo", config.KindWork, noInt64s},
	{"ProDelta", config.KindWork, noInt64s},

	{"Coil", config.KindCoil, zeroString},
	{"Length", config.KindCoil, zeroInt64},
	{"Lanes", config.KindCoil, zeroUInt32},
	{"Winding", config.KindCoil, zeroInt32},
	{"StartScrap", config.KindCoil, zeroInt64},
	{"CutAt", config.KindCoil, noInt64s},
	{"CutLength", config.KindCoil, noInt64s},
	{"CutCode", config.KindCoil, noStrings},
	{"SpliceAt", config.KindCoil, noInt64s},
	{"SpliceNext", config.KindCoil, noStrings},
	{"MarkLane", config.KindCoil, noUInt32s},
	{"MarkFrom", config.KindCoil, noInt64s},
	{"MarkTo", config.KindCoil, noInt64s},
	{"MarkCode", config.KindCoil, noStrings},
	{"Elongation", config.KindCoil, zeroInt64},
	{"Parent", config.KindCoil, zeroString},
	{"ParentLane", config.KindCoil, zeroUInt32},

	{"SlotAction", config.KindSlot, zeroInt32},
	{"SlotName", config.KindSlot, zeroString},
	{"MatKind", config.KindSlot, zeroInt32},
	{"MatId", config.KindSlot, zeroString},
	{"MatDef", config.KindSlot, zeroString},
	{"RemQty", config.KindSlot, zeroInt64},
	{"RemUnit", config.KindSlot, zeroString},
	{"RemLane", config.KindSlot, zeroUInt32},
	{"RemFrom", config.KindSlot, zeroInt64},
	{"RemTo", config.KindSlot, zeroInt64},
	{"RemDelta", config.KindSlot, zeroInt64},

	{"PlaceAction", config.KindPlacement, zeroInt32},
	{"ParentKind", config.KindPlacement, zeroInt32},
	{"ParentId", config.KindPlacement, zeroString},
	{"ParentDef", config.KindPlacement, zeroString},
	{"ChildKind", config.KindPlacement, noInt32s},
	{"ChildId", config.KindPlacement, noStrings},
	{"ChildDef", config.KindPlacement, noStrings},
	{"ChildPlace", config.KindPlacement, noStrings},

	{"AliasItemKind", config.KindAlias, zeroInt32},
	{"AliasItemId", config.KindAlias, zeroString},
	{"AliasItemDef", config.KindAlias, zeroString},
	{"AliasKind", config.KindAlias, zeroString},
	{"AliasValue", config.KindAlias, zeroString},
	{"AliasReader", config.KindAlias, zeroString},

	{"LotKind", config.KindLot, zeroInt32},
	{"LotId", config.KindLot, zeroString},
	{"LotDef", config.KindLot, zeroString},
	{"LotStatus", config.KindLot, zeroInt32},
	{"Supplier", config.KindLot, zeroString},
	{"SupplierLot", config.KindLot, zeroString},
	{"LotQty", config.KindLot, zeroInt64},
	{"LotUnit", config.KindLot, zeroString},
	{"CertValues", config.KindLot, noDoubles},
	{"Expiry", config.KindLot, zeroDateTime},

	{"EqTopic", config.KindEquipment, zeroInt32},
	{"EqCode", config.KindEquipment, zeroString},
	{"EqActive", config.KindEquipment, zeroBoolean},
	{"EqMessage", config.KindEquipment, zeroString},
	{"EqToolId", config.KindEquipment, zeroString},
	{"EqToolCount", config.KindEquipment, zeroUInt32},
	{"EqValidUntil", config.KindEquipment, zeroDateTime},
}

// values are what a record says, by tag; a tag that is missing is zero.
type values map[string]ua.Variant

// valuesOf returns the tags of an event, and an error where it states something
// that the standard block has no tag for: it would arrive as another event.
func valuesOf(e *mes.Event) (values, error) {
	v := values{
		"Time":          e.EventTime,
		"Start":         e.StartTime,
		"Equipment":     string(e.Equipment),
		"Segment":       e.ProcessSegment,
		"JobOrder":      string(e.JobOrder),
		"RecipeName":    e.Recipe.Name,
		"RecipeVersion": e.Recipe.Version,
		"Operator":      string(e.Operator),
		"Mode":          int32(e.Mode),
	}
	var err error
	kind := int32(0)
	switch f := e.Fact.(type) {
	case *mes.Work:
		kind, err = config.KindWork, v.work(f)
	case *mes.CoilGeometry:
		kind, err = config.KindCoil, v.coil(f)
	case *mes.SlotChange:
		kind, err = config.KindSlot, v.slot(f)
	case *mes.Placement:
		kind = config.KindPlacement
		v.placement(f)
	case *mes.AliasBinding:
		kind = config.KindAlias
		v.ref("AliasItem", f.Item)
		v["AliasKind"], v["AliasValue"], v["AliasReader"] = f.AliasKind, string(f.Value), f.Reader
	case *mes.LotReport:
		kind, err = config.KindLot, v.lot(f)
	case *mes.EquipmentReport:
		kind, err = config.KindEquipment, v.equipment(f)
	default:
		err = fmt.Errorf("the standard block has no record of a %s", e.Fact.Kind())
	}
	v[tagKind] = kind
	return v, err
}

// add puts one more element into an array tag.
func add[T any](v values, name string, element T) {
	list, _ := v[name].([]T)
	v[name] = append(list, element)
}

func (v values) ref(prefix string, r mes.Ref) {
	v[prefix+"Kind"], v[prefix+"Id"], v[prefix+"Def"] = int32(r.Kind), string(r.ID), r.MaterialDefinition
}

func (v values) addRef(prefix string, r mes.Ref) {
	add(v, prefix+"Kind", int32(r.Kind))
	add(v, prefix+"Id", string(r.ID))
	add(v, prefix+"Def", r.MaterialDefinition)
}

func (v values) work(w *mes.Work) error {
	if w.Energy != nil || len(w.Attachments) > 0 {
		return errors.New("the standard block has no tag for energy and attachments")
	}
	for _, s := range w.Subjects {
		v.addRef("Subject", s)
	}
	v["Disposition"], v["Attempt"] = int32(w.Disposition), w.Attempt
	if err := v.measurements("Values", w.Measurements); err != nil {
		return err
	}
	for _, d := range w.Defects {
		add(v, "DefectCode", d.Code)
		add(v, "DefectPlace", d.Place)
	}
	for _, t := range w.Tools {
		count, err := narrow(t.Count)
		if err != nil {
			return fmt.Errorf("the count of the tool %s: %w", t.ID, err)
		}
		add(v, "ToolId", string(t.ID))
		add(v, "ToolCount", count)
	}
	v["Carrier"], v["Place"] = string(w.Carrier), w.Place
	for _, a := range w.Consumed {
		if err := v.actual("Con", a); err != nil {
			return err
		}
	}
	for _, a := range w.Produced {
		if err := v.actual("Pro", a); err != nil {
			return err
		}
	}
	return nil
}

func (v values) actual(prefix string, a mes.Actual) error {
	v.addRef(prefix, a.Ref)
	add(v, prefix+"Slot", a.Slot)
	millionths, unit, err := quantity(a.Quantity)
	if err != nil {
		return err
	}
	add(v, prefix+"Qty", millionths)
	add(v, prefix+"Unit", unit)
	i, err := interval(a.Interval)
	if err != nil {
		return err
	}
	add(v, prefix+"Lane", i.Lane)
	add(v, prefix+"From", int64(i.From))
	add(v, prefix+"To", int64(i.To))
	add(v, prefix+"Delta", int64(i.Delta))
	return nil
}

func (v values) coil(g *mes.CoilGeometry) error {
	v["Coil"], v["Length"], v["Lanes"] = string(g.Coil), int64(g.Length), g.Lanes
	v["Winding"], v["StartScrap"] = int32(g.Winding), int64(g.StartScrap)
	for _, c := range g.CutOuts {
		add(v, "CutAt", int64(c.At))
		add(v, "CutLength", int64(c.Length))
		add(v, "CutCode", c.Code)
	}
	for _, s := range g.Splices {
		add(v, "SpliceAt", int64(s.At))
		add(v, "SpliceNext", string(s.Next))
	}
	for _, m := range g.Marks {
		if m.Interval.Delta != 0 {
			return errors.New("the standard block has no tag for the delta of a mark")
		}
		add(v, "MarkLane", m.Interval.Lane)
		add(v, "MarkFrom", int64(m.Interval.From))
		add(v, "MarkTo", int64(m.Interval.To))
		add(v, "MarkCode", m.Code)
	}
	v["Elongation"], v["Parent"], v["ParentLane"] = g.Elongation, string(g.Parent), g.ParentLane
	return nil
}

func (v values) slot(s *mes.SlotChange) error {
	v["SlotAction"], v["SlotName"] = int32(s.Action), s.Slot
	v.ref("Mat", s.Material)
	millionths, unit, err := quantity(s.Remaining)
	if err != nil {
		return err
	}
	v["RemQty"], v["RemUnit"] = millionths, unit
	i, err := interval(s.Interval)
	if err != nil {
		return err
	}
	v["RemLane"], v["RemFrom"], v["RemTo"], v["RemDelta"] = i.Lane, int64(i.From), int64(i.To), int64(i.Delta)
	return nil
}

func (v values) placement(p *mes.Placement) {
	v["PlaceAction"] = int32(p.Action)
	v.ref("Parent", p.Parent)
	for _, c := range p.Children {
		v.addRef("Child", c.Ref)
		add(v, "ChildPlace", c.Place)
	}
}

func (v values) lot(l *mes.LotReport) error {
	if len(l.Attachments) > 0 {
		return errors.New("the standard block has no tag for attachments")
	}
	v.ref("Lot", l.Lot)
	v["LotStatus"], v["Supplier"], v["SupplierLot"] = int32(l.Status), l.Supplier, string(l.SupplierLot)
	millionths, unit, err := quantity(l.Quantity)
	if err != nil {
		return err
	}
	v["LotQty"], v["LotUnit"], v["Expiry"] = millionths, unit, l.ExpiryTime
	return v.measurements("CertValues", l.Certificate)
}

func (v values) equipment(r *mes.EquipmentReport) error {
	if r.Measurements != nil {
		return errors.New("the standard block has no tag for an equipment's measurements")
	}
	count, err := narrow(r.Tool.Count)
	if err != nil {
		return fmt.Errorf("the count of the tool %s: %w", r.Tool.ID, err)
	}
	v["EqTopic"], v["EqCode"], v["EqActive"], v["EqMessage"] = int32(r.Topic), r.Code, r.Active, r.Message
	v["EqToolId"], v["EqToolCount"], v["EqValidUntil"] = string(r.Tool.ID), count, r.ValidUntil
	return nil
}

func (v values) measurements(name string, m *mes.Measurements) error {
	switch {
	case m == nil:
		return nil
	case len(m.Notes) > 0:
		return fmt.Errorf("the standard block has no tag for the notes of %s", name)
	case len(m.Values) == 0:
		return fmt.Errorf("%s has a schema and no values, which cannot be told from none", name)
	}
	v[name] = m.Values
	return nil
}

// quantity returns the millionths of a unit; both are zero where there is none.
func quantity(q *mes.Quantity) (millionths int64, unit string, err error) {
	if q == nil {
		return 0, "", nil
	}
	if q.Value == (mes.Decimal{}) && q.Unit == "" {
		return 0, "", errors.New("a quantity of nothing cannot be told from none")
	}
	millionths = q.Value.Coefficient
	exponent := q.Value.Exponent + 6
	for ; exponent > 0; exponent-- {
		if millionths*10/10 != millionths {
			return 0, "", fmt.Errorf("%s is too much for millionths", q)
		}
		millionths *= 10
	}
	if exponent < 0 {
		return 0, "", fmt.Errorf("%s is finer than millionths", q)
	}
	return millionths, q.Unit, nil
}

func interval(i *mes.Interval) (mes.Interval, error) {
	switch {
	case i == nil:
		return mes.Interval{}, nil
	case *i == mes.Interval{}:
		return mes.Interval{}, errors.New("an interval of nothing cannot be told from none")
	}
	return *i, nil
}

func narrow(n uint64) (uint32, error) {
	if n > 1<<32-1 {
		return 0, fmt.Errorf("%d does not fit into the tag", n)
	}
	return uint32(n), nil
}
