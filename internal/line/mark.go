package line

import (
	"math/rand/v2"
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// between is a length that is drawn.
type between struct{ least, most mes.Micrometres }

func (b between) draw(g *rand.Rand) mes.Micrometres {
	return b.least + mes.Micrometres(g.Int64N(int64(b.most-b.least)/1000+1))*1000
}

func (b between) mean() float64 { return metresOf(b.least+b.most) / 2 }

// margin is how much of a coil's ends has no marks: what is thrown away there
// anyhow takes no mark with it.
const margin = 40 * mes.Metre

// find returns what the step finds wrong on a coil of that length: stretches
// that the next one cuts out, in the order of the metres. Together with the
// scrap at its beginning they are what the step's yield leaves.
func (p *process) find(length mes.Micrometres, lane uint32) []mes.Mark {
	if length <= 2*margin {
		return nil
	}
	long := p.mark.mean()
	share := 1 - p.yield - p.scrap.mean()/metresOf(motherLength)
	gap := max(1, metresOf(length-2*margin)*long/(share*metresOf(length))-long-1)
	var marks []mes.Mark
	at := margin
	for {
		at += mes.Micrometres(p.chance.ExpFloat64()*gap*float64(mes.Metre)/1000) * 1000
		long := p.mark.draw(p.chance)
		if at+long > length-margin {
			return slices.Clip(marks)
		}
		marks = append(marks, mes.Mark{
			Interval: mes.Interval{Lane: lane, From: at, To: at + long},
			Code:     p.defects[p.pick()].code,
		})
		at += long + mes.Metre
	}
}

// markAt returns the first mark that lies in a stretch, nil where there is none.
func markAt(marks []mes.Mark, from, to mes.Micrometres) *mes.Mark {
	for i := range marks {
		if m := &marks[i]; m.Interval.From < to && m.Interval.To > from {
			return m
		}
	}
	return nil
}

// defect returns the place of a defect in the table, −1 where the step has none
// of that code.
func (p *process) defect(code string) int {
	return slices.IndexFunc(p.defects, func(d defect) bool { return d.code == code })
}
