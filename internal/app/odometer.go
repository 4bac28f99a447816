package app

import (
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/takt-mes/takt/internal/line"
)

// odometer counts the records that a line makes, while others look.
type odometer struct {
	records atomic.Uint64
	// due is the last one's, in Unix milliseconds.
	due atomic.Int64
}

// count yields the records, and counts them.
func (o *odometer) count(records iter.Seq[line.Record]) iter.Seq[line.Record] {
	return func(yield func(line.Record) bool) {
		for r := range records {
			o.see(r)
			if !yield(r) {
				return
			}
		}
	}
}

func (o *odometer) see(r line.Record) {
	o.records.Add(1)
	o.due.Store(r.Due.UnixMilli())
}

// at is the virtual time that the line is at.
func (o *odometer) at() string { return time.UnixMilli(o.due.Load()).UTC().Format(time.RFC3339) }

// tellEvery is how often it is told how a long wait goes.
const tellEvery = 2 * time.Second

// tell starts telling how a line comes to its present; the function that it
// returns ends that.
func (o *odometer) tell(out io.Writer, plays func() bool) (quiet func()) {
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		o.warming(out, plays, ended)
	}()
	return func() {
		close(ended)
		<-told
	}
}

// warming tells how a line comes to its present while that takes its time, until
// it plays or ended is closed.
func (o *odometer) warming(out io.Writer, plays func() bool, ended <-chan struct{}) {
	began := time.Now()
	ticker := time.NewTicker(tellEvery / 10)
	defer ticker.Stop()
	at := uint64(0)
	for told := began; ; {
		select {
		case <-ticker.C:
		case <-ended:
			return
		}
		records, took := o.records.Load(), time.Since(began)
		switch {
		case plays():
			if told != began {
				_, _ = fmt.Fprintf(out, "goes on from %s, %d records and %.0f s after its start\n", o.at(), records, took.Seconds())
			}
			return
		case records > at && time.Since(told) >= tellEvery:
			told, at = time.Now(), records
			_, _ = fmt.Fprintf(out, "comes to its present: %d records, up to %s, %.0f a second\n", records, o.at(), float64(records)/took.Seconds())
		}
	}
}
