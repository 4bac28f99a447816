package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// ledgerPage is what the ledger shows.
type ledgerPage struct {
	Entries          []*taktv1.LedgerEntry
	Sum              *taktv1.LedgerEntry
	Source, From, To string
}

func (s *Server) askLedger(ctx context.Context, r *request) (*answer, error) {
	source, err := mes.Unescape(r.query.Get("source"))
	if err != nil {
		return nil, err
	}
	from, to, err := s.between(r, "", "")
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListLedgerEntriesResponse)
	a := &answer{view: "ledger", title: "Ledger", message: response}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		var sum store.LedgerEntry
		rows := window{page: r.page}
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			if source != "" && e.Source != mes.Source(source) || e.Hour.Before(from) || !to.IsZero() && !e.Hour.Before(to) {
				continue
			}
			if sum = sum.Add(e); rows.take() {
				response.Entries = append(response.Entries, wire.LedgerEntry(e))
			}
			if rows.n%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
		a.next = rows.next(a.position)
		response.Sum, response.Position, response.NextPageToken = wire.LedgerEntry(sum), uint64(a.position), a.next
		response.Sum.Hour = nil
		a.data = ledgerPage{response.GetEntries(), response.GetSum(), mes.Escape(source), s.input(from), s.input(to)}
		return nil
	})
}

// sourceEpoch is a row of the page of sources.
type sourceEpoch struct {
	Source []byte
	*taktv1.Source_Epoch
}

func (s *Server) askSources(ctx context.Context, r *request) (*answer, error) {
	response := new(taktv1.ListSourcesResponse)
	a := &answer{view: "sources", title: "Sources", message: response}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		epochs, err := sources(v)
		if err != nil {
			return err
		}
		rows := window{page: r.page}
		var list []sourceEpoch
		for _, e := range epochs {
			if !rows.take() {
				continue
			}
			m := wire.SourceEpoch(e)
			list = append(list, sourceEpoch{[]byte(e.Source), m})
			last := len(response.GetSources()) - 1
			if last < 0 || mes.Source(response.GetSources()[last].GetSource()) != e.Source {
				response.Sources = append(response.Sources, &taktv1.Source{Source: []byte(e.Source)})
				last++
			}
			response.Sources[last].Epochs = append(response.Sources[last].Epochs, m)
		}
		response.Position, a.next, a.data = uint64(a.position), rows.next(a.position), list
		return nil
	})
}

// sources returns the epochs of all sources, by name: a site has some hundreds.
func sources(v *store.View) ([]store.SourceEpoch, error) {
	var list []store.SourceEpoch
	for e, err := range v.Sources() {
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b store.SourceEpoch) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Epoch, b.Epoch))
	})
	return list, nil
}

// inputForm is how a browser writes a time without a zone.
const inputForm = "2006-01-02T15:04:05"

// input returns a time as a form has it, empty where there is none.
func (s *Server) input(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.cfg.Calendar.Zone).Format(inputForm)
}

// between reads the ends of a stretch of time; zero where there is none.
func (s *Server) between(r *request, usualFrom, usualTo string) (from, to time.Time, err error) {
	now := time.Now()
	if from, err = s.instant("from", cmp.Or(r.query.Get("from"), usualFrom), now); err != nil {
		return from, to, err
	}
	to, err = s.instant("to", cmp.Or(r.query.Get("to"), usualTo), now)
	return from, to, err
}

// instant reads a time as a form or a person writes it: RFC 3339, a day or a
// time of a day in the site's zone, or how long ago it was.
func (s *Server) instant(field, typed string, now time.Time) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, typed); err == nil {
		return t, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", inputForm, "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(form, typed, s.cfg.Calendar.Zone); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(typed); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, mes.Invalid(field, "must be a time: 2026-11-23, 2026-11-23T06:00, 2026-11-23T06:00:00+01:00, or 24h for that long ago")
}
