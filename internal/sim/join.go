package sim

import (
	"iter"
	"strings"

	"github.com/takt-mes/takt/internal/line"
)

// Join returns lines as one: their blocks in turn, their records in the order of
// Due. The first one's zone is that of all. A single line is returned as it is.
//
// Of what the lines are made the joined one's Config says nothing; see
// Config.Made.
func Join(lines ...*line.Line) *line.Line {
	if len(lines) == 1 {
		return lines[0]
	}
	var names []string
	var blocks []line.Block
	parts := make([]part, len(lines))
	for i, l := range lines {
		names = append(names, l.Config().Name)
		parts[i] = part{line: l, first: len(blocks)}
		blocks = append(blocks, l.Blocks()...)
	}
	return line.Replay(strings.Join(names, "+"), lines[0].Config().Zone, blocks, func(yield func(line.Record) bool) {
		merge(parts, yield)
	})
}

// part is one line of several.
type part struct {
	line *line.Line
	// first is the place of its first block among those of all.
	first int
}

// merge yields the records of all parts; of two that are due at once the one of
// the earlier part comes first.
func merge(parts []part, yield func(line.Record) bool) {
	heads := make([]*line.Record, len(parts))
	nexts := make([]func() (line.Record, bool), len(parts))
	pull := func(i int) {
		heads[i] = nil
		if r, ok := nexts[i](); ok {
			r.Block += parts[i].first
			heads[i] = &r
		}
	}
	for i := range parts {
		next, stop := iter.Pull(Ahead(parts[i].line.Records()))
		defer stop()
		nexts[i] = next
		pull(i)
	}
	for {
		least := -1
		for i, r := range heads {
			if r != nil && (least < 0 || r.Due.Before(heads[least].Due)) {
				least = i
			}
		}
		if least < 0 || !yield(*heads[least]) {
			return
		}
		pull(least)
	}
}
