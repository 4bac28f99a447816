package web

import (
	"context"
	"errors"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// traceTime is how long an item's or a lot's page waits for its two traces. A
// longer one has a page of its own, and more time.
const traceTime = 3 * time.Second

// itemPage is what the page of an item shows.
type itemPage struct {
	Thing   mes.Thing
	Item    *taktv1.Item
	Entries []entry
	// First and Total place the entries among all.
	First, Total int
	Traces       []traced
}

// entry is a row of an item's record.
type entry struct {
	*taktv1.GetItemRecordResponse_Entry
	Values []value
}

// valuesShown is how many values of an entry are shown at once; the rest unfolds.
const valuesShown = 8

// Head returns the values that are shown at once, Rest the others.
func (e entry) Head() []value { return first(valuesShown, e.Values) }

// Rest returns the values that unfold.
func (e entry) Rest() []value { return e.Values[len(e.Head()):] }

// thingOf returns what a path names.
func thingOf(r *request, kind mes.RefKind) (mes.Thing, error) {
	t := mes.Thing{Kind: kind, ID: mes.ID(r.PathValue("id"))}
	if t.ID == "" {
		t.ID = mes.ID(r.query.Get("id"))
	}
	if t.ID == "" {
		return t, mes.Invalid("id", "is missing; write "+kind.String()+"s/ and an id, or search for a name")
	}
	return t, nil
}

func (s *Server) askItem(ctx context.Context, r *request) (*answer, error) {
	name, err := thingOf(r, mes.RefItem)
	if err != nil {
		return nil, err
	}
	if way := r.query.Get("way"); way != "" {
		return s.trace(ctx, r, name, way)
	}
	response := new(taktv1.GetItemRecordResponse)
	a := &answer{view: "item", message: response}
	data := itemPage{First: 1}
	err = s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		if data.Thing, err = v.Resolve(name); err != nil {
			return err
		}
		item, err := v.Item(data.Thing.ID)
		if err != nil {
			return err
		}
		entries, err := v.ItemRecord(item.ID)
		if err != nil {
			return err
		}
		rows := window{page: r.page}
		schemas := make(map[mes.SchemaID]*taktv1.Schema)
		for _, e := range entries {
			if !rows.take() {
				continue
			}
			m, err := wire.ItemEntry(e)
			if err != nil {
				return err
			}
			response.Entries = append(response.Entries, m)
			if err := addSchema(v, schemas, m.GetEvent().GetEvent()); err != nil {
				return err
			}
			data.Entries = append(data.Entries, entry{m, measured(m.GetEvent().GetEvent(), schemas)})
		}
		for _, schema := range schemas {
			response.Schemas = append(response.Schemas, schema)
		}
		response.Item, response.Position = wire.Item(item), uint64(a.position)
		data.Item, data.First, data.Total = response.GetItem(), int(r.page.after)+1, len(entries) //nolint:gosec // below store.MaxItemEntries, or no rows
		a.next = rows.next(a.position)
		return nil
	})
	if err != nil || r.json {
		return a, err
	}
	a.title = "Item " + data.Thing.ID.String()
	data.Traces, err = s.traces(ctx, data.Thing, a.position)
	a.data = data
	return a, err
}

// addSchema looks up the schema that an event's values stand under, once.
func addSchema(v *store.View, schemas map[mes.SchemaID]*taktv1.Schema, e *taktv1.Event) error {
	id := mes.SchemaID(wire.Measurements(e).GetSchema())
	if id == "" || schemas[id] != nil {
		return nil
	}
	schema, known, err := v.Schema(id)
	if known {
		schemas[id] = wire.Schema(schema)
	}
	return err
}

// traced is one way of a trace, as far as its page goes.
type traced struct {
	Edges []*taktv1.GenealogyEdge
	// Forward is the way.
	Forward bool
	// Late says that there was no time for the rest.
	Late bool
	// Link is the page of the rest, or of all; empty where this is all.
	Link string
}

// traces returns the nearest edges both ways.
func (s *Server) traces(ctx context.Context, t mes.Thing, at mes.Position) ([]traced, error) {
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	var list []traced
	for _, w := range ways {
		tr := traced{Forward: w.way == genealogy.Forward}
		rows := window{page: page{at: at}}
		err := s.view(ctx, rows.page, func(v *store.View) (err error) {
			tr.Edges, err = edges(v, t, w.way, &rows)
			return err
		})
		switch next := rows.next(at); {
		case errors.Is(err, context.DeadlineExceeded):
			tr.Late, tr.Link = true, path(t, w.name)
		case err != nil:
			return nil, err
		case next != "":
			tr.Link = pageLink(path(t, w.name), next)
		}
		list = append(list, tr)
	}
	return list, nil
}
