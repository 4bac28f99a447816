package bench

import (
	"fmt"
	"time"
)

// The answers to whether a goal is met.
const (
	metYes   = "yes"
	metNo    = "no"
	metNever = "not measured"
	// metNone is a row that has no goal.
	metNone = "no goal"
)

// Report is what a run came to.
type Report struct {
	// Cells, Events and Seed say what was loaded when the questions were asked.
	Cells  int    `json:"cells"`
	Events uint64 `json:"events"`
	Seed   uint64 `json:"seed"`
	Shape  string `json:"shape"`
	Values Values `json:"values"`
	// Against is what it was measured against; empty for Takt alone.
	Against string `json:"against,omitempty"`
	// Began and Seconds say when it was measured, and how long that took.
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	// Cores is how many the machine has.
	Cores int `json:"cores"`
	// Choices are what was tried out before and then kept, for people.
	Choices []string `json:"choices,omitempty"`
	// Rows are the table's.
	Rows []Row `json:"rows"`
}

// Row is one row of the table.
type Row struct {
	// Row is the number, with a letter where one number has several.
	Row string `json:"row"`
	// Metric says what was measured.
	Metric string `json:"metric"`
	// Goal is the bound, as `≥ 3.5 ×`; empty where there is none.
	Goal string `json:"goal,omitempty"`
	// Figure is what the goal is about: the ratio of both sides, pair by pair, or
	// Takt's own figure where the goal is no ratio.
	Figure *Spread `json:"figure,omitempty"`
	// Unit is the unit of both sides' figures.
	Unit string `json:"unit,omitempty"`
	// Takt and Other are both sides' figures.
	Takt  *Spread `json:"takt,omitempty"`
	Other *Spread `json:"other,omitempty"`
	// Against says what Other is.
	Against string `json:"against,omitempty"`
	// Met is `yes`, `no`, `no goal` or `not measured`.
	Met string `json:"met"`
	// Why says why it is not measured, Note how it was.
	Why  string `json:"why,omitempty"`
	Note string `json:"note,omitempty"`
}

// metric is a row of the table before it is measured.
type metric struct {
	row  string
	name string
	goal *goal
	unit string
	// faster has the ratio the other way round: how many times faster Takt is.
	faster bool
	// against is the other side.
	against string
}

const againstPostgres = "PostgreSQL"

// metrics are the rows of the table, by number.
var metrics = map[int][]metric{
	1: {{row: "1", name: "durable ingest, 256 events a message, against the best COPY", goal: atLeast(3.5), unit: "events/s", against: againstPostgres}},
	2: {{row: "2", name: "one event a message, pipelined, against 64 connections", goal: atLeast(5), unit: "events/s", against: againstPostgres}},
	3: {
		{row: "3a", name: "single durable ack, p50", goal: atMost(1), unit: "ms", against: againstPostgres},
		{row: "3b", name: "single durable ack, p50, against the floor", goal: atMost(1.3), unit: "ms", against: "fdatasync + echo"},
	},
	4: {
		{row: "4a", name: "single ack under load, p99", goal: atMost(0.6), unit: "ms", against: againstPostgres},
		{row: "4b", name: "item record under load, p99", goal: atMost(0.6), unit: "ms", against: againstPostgres},
	},
	5: {{row: "5", name: "item record, p99", goal: atMost(0.6), unit: "ms", against: againstPostgres}},
	6: {{row: "6", name: "backward trace, p99", goal: atMost(0.8), unit: "ms", against: againstPostgres}},
	7: {{row: "7", name: "forward trace, serials at the client", goal: atLeast(10), unit: "ms", faster: true, against: againstPostgres}},
	8: {
		{row: "8a", name: "yield of a day, whole hours", goal: atLeast(500), unit: "ms", faster: true, against: againstPostgres},
		{row: "8b", name: "yield of a day, any bounds", goal: atLeast(50), unit: "ms", faster: true, against: againstPostgres},
		{row: "8c", name: "yield of a day, whole hours, against a rollup", unit: "ms", faster: true, against: "PostgreSQL's rollup"},
		{row: "8d", name: "yield of a day, any bounds, against a rollup", unit: "ms", faster: true, against: "PostgreSQL's rollup"},
	},
	9: {{row: "9", name: "statistics and histogram of a characteristic over a day", goal: atLeast(40), unit: "ms", faster: true, against: againstPostgres}},
	10: {
		{row: "10a", name: "bytes an event, instrument resolution", goal: atMost(1.0 / 8), unit: "B", against: againstPostgres},
		{row: "10b", name: "bytes an event, random mantissas", goal: atMost(1 / 3.5), unit: "B", against: againstPostgres},
	},
	11: {{row: "11", name: "anonymous memory while loading, most", goal: &goal{bound: 256, absolute: true, unit: "MB"}, unit: "MB"}},
	12: {{row: "12", name: "growth of CPU an event, exponent", goal: &goal{bound: 0.05, absolute: true}, unit: ""}},
	13: {{row: "13", name: "restart after kill -9, to the first answer", goal: atMost(0.5), unit: "ms", faster: false, against: againstPostgres}},
}

// measured is what both sides' turns came to, pair by pair; other is empty where
// there is none.
type measured struct{ takt, other []float64 }

// rowOf returns a row of what was measured.
func rowOf(m metric, of measured, note string) Row {
	r := Row{Row: m.row, Metric: m.name, Unit: m.unit, Note: note, Met: metNone}
	side := func(values []float64) *Spread {
		if len(values) == 0 {
			return nil
		}
		s := spreadOf(values)
		return &s
	}
	r.Takt, r.Other = side(of.takt), side(of.other)
	if r.Other != nil {
		r.Against = m.against
	}
	switch {
	case m.goal != nil && m.goal.absolute:
		r.Figure = r.Takt
	case m.faster:
		r.Figure = side(ratios(of.other, of.takt))
	default:
		r.Figure = side(ratios(of.takt, of.other))
	}
	if m.goal == nil {
		return r
	}
	r.Goal = m.goal.String()
	switch {
	case r.Figure == nil:
		r.Met, r.Why = metNever, "there was nothing to compare with (--against postgres)"
	case m.goal.met(r.Figure.Median):
		r.Met = metYes
	default:
		r.Met = metNo
	}
	return r
}

// notMeasured returns a row that says why it is not measured.
func notMeasured(m metric, why string) Row {
	r := Row{Row: m.row, Metric: m.name, Met: metNever, Why: why}
	if m.goal != nil {
		r.Goal = m.goal.String()
	}
	return r
}

// milliseconds returns a duration as a figure.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// perSecond returns a rate as a figure.
func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// choice notes what was tried out, as `COPY through 2 connections`.
func choice(format string, args ...any) string { return fmt.Sprintf(format, args...) }
