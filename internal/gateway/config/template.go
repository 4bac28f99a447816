package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// Template says how a station's tags become events. Tags are node ids as
// `p;s={block}.Ready`: a short name of the PLC's namespaces, then the id, with
// the station's vars in braces. Ids in namespace 0 are written as `i=2258`.
type Template struct {
	// Pattern is how records are handed over: handshake_seq, for which the PLC
	// writes a record, raises Ready to its number, and keeps it until Ack is that
	// number.
	Pattern string `yaml:"pattern"`
	// Ready is the tag that is raised to the record's number.
	Ready string `yaml:"ready"`
	// Ack is the tag that the gateway raises to it when the record is safe.
	Ack string `yaml:"ack"`
	// Seq is the number within the record, which must be the same before and
	// after it is read; Ready stands for it where empty.
	Seq string `yaml:"seq,omitempty"`
	// Kind is the tag that says which of Records this one is; there is but one
	// where empty.
	Kind string `yaml:"kind,omitempty"`
	// Records are the shapes of records.
	Records []Record `yaml:"records"`
}

// Record is one shape of a station's records.
type Record struct {
	// Kind is the number that the kind tag has for it.
	Kind int64 `yaml:"kind,omitempty"`
	// Fields say where each field of the event comes from, by its path in
	// takt.v1.Event: `work.subjects[].id`. A `[]` walks array tags in step.
	Fields map[string]Field `yaml:"fields"`
}

// Padding is what a PLC fills strings of fixed length with.
type Padding string

// The paddings.
const (
	// PaddingNone leaves strings as they come.
	PaddingNone Padding = ""
	// PaddingSpace takes spaces off the end.
	PaddingSpace Padding = "space"
	// PaddingNUL takes NUL bytes off the end.
	PaddingNUL Padding = "nul"
)

// Field is where a field of an event comes from: one tag, several scalar tags
// (for measurements), or a constant. In the file it is the tag itself, a list of
// tags, or a mapping with `tag` or `const`.
type Field struct {
	// Tag is a node id.
	Tag string
	// Tags are node ids of scalars, which together are the measured values.
	Tags []string
	// Const is a value that stands in every record (and in every row), in the
	// way that it is written in protobuf's JSON; vars are replaced in it.
	Const string
	// Codes translate the tag's numbers into an enumeration's names. A record
	// with a number that has none goes to the server's quarantine.
	Codes map[int64]string
	// Scale is the power of ten that an integer tag counts in, as −6 for
	// millionths.
	Scale int32
	// Padding is taken off the tag's strings.
	Padding Padding
}

// Tag returns a Field that is one tag.
func Tag(tag string) Field { return Field{Tag: tag} }

// Const returns a Field that is always the same value.
func Const(value string) Field { return Field{Const: value} }

// Paths returns the paths of the record's fields in order.
func (r Record) Paths() []string { return slices.Sorted(maps.Keys(r.Fields)) }

// Expand puts a station's vars into a tag or a constant.
func Expand(s string, vars map[string]string) (string, error) {
	var b strings.Builder
	for rest := s; ; {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return "", mes.Errorf(mes.CodeInvalid, "%q has a { without a }", s)
		}
		value, ok := vars[name]
		if !ok {
			return "", mes.Errorf(mes.CodeInvalid, "%q needs {%s}, which is not among the station's vars%s", s, name, DidYouMean(name, maps.Keys(vars)))
		}
		b.WriteString(value)
		rest = tail
	}
}

// SplitTag splits a node id into the short name of its namespace, empty for
// namespace 0, and the id within it.
func SplitTag(tag string) (namespace, id string, err error) {
	namespace, id, ok := strings.Cut(tag, ";")
	if !ok {
		namespace, id = "", tag
	}
	if strings.HasPrefix(namespace, "ns=") {
		return "", "", mes.Errorf(mes.CodeInvalid, "%q names its namespace by an index, which moves when the PLC is loaded anew; write its short name from namespaces, as 'p;%s'", tag, id)
	}
	if typ, value, ok := strings.Cut(id, "="); !ok || !slices.Contains([]string{"i", "s", "g", "b"}, typ) || value == "" {
		return "", "", mes.Errorf(mes.CodeInvalid, "%q is no node id; write 'p;s=NAME', p being a short name from namespaces", tag)
	}
	return namespace, id, nil
}

// fieldFile is a Field as a mapping in the file.
type fieldFile struct {
	Tag     string           `yaml:"tag,omitempty"`
	Const   string           `yaml:"const,omitempty"`
	Codes   map[int64]string `yaml:"codes,omitempty"`
	Scale   int32            `yaml:"scale,omitempty"`
	Padding Padding          `yaml:"padding,omitempty"`
}

// MarshalYAML is goccy's.
func (f Field) MarshalYAML() (any, error) {
	switch {
	case len(f.Tags) > 0:
		return f.Tags, nil
	case f.Tag != "" && f.Codes == nil && f.Scale == 0 && f.Padding == "":
		return f.Tag, nil
	}
	return fieldFile{f.Tag, f.Const, f.Codes, f.Scale, f.Padding}, nil
}

// UnmarshalYAML is goccy's.
func (f *Field) UnmarshalYAML(decode func(any) error) error {
	var shape any
	if err := decode(&shape); err != nil {
		return err
	}
	switch shape.(type) {
	case string:
		return decode(&f.Tag)
	case []any:
		return decode(&f.Tags)
	}
	var file fieldFile
	if err := decode(&file); err != nil {
		return err
	}
	*f = Field{Tag: file.Tag, Const: file.Const, Codes: file.Codes, Scale: file.Scale, Padding: file.Padding}
	return nil
}

func (f Field) validate() error {
	given := 0
	for _, ok := range []bool{f.Tag != "", len(f.Tags) > 0, f.Const != ""} {
		if ok {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("must be one tag, a list of tags, or {const: …}")
	case f.Tag == "" && (f.Codes != nil || f.Scale != 0 || f.Padding != ""):
		return errors.New("has codes, scale or padding, which belong to a tag")
	case f.Padding != "" && f.Padding != PaddingSpace && f.Padding != PaddingNUL:
		return fmt.Errorf("has the padding %q; it must be space or nul", f.Padding)
	case f.Scale < -18 || f.Scale > 18:
		return fmt.Errorf("has the scale %d; −18 to 18 are taken", f.Scale)
	}
	return nil
}

// tags returns the field's node ids.
func (f Field) tags() []string {
	if f.Tag != "" {
		return []string{f.Tag}
	}
	return f.Tags
}
