package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// ask answers one question.
type ask func(ctx context.Context, r *request) (*answer, error)

// request is a question as it came.
type request struct {
	*http.Request
	query url.Values
	page  page
	// json says that a program asks.
	json bool
}

// answer is the answer to a question, in two forms.
type answer struct {
	// view names the template, title heads it, data is what it shows.
	view, title string
	data        any
	// message is the same for programs.
	message proto.Message
	// parts are messages by name, for the one page that is no question of the
	// API.
	parts map[string]proto.Message
	// position is that of the view.
	position mes.Position
	// before and next are the tokens of the pages on both sides.
	before, next string
	// where people are sent instead; programs are not.
	location string
	status   int
}

// page answers a question over HTTP, within its time.
func (s *Server) page(question ask) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), questionTime)
		defer cancel()
		q := &request{Request: r, query: r.URL.Query()}
		a, err := s.answer(ctx, q, question)
		if err != nil {
			a = s.failure(ctx, q, err)
		}
		s.write(ctx, w, q, a)
	})
}

func (s *Server) answer(ctx context.Context, q *request, question ask) (a *answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if q.json, err = wantsJSON(q); err != nil {
		return nil, err
	}
	if q.page, err = readPage(q.query.Get("page_token")); err != nil {
		return nil, err
	}
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, mes.Errorf(mes.CodeBusy, "too many questions wait; ask again after a while")
	}
	return question(ctx, q)
}

// wantsJSON says whether a program asks.
func wantsJSON(q *request) (bool, error) {
	switch f := q.query.Get("format"); f {
	case "":
	case "json":
		return true, nil
	case "html":
		return false, nil
	default:
		return false, mes.Invalid("format", fmt.Sprintf("%q is not json or html", f))
	}
	accept := strings.Join(q.Header.Values("Accept"), ",")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html"), nil
}

// failure turns an error into an answer that says what to do.
func (s *Server) failure(ctx context.Context, q *request, err error) *answer {
	var known *mes.Error
	if stopped := s.stopped(); stopped != nil && !errors.As(err, &known) {
		err = stopped
	}
	a := &answer{view: "error", message: wire.Status(err).Proto(), position: s.store.Position()}
	a.status, a.title = statusOf(err)
	if a.status == http.StatusInternalServerError {
		s.log.ErrorContext(ctx, "question failed", slog.String("path", q.URL.EscapedPath()), slog.Any("err", err))
	}
	a.data = failed{Message: wire.Status(err).Message(), Status: a.status, Name: nameIn(q)}
	return a
}

// failed is what the page of an error shows.
type failed struct {
	Message string
	Status  int
	// Name is the name that was asked for, escaped, to search for it; empty
	// where it was no name.
	Name string
}

func nameIn(q *request) string {
	if !strings.HasPrefix(q.URL.Path, "/items/") && !strings.HasPrefix(q.URL.Path, "/lots/") {
		return ""
	}
	return mes.Escape(q.PathValue("id"))
}

// statusOf says what an error is in HTTP, and over its page.
func statusOf(err error) (code int, title string) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return http.StatusGatewayTimeout, "That took too long"
	}
	switch mes.CodeOf(err) {
	case mes.CodeNotFound:
		return http.StatusNotFound, "Not found"
	case mes.CodeInvalid, mes.CodeTooLarge, mes.CodeTokenMismatch, mes.CodeTokenForeign:
		return http.StatusBadRequest, "That cannot be asked so"
	case mes.CodePositionAhead:
		return http.StatusConflict, "Not there yet"
	case mes.CodeBusy, mes.CodeUnavailable:
		return http.StatusServiceUnavailable, "Not available now"
	default:
		return http.StatusInternalServerError, "Something went wrong"
	}
}

func askNothing(_ context.Context, r *request) (*answer, error) {
	return nil, mes.Errorf(mes.CodeNotFound, "there is no page %s", r.URL.EscapedPath())
}

// write writes an answer in the form that was asked for, whole or not at all.
func (s *Server) write(ctx context.Context, w http.ResponseWriter, q *request, a *answer) {
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "no-cache")
	if a.location != "" && !q.json {
		http.Redirect(w, q.Request, a.location, http.StatusSeeOther)
		return
	}
	if a.next != "" {
		h.Set("Link", fmt.Sprintf(`<%s>; rel="next"`, q.with("page_token", a.next)))
	}
	var body bytes.Buffer
	var err error
	if q.json {
		h.Set("Content-Type", "application/json")
		err = a.writeJSON(&body)
	} else {
		h.Set("Content-Type", "text/html; charset=utf-8")
		err = s.views[a.view].Execute(&body, s.sheet(q, a))
	}
	if err != nil {
		s.log.ErrorContext(ctx, "answer not written", slog.String("path", q.URL.EscapedPath()), slog.Any("err", err))
		http.Error(w, "something went wrong that the server's log tells more of", http.StatusInternalServerError)
		return
	}
	if a.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = body.WriteTo(w) // whoever asked is gone, or reads it
}

// writeJSON writes the message, or an object of messages.
func (a *answer) writeJSON(body *bytes.Buffer) error {
	if a.parts == nil {
		text, err := jsonText(a.message)
		if err != nil {
			return err
		}
		body.Write(text)
		return nil
	}
	parts := make(map[string]json.RawMessage, len(a.parts))
	for name, m := range a.parts {
		text, err := jsonText(m)
		if err != nil {
			return err
		}
		parts[name] = text
	}
	return json.NewEncoder(body).Encode(parts)
}

// jsonText returns a message as one line of protobuf's JSON.
func jsonText(m proto.Message) ([]byte, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	// protojson puts spaces in at random, so that nobody compares its bytes;
	// people do.
	var compact bytes.Buffer
	err = json.Compact(&compact, b)
	compact.WriteByte('\n')
	return compact.Bytes(), err
}

// sheet is what the frame of every page shows.
type sheet struct {
	*answer
	Title, Path          string
	Data                 any
	Position             mes.Position
	Store, Version, Zone string
	Query                string
	JSON, Before, Next   string
	Time                 time.Time
}

func (s *Server) sheet(q *request, a *answer) sheet {
	sh := sheet{
		answer: a, Title: a.title, Path: q.URL.Path, Data: a.data, Position: a.position,
		Store: s.store.ID(), Version: s.cfg.Version, Zone: s.cfg.Calendar.Zone.String(),
		JSON: q.with("format", "json"), Time: time.Now(),
	}
	if q.URL.Path == "/search" {
		sh.Query = q.query.Get("q")
	}
	if a.before != "" {
		sh.Before = q.with("page_token", a.before)
	}
	if a.next != "" {
		sh.Next = q.with("page_token", a.next)
	}
	return sh
}

// with returns a link to the same question with one value set otherwise.
func (q *request) with(name, value string) string {
	values := maps.Clone(q.query)
	values.Set(name, value)
	return q.URL.EscapedPath() + "?" + values.Encode()
}

// view calls fn with a view at the page's position, or at the newest.
func (s *Server) view(ctx context.Context, p page, fn func(*store.View) error) error {
	return s.store.View(ctx, p.at, func(v *store.View) error {
		if p.at != 0 {
			v = v.AsOf(p.at)
		}
		return fn(v)
	})
}
