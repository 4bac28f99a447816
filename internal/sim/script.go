package sim

import (
	"iter"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// HistoryGateway is the sender that history goes by.
const HistoryGateway mes.Gateway = "history"

// Record returns a record of the line as it is appended without a PLC and a
// gateway: the same identity and the same event as by way of them.
func Record(r line.Record) mes.Record {
	return mes.Record{
		Identity: r.Identity,
		Event:    mes.AppendEvent(nil, r.Event),
		Provenance: mes.Provenance{
			Gateway: HistoryGateway,
			PLCTime: r.Event.EventTime,
			// Nobody read it; when it was ready is the nearest to when it would
			// have been.
			GatewayTime: r.Due,
		},
	}
}

// Script is one pass through a line: first what is history, then what is played.
// Its methods are called one after the other.
type Script struct {
	next func() (line.Record, bool)
	stop func()
	// held was taken and is not given out yet.
	held *line.Record
	last []*line.Record
}

// NewScript begins a pass. Call Close in the end.
func NewScript(l *line.Line) *Script {
	s := &Script{last: make([]*line.Record, len(l.Blocks()))}
	s.next, s.stop = iter.Pull(l.Records())
	return s
}

// Close ends the pass.
func (s *Script) Close() { s.stop() }

// History yields the records that are due before an instant, ready to be
// appended. Whoever stops early goes on with another call.
func (s *Script) History(until time.Time) iter.Seq2[mes.Record, error] {
	return func(yield func(mes.Record, error) bool) {
		for {
			if s.held == nil {
				r, ok := s.next()
				if !ok {
					return
				}
				s.held = &r
			}
			if !s.held.Due.Before(until) {
				return
			}
			r := s.held
			s.held = nil
			s.last[r.Block] = r
			if !yield(Record(*r), nil) {
				return
			}
		}
	}
}

// Rest yields what Sim.Play needs to go on after the history: the last record of
// each block that has one, and then all that follow.
func (s *Script) Rest() iter.Seq[line.Record] {
	return func(yield func(line.Record) bool) {
		for _, r := range s.last {
			if r != nil && !yield(*r) {
				return
			}
		}
		if s.held != nil {
			r := *s.held
			s.held = nil
			if !yield(r) {
				return
			}
		}
		for {
			r, ok := s.next()
			if !ok || !yield(r) {
				return
			}
		}
	}
}
