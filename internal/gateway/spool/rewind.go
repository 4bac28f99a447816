package spool

import (
	"context"
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// Acknowledge says that the server has every record up to the offset; it must
// not be called before that. Those that are also older than the retention time
// are then deleted, a few at a time. It does not wait for that, and a crash may
// forget the acknowledgement: the server tells it again.
func (s *Spool) Acknowledge(durable mes.Offset) error {
	s.mu.Lock()
	n := s.marks.base + uint64(durable)
	err, ahead := s.err, n > s.marks.last
	if err == nil && !ahead {
		s.marks.acknowledged = max(s.marks.acknowledged, n)
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case ahead:
		return mes.Invalid("durable_offset", fmt.Sprintf("is %d, beyond the end of the spool", durable))
	}
	select {
	case s.acknowledged <- struct{}{}:
	default:
	}
	return nil
}

// Start is where sending begins.
type Start struct {
	// After is the offset after which records are to be read and sent.
	After mes.Offset
	// Renamed says that the spool took a new name, since the server's offsets
	// and its own no longer fit: the stream must be opened anew under it.
	Renamed bool
	// Gone is how many records this store lacks that another one had
	// acknowledged and the spool has let go of since. They are in that other
	// store alone.
	Gone uint64
}

// Rewind takes what the server said when the stream was opened, and returns
// where to begin. Where the store is another than before or knows less than it
// acknowledged, everything that is still there is sent again. Where that would
// leave a hole in the offsets, or the server knows of more records than the
// spool ever had (its file was put back from a copy), the spool takes a new
// name and its offsets start from 1 again: identities tell the server which
// records it has. It is durable when Rewind returns.
func (s *Spool) Rewind(ctx context.Context, store string, durable mes.Offset) (Start, error) {
	name, err := newName()
	if err != nil {
		return Start{}, err
	}
	var start Start
	err = s.do(ctx, 0, func(c *change) error {
		// An acknowledgement since the change began is in memory alone.
		s.mu.Lock()
		m := s.marks
		s.mu.Unlock()
		m.first, m.last = c.marks.first, c.marks.last

		n := m.base + uint64(durable)
		before := m
		switch {
		case n > m.last:
			m.name, m.base, m.acknowledged = name, m.first-1, m.first-1
			start = Start{Renamed: true}
		case n+1 < m.first:
			start = Start{Renamed: true, Gone: m.first - 1 - n}
			m.name, m.base, m.acknowledged = name, m.first-1, m.first-1
		case m.store != "" && m.store != store:
			m.acknowledged = m.first - 1
			start = Start{After: m.offset(m.acknowledged)}
		default:
			m.acknowledged = n
			start = Start{After: durable}
		}
		m.store = store
		if m != before {
			c.dirty, c.rewound = true, true
		}
		c.marks = m
		return nil
	})
	if err != nil {
		return Start{}, err
	}
	return start, nil
}
