package plc

import (
	"sync/atomic"
	"time"

	"github.com/takt-mes/takt/internal/latency"
	"github.com/takt-mes/takt/internal/mes"
)

// Stats is the state of one PLC at one time.
type Stats struct {
	// PLC is its name.
	PLC string
	// Connected says that its stations are being read.
	Connected bool
	// Connects counts the connections that were made.
	Connects uint64
	// Error is why the last connection ended or could not be made; empty while
	// there is none to tell of.
	Error string
	// ClockOffset is the PLC's clock less the gateway's.
	ClockOffset time.Duration
	// ClockQuality judges it.
	ClockQuality mes.ClockQuality
	// Stations are in the order of the gateway file.
	Stations []StationStats
}

// StationStats are the counts of one station since the start of the program.
type StationStats struct {
	// Source is its name.
	Source mes.Source
	// Records counts what was spooled for the first time.
	Records uint64
	// Duplicates counts records that the spool had already; they were
	// acknowledged again.
	Duplicates uint64
	// Conflicts counts records whose number was taken by other content; they
	// were spooled all the same, for the server's quarantine.
	Conflicts uint64
	// Missing counts numbers that were left out.
	Missing uint64
	// Epochs counts those that were opened.
	Epochs uint64
	// Rereads counts reads that gave no whole record: a bad status, or a number
	// that changed meanwhile.
	Rereads uint64
	// Audited counts records that the audit found, not the doorbell: they did not
	// ring, or the PLC lost their acknowledgement.
	Audited uint64
	// Last is the number that was handled last; zero where none was.
	Last mes.Identity
	// Stopped is why the station is not read; empty while it is.
	Stopped string
	// Spooled is the time from the doorbell until the record is on disk.
	Spooled latency.Snapshot
	// Acked is the time from there until the PLC has the acknowledgement.
	Acked latency.Snapshot
}

// counters are what StationStats is made of.
type counters struct {
	records, duplicates, conflicts, missing, epochs, rereads, audited atomic.Uint64

	spooled, acked latency.Histogram
	last           atomic.Pointer[mes.Identity]
	stopped        atomic.Pointer[string]
}

func (c *counters) stats(source mes.Source) StationStats {
	s := StationStats{
		Source:     source,
		Records:    c.records.Load(),
		Duplicates: c.duplicates.Load(),
		Conflicts:  c.conflicts.Load(),
		Missing:    c.missing.Load(),
		Epochs:     c.epochs.Load(),
		Rereads:    c.rereads.Load(),
		Audited:    c.audited.Load(),
		Spooled:    c.spooled.Snapshot(),
		Acked:      c.acked.Snapshot(),
	}
	if last := c.last.Load(); last != nil {
		s.Last = *last
	}
	if stopped := c.stopped.Load(); stopped != nil {
		s.Stopped = *stopped
	}
	return s
}
