package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// The structure says what the record says.
func TestStructure(t *testing.T) {
	for _, r := range take(small(t), 2000) {
		v, err := valuesOf(r.Event)
		if err != nil {
			t.Fatal(err)
		}
		got := v.structure(uint32(r.Identity.Sequence))
		if diff := cmp.Diff(structureOf(&r), got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", r.Identity, diff)
		}
	}
}

// structureOf makes the structure of a record from its event, and not by way of
// the tags.
func structureOf(r *line.Record) recordStructure {
	e := r.Event
	s := recordStructure{
		Sequence:  uint32(r.Identity.Sequence),
		EventTime: e.EventTime,
		StartTime: e.StartTime,
		Equipment: string(e.Equipment),
		Segment:   e.ProcessSegment,
		JobOrder:  string(e.JobOrder),
		Recipe:    recipeStructure{Name: e.Recipe.Name, Version: e.Recipe.Version},
		Operator:  string(e.Operator),
		Mode:      int32(e.Mode),
	}
	switch f := e.Fact.(type) {
	case *mes.Work:
		s.Kind = config.KindWork
		for _, subject := range f.Subjects {
			s.Subjects = append(s.Subjects, subjectStructure{Kind: int32(subject.Kind), ID: string(subject.ID), Definition: subject.MaterialDefinition})
		}
		s.Disposition, s.Attempt = int32(f.Disposition), f.Attempt
		if f.Measurements != nil {
			s.Values = f.Measurements.Values
		}
		for _, d := range f.Defects {
			s.Defects = append(s.Defects, defectStructure{Code: d.Code, Place: d.Place})
		}
		for _, tool := range f.Tools {
			s.Tools = append(s.Tools, toolStructure{ID: string(tool.ID), Count: uint32(tool.Count)})
		}
		s.Carrier, s.Place = string(f.Carrier), f.Place
	case *mes.CoilGeometry:
		s.Kind = config.KindCoil
	case *mes.SlotChange:
		s.Kind = config.KindSlot
	case *mes.Placement:
		s.Kind = config.KindPlacement
	case *mes.AliasBinding:
		s.Kind = config.KindAlias
	case *mes.LotReport:
		s.Kind = config.KindLot
	case *mes.EquipmentReport:
		s.Kind = config.KindEquipment
	}
	return s
}
