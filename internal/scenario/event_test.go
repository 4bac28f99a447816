package scenario_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// clock reads and writes the times of one file.
type clock struct {
	zone *time.Location
	day  time.Time // midnight of the day that a time without a date is on
}

// parse reads `08:00`, `08:00:01.5`, `2026-10-25T02:30` or
// `2026-10-25T02:30+01:00`; the last is needed where the clocks go back.
func (c clock) parse(s string) (time.Time, error) {
	date, of := c.day.Format(time.DateOnly), s
	if before, after, ok := strings.Cut(s, "T"); ok {
		date, of = before, after
	}
	for _, layout := range []string{"15:04", "15:04:05", "15:04Z07:00", "15:04:05Z07:00"} {
		if t, err := time.ParseInLocation("2006-01-02 "+layout, date+" "+of, c.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is no time", s)
}

// format writes what parse reads.
func (c clock) format(t time.Time) string {
	t = t.In(c.zone)
	of := "15:04:05.999999999"
	if t.Second() == 0 && t.Nanosecond() == 0 {
		of = "15:04"
	}
	if t.Format(time.DateOnly) != c.day.Format(time.DateOnly) {
		of = "2006-01-02T" + of
	}
	return t.Format(of)
}

// parseEvent reads one line of an events section, and the schema that its
// measurements use, if any.
func (c clock) parseEvent(text string) (r mes.Record, schema *mes.Schema, err error) {
	l, err := lex(text)
	if err != nil {
		return r, nil, err
	}
	if r.Identity, err = parseIdentity(l.next() + ":" + l.next()); err != nil {
		return r, nil, err
	}
	if l.accept("raw") {
		r.Event, err = hex.DecodeString(strings.Join(l.until(), ""))
		return r, nil, err
	}
	e := new(mes.Event)
	if e.EventTime, err = c.parse(l.next()); err != nil {
		return r, nil, err
	}
	_, offset := e.EventTime.Zone()
	e.UTCOffset = int32(offset)
	if equipment := l.next(); equipment != "-" {
		id, err := mes.Unescape(equipment)
		if err != nil {
			return r, nil, err
		}
		e.Equipment = mes.EquipmentID(id)
	}
	if segment := l.next(); segment != "-" {
		e.ProcessSegment = segment
	}
	for mode := mes.ModeProduction; mode <= mes.ModeDryRun; mode++ {
		if l.accept(mode.String()) {
			e.Mode = mode
		}
	}
	if e.Fact, schema, err = c.parseFact(l); err != nil {
		return r, nil, err
	}
	r.Event = mes.AppendEvent(nil, e)
	return r, schema, l.end()
}

func (c clock) parseFact(l *line) (fact mes.Fact, schema *mes.Schema, err error) {
	switch word := l.next(); word {
	case "work":
		return parseWork(l)
	case "load", "unload", "clean":
		fact, err = parseSlotChange(word, l)
	case "put", "take", "empty":
		fact, err = parsePlacement(word, l)
	case "name":
		fact, err = parseAlias(l)
	case "lot":
		fact, err = parseLot(l)
	case "coil":
		fact, err = parseCoil(l)
	case "withdraw":
		fact, err = parseCorrection(l)
	case "decide":
		fact, err = parseDecision(l)
	case "equipment":
		fact, err = parseMaster(l)
	default:
		err = fmt.Errorf("%q is no fact", word)
	}
	return fact, nil, err
}

var workWords = []string{"on", "attempt", "measured", "defect", "tool", "in", "place", "used", "made"}

func parseWork(l *line) (mes.Fact, *mes.Schema, error) {
	w := new(mes.Work)
	var schema *mes.Schema
	var err error
	if d, none := mes.ParseDisposition(peek(l)); none == nil {
		w.Disposition = d
		l.next()
	}
	for len(l.words) > 0 && err == nil {
		word := l.next()
		rest := l.until(workWords...)
		switch word {
		case "on":
			w.Subjects, err = parseRefs(rest)
		case "attempt":
			_, err = fmt.Sscan(strings.Join(rest, " "), &w.Attempt)
		case "measured":
			w.Measurements, schema, err = parseMeasurements(rest)
		case "defect":
			for _, d := range rest {
				code, place, _ := strings.Cut(d, "@")
				w.Defects = append(w.Defects, mes.Defect{Code: code, Place: place})
			}
		case "tool":
			for _, t := range rest {
				id, count, _ := strings.Cut(t, "=")
				n, bad := strconv.ParseUint(count, 10, 64)
				w.Tools, err = append(w.Tools, mes.Tool{ID: mes.ID(id), Count: n}), errors.Join(err, bad)
			}
		case "in":
			w.Carrier = mes.ID(strings.TrimPrefix(strings.Join(rest, " "), "carriers/"))
		case "place":
			w.Place = strings.Join(rest, " ")
		case "used":
			w.Consumed, err = parseActuals(rest)
		case "made":
			w.Produced, err = parseActuals(rest)
		default:
			err = fmt.Errorf("%q is nothing that work has", word)
		}
	}
	return w, schema, err
}

func peek(l *line) string {
	if len(l.words) == 0 {
		return ""
	}
	return l.words[0]
}

// parseMeasurements reads values as `ocv=3.29V` or, to the bit, as
// `ocv=0x7ff8dead0000beef:V`.
func parseMeasurements(words []string) (*mes.Measurements, *mes.Schema, error) {
	m, schema := new(mes.Measurements), new(mes.Schema)
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, nil, fmt.Errorf("%s is no measurement; write name=value:unit", w)
		}
		number, unit, ok := strings.Cut(value, ":")
		if !ok {
			return nil, nil, fmt.Errorf("%s is no measurement; write name=value:unit", w)
		}
		v, err := strconv.ParseFloat(number, 64)
		if hexadecimal, isBits := strings.CutPrefix(number, "bits"); isBits {
			var bits uint64
			bits, err = strconv.ParseUint(hexadecimal, 16, 64)
			v = math.Float64frombits(bits)
		}
		if err != nil {
			return nil, nil, err
		}
		schema.Columns = append(schema.Columns, mes.Column{Characteristic: name, Unit: unit})
		m.Values = append(m.Values, v)
	}
	m.Schema = schema.ID()
	return m, schema, nil
}

// formatValue writes what parseMeasurements reads.
func formatValue(v float64) string {
	if math.IsNaN(v) {
		return fmt.Sprintf("bits%016x", math.Float64bits(v))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func parseSlotChange(word string, l *line) (mes.Fact, error) {
	s := &mes.SlotChange{Slot: l.next()}
	var err error
	if s.Action, err = mes.ParseSlotAction(word); err != nil {
		return nil, err
	}
	if material := l.next(); material != "" {
		a, err := parseActual(material)
		if err != nil {
			return nil, err
		}
		s.Material, s.Remaining, s.Interval = a.Ref, a.Quantity, a.Interval
	}
	return s, nil
}

func parsePlacement(word string, l *line) (mes.Fact, error) {
	p := &mes.Placement{Action: mes.PlacementDelete}
	if word == "put" {
		p.Action = mes.PlacementAdd
	}
	for _, w := range l.until("into", "out-of") {
		if word == "empty" {
			l.words = append([]string{"out-of", w}, l.words...)
			break
		}
		name, place, _ := strings.Cut(w, "@")
		ref, err := parseRef(name)
		if err != nil {
			return nil, err
		}
		p.Children = append(p.Children, mes.Child{Ref: ref, Place: place})
	}
	l.next()
	var err error
	p.Parent, err = parseRef(l.next())
	return p, err
}

func parseAlias(l *line) (mes.Fact, error) {
	item, err := parseRef(l.next())
	if err != nil {
		return nil, err
	}
	a := &mes.AliasBinding{Item: item, AliasKind: l.next()}
	value, err := mes.Unescape(l.next())
	a.Value = mes.ID(value)
	if l.accept("by") {
		a.Reader = l.next()
	}
	return a, err
}

func parseLot(l *line) (mes.Fact, error) {
	status, err := mes.ParseLotStatus(l.next())
	if err != nil {
		return nil, err
	}
	a, err := parseActual(l.next())
	r := &mes.LotReport{Lot: a.Ref, Status: status, Quantity: a.Quantity}
	if l.accept("from") {
		r.Supplier = l.next()
	}
	if l.accept("as") {
		r.SupplierLot = mes.ID(l.next())
	}
	return r, err
}

func parseCoil(l *line) (mes.Fact, error) {
	a, err := parseActual(l.next())
	if err != nil || a.Quantity == nil {
		return nil, fmt.Errorf("a coil is lots/{id}={length}m: %w", err)
	}
	g := &mes.CoilGeometry{Coil: a.Ref.ID, Winding: mes.WindingReversed, Lanes: 1}
	if g.Length, err = parseMetres(a.Quantity.Value.String()); err != nil {
		return nil, err
	}
	if l.accept("lanes") {
		if _, err := fmt.Sscan(l.next(), &g.Lanes); err != nil {
			return nil, err
		}
	}
	if l.accept("off") {
		of, lane, _ := strings.Cut(l.next(), "#")
		parent, err := parseRef(of)
		if err != nil {
			return nil, err
		}
		g.Parent = parent.ID
		if lane != "" {
			if _, err := fmt.Sscan(lane, &g.ParentLane); err != nil {
				return nil, err
			}
		}
	}
	return g, nil
}

func parseCorrection(l *line) (mes.Fact, error) {
	of, err := parseIdentity(l.next())
	return &mes.Correction{Withdraws: of, Reason: l.next()}, err
}

func parseDecision(l *line) (mes.Fact, error) {
	kind, err := mes.ParseDecisionKind(l.next())
	if err != nil {
		return nil, err
	}
	d := &mes.Decision{Decision: kind, Who: mes.ID(l.next()), Why: l.next()}
	d.Selection.Things, err = parseRefs(l.until())
	return d, err
}

// parseMaster reads `equipment ID REVISION "display name"` or `… deleted`.
func parseMaster(l *line) (mes.Fact, error) {
	m := &mes.MasterData{Resource: "equipment/" + l.next(), Revision: l.next()}
	if m.Deleted = l.accept("deleted"); m.Deleted {
		return m, nil
	}
	content, err := json.Marshal(map[string]string{"displayName": l.next()})
	m.Content = string(content)
	return m, err
}
