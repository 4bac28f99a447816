package web

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// classOf says how a disposition looks.
func classOf(d taktv1.Disposition) string {
	switch d {
	case taktv1.Disposition_DISPOSITION_UNSPECIFIED:
		return ""
	case taktv1.Disposition_DISPOSITION_CONFORMANT:
		return "good"
	case taktv1.Disposition_DISPOSITION_SCRAP:
		return "bad"
	default:
		return "warn"
	}
}

// describe says in a few words what an event states.
func describe(e *taktv1.Event) []span {
	var spans []span
	add := func(more ...span) {
		for _, sp := range more {
			if sp.Text != "" {
				spans = append(spans, sp)
			}
		}
	}
	say := func(texts ...string) {
		for _, t := range texts {
			add(span{Text: mes.Printable(t)})
		}
	}
	switch f := e.GetFact().(type) {
	case *taktv1.Event_Work:
		add(span{Text: word(f.Work.GetDisposition()), Class: classOf(f.Work.GetDisposition())})
		for _, d := range f.Work.GetDefects() {
			say(d.GetCode(), d.GetPlace())
		}
		if len(spans) == 0 {
			say("work")
		}
	case *taktv1.Event_CoilGeometry:
		coil := mes.Thing{Kind: mes.RefLot, ID: mes.ID(f.CoilGeometry.GetCoil())}
		add(span{Text: "coil"}, thing(coil.String()), span{Text: metres(f.CoilGeometry.GetLengthMicrometres()) + "\u00a0m"})
	case *taktv1.Event_SlotChange:
		say(word(f.SlotChange.GetAction()), f.SlotChange.GetSlot())
		add(ref(f.SlotChange.GetMaterial()), span{Text: quantity(f.SlotChange.GetRemaining())})
	case *taktv1.Event_Placement:
		placed(f.Placement, add)
	case *taktv1.Event_AliasBinding:
		add(ref(f.AliasBinding.GetItem()))
		say("is", f.AliasBinding.GetAliasKind())
		add(span{Text: id(f.AliasBinding.GetValue()), Class: refClass(mes.ID(f.AliasBinding.GetValue()))})
	case *taktv1.Event_LotReport:
		add(span{Text: "lot"}, ref(f.LotReport.GetLot()))
		say(word(f.LotReport.GetStatus()), quantity(f.LotReport.GetQuantity()))
	case *taktv1.Event_EquipmentReport:
		say(word(f.EquipmentReport.GetTopic()), f.EquipmentReport.GetCode(), f.EquipmentReport.GetMessage())
	case *taktv1.Event_Verdict:
		say(f.Verdict.GetQuestion(), word(f.Verdict.GetAnswer()), f.Verdict.GetReason())
	case *taktv1.Event_Decision:
		say(word(f.Decision.GetKind()), f.Decision.GetWhy())
	case *taktv1.Event_Correction:
		say("withdraws", identity(f.Correction.GetWithdraws()), f.Correction.GetReason())
	case *taktv1.Event_SourceFact:
		say(word(f.SourceFact.GetTopic()), id(f.SourceFact.GetSource()), f.SourceFact.GetEvidence())
	case *taktv1.Event_MasterData:
		say("revision", f.MasterData.GetRevision(), "of", f.MasterData.GetResource())
	default:
		say("nothing that this version of takt knows")
	}
	return spans
}

// happened says what an event was to an item: the event, seen from its side.
func happened(e *taktv1.GetItemRecordResponse_Entry, item []byte) []span {
	event := e.GetEvent().GetEvent()
	p := event.GetPlacement()
	switch role := e.GetRole(); {
	case role == taktv1.GetItemRecordResponse_ROLE_CHILD && p != nil:
		spans := []span{{Text: "into"}, ref(p.GetParent())}
		if p.GetAction() == taktv1.Placement_ACTION_DELETE {
			spans[0].Text = "out of"
		}
		for _, child := range p.GetChildren() {
			if bytes.Equal(child.GetRef().GetId(), item) && child.GetPlace() != "" {
				spans = append(spans, span{Text: "place " + mes.Printable(child.GetPlace())})
			}
		}
		return spans
	case role == taktv1.GetItemRecordResponse_ROLE_NAMED && bytes.Equal(event.GetAliasBinding().GetItem().GetId(), item):
		return describe(event)[1:]
	case role == taktv1.GetItemRecordResponse_ROLE_SUBJECT, role == taktv1.GetItemRecordResponse_ROLE_MENTIONED, role == taktv1.GetItemRecordResponse_ROLE_PARENT:
		return describe(event)
	default:
		return append([]span{{Text: word(role) + ":", Class: "quiet"}}, describe(event)...)
	}
}

// placed says what went into what, or out of it.
func placed(p *taktv1.Placement, add func(...span)) {
	direction, what := "into", span{Text: strconv.Itoa(len(p.GetChildren())) + " things"}
	if p.GetAction() == taktv1.Placement_ACTION_DELETE {
		direction = "out of"
	}
	switch children := p.GetChildren(); len(children) {
	case 0:
		what.Text = "everything"
	case 1:
		what = ref(children[0].GetRef())
	}
	add(what, span{Text: direction}, ref(p.GetParent()))
}

func identity(i *taktv1.Identity) string {
	return fmt.Sprintf("%s:%d:%d", id(i.GetSource()), i.GetEpoch(), i.GetSequence())
}

// value is one measured value as it is shown.
type value struct {
	Characteristic, Text, Unit, Quality string
	// LSL and USL are the limits by which it was judged; empty where there are none.
	LSL, USL string
}

// measured names an event's values by their schema; a value without a name shows
// its place in brackets.
func measured(e *taktv1.Event, schemas map[mes.SchemaID]*taktv1.Schema) []value {
	m := wire.Measurements(e)
	columns := schemas[mes.SchemaID(m.GetSchema())].GetColumns()
	values := make([]value, len(m.GetValues()))
	for i, v := range m.GetValues() {
		values[i] = value{Characteristic: fmt.Sprintf("[%d]", i), Text: number(v)}
		if i < len(columns) {
			c := columns[i]
			values[i].Characteristic, values[i].Unit = mes.Printable(c.GetCharacteristic()), unit(c.GetUnit())
			if c.LowerSpecLimit != nil {
				values[i].LSL = number(c.GetLowerSpecLimit())
			}
			if c.UpperSpecLimit != nil {
				values[i].USL = number(c.GetUpperSpecLimit())
			}
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			values[i].Quality = "bad"
		}
	}
	for _, n := range m.GetNotes() {
		if i := int(n.GetIndex()); i < len(values) && n.GetQuality() != 0 {
			values[i].Quality = word(n.GetQuality())
		}
	}
	return values
}
