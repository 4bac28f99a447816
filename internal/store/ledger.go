package store

import (
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// LedgerEntry counts what came from one source in one hour. Received is the sum
// of the other four, exactly.
type LedgerEntry struct {
	// Source is who it came from; empty for records that named none that can be.
	Source mes.Source
	// Hour is the beginning of the hour of record time, UTC.
	Hour time.Time
	// Stored, Duplicates, Quarantined and Refused say what became of it.
	Stored, Duplicates, Quarantined, Refused uint64
}

// Received returns how many records came.
func (e LedgerEntry) Received() uint64 {
	return e.Stored + e.Duplicates + e.Quarantined + e.Refused
}

// Add returns the sum of two entries, with e's source and hour.
func (e LedgerEntry) Add(other LedgerEntry) LedgerEntry {
	e.Stored += other.Stored
	e.Duplicates += other.Duplicates
	e.Quarantined += other.Quarantined
	e.Refused += other.Refused
	return e
}

type ledgerCount struct{ stored, duplicates, quarantined, refused uint64 }

// ledgerSource is the source under which a record is counted: none where it
// named none that can be.
func ledgerSource(s mes.Source) string {
	if len(s) > mes.MaxIDBytes {
		return ""
	}
	return string(s)
}

// ledgerKey is an hour of a source.
type ledgerKey struct {
	source uint32
	hour   int64 // seconds since 1970, UTC
}

func (k ledgerKey) key() key { return key(nil).number32(k.source).time(time.Unix(k.hour, 0)) }

// count adds to the ledger.
func (w *writer) count(source uint32, t time.Time, c ledgerCount) error {
	k := ledgerKey{source, t.Truncate(time.Hour).Unix()}
	have, known := w.pending.ledger[k]
	if !known {
		value, err := w.get(tableLedger, k.key())
		if err != nil {
			return err
		}
		if value != nil {
			if have, err = decodeCount(value); err != nil {
				return err
			}
		}
	}
	have.stored += c.stored
	have.duplicates += c.duplicates
	have.quarantined += c.quarantined
	have.refused += c.refused
	w.pending.ledger[k] = have
	return nil
}

func decodeCount(value []byte) (ledgerCount, error) {
	r := reader{b: value}
	c := ledgerCount{r.number(), r.number(), r.number(), r.number()}
	return c, r.done("a ledger entry")
}
