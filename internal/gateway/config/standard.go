package config

// The numbers that the kind tag of the standard block has.
const (
	// KindWork is work on subjects.
	KindWork = 1 + iota
	// KindCoil is the geometry of a coil.
	KindCoil
	// KindSlot is material that goes on or off a slot.
	KindSlot
	// KindPlacement is what goes into a carrier or comes out.
	KindPlacement
	// KindAlias is a name that was bound.
	KindAlias
	// KindLot is a lot that was received, released or rejected.
	KindLot
	// KindEquipment is what the equipment says of itself.
	KindEquipment
)

// StandardBlock is the template of Takt's own record block: variables named
// `{block}.Tag` in a namespace with the short name p. The simulated line speaks
// it, and a PLC that is programmed for Takt may.
func StandardBlock() Template {
	tag := func(name string) string { return "p;s={block}." + name }
	micro := func(name string) Field { return Field{Tag: tag(name), Scale: -6} }
	record := func(kind int64, fields map[string]Field) Record {
		for path, name := range map[string]string{
			"event_time":      "Time",
			"start_time":      "Start",
			"equipment":       "Equipment",
			"process_segment": "Segment",
			"job_order":       "JobOrder",
			"recipe.name":     "RecipeName",
			"recipe.version":  "RecipeVersion",
			"operator":        "Operator",
			"mode":            "Mode",
		} {
			fields[path] = Tag(tag(name))
		}
		return Record{Kind: kind, Fields: fields}
	}
	t := Template{
		Pattern: PatternHandshakeSeq,
		Ready:   tag("Ready"),
		Ack:     tag("Ack"),
		Seq:     tag("Seq"),
		Kind:    tag("Kind"),
	}
	work := map[string]Field{
		"work.subjects[].kind":                Tag(tag("SubjectKind")),
		"work.subjects[].id":                  Tag(tag("SubjectId")),
		"work.subjects[].material_definition": Tag(tag("SubjectDef")),
		"work.disposition":                    Tag(tag("Disposition")),
		"work.attempt":                        Tag(tag("Attempt")),
		"work.measurements":                   Tag(tag("Values")),
		"work.defects[].code":                 Tag(tag("DefectCode")),
		"work.defects[].place":                Tag(tag("DefectPlace")),
		"work.tools[].id":                     Tag(tag("ToolId")),
		"work.tools[].count":                  Tag(tag("ToolCount")),
		"work.carrier":                        Tag(tag("Carrier")),
		"work.place":                          Tag(tag("Place")),
	}
	for list, prefix := range map[string]string{"consumed": "Con", "produced": "Pro"} {
		work["work."+list+"[].ref.kind"] = Tag(tag(prefix + "Kind"))
		work["work."+list+"[].ref.id"] = Tag(tag(prefix + "Id"))
		work["work."+list+"[].ref.material_definition"] = Tag(tag(prefix + "Def"))
		work["work."+list+"[].slot"] = Tag(tag(prefix + "Slot"))
		work["work."+list+"[].quantity.value"] = micro(prefix + "Qty")
		work["work."+list+"[].quantity.unit"] = Tag(tag(prefix + "Unit"))
		work["work."+list+"[].interval.lane"] = Tag(tag(prefix + "Lane"))
		work["work."+list+"[].interval.from_micrometres"] = Tag(tag(prefix + "From"))
		work["work."+list+"[].interval.to_micrometres"] = Tag(tag(prefix + "To"))
		work["work."+list+"[].interval.delta_micrometres"] = Tag(tag(prefix + "Delta"))
	}
	t.Records = append(t.Records, record(KindWork, work))
	t.Records = append(t.Records, record(KindCoil, map[string]Field{
		"coil_geometry.coil":                              Tag(tag("Coil")),
		"coil_geometry.length_micrometres":                Tag(tag("Length")),
		"coil_geometry.lanes":                             Tag(tag("Lanes")),
		"coil_geometry.winding":                           Tag(tag("Winding")),
		"coil_geometry.start_scrap_micrometres":           Tag(tag("StartScrap")),
		"coil_geometry.cut_outs[].at_micrometres":         Tag(tag("CutAt")),
		"coil_geometry.cut_outs[].length_micrometres":     Tag(tag("CutLength")),
		"coil_geometry.cut_outs[].code":                   Tag(tag("CutCode")),
		"coil_geometry.splices[].at_micrometres":          Tag(tag("SpliceAt")),
		"coil_geometry.splices[].next":                    Tag(tag("SpliceNext")),
		"coil_geometry.marks[].interval.lane":             Tag(tag("MarkLane")),
		"coil_geometry.marks[].interval.from_micrometres": Tag(tag("MarkFrom")),
		"coil_geometry.marks[].interval.to_micrometres":   Tag(tag("MarkTo")),
		"coil_geometry.marks[].code":                      Tag(tag("MarkCode")),
		"coil_geometry.elongation_ppm":                    Tag(tag("Elongation")),
		"coil_geometry.parent":                            Tag(tag("Parent")),
		"coil_geometry.parent_lane":                       Tag(tag("ParentLane")),
	}))
	t.Records = append(t.Records, record(KindSlot, map[string]Field{
		"slot_change.action":                       Tag(tag("SlotAction")),
		"slot_change.slot":                         Tag(tag("SlotName")),
		"slot_change.material.kind":                Tag(tag("MatKind")),
		"slot_change.material.id":                  Tag(tag("MatId")),
		"slot_change.material.material_definition": Tag(tag("MatDef")),
		"slot_change.remaining.value":              micro("RemQty"),
		"slot_change.remaining.unit":               Tag(tag("RemUnit")),
		"slot_change.interval.lane":                Tag(tag("RemLane")),
		"slot_change.interval.from_micrometres":    Tag(tag("RemFrom")),
		"slot_change.interval.to_micrometres":      Tag(tag("RemTo")),
		"slot_change.interval.delta_micrometres":   Tag(tag("RemDelta")),
	}))
	t.Records = append(t.Records, record(KindPlacement, map[string]Field{
		"placement.action":                             Tag(tag("PlaceAction")),
		"placement.parent.kind":                        Tag(tag("ParentKind")),
		"placement.parent.id":                          Tag(tag("ParentId")),
		"placement.parent.material_definition":         Tag(tag("ParentDef")),
		"placement.children[].ref.kind":                Tag(tag("ChildKind")),
		"placement.children[].ref.id":                  Tag(tag("ChildId")),
		"placement.children[].ref.material_definition": Tag(tag("ChildDef")),
		"placement.children[].place":                   Tag(tag("ChildPlace")),
	}))
	t.Records = append(t.Records, record(KindAlias, map[string]Field{
		"alias_binding.item.kind":                Tag(tag("AliasItemKind")),
		"alias_binding.item.id":                  Tag(tag("AliasItemId")),
		"alias_binding.item.material_definition": Tag(tag("AliasItemDef")),
		"alias_binding.alias_kind":               Tag(tag("AliasKind")),
		"alias_binding.value":                    Tag(tag("AliasValue")),
		"alias_binding.reader":                   Tag(tag("AliasReader")),
	}))
	t.Records = append(t.Records, record(KindLot, map[string]Field{
		"lot_report.lot.kind":                Tag(tag("LotKind")),
		"lot_report.lot.id":                  Tag(tag("LotId")),
		"lot_report.lot.material_definition": Tag(tag("LotDef")),
		"lot_report.status":                  Tag(tag("LotStatus")),
		"lot_report.supplier":                Tag(tag("Supplier")),
		"lot_report.supplier_lot":            Tag(tag("SupplierLot")),
		"lot_report.quantity.value":          micro("LotQty"),
		"lot_report.quantity.unit":           Tag(tag("LotUnit")),
		"lot_report.certificate":             Tag(tag("CertValues")),
		"lot_report.expiry_time":             Tag(tag("Expiry")),
	}))
	t.Records = append(t.Records, record(KindEquipment, map[string]Field{
		"equipment_report.topic":       Tag(tag("EqTopic")),
		"equipment_report.code":        Tag(tag("EqCode")),
		"equipment_report.active":      Tag(tag("EqActive")),
		"equipment_report.message":     Tag(tag("EqMessage")),
		"equipment_report.tool.id":     Tag(tag("EqToolId")),
		"equipment_report.tool.count":  Tag(tag("EqToolCount")),
		"equipment_report.valid_until": Tag(tag("EqValidUntil")),
	}))
	return t
}
