package web

import (
	"context"
	"net/url"
	"strings"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

var ways = []struct {
	name, title string
	way         genealogy.Direction
}{
	{"backward", "What %s was made of", genealogy.Backward},
	{"forward", "What was made of %s", genealogy.Forward},
}

// tracePage is what the page of one way shows.
type tracePage struct {
	Thing span
	traced
}

func (s *Server) askTrace(kind mes.RefKind) ask {
	return func(ctx context.Context, r *request) (*answer, error) {
		name, err := thingOf(r, kind)
		if err != nil {
			return nil, err
		}
		return s.trace(ctx, r, name, r.PathValue("way"))
	}
}

func (s *Server) trace(ctx context.Context, r *request, name mes.Thing, way string) (*answer, error) {
	for _, w := range ways {
		if w.name != way {
			continue
		}
		response := new(taktv1.TraceGenealogyResponse)
		a := &answer{view: "trace", message: response}
		err := s.view(ctx, r.page, func(v *store.View) error {
			t, err := v.Resolve(name)
			if err != nil {
				return err
			}
			rows := window{page: r.page}
			if response.Edges, err = edges(v, t, w.way, &rows); err != nil {
				return err
			}
			a.position, a.next = v.Position(), rows.next(v.Position())
			a.title = strings.Replace(w.title, "%s", t.ID.String(), 1)
			response.Position, response.NextPageToken = uint64(a.position), a.next
			a.data = tracePage{thing(t.String()), traced{Edges: response.GetEdges(), Forward: w.way == genealogy.Forward}}
			return nil
		})
		return a, err
	}
	return askNothing(ctx, r)
}

// edges returns those edges of a trace that are on the page.
func edges(v *store.View, start mes.Thing, way genealogy.Direction, rows *window) ([]*taktv1.GenealogyEdge, error) {
	var list []*taktv1.GenealogyEdge
	for e, err := range v.Trace(start, way, 0) {
		if err != nil {
			return list, err
		}
		if !rows.take() {
			if rows.more {
				break
			}
			continue
		}
		m, err := wire.Edge(e, v.Definition)
		if err != nil {
			return list, err
		}
		list = append(list, m)
	}
	return list, nil
}

// pageLink returns a link to a page behind the first.
func pageLink(path, token string) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + url.Values{"page_token": {token}}.Encode()
}
