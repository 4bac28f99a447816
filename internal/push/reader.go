package push

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// Config says what is read, beyond what the rows say themselves.
type Config struct {
	// Name is the file's, for errors; `stdin` where empty.
	Name string
	// Source numbers the rows that do not name their source; may be empty.
	Source mes.Source
	// Epoch is the source's life in rows that do not say; 1 where 0.
	Epoch mes.Epoch
}

// Reader makes records of rows. It reads once.
type Reader struct {
	config  Config
	rows    iter.Seq2[row, error]
	schemas []mes.Schema
	known   map[mes.SchemaID]bool
}

// row is one row on its way to a record.
type row struct {
	// line is where it begins, from 1; number counts the rows, from 1.
	line, number int
	source       mes.Source
	epoch        mes.Epoch
	// sequence is 0 where the row does not say.
	sequence mes.Sequence
	event    *taktv1.Event
	schemas  []mes.Schema
}

func newReader(c Config, rows iter.Seq2[row, error]) *Reader {
	if c.Name == "" {
		c.Name = "stdin"
	}
	if c.Epoch == 0 {
		c.Epoch = 1
	}
	return &Reader{config: c, rows: rows, known: make(map[mes.SchemaID]bool)}
}

// Records yields a record for each row, valid and with canonical bytes, without
// a provenance. The error of a row is an Error with CodeInvalid or CodeTooLarge,
// with `file`, `line` and, where it is one, `field`; the loop may go on after it
// to learn of others, until the input itself cannot be read any further.
//
// A row that has no sequence takes the number of the row, from 1. Whether rows
// have one must not change within the input, or numbers would be used twice.
func (r *Reader) Records() iter.Seq2[mes.Record, error] {
	return func(yield func(mes.Record, error) bool) {
		numbered, seen := false, false
		for row, err := range r.rows {
			var record mes.Record
			if err == nil {
				if given := row.sequence != 0; !seen {
					numbered, seen = given, true
				} else if given != numbered {
					err = mes.Invalid("sequence", "is given in some rows and not in others; give it in all or in none")
				}
			}
			if err == nil {
				record, err = r.record(row)
			}
			if err != nil {
				err = r.at(row.line, err)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// Schemas returns the schemas that the records so far use, in the order of their
// first use. They have to be kept before the records are.
func (r *Reader) Schemas() []mes.Schema { return slices.Clip(r.schemas) }

func (r *Reader) record(row row) (mes.Record, error) {
	id := mes.Identity{Source: row.source, Epoch: row.epoch, Sequence: row.sequence}
	if id.Source == "" {
		id.Source = r.config.Source
	}
	if id.Epoch == 0 {
		id.Epoch = r.config.Epoch
	}
	if id.Sequence == 0 {
		id.Sequence = mes.Sequence(row.number) //nolint:gosec // rows count from 1
	}
	if err := id.Validate(); err != nil {
		return mes.Record{}, err
	}
	data, err := proto.Marshal(row.event)
	if err != nil {
		return mes.Record{}, mes.Errorf(mes.CodeInvalid, "event cannot be encoded: %w", err)
	}
	event, err := mes.DecodeEvent(data)
	if err != nil {
		return mes.Record{}, err
	}
	if err := event.Validate(); err != nil {
		return mes.Record{}, err
	}
	canonical := mes.AppendEvent(nil, event)
	if n := len(canonical); n > mes.MaxEventBytes {
		return mes.Record{}, mes.Errorf(mes.CodeTooLarge, "event has %d bytes; at most %d are taken", n, mes.MaxEventBytes).
			With("limit", strconv.Itoa(mes.MaxEventBytes)).With("got", strconv.Itoa(n))
	}
	for _, schema := range row.schemas {
		if err := schema.Validate(); err != nil {
			return mes.Record{}, err
		}
		if id := schema.ID(); !r.known[id] {
			r.known[id] = true
			r.schemas = append(r.schemas, schema)
		}
	}
	return mes.Record{Identity: id, Event: canonical}, nil
}

// at puts the file and the line before an error.
func (r *Reader) at(line int, err error) error {
	code := mes.CodeInvalid
	var cause *mes.Error
	if errors.As(err, &cause) {
		code = cause.Code
	}
	e := mes.Errorf(code, "%s:%d: %w", r.config.Name, line, err).With("file", r.config.Name).With("line", strconv.Itoa(line))
	if cause != nil && cause.Values["field"] != "" {
		e = e.With("field", cause.Values["field"])
	}
	return e
}

// fieldPath is where in an event a value stands, as `work.subjects[0].id`.
type fieldPath []string

func (p fieldPath) field(name string) fieldPath { return append(slices.Clip(p), "."+name) }

func (p fieldPath) index(i int) fieldPath { return append(slices.Clip(p), fmt.Sprintf("[%d]", i)) }

func (p fieldPath) String() string { return strings.TrimPrefix(strings.Join(p, ""), ".") }

func (p fieldPath) invalid(format string, args ...any) error {
	if len(p) == 0 {
		return mes.Errorf(mes.CodeInvalid, format, args...)
	}
	return mes.Invalid(p.String(), fmt.Sprintf(format, args...))
}
