package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// eventsPage is what the list of events shows.
type eventsPage struct {
	// Thing is what they concern; zero for all events, the newest first.
	Thing  span
	Events []*taktv1.LoggedEvent
}

// askEvents lists the log. People begin at its end, programs at its beginning,
// as in the API.
func (s *Server) askEvents(ctx context.Context, r *request) (*answer, error) {
	response := new(taktv1.ListEventsResponse)
	a := &answer{view: "events", title: "Events", message: response}
	var data eventsPage
	var filter store.Filter
	if name := r.query.Get("thing"); name != "" {
		t, err := mes.ParseThing(name)
		if err != nil {
			return nil, err
		}
		filter.Thing, data.Thing = t, thing(t.String())
		a.title = "Events of " + t.Kind.String() + " " + t.ID.String()
	}
	backwards := data.Thing == span{} && !r.json
	err := s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		after, until := mes.Position(r.page.after), a.position
		if backwards {
			if r.page.at == 0 {
				after = a.position - min(a.position, pageRows)
			}
			if until = min(until, after+pageRows); after == 0 && until > 0 {
				until = (a.position-1)%pageRows + 1 // what the pages of 200 left over
			}
		}
		for e, err := range v.Events(after, filter) {
			if err != nil {
				return err
			}
			if e.Event == nil {
				continue
			}
			if e.Position > until {
				break
			}
			if len(response.GetEvents()) == pageRows {
				a.next = token(response.GetEvents()[len(response.GetEvents())-1].GetPosition(), a.position)
				break
			}
			m, err := wire.LoggedEvent(e)
			if err != nil {
				return err
			}
			response.Events = append(response.Events, m)
		}
		response.Position, response.NextPageToken = uint64(a.position), a.next
		if backwards && after > 0 {
			a.next = token(uint64(after-min(after, pageRows)), a.position)
		}
		if backwards && until < a.position {
			a.before = token(uint64(until), a.position)
		}
		return nil
	})
	data.Events = response.GetEvents()
	if backwards {
		slices.Reverse(data.Events)
	}
	a.data = data
	return a, err
}

// eventPage is what the page of an event shows.
type eventPage struct {
	*taktv1.LoggedEvent
	Values []value
	// Fields are all that the event says, Way how it got here.
	Fields, Way []field
	// Left is how many more fields there are than a page has room for.
	Left int
	Hash string
	Last uint64
}

// positionOf reads the position that a path names.
func positionOf(r *request) (mes.Position, error) {
	n, err := strconv.ParseUint(r.PathValue("position"), 10, 64)
	if err != nil {
		return 0, mes.Invalid("position", fmt.Sprintf("%q is no number; positions count from 1", r.PathValue("position")))
	}
	return mes.Position(n), nil
}

func (s *Server) askEvent(ctx context.Context, r *request) (*answer, error) {
	position, err := positionOf(r)
	if err != nil {
		return nil, err
	}
	a := &answer{view: "event", title: fmt.Sprintf("Event %d", position)}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		e, err := v.Event(position)
		if mes.CodeOf(err) == mes.CodeNotFound && !r.json {
			if _, taken := v.Quarantined(position); taken == nil {
				a.location = fmt.Sprintf("/quarantine/%d", position)
				return nil
			}
		}
		if err != nil {
			return err
		}
		m, err := wire.LoggedEvent(e)
		if err != nil {
			return err
		}
		schemas := make(map[mes.SchemaID]*taktv1.Schema)
		if err := addSchema(v, schemas, m.GetEvent()); err != nil {
			return err
		}
		sh := shower{s.cfg.Calendar.Zone}
		data := eventPage{
			LoggedEvent: m, Values: measured(m.GetEvent(), schemas), Fields: sh.fieldsOf(m.GetEvent()), Way: sh.fieldsOf(m.GetProvenance()),
			Hash: hex.EncodeToString(m.GetContentHash()), Last: uint64(a.position),
		}
		data.Left = max(0, len(data.Fields)-pageRows)
		data.Fields = first(pageRows, data.Fields)
		a.message, a.data = m, data
		return nil
	})
}
