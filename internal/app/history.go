package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

// HistoryConfig says which history is appended. It ends with the first of Cells
// and Records, both counted from the lines' start, or, where both are zero, with
// the time that the lines ran before.
type HistoryConfig struct {
	// Line says which lines.
	Line LineConfig
	// Data is the lines' folder.
	Data string
	// Cells is how many finished cells there are at the end, Records how many
	// records, at least: those that are due at one time stay together.
	Cells, Records uint64
	// Emitted takes a line `source epoch sequence hash` for each record, Touches
	// what faults did, both from the lines' start; may be nil.
	Emitted, Touches io.Writer
	// Out takes what is told to the user.
	Out io.Writer
}

// Appended is what became of a history.
type Appended struct {
	// Events is how many were sent, Resumed how many the service had before.
	Events  uint64 `json:"events"`
	Resumed uint64 `json:"resumed"`
	// Stored, Duplicates and Quarantined are what the service made of those sent.
	Stored      uint64 `json:"stored"`
	Duplicates  uint64 `json:"duplicates"`
	Quarantined uint64 `json:"quarantined"`
	// Cells is how many were finished, from the lines' start.
	Cells uint64 `json:"cells"`
	// Seconds is how long sending took, EventsPerSecond how fast it was.
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"eventsPerSecond"`
	// From and To are the virtual times of the first and the last record that
	// was sent, zero where none was.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Position is the log's last one, zero where nothing was sent.
	Position uint64 `json:"position,omitempty"`
}

// History appends the records of simulated lines straight to a service, as fast
// as it takes them. What the service has of them is left out, so that after
// whatever went wrong it is called again. Then the folder's lines go on behind
// the history, by Sim or by another History.
func History(ctx context.Context, c *client.Client, cfg HistoryConfig) (Appended, error) {
	setting, err := cfg.Line.setting(time.Now()).settle(cfg.Data)
	if err != nil {
		return Appended{}, err
	}
	if setting.HistoryUntil.IsZero() && cfg.Cells == 0 && cfg.Records == 0 {
		return Appended{}, mes.Errorf(mes.CodeInvalid, "nothing says where the history ends; write --warm, --cells or --records")
	}
	l, err := setting.line()
	if err != nil {
		return Appended{}, err
	}
	made, err := setting.made()
	if err != nil {
		return Appended{}, err
	}
	sum := sha256.Sum256([]byte(made))
	sender := client.Sender{Gateway: sim.HistoryGateway, Spool: "line-" + hex.EncodeToString(sum[:8])}
	h := &history{cfg: cfg, until: setting.HistoryUntil, touched: touches{out: cfg.Touches}}
	if h.durable, err = durable(ctx, c, sender); err != nil {
		return Appended{}, err
	}
	if err := setting.keep(cfg.Data); err != nil {
		return Appended{}, err
	}
	quiet := h.odometer.tell(cfg.Out, h.sending.Load)
	total, err := c.AppendAll(ctx, sender, schemasOf(l), h.records(l), h.acknowledged)
	quiet()
	if err != nil {
		return Appended{}, fmt.Errorf("append the history: %w", err)
	}
	a := Appended{
		Events: total.Sent, Resumed: total.Resumed, Stored: total.Stored, Duplicates: total.Duplicates, Quarantined: total.Quarantined,
		Cells: h.cells, From: h.from, To: h.to, Position: uint64(total.Position),
	}
	if a.Events > 0 {
		a.Seconds = time.Since(h.began).Seconds()
		a.EventsPerSecond = float64(a.Events) / a.Seconds
	}
	setting.HistoryUntil = h.until
	return a, setting.keep(cfg.Data)
}

// durable returns how many records of the sender the service has.
func durable(ctx context.Context, c *client.Client, sender client.Sender) (uint64, error) {
	stream, err := c.OpenStream(ctx, sender)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	return uint64(stream.Opened().Durable), nil
}

// schemasOf returns the schemas of a line's blocks.
func schemasOf(l *line.Line) []mes.Schema {
	var schemas []mes.Schema
	for _, b := range l.Blocks() {
		if b.Schema != nil {
			schemas = append(schemas, *b.Schema)
		}
	}
	return schemas
}

// history is one pass through what is appended.
type history struct {
	cfg     HistoryConfig
	until   time.Time
	touched touches
	// durable is how many records the service had before; sending is true from
	// the first on that it had not.
	durable  uint64
	sending  atomic.Bool
	odometer odometer
	// cells counts from the lines' start.
	cells uint64
	// began is when the first record was sent, from and to are the virtual times
	// of the first and the last.
	began, from, to time.Time
	// told is when it was last told how it goes.
	told time.Time
}

// encoded is a record that is ready to be sent.
type encoded struct {
	line.Record
	wire mes.Record
}

// records yields the history. The line is generated and encoded ahead of what
// is sent.
func (h *history) records(l *line.Line) iter.Seq2[mes.Record, error] {
	ready := sim.Ahead(func(yield func(encoded) bool) {
		for r := range l.Records() {
			if !yield(encoded{r, sim.Record(r)}) {
				return
			}
		}
	})
	return func(yield func(mes.Record, error) bool) {
		n := uint64(0)
		var due time.Time
		for r := range ready {
			if h.complete(n, r.Due) && r.Due.After(due) {
				h.until = r.Due
				return
			}
			due = r.Due
			h.odometer.see(r.Record)
			if n++; n > h.durable {
				if h.to = due; !h.sending.Load() {
					h.began, h.from = time.Now(), due
					h.sending.Store(true)
				}
			}
			if isFinished(r.Record) {
				h.cells++
			}
			if err := h.note(r); err != nil {
				yield(mes.Record{}, err)
				return
			}
			if !yield(r.wire, nil) {
				return
			}
		}
	}
}

// complete says whether n records that were due before an instant are all.
func (h *history) complete(n uint64, due time.Time) bool {
	if h.cfg.Cells == 0 && h.cfg.Records == 0 {
		return !due.Before(h.until)
	}
	return h.cfg.Cells > 0 && h.cells >= h.cfg.Cells || h.cfg.Records > 0 && n >= h.cfg.Records
}

func (h *history) note(r encoded) error {
	if h.cfg.Emitted != nil {
		if err := sim.WriteEmitted(h.cfg.Emitted, r.Identity, r.wire.Event); err != nil {
			return err
		}
	}
	if h.cfg.Touches != nil {
		return h.touched.write(r.Record)
	}
	return nil
}

// acknowledged tells how it goes.
func (h *history) acknowledged(a client.Ack) error {
	if !h.sending.Load() || time.Since(h.told) < tellEvery {
		return nil
	}
	h.told = time.Now()
	sent := uint64(a.Durable) - h.durable
	_, _ = fmt.Fprintf(h.cfg.Out, "appended %d events, %.0f a second, up to %s\n", sent, float64(sent)/time.Since(h.began).Seconds(), h.odometer.at())
	return nil
}

// isFinished says whether a record is a cell's last before its module.
func isFinished(r line.Record) bool {
	work, ok := r.Event.Fact.(*mes.Work)
	return ok && r.Event.ProcessSegment == "sorting" && work.Disposition == mes.DispositionConformant
}
