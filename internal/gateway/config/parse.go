package config

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/takt-mes/takt/internal/mes"
)

// PlaceError is what is wrong at one place of a gateway file. Validate returns it
// within its error, and Locate finds the place's line.
type PlaceError struct {
	// Path leads to the place: keys of mappings as strings, places in lists as
	// ints.
	Path []any
	// Message says what is wrong with it and what to do.
	Message string
}

// Error returns the path and the message.
func (p *PlaceError) Error() string { return p.place() + " " + p.Message }

// place returns the path as `plcs[0].stations[2].source`.
func (p *PlaceError) place() string {
	var b strings.Builder
	for _, step := range p.Path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if strings.ContainsAny(step, ".[]") {
				fmt.Fprintf(&b, "[%q]", step)
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// At returns the error of what is wrong at a place of a gateway file.
func At(path []any, format string, args ...any) error {
	p := &PlaceError{Path: path, Message: fmt.Errorf(format, args...).Error()}
	return mes.Errorf(mes.CodeInvalid, "%w", p).With("field", p.place())
}

// Parse reads a gateway file's content. An unknown key is refused, and every
// error says the line and the column.
func Parse(data []byte) (Config, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Config{}, position(err)
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return Config{}, at(firstOf(doc.Body).GetToken(), "there is more than one document in the file; a gateway file is one")
		}
		root = doc.Body
	}
	if root == nil {
		return Config{}, mes.Errorf(mes.CodeInvalid, "the gateway file is empty; it needs at least gateway.name and plcs")
	}
	if err := check(root, reflect.TypeFor[Config]()); err != nil {
		return Config{}, err
	}
	var c Config
	if err := yaml.NodeToValue(root, &c, yaml.Strict()); err != nil {
		return Config{}, position(err)
	}
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return Config{}, Locate(data, err)
	}
	return c, nil
}

// YAML returns the file that Parse reads as c.
func (c Config) YAML() ([]byte, error) {
	b, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write the gateway file: %w", err)
	}
	return b, nil
}

// Locate puts line and column before an error that holds a PlaceError in the
// file with this content. Other errors it returns as they are.
func Locate(data []byte, err error) error {
	p, ok := errors.AsType[*PlaceError](err)
	if !ok {
		return err
	}
	file, parseErr := parser.ParseBytes(data, 0)
	if parseErr != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return err
	}
	tok := find(file.Docs[0].Body, p.Path).GetToken()
	located := mes.Errorf(mes.CodeInvalid, "line %d, column %d: %w", tok.Position.Line, tok.Position.Column, err)
	return located.With("field", p.place()).With("line", strconv.Itoa(tok.Position.Line)).With("column", strconv.Itoa(tok.Position.Column))
}

// find follows a path as far as the file goes.
func find(node ast.Node, path []any) ast.Node {
	at := node
	for _, step := range path {
		node = inner(node)
		var next ast.Node
		switch step := step.(type) {
		case int:
			if seq, ok := node.(*ast.SequenceNode); ok && step < len(seq.Values) {
				next = seq.Values[step]
			}
		case string:
			for _, entry := range entries(node) {
				if entry.Key.GetToken().Value == step {
					next = entry.Value
				}
			}
		}
		if next == nil {
			return firstOf(at)
		}
		node, at = next, next
	}
	return firstOf(at)
}

// firstOf returns what a mapping begins with: its own token is the first colon.
func firstOf(node ast.Node) ast.Node {
	if list := entries(inner(node)); len(list) > 0 {
		return list[0].Key
	}
	return node
}

// inner returns what anchors and tags stand before.
func inner(node ast.Node) ast.Node {
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		default:
			return node
		}
	}
}

func entries(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// check refuses keys that the type does not have, and amounts that are none. The
// library would too; but it does not know which key was meant, nor where the
// amount stands.
func check(node ast.Node, t reflect.Type) error {
	node = inner(node)
	switch t {
	case reflect.TypeFor[Field]():
		t = reflect.TypeFor[fieldFile]()
	case reflect.TypeFor[Size]():
		if _, err := ParseSize(node.GetToken().Value); err != nil {
			return at(node.GetToken(), "%w", err)
		}
	case reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(node.GetToken().Value); err != nil {
			return at(node.GetToken(), "%q is no duration; write it as 100ms or 72h", node.GetToken().Value)
		}
	}
	if seq, ok := node.(*ast.SequenceNode); ok && t.Kind() == reflect.Slice {
		for _, v := range seq.Values {
			if err := check(v, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	for _, entry := range entries(node) {
		tok := entry.Key.GetToken()
		switch t.Kind() {
		case reflect.Map:
			if err := check(entry.Value, t.Elem()); err != nil {
				return err
			}
		case reflect.Struct:
			if entry.Key.Type() == ast.MergeKeyType {
				continue
			}
			field, names := fieldOf(t, tok.Value)
			if field == nil {
				return at(tok, "unknown key %q%s", tok.Value, DidYouMean(tok.Value, slices.Values(names)))
			}
			if err := check(entry.Value, field); err != nil {
				return err
			}
		default: // The library says that no mapping belongs here.
		}
	}
	return nil
}

// fieldOf returns the type of the field that a key names, and all keys.
func fieldOf(t reflect.Type, key string) (field reflect.Type, names []string) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == key {
			field = f.Type
		}
		names = append(names, name)
	}
	return field, names
}

// at returns an error at a token.
func at(tok *token.Token, format string, args ...any) error {
	message := fmt.Errorf(format, args...)
	if tok == nil || tok.Position == nil {
		return mes.Errorf(mes.CodeInvalid, "%w", message)
	}
	line, column := tok.Position.Line, tok.Position.Column
	return mes.Errorf(mes.CodeInvalid, "line %d, column %d: %w", line, column, message).
		With("line", strconv.Itoa(line)).With("column", strconv.Itoa(column))
}

// position turns the library's error into one of a single line.
func position(err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		return at(e.GetToken(), "%s", e.GetMessage())
	}
	return mes.Errorf(mes.CodeInvalid, "%w", err)
}

// DidYouMean returns `; did you mean "word"?` where one of the words is near.
func DidYouMean(wrong string, words iter.Seq[string]) string {
	// A third of the letters may be wrong, and a word of two is not guessed at.
	best, least := "", max(1, len(wrong)/3)+1
	for _, word := range slices.Sorted(words) {
		if d := distance(strings.ToLower(wrong), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters must be put in, taken out, changed or swapped with
// their neighbour.
func distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row = append(make([]int, 0, len(b)+1), i+1)
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
