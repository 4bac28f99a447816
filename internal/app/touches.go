package app

import (
	"fmt"
	"io"
	"iter"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/recording"
)

// touches writes what faults did, a line for each touch, as the records go by:
// those that are history too.
type touches struct {
	out io.Writer // nil for none
	err error
}

// watch yields the records until one cannot be written.
func (t *touches) watch(records iter.Seq[line.Record]) iter.Seq[line.Record] {
	if t.out == nil {
		return records
	}
	return func(yield func(line.Record) bool) {
		for r := range records {
			if t.err = t.write(r); t.err != nil || !yield(r) {
				return
			}
		}
	}
}

func (t *touches) write(r line.Record) error {
	for _, touch := range r.Truth.Touches {
		text, err := recording.Touch(r, touch)
		if err != nil {
			return err
		}
		if _, err := t.out.Write(text); err != nil {
			return fmt.Errorf("write what faults did: %w", err)
		}
	}
	return nil
}
