package store

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestTimeOfPosition asks a list for the time of each position, past groups that
// have no entry, that have spools, and that have schemas and tallies.
func TestTimeOfPosition(t *testing.T) {
	start := time.Date(2026, 11, 23, 6, 0, 0, 999_000_000, time.UTC)
	next := mes.Position(1)
	var groups []group
	for i := range 3*groupRun + 5 {
		g := group{number: uint64(i) + 7, first: next, count: i % 4, time: start.Add(time.Duration(i*i) * 37 * time.Millisecond)}
		for range i % 3 {
			g.durables = append(g.durables, durable{"g", "s", mes.Offset(i)})
		}
		if i%5 == 0 {
			g.schemas = []mes.Schema{{Columns: []mes.Column{{Characteristic: "width", Unit: "mm"}}}}
			g.tallies = []tally{{"L1", 1, 2}}
		}
		groups = append(groups, g)
		next += mes.Position(g.count)
	}
	l, err := openGroups(packGroups(groups))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for i := range g.count {
			if got, err := l.time(g.first + mes.Position(i)); err != nil || !got.Equal(g.time) {
				t.Errorf("position %d is of %v, %v; want %v", g.first+mes.Position(i), got, err, g.time)
			}
		}
	}
	if got, err := l.time(next); mes.CodeOf(err) != mes.CodeDamaged {
		t.Errorf("position %d, which no group has, is of %v, %v", next, got, err)
	}
}
