package rpc

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type eventService struct {
	taktv1.UnimplementedEventServiceServer
	*Server
}

// positionOf reads a resource name as `events/17`.
func positionOf(name, collection string) (mes.Position, error) {
	if id, ok := strings.CutPrefix(name, collection+"/"); ok {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			return mes.Position(n), nil
		}
	}
	return 0, mes.Invalid("name", strconv.Quote(name)+" must be "+collection+"/{position}")
}

// GetEvent implements the API.
func (s *eventService) GetEvent(ctx context.Context, r *taktv1.GetEventRequest) (event *taktv1.LoggedEvent, err error) {
	position, err := positionOf(r.GetName(), "events")
	if err != nil {
		return nil, err
	}
	return event, s.store.View(ctx, 0, func(v *store.View) error {
		e, err := v.Event(position)
		if err == nil {
			event, err = wire.LoggedEvent(e)
		}
		return err
	})
}

// GetSchema implements the API.
func (s *eventService) GetSchema(ctx context.Context, r *taktv1.GetSchemaRequest) (schema *taktv1.Schema, err error) {
	id, err := hex.DecodeString(strings.TrimPrefix(r.GetName(), "schemas/"))
	if err != nil || len(id) != mes.SchemaIDBytes {
		return nil, mes.Invalid("name", strconv.Quote(r.GetName())+" must be schemas/ and 32 hexadecimal digits")
	}
	return schema, s.store.View(ctx, 0, func(v *store.View) error {
		schema, err = s.schema(v, mes.SchemaID(id))
		if err == nil && schema == nil {
			err = mes.Errorf(mes.CodeNotFound, "the log has no schema %x", id).With("resource", r.GetName())
		}
		return err
	})
}

func filterFrom(f *taktv1.EventFilter) (store.Filter, error) {
	filter := store.Filter{
		Source: mes.Source(f.GetSource()), ProcessSegment: f.GetProcessSegment(),
		From: wire.TimeFrom(f.GetStartTime()), To: wire.TimeFrom(f.GetEndTime()),
	}
	var err error
	if f.GetThing() != "" {
		if filter.Thing, err = mes.ParseThing(f.GetThing()); err != nil {
			return filter, err
		}
	}
	filter.Equipment, err = equipmentFrom("filter.equipment", f.GetEquipment())
	return filter, err
}

// equipmentFrom reads `equipment/{equipment}`; empty is none.
func equipmentFrom(field, name string) (mes.EquipmentID, error) {
	if name == "" {
		return "", nil
	}
	escaped, ok := strings.CutPrefix(name, "equipment/")
	if !ok {
		return "", mes.Invalid(field, strconv.Quote(name)+" must be equipment/{equipment}")
	}
	id, err := mes.Unescape(escaped)
	return mes.EquipmentID(id), err
}

// ListEvents implements the API.
func (s *eventService) ListEvents(ctx context.Context, r *taktv1.ListEventsRequest) (*taktv1.ListEventsResponse, error) {
	p, err := s.readPage(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	filter, err := filterFrom(r.GetFilter())
	if err != nil {
		return nil, err
	}
	response := new(taktv1.ListEventsResponse)
	return response, s.view(ctx, p.token, r.GetMinPosition(), func(v *store.View) error {
		response.Position = uint64(v.Position())
		bytes := 0
		for e, err := range v.Events(mes.Position(p.After), filter) {
			if err != nil {
				return err
			}
			if e.Event == nil {
				continue
			}
			if len(response.GetEvents()) == p.size || bytes > maxAnswerBytes {
				response.NextPageToken = p.next(v.Position(), response.GetEvents()[len(response.GetEvents())-1].GetPosition())
				return nil
			}
			m, err := wire.LoggedEvent(e)
			if err != nil {
				return err
			}
			bytes += len(e.Bytes)
			response.Events = append(response.Events, m)
		}
		return nil
	})
}

// view calls fn with a view at the position of the token's first page, or the
// newest one, which is at least `least`.
func (s *Server) view(ctx context.Context, t token, least uint64, fn func(*store.View) error) error {
	return s.store.View(ctx, max(mes.Position(least), t.Position), func(v *store.View) error {
		if t.Position != 0 {
			v = v.AsOf(t.Position)
		}
		return fn(v)
	})
}

// usualCheckpoint is how long a watch may be silent.
const usualCheckpoint = 10 * time.Second

// WatchEvents implements the API.
func (s *eventService) WatchEvents(r *taktv1.WatchEventsRequest, stream taktv1.EventService_WatchEventsServer) error {
	filter, err := filterFrom(r.GetFilter())
	if err != nil {
		return err
	}
	at := token{Store: s.store.ID(), Question: question(r.GetFilter()), Position: s.store.Position()}
	if r.GetResumeToken() != "" {
		got, err := readToken(r.GetResumeToken())
		switch {
		case err != nil || got.Question != at.Question:
			return mes.Errorf(mes.CodeTokenMismatch, "the resume token belongs to another watch")
		case got.Store != at.Store:
			return mes.Errorf(mes.CodeTokenForeign, "the resume token belongs to another store; watch from the beginning")
		}
		at.Position = got.Position
	}
	interval := r.GetCheckpointInterval().AsDuration()
	if interval <= 0 {
		interval = usualCheckpoint
	}
	checkpoint := time.NewTicker(interval)
	defer checkpoint.Stop()
	for {
		changed := s.store.Changed()
		events, reached, err := s.eventsAfter(stream.Context(), at.Position, filter)
		if err != nil {
			return err
		}
		for _, e := range events {
			at.Position = mes.Position(e.GetPosition())
			if err := stream.Send(&taktv1.WatchEventsResponse{Event: e, Position: uint64(at.Position), ResumeToken: at.String()}); err != nil {
				return err
			}
			checkpoint.Reset(interval)
		}
		if at.Position = max(at.Position, reached); at.Position < s.store.Position() {
			continue
		}
		select {
		case <-changed:
		case <-checkpoint.C:
			if err := stream.Send(&taktv1.WatchEventsResponse{Position: uint64(at.Position), ResumeToken: at.String()}); err != nil {
				return err
			}
		case <-s.store.Failed():
			return s.store.Err()
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// eventsAfter returns the next events that match, a few, and how far it looked.
func (s *eventService) eventsAfter(ctx context.Context, after mes.Position, filter store.Filter) (events []*taktv1.LoggedEvent, reached mes.Position, err error) {
	const few = 100
	reached = after
	return events, reached, s.store.View(ctx, 0, func(v *store.View) error {
		for e, err := range v.Events(after, filter) {
			if err != nil {
				return err
			}
			reached = e.Position
			if e.Event == nil {
				return nil // so that a long look does not hold the view
			}
			m, err := wire.LoggedEvent(e)
			if err != nil {
				return err
			}
			if events = append(events, m); len(events) == few {
				return nil
			}
		}
		reached = v.Position()
		return nil
	})
}
