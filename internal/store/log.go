package store

import (
	"sort"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// logReader reads the log in one state: the archive, and the layers that are
// not sealed. One goroutine uses it.
type logReader struct {
	archive archiveReader
	layers  []*layer // the newest first
}

// row returns the entry at a position. CodeNotFound behind the end.
func (r *logReader) row(position mes.Position) (block.Row, error) {
	for i, l := range r.layers {
		if position < l.first {
			continue
		}
		if position >= l.next() {
			if i == 0 {
				break
			}
			return block.Row{}, missing(position)
		}
		return rowOf(position, l.entries[position-l.first])
	}
	if len(r.layers) == 0 || position < r.layers[len(r.layers)-1].first {
		return r.archive.row(position)
	}
	return block.Row{}, mes.Errorf(mes.CodeNotFound, "there is nothing at position %d", position)
}

// time returns the record time of a position.
func (r *logReader) time(position mes.Position) (time.Time, error) {
	for _, l := range r.layers {
		if position < l.first {
			continue
		}
		n := sort.Search(len(l.groups), func(n int) bool { return l.groups[n].first > position })
		for ; n > 0; n-- {
			if g := &l.groups[n-1]; g.count > 0 {
				return g.time, nil
			}
		}
		return time.Time{}, missing(position)
	}
	return r.archive.time(position)
}
