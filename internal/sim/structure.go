package sim

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"
)

// tagRecord is the tag that shows a record as one structure. The gateway does not
// need it: it is for clients that would rather have one value than many.
const tagRecord = "Record"

// recordStructure is a record as one value. What a record of another kind than
// work says of itself has tags alone. A field is called as in Go, or as its tag
// `ua` says.
type recordStructure struct {
	Sequence    uint32
	Kind        int32
	EventTime   time.Time
	StartTime   time.Time
	Equipment   string
	Segment     string
	JobOrder    string
	Recipe      recipeStructure
	Operator    string
	Mode        int32
	Subjects    []subjectStructure
	Disposition int32
	Attempt     uint32
	Values      []float64
	Defects     []defectStructure
	Tools       []toolStructure
	Carrier     string
	Place       string
}

type recipeStructure struct {
	Name    string
	Version string
}

type subjectStructure struct {
	Kind       int32
	ID         string `ua:"Id"`
	Definition string
}

type defectStructure struct {
	Code  string
	Place string
}

type toolStructure struct {
	ID    string `ua:"Id"`
	Count uint32
}

// structure returns a record as the tags have it.
func (v values) structure(number uint32) recordStructure {
	r := recordStructure{
		Sequence:    number,
		Kind:        get[int32](v, tagKind),
		EventTime:   get[time.Time](v, "Time"),
		StartTime:   get[time.Time](v, "Start"),
		Equipment:   get[string](v, "Equipment"),
		Segment:     get[string](v, "Segment"),
		JobOrder:    get[string](v, "JobOrder"),
		Recipe:      recipeStructure{Name: get[string](v, "RecipeName"), Version: get[string](v, "RecipeVersion")},
		Operator:    get[string](v, "Operator"),
		Mode:        get[int32](v, "Mode"),
		Disposition: get[int32](v, "Disposition"),
		Attempt:     get[uint32](v, "Attempt"),
		Values:      get[[]float64](v, "Values"),
		Carrier:     get[string](v, "Carrier"),
		Place:       get[string](v, "Place"),
	}
	kinds, definitions := get[[]int32](v, "SubjectKind"), get[[]string](v, "SubjectDef")
	for i, id := range get[[]string](v, "SubjectId") {
		r.Subjects = append(r.Subjects, subjectStructure{Kind: kinds[i], ID: id, Definition: definitions[i]})
	}
	places := get[[]string](v, "DefectPlace")
	for i, code := range get[[]string](v, "DefectCode") {
		r.Defects = append(r.Defects, defectStructure{Code: code, Place: places[i]})
	}
	counts := get[[]uint32](v, "ToolCount")
	for i, id := range get[[]string](v, "ToolId") {
		r.Tools = append(r.Tools, toolStructure{ID: id, Count: counts[i]})
	}
	return r
}

// get returns the value of a tag, zero where the record says nothing.
func get[T any](v values, name string) T {
	value, _ := v[name].(T)
	return value
}

// dataType is a structured DataType of the namespace.
type dataType struct {
	name string
	// node and encoding are the ids of the type and of how it is encoded. They
	// are numbers, since a block may have any name.
	node, encoding uint32
	typ            reflect.Type
}

// dataTypes are all of them, those that others consist of first.
var dataTypes = []dataType{
	{"Recipe", 1, 101, reflect.TypeFor[recipeStructure]()},
	{"Subject", 2, 102, reflect.TypeFor[subjectStructure]()},
	{"Defect", 3, 103, reflect.TypeFor[defectStructure]()},
	{"Tool", 4, 104, reflect.TypeFor[toolStructure]()},
	{"Record", 5, 105, reflect.TypeFor[recordStructure]()},
}

// registerDataTypes tells the library how the structures are encoded. It has one
// registry for all servers of a process; the ids name the namespace by its URI
// and so hold for each of them.
var registerDataTypes = sync.OnceFunc(func() {
	for _, d := range dataTypes {
		ua.RegisterBinaryEncodingID(d.typ, ua.ExpandedNodeID{NamespaceURI: Namespace, NodeID: ua.NewNodeIDNumeric(0, d.encoding)})
	}
})

// addDataTypes adds the DataTypes with their definitions, from which a client
// that has never heard of Takt can decode a record.
func addDataTypes(srv *server.Server, ns uint16) error {
	registerDataTypes()
	for _, d := range dataTypes {
		id := ua.NewNodeIDNumeric(ns, d.node)
		encoding := ua.NewNodeIDNumeric(ns, d.encoding)
		fields := make([]ua.StructureField, d.typ.NumField())
		for i := range fields {
			f := d.typ.Field(i)
			name := f.Name
			if written := f.Tag.Get("ua"); written != "" {
				name = written
			}
			dataType, rank := typeOf(f.Type, ns)
			fields[i] = ua.StructureField{Name: name, DataType: dataType, ValueRank: rank, ArrayDimensions: dimensionsOf(rank)}
		}
		err := srv.NamespaceManager().AddNodes(
			server.NewDataTypeNode(srv, id, ua.NewQualifiedName(ns, d.name), ua.NewLocalizedText(d.name, ""), ua.LocalizedText{}, nil, []ua.Reference{
				ua.NewReference(ua.ReferenceTypeIDHasSubtype, true, ua.NewExpandedNodeID(ua.DataTypeIDStructure)),
			}, false, ua.StructureDefinition{
				DefaultEncodingID: encoding,
				BaseDataType:      ua.DataTypeIDStructure,
				StructureType:     ua.StructureTypeStructure,
				Fields:            fields,
			}),
			server.NewObjectNode(srv, encoding, ua.NewQualifiedName(0, "Default Binary"), ua.NewLocalizedText("Default Binary", ""), ua.LocalizedText{}, nil, []ua.Reference{
				ua.NewReference(ua.ReferenceTypeIDHasTypeDefinition, false, ua.NewExpandedNodeID(ua.ObjectTypeIDDataTypeEncodingType)),
				ua.NewReference(ua.ReferenceTypeIDHasEncoding, true, ua.NewExpandedNodeID(id)),
			}, 0),
		)
		if err != nil {
			return fmt.Errorf("add DataType %s: %w", d.name, err)
		}
	}
	return nil
}

// typeOf returns the OPC UA type of a Go type.
func typeOf(t reflect.Type, ns uint16) (id ua.NodeID, rank int32) {
	rank = ua.ValueRankScalar
	if t.Kind() == reflect.Slice {
		t, rank = t.Elem(), ua.ValueRankOneDimension
	}
	for _, d := range dataTypes {
		if d.typ == t {
			return ua.NewNodeIDNumeric(ns, d.node), rank
		}
	}
	switch reflect.Zero(t).Interface().(type) {
	case bool:
		return ua.DataTypeIDBoolean, rank
	case int32:
		return ua.DataTypeIDInt32, rank
	case uint32:
		return ua.DataTypeIDUInt32, rank
	case int64:
		return ua.DataTypeIDInt64, rank
	case float64:
		return ua.DataTypeIDDouble, rank
	case time.Time:
		return ua.DataTypeIDDateTime, rank
	default:
		return ua.DataTypeIDString, rank
	}
}

// dimensionsOf returns the lengths of an array that may have any.
func dimensionsOf(rank int32) []uint32 {
	if rank != ua.ValueRankOneDimension {
		return nil
	}
	return []uint32{0}
}
