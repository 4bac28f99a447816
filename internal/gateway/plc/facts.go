package plc

import (
	"context"
	"sync"
	"time"

	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/mes"
)

// Facts is what a gateway itself has to say of its sources, under a source of
// its own. All the PLCs of a gateway share one, and take turns by it. Its methods may be called at
// once.
type Facts struct {
	// Source is the gateway's own.
	Source mes.Source
	// Gateway is its name.
	Gateway mes.Gateway
	// Zone gives the offset from UTC.
	Zone *time.Location
	// Spool takes the facts.
	Spool *spool.Spool

	// turns are for who connects next.
	turns turns
	// mu is held while a number is given.
	mu sync.Mutex
}

// Append spools a fact together with the record that it is about: after a power
// cut both are there, or neither.
func (f *Facts) Append(ctx context.Context, now time.Time, fact *mes.SourceFact, record mes.Record) (spool.Appended, error) {
	_, offset := now.In(f.Zone).Zone()
	event := mes.AppendEvent(nil, &mes.Event{
		EventTime: now.UTC().Truncate(time.Millisecond),
		UTCOffset: int32(offset), //nolint:gosec // a zone is less than a day from UTC
		Fact:      fact,
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	id := mes.Identity{Source: f.Source, Epoch: 1, Sequence: 1}
	if last, ok := f.Spool.Last(f.Source); ok {
		id = last
		id.Sequence++
	}
	return f.Spool.Append(ctx, mes.Record{
		Identity:   id,
		Event:      event,
		Provenance: mes.Provenance{Gateway: f.Gateway, GatewayTime: now},
	}, record)
}
