package recording

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// identity is a record's, in JSON.
type identity struct {
	Source   mes.Source   `json:"source"`
	Epoch    mes.Epoch    `json:"epoch"`
	Sequence mes.Sequence `json:"sequence"`
}

// jsonIdentity escapes the source.
func jsonIdentity(id mes.Identity) identity {
	return identity{Source: mes.Source(id.Source.String()), Epoch: id.Epoch, Sequence: id.Sequence}
}

func (id identity) mes() (mes.Identity, error) {
	source, err := mes.Unescape(string(id.Source))
	if err != nil {
		return mes.Identity{}, mes.Invalid("source", err.Error())
	}
	return mes.Identity{Source: mes.Source(source), Epoch: id.Epoch, Sequence: id.Sequence}, nil
}

// truth is a line.Truth in JSON.
type truth struct {
	Links   []link  `json:"links,omitempty"`
	Losses  []loss  `json:"losses,omitempty"`
	Touches []touch `json:"touches,omitempty"`
}

type link struct {
	From     thing     `json:"from"`
	Into     thing     `json:"into"`
	With     thing     `json:"with,omitzero"`
	Quantity quantity  `json:"quantity"`
	Interval *interval `json:"interval,omitempty"`
	Place    *interval `json:"place,omitempty"`
	Slot     string    `json:"slot,omitempty"`
}

type loss struct {
	Thing    thing     `json:"thing"`
	Quantity quantity  `json:"quantity"`
	Interval *interval `json:"interval,omitempty"`
}

type touch struct {
	Fault    string    `json:"fault"`
	Thing    thing     `json:"thing"`
	Certain  bool      `json:"certain"`
	Interval *interval `json:"interval,omitempty"`
	Why      string    `json:"why"`
}

// thing is written by its resource name.
type thing mes.Thing

// MarshalText is encoding.TextMarshaler's.
func (t thing) MarshalText() ([]byte, error) { return []byte(mes.Thing(t).String()), nil }

// UnmarshalText is encoding.TextUnmarshaler's.
func (t *thing) UnmarshalText(text []byte) error {
	parsed, err := mes.ParseThing(string(text))
	*t = thing(parsed)
	return err
}

type quantity struct {
	Value decimal `json:"value"`
	Unit  string  `json:"unit"`
}

// decimal is written as text, so that no reader makes a double of it.
type decimal mes.Decimal

// MarshalText is encoding.TextMarshaler's.
func (d decimal) MarshalText() ([]byte, error) { return []byte(mes.Decimal(d).String()), nil }

// UnmarshalText is encoding.TextUnmarshaler's.
func (d *decimal) UnmarshalText(text []byte) error {
	parsed, err := mes.ParseDecimal(string(text))
	*d = decimal(parsed)
	return err
}

type interval struct {
	Lane  uint32          `json:"lane,omitempty"`
	From  mes.Micrometres `json:"from"`
	To    mes.Micrometres `json:"to"`
	Delta mes.Micrometres `json:"delta,omitempty"`
}

func jsonTruth(t line.Truth) truth {
	var j truth
	for _, k := range t.Links {
		j.Links = append(j.Links, link{
			From: thing(k.From), Into: thing(k.Into), With: thing(k.With), Quantity: jsonQuantity(k.Quantity),
			Interval: (*interval)(k.Interval), Place: (*interval)(k.Place), Slot: k.Slot,
		})
	}
	for _, l := range t.Losses {
		j.Losses = append(j.Losses, loss{Thing: thing(l.Thing), Quantity: jsonQuantity(l.Quantity), Interval: (*interval)(l.Interval)})
	}
	for _, t := range t.Touches {
		j.Touches = append(j.Touches, jsonTouch(t))
	}
	return j
}

func (j truth) line() line.Truth {
	var t line.Truth
	for _, k := range j.Links {
		t.Links = append(t.Links, line.Link{
			From: mes.Thing(k.From), Into: mes.Thing(k.Into), With: mes.Thing(k.With), Quantity: k.Quantity.mes(),
			Interval: (*mes.Interval)(k.Interval), Place: (*mes.Interval)(k.Place), Slot: k.Slot,
		})
	}
	for _, l := range j.Losses {
		t.Losses = append(t.Losses, line.Loss{Thing: mes.Thing(l.Thing), Quantity: l.Quantity.mes(), Interval: (*mes.Interval)(l.Interval)})
	}
	for _, k := range j.Touches {
		t.Touches = append(t.Touches, line.Touch{
			Fault: k.Fault, Thing: mes.Thing(k.Thing), Certain: k.Certain, Interval: (*mes.Interval)(k.Interval), Why: k.Why,
		})
	}
	return t
}

func jsonQuantity(q mes.Quantity) quantity { return quantity{decimal(q.Value), q.Unit} }

func (q quantity) mes() mes.Quantity { return mes.Quantity{Value: mes.Decimal(q.Value), Unit: q.Unit} }

func jsonTouch(t line.Touch) touch {
	return touch{Fault: t.Fault, Thing: thing(t.Thing), Certain: t.Certain, Interval: (*interval)(t.Interval), Why: t.Why}
}

// Truth returns a line of JSON with what was true of a record: identity, due,
// and what a recording has of it. The identity may be another one than the
// record's, where its PLC numbers anew.
func Truth(id mes.Identity, r line.Record) ([]byte, error) {
	return encode("the truth of "+id.String(), struct {
		identity
		Due time.Time `json:"due"`
		truth
	}{jsonIdentity(id), r.Due, jsonTruth(r.Truth)})
}

// Touch returns a line of JSON with what a fault did to a thing, as a record
// has it: identity and due of the record, and the touch as in a recording.
func Touch(r line.Record, t line.Touch) ([]byte, error) {
	return encode("what "+t.Fault+" did", struct {
		identity
		Due time.Time `json:"due"`
		touch
	}{jsonIdentity(r.Identity), r.Due, jsonTouch(t)})
}

func encode(what string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return append(b, '\n'), nil
}
