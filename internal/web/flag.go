package web

import (
	"context"
	"slices"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

// flagsPage is what the page of flags shows.
type flagsPage struct {
	Kind  string
	Flags []*taktv1.Flag
	// Kinds are all there are.
	Kinds []flagKind
}

// flagKind counts the flags of one kind.
type flagKind struct {
	Word, Name string
	Count      uint64
}

func (s *Server) askFlags(ctx context.Context, r *request) (*answer, error) {
	only, known := taktv1.FlagKind_value[r.query.Get("kind")]
	if r.query.Get("kind") != "" && !known {
		return nil, mes.Invalid("kind", "must be a flag's kind as the API names it, as FLAG_KIND_TWO_PARENTS")
	}
	response := new(taktv1.ListFlagsResponse)
	a := &answer{view: "flags", title: "Flags", message: response}
	return a, s.view(ctx, r.page, func(v *store.View) error {
		a.position = v.Position()
		rows := window{page: r.page}
		var counts flagCounts
		for f, err := range v.Flags() {
			if err != nil {
				return err
			}
			m := wire.Flag(f)
			counts.add(m.GetKind())
			if (only == 0 || m.GetKind() == taktv1.FlagKind(only)) && rows.take() {
				response.Flags = append(response.Flags, m)
			}
		}
		a.next = rows.next(a.position)
		response.Position, response.NextPageToken = uint64(a.position), a.next
		a.data = flagsPage{word(taktv1.FlagKind(only)), response.GetFlags(), counts.kinds()}
		return nil
	})
}

// flagCounts counts flags by kind.
type flagCounts map[taktv1.FlagKind]uint64

func (c *flagCounts) add(k taktv1.FlagKind) {
	if *c == nil {
		*c = make(flagCounts)
	}
	(*c)[k]++
}

func (c flagCounts) kinds() []flagKind {
	var list []flagKind
	for k, n := range c {
		list = append(list, flagKind{word(k), k.String(), n})
	}
	slices.SortFunc(list, func(a, b flagKind) int { return int(taktv1.FlagKind_value[a.Name] - taktv1.FlagKind_value[b.Name]) })
	return list
}

// newestFlags keeps the flags with the latest events, the latest first.
type newestFlags struct {
	flags []store.Flag
	most  int
}

func (n *newestFlags) add(f store.Flag) {
	latest := func(f store.Flag) mes.Position {
		if len(f.Positions) == 0 {
			return 0
		}
		return slices.Max(f.Positions)
	}
	at, _ := slices.BinarySearchFunc(n.flags, latest(f), func(have store.Flag, p mes.Position) int {
		if latest(have) >= p {
			return -1
		}
		return 1
	})
	n.flags = slices.Insert(n.flags, at, f)
	n.flags = n.flags[:min(len(n.flags), n.most)]
}
