package recording

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// maxLineBytes is more than the largest event takes in JSON.
const maxLineBytes = 4 << 20

// Summary is what a recording has.
type Summary struct {
	// Line is the name of what was recorded, Zone the site's.
	Line string
	Zone *time.Location
	// Blocks are its record blocks; a Record's Block is an index into them.
	Blocks []line.Block
	// Stands is which record stands in a block when the recording begins.
	Stands map[mes.Source]mes.Sequence
	// Records is how many were offered; First and Last are the due times of the
	// first and the last of them.
	Records     uint64
	First, Last time.Time
	// ID tells recordings apart: a hash of all of it.
	ID string
}

// Check reads a recording through. It returns an Error with CodeFormat where it
// is none, and with CodeDamaged where it is not what was written; both name the
// line.
func Check(r io.Reader) (Summary, error) {
	sum := sha256.New()
	in, err := newReader(io.TeeReader(r, sum))
	if err != nil {
		return Summary{}, err
	}
	s := in.summary
	for record, err := range in.records() {
		if err != nil {
			return Summary{}, err
		}
		if record.stands {
			s.Stands[record.Identity.Source] = record.Identity.Sequence
			continue
		}
		if s.Records++; s.Records == 1 {
			s.First = record.Due
		}
		s.Last = record.Due
	}
	s.ID = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// Records yields the records of a recording, those first that stand in a block
// when it begins. An error, which is as Check's, is the last that it yields.
func Records(r io.Reader) iter.Seq2[line.Record, error] {
	return func(yield func(line.Record, error) bool) {
		in, err := newReader(r)
		if err != nil {
			yield(line.Record{}, err)
			return
		}
		for record, err := range in.records() {
			if !yield(record.Record, err) {
				return
			}
		}
	}
}

// record is a line.Record, and whether it stands.
type record struct {
	line.Record
	stands bool
}

// reader reads a recording once.
type reader struct {
	lines   *bufio.Scanner
	number  int
	summary Summary
	// place is each source's block, last the number of its last record, 0 for
	// none.
	place map[mes.Source]int
	last  []mes.Sequence
	// offered says that no record stands any more; due is the last one's.
	offered bool
	due     time.Time
	count   uint64
}

func newReader(r io.Reader) (*reader, error) {
	in := &reader{lines: bufio.NewScanner(r), place: make(map[mes.Source]int)}
	in.lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	text, err := in.next()
	if errors.Is(err, io.EOF) {
		return nil, mes.Errorf(mes.CodeFormat, "the file is empty, and no recording")
	}
	if err != nil {
		return nil, err
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil || h.Format == "" {
		return nil, mes.Errorf(mes.CodeFormat, `line 1: this is no recording of a line; one begins with {"format":"%s"`, format)
	}
	if h.Format != format {
		return nil, mes.Errorf(mes.CodeFormat, "line 1: format is %q; this program reads %q", h.Format, format)
	}
	if err := strict(text, &h); err != nil {
		return nil, in.damaged(err)
	}
	if in.summary, err = h.summary(); err != nil {
		return nil, in.damaged(err)
	}
	for i, b := range in.summary.Blocks {
		if _, twice := in.place[b.Source]; twice {
			return nil, in.damaged(fmt.Errorf("the source %s is that of two blocks", b.Source))
		}
		in.place[b.Source] = i
	}
	in.last = make([]mes.Sequence, len(in.summary.Blocks))
	return in, nil
}

func (h header) summary() (s Summary, err error) {
	s = Summary{Line: h.Line, Stands: make(map[mes.Source]mes.Sequence)}
	if s.Zone, err = time.LoadLocation(h.Zone); err != nil || h.Line == "" {
		return s, fmt.Errorf("line %q in zone %q is none", h.Line, h.Zone)
	}
	if len(h.Blocks) == 0 {
		return s, errors.New("it has no blocks")
	}
	schemas := make(map[string]*mes.Schema)
	for name, columns := range h.Schemas {
		schemas[name] = schemaOf(columns)
	}
	for _, b := range h.Blocks {
		block, err := b.line()
		if err != nil {
			return s, fmt.Errorf("block %q: %w", b.Name, err)
		}
		if block.Schema = schemas[b.Schema]; b.Schema != "" && block.Schema == nil {
			return s, fmt.Errorf("block %q: there is no schema %q", b.Name, b.Schema)
		}
		s.Blocks = append(s.Blocks, block)
	}
	return s, nil
}

func (b block) line() (line.Block, error) {
	if b.Name == "" || b.PLC == "" || b.Source == "" {
		return line.Block{}, errors.New("name, plc or source is missing")
	}
	source, err := mes.Unescape(string(b.Source))
	if err != nil {
		return line.Block{}, err
	}
	l := line.Block{Name: b.Name, Source: mes.Source(source), PLC: b.PLC, SchemaName: b.Schema, ProcessSegment: b.Segment}
	for _, m := range b.Machines {
		machine, err := mes.Unescape(string(m))
		if err != nil {
			return line.Block{}, err
		}
		l.Machines = append(l.Machines, mes.EquipmentID(machine))
	}
	return l, nil
}

// next returns the next line, or io.EOF.
func (in *reader) next() ([]byte, error) {
	in.number++
	if in.lines.Scan() {
		return in.lines.Bytes(), nil
	}
	if err := in.lines.Err(); err != nil {
		return nil, in.damaged(fmt.Errorf("read: %w", err))
	}
	return nil, io.EOF
}

func (in *reader) damaged(err error) error {
	return mes.Errorf(mes.CodeDamaged, "line %d: %w; record it again", in.number, err).With("line", strconv.Itoa(in.number))
}

// strict reads JSON in which nothing is unknown, and behind which nothing is.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind the object")
	}
	return nil
}

func (in *reader) records() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		for {
			text, err := in.next()
			if errors.Is(err, io.EOF) {
				err = in.damaged(fmt.Errorf("the recording was cut off after %d records", in.count))
			}
			if err != nil {
				yield(record{}, err)
				return
			}
			if last := new(end); strict(text, last) == nil {
				if err := in.finish(*last); err != nil {
					yield(record{}, in.damaged(err))
				}
				return
			}
			r, err := in.record(text)
			if err != nil {
				yield(record{}, in.damaged(err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (in *reader) finish(last end) error {
	if last.End != in.count {
		return fmt.Errorf("the recording ends after %d records and had %d", in.count, last.End)
	}
	if text, err := in.next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is %.20q behind the end", text)
	}
	return nil
}

// record reads a record's line.
func (in *reader) record(text []byte) (record, error) {
	var e entry
	if err := strict(text, &e); err != nil {
		return record{}, err
	}
	id, err := e.mes()
	if err != nil {
		return record{}, err
	}
	i, ok := in.place[id.Source]
	if !ok {
		return record{}, fmt.Errorf("no block has the source %s", id.Source)
	}
	if err := in.follow(e, i, id); err != nil {
		return record{}, err
	}
	event, err := fromJSON(e.Event)
	if err != nil {
		return record{}, err
	}
	if hash := mes.HashEvent(mes.AppendEvent(nil, event)); hex.EncodeToString(hash[:]) != e.Hash {
		return record{}, errors.New("the event is not the one that was recorded: its hash is another")
	}
	if m := measurements(event); m != nil {
		if schema := in.summary.Blocks[i].Schema; schema == nil || schema.ID() != m.Schema {
			return record{}, errors.New("the event has values under another schema than its block's")
		}
	}
	in.count++
	r := record{Record: line.Record{Due: e.Due, Block: i, Identity: id, Event: event}, stands: e.Stands}
	if e.Truth != nil {
		r.Truth = e.Truth.line()
	}
	return r, nil
}

// follow checks that a record may come where it does.
func (in *reader) follow(e entry, block int, id mes.Identity) error {
	switch last := in.last[block]; {
	case id.Epoch != 1:
		return fmt.Errorf("epoch is %d; a recording has the line's own numbers, whose epoch is 1", id.Epoch)
	case id.Sequence == 0 || id.Sequence > math.MaxUint32:
		return fmt.Errorf("sequence is %d; a PLC counts from 1 to %d", id.Sequence, uint32(math.MaxUint32))
	case last > 0 && (e.Stands || id.Sequence != last+1):
		return fmt.Errorf("%s comes after number %d", id, last)
	case e.Stands && in.offered:
		return fmt.Errorf("%s stands, and comes after one that is offered", id)
	case !e.Stands && in.offered && e.Due.Before(in.due):
		return fmt.Errorf("%s is due before the record above it", id)
	}
	in.last[block] = id.Sequence
	if !e.Stands {
		in.offered, in.due = true, e.Due
	}
	return nil
}

// measurements returns what an event has measured, or nil.
func measurements(e *mes.Event) *mes.Measurements {
	switch f := e.Fact.(type) {
	case *mes.Work:
		return f.Measurements
	case *mes.LotReport:
		return f.Certificate
	}
	return nil
}
