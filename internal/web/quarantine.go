package web

import (
	"context"
	"encoding/hex"
	"fmt"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

func (s *Server) askQuarantine(ctx context.Context, r *request) (*answer, error) {
	response := new(taktv1.ListQuarantinedRecordsResponse)
	a := &answer{view: "quarantine", title: "Quarantine", message: response, data: response}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		last := r.page.after
		for q, err := range v.Quarantine(mes.Position(r.page.after)) {
			if err != nil {
				return err
			}
			if len(response.GetRecords()) == pageRows {
				a.next = token(last, a.position)
				break
			}
			m, err := wire.QuarantinedRecord(q, false)
			if err != nil {
				return err
			}
			last = uint64(q.Position)
			response.Records = append(response.Records, m)
		}
		response.Position, response.NextPageToken = uint64(a.position), a.next
		return nil
	})
}

// dumped is how many bytes of a record its page shows; JSON has all.
const dumped = 4 << 10

// quarantinedPage is what the page of a quarantined record shows.
type quarantinedPage struct {
	*taktv1.QuarantinedRecord
	Identity, Dump string
	Bytes, Left    int
	Way            []field
}

func (s *Server) askQuarantined(ctx context.Context, r *request) (*answer, error) {
	position, err := positionOf(r)
	if err != nil {
		return nil, err
	}
	a := &answer{view: "quarantined", title: fmt.Sprintf("Quarantined record %d", position)}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		q, err := v.Quarantined(position)
		if err != nil {
			return err
		}
		m, err := wire.QuarantinedRecord(q, true)
		if err != nil {
			return err
		}
		event := q.Record.Event
		part := event[:min(len(event), dumped)]
		a.message, a.data = m, quarantinedPage{
			QuarantinedRecord: m, Identity: q.Record.Identity.String(), Dump: hex.Dump(part), Bytes: len(event), Left: len(event) - len(part),
			Way: shower{s.cfg.Calendar.Zone}.fieldsOf(m.GetRecord().GetProvenance()),
		}
		return nil
	})
}
