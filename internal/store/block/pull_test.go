package block_test

import (
	"iter"

	"github.com/takt-mes/takt/internal/line"
)

func pull(l *line.Line) (func() (line.Record, bool), func()) {
	return iter.Pull(l.Records())
}
