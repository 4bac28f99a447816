package web

import (
	"context"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// searchPage is what a search found.
type searchPage struct {
	// Name is what was looked for, escaped, so that it is seen to the byte.
	Name    string
	Matches []*taktv1.SearchMaterialResponse_Match
}

// askSearch finds what bears a name. People who look for one item or lot are led
// to it.
func (s *Server) askSearch(ctx context.Context, r *request) (*answer, error) {
	name, err := mes.Unescape(r.query.Get("q"))
	if err != nil {
		return nil, err
	}
	response := new(taktv1.SearchMaterialResponse)
	a := &answer{view: "search", title: "Search", message: response}
	if name == "" && r.json {
		return nil, mes.Invalid("q", "is empty; write an id or another name, percent-escaped")
	}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		var found []store.Match
		if name != "" {
			if found, err = v.Search(mes.ID(name)); err != nil {
				return err
			}
		}
		for _, m := range found {
			response.Matches = append(response.Matches, wire.Match(m))
		}
		response.Position = uint64(a.position)
		a.data = searchPage{mes.Escape(name), response.GetMatches()}
		if len(found) == 1 && found[0].Thing.Kind <= mes.RefLot {
			a.location = path(found[0].Thing, "")
		}
		return nil
	})
}
