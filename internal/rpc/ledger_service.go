package rpc

import (
	"context"
	"slices"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type ledgerService struct {
	taktv1.UnimplementedLedgerServiceServer
	*Server
}

// ListLedgerEntries implements the API.
func (s *ledgerService) ListLedgerEntries(ctx context.Context, r *taktv1.ListLedgerEntriesRequest) (*taktv1.ListLedgerEntriesResponse, error) {
	p, err := s.readPage(r, 1000, 10_000)
	if err != nil {
		return nil, err
	}
	from, to := wire.TimeFrom(r.GetStartTime()), wire.TimeFrom(r.GetEndTime())
	response := new(taktv1.ListLedgerEntriesResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		var sum store.LedgerEntry
		var n uint64
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			if len(r.GetSource()) > 0 && e.Source != mes.Source(r.GetSource()) || e.Hour.Before(from) || !to.IsZero() && !e.Hour.Before(to) {
				continue
			}
			sum = sum.Add(e)
			if n++; n <= p.After {
				continue
			}
			if len(response.GetEntries()) < p.size {
				response.Entries = append(response.Entries, wire.LedgerEntry(e))
			} else if response.GetNextPageToken() == "" {
				response.NextPageToken = p.next(v.Position(), n-1)
			}
		}
		response.Sum = wire.LedgerEntry(sum)
		response.Sum.Hour = nil
		return nil
	})
}

// ListSources implements the API.
func (s *ledgerService) ListSources(ctx context.Context, r *taktv1.ListSourcesRequest) (*taktv1.ListSourcesResponse, error) {
	response := new(taktv1.ListSourcesResponse)
	return response, s.store.View(ctx, mes.Position(r.GetMinPosition()), func(v *store.View) error {
		response.Position = uint64(v.Position())
		for e, err := range v.Sources() {
			if err != nil {
				return err
			}
			last := len(response.GetSources()) - 1
			if last < 0 || mes.Source(response.GetSources()[last].GetSource()) != e.Source {
				response.Sources = append(response.Sources, &taktv1.Source{Source: []byte(e.Source)})
				last++
			}
			response.Sources[last].Epochs = append(response.Sources[last].Epochs, wire.SourceEpoch(e))
		}
		slices.SortFunc(response.GetSources(), func(a, b *taktv1.Source) int { return slices.Compare(a.GetSource(), b.GetSource()) })
		return nil
	})
}

// ListQuarantinedRecords implements the API.
func (s *ledgerService) ListQuarantinedRecords(ctx context.Context, r *taktv1.ListQuarantinedRecordsRequest) (*taktv1.ListQuarantinedRecordsResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListQuarantinedRecordsResponse)
	return response, s.view(ctx, p.token, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		last := p.After
		for q, err := range v.Quarantine(mes.Position(p.After)) {
			if err != nil {
				return err
			}
			if len(r.GetSource()) > 0 && q.Record.Identity.Source != mes.Source(r.GetSource()) {
				continue
			}
			if len(response.GetRecords()) == p.size {
				response.NextPageToken = p.next(v.Position(), last)
				return nil
			}
			m, err := wire.QuarantinedRecord(q, false)
			if err != nil {
				return err
			}
			last = uint64(q.Position)
			response.Records = append(response.Records, m)
		}
		return nil
	})
}

// GetQuarantinedRecord implements the API.
func (s *ledgerService) GetQuarantinedRecord(ctx context.Context, r *taktv1.GetQuarantinedRecordRequest) (record *taktv1.QuarantinedRecord, err error) {
	position, err := positionOf(r.GetName(), "quarantinedRecords")
	if err != nil {
		return nil, err
	}
	return record, s.store.View(ctx, 0, func(v *store.View) error {
		q, err := v.Quarantined(position)
		if err == nil {
			record, err = wire.QuarantinedRecord(q, true)
		}
		return err
	})
}
