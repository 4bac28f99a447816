package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
	"github.com/takt-mes/takt/internal/yield"
)

// overviewPage is what the first page shows.
type overviewPage struct {
	Info  *taktv1.ServerInfo
	Sum   *taktv1.LedgerEntry
	Yield *taktv1.ComputeYieldResponse
	// Since is the hour from which on Sources counts.
	Since   time.Time
	Sources []sourceRow
	// MoreSources is how many sources there was no room for.
	MoreSources int
	Missing     uint64
	Flags       uint64
	FlagKinds   []flagKind
	NewestFlags []*taktv1.Flag
}

// sourceRow is one source of the overview.
type sourceRow struct {
	Source  mes.Source
	Recent  store.LedgerEntry
	Epoch   mes.Epoch
	Last    mes.Sequence
	Missing uint64
}

// cache keeps an answer that is the same for all who ask, and that takes the
// longer the more there is in the store: it is asked again only after ten times
// as long as it took, so that however many look, little of the machine goes to
// it.
type cache struct {
	// turn holds the answer; who has taken it out makes a new one.
	turn chan cached
}

type cached struct {
	answer *answer
	until  time.Time
}

func newCache() cache {
	c := cache{make(chan cached, 1)}
	c.turn <- cached{}
	return c
}

func (c cache) get(ctx context.Context, ask func(context.Context) (*answer, error)) (*answer, error) {
	var have cached
	select {
	case have = <-c.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { c.turn <- have }()
	start := time.Now()
	if have.answer != nil && start.Before(have.until) {
		return have.answer, nil
	}
	a, err := ask(ctx)
	if err == nil {
		have = cached{a, time.Now().Add(10 * time.Since(start))}
	}
	return a, err
}

func (s *Server) askOverview(ctx context.Context, _ *request) (*answer, error) {
	return s.overview.get(ctx, s.makeOverview)
}

// newestShown is how many flags the overview has room for.
const newestShown = 5

func (s *Server) makeOverview(ctx context.Context) (*answer, error) {
	now := time.Now()
	data := overviewPage{Since: now.Add(-time.Hour).Truncate(time.Hour)}
	a := &answer{view: "overview", title: "Overview"}
	ledger, list, flags := new(taktv1.ListLedgerEntriesResponse), new(taktv1.ListSourcesResponse), new(taktv1.ListFlagsResponse)
	err := s.view(ctx, page{}, func(v *store.View) error {
		a.position = v.Position()
		recent, err := data.ledger(ctx, v, ledger)
		if err != nil {
			return err
		}
		if err := data.sources(v, recent, list); err != nil {
			return err
		}
		if err := data.flags(v, flags); err != nil {
			return err
		}
		periods, err := s.cfg.Calendar.Divide(now.Add(-24*time.Hour), now, yield.Whole)
		if err != nil {
			return err
		}
		table := yield.NewTable(periods, false)
		err = countTested(v, table, periods, "", "")
		data.Yield = s.yieldMessage(table, a.position, new(window))
		return err
	})
	if err != nil {
		return nil, err
	}
	if data.Info, err = s.info(); err != nil {
		return nil, err
	}
	ledger.Position, list.Position, flags.Position = uint64(a.position), uint64(a.position), uint64(a.position)
	a.data = data
	a.parts = map[string]proto.Message{"serverInfo": data.Info, "ledger": ledger, "sources": list, "yield": data.Yield, "flags": flags}
	return a, nil
}

// ledger sums the ledger, and what came in the last hour by source.
func (p *overviewPage) ledger(ctx context.Context, v *store.View, m *taktv1.ListLedgerEntriesResponse) (map[mes.Source]store.LedgerEntry, error) {
	recent := make(map[mes.Source]store.LedgerEntry)
	var sum store.LedgerEntry
	n := 0
	for e, err := range v.Ledger() {
		if err != nil {
			return nil, err
		}
		sum = sum.Add(e)
		if !e.Hour.Before(p.Since) {
			recent[e.Source] = recent[e.Source].Add(e)
			if len(m.GetEntries()) < pageRows {
				m.Entries = append(m.Entries, wire.LedgerEntry(e))
			}
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	p.Sum = wire.LedgerEntry(sum)
	p.Sum.Hour = nil
	m.Sum = p.Sum
	return recent, nil
}

// sources joins what came in the last hour with which numbers are missing; those
// with missing numbers come first.
func (p *overviewPage) sources(v *store.View, recent map[mes.Source]store.LedgerEntry, m *taktv1.ListSourcesResponse) error {
	epochs, err := sources(v)
	if err != nil {
		return err
	}
	rows := make(map[mes.Source]sourceRow)
	for source, e := range recent {
		rows[source] = sourceRow{Source: source, Recent: e}
	}
	for _, e := range epochs {
		row := rows[e.Source]
		row.Source, row.Recent, row.Epoch, row.Last = e.Source, recent[e.Source], e.Epoch, e.Last
		row.Missing += e.Missing
		p.Missing += e.Missing
		rows[e.Source] = row
		if last := len(m.GetSources()) - 1; last >= 0 && mes.Source(m.GetSources()[last].GetSource()) == e.Source {
			m.Sources[last].Epochs = append(m.Sources[last].Epochs, wire.SourceEpoch(e))
		} else if len(m.GetSources()) < pageRows {
			m.Sources = append(m.Sources, &taktv1.Source{Source: []byte(e.Source), Epochs: []*taktv1.Source_Epoch{wire.SourceEpoch(e)}})
		}
	}
	for _, row := range rows {
		p.Sources = append(p.Sources, row)
	}
	slices.SortFunc(p.Sources, func(a, b sourceRow) int {
		return cmp.Or(cmp.Compare(min(b.Missing, 1), min(a.Missing, 1)), cmp.Compare(a.Source, b.Source))
	})
	p.MoreSources = max(0, len(p.Sources)-pageRows)
	p.Sources = first(pageRows, p.Sources)
	return nil
}

func (p *overviewPage) flags(v *store.View, m *taktv1.ListFlagsResponse) error {
	var counts flagCounts
	newest := newestFlags{most: newestShown}
	for f, err := range v.Flags() {
		if err != nil {
			return err
		}
		p.Flags++
		counts.add(wire.Flag(f).GetKind())
		newest.add(f)
	}
	for _, f := range newest.flags {
		m.Flags = append(m.Flags, wire.Flag(f))
	}
	p.FlagKinds, p.NewestFlags = counts.kinds(), m.GetFlags()
	return nil
}

// info says what this server is.
func (s *Server) info() (*taktv1.ServerInfo, error) {
	size, err := s.store.Size()
	if err != nil {
		return nil, err
	}
	position, chain := s.store.Chain()
	return &taktv1.ServerInfo{
		Version: s.cfg.Version, Store: s.store.ID(), FormatVersion: store.FormatVersion, Position: uint64(position), ChainHash: chain[:],
		StartTime: wire.Time(s.start), Zone: s.cfg.Calendar.Zone.String(), SizeBytes: uint64(size), //nolint:gosec // a size is never negative
	}, nil
}
