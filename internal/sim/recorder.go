package sim

import (
	"io"
	"slices"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/recording"
)

// recorder writes a recording of what is offered. Records are drawn from the
// line in the order of Due and offered as their blocks come to it; they are
// written in the order of Due, and one that was not offered in the end is not.
// Its methods must not be called at once.
type recorder struct {
	writer *recording.Writer
	// begun says that what stands in the blocks is written.
	begun bool
	// drawn are the records that are not written yet.
	drawn []drawn
}

type drawn struct {
	*line.Record
	offered bool
}

func newRecorder(w io.Writer, l *line.Line) (*recorder, error) {
	writer, err := recording.NewWriter(w, l)
	if err != nil {
		return nil, err
	}
	return &recorder{writer: writer}, nil
}

// draw adds a record that is to be offered.
func (r *recorder) draw(rec *line.Record) { r.drawn = append(r.drawn, drawn{Record: rec}) }

// begin writes the records that stand in the blocks, nil for none, when no more
// of them can come.
func (r *recorder) begin(stand []*line.Record) error {
	for _, rec := range stand {
		if rec == nil {
			continue
		}
		if err := r.writer.Stands(*rec); err != nil {
			return err
		}
	}
	r.begun = true
	return r.flush()
}

// offered notes that a record was; one that was before, under another number, is
// noted once.
func (r *recorder) offered(rec *line.Record) error {
	i := slices.IndexFunc(r.drawn, func(d drawn) bool { return d.Identity == rec.Identity })
	if i < 0 {
		return nil
	}
	r.drawn[i].offered = true
	return r.flush()
}

// flush writes all records before the first that is not offered yet.
func (r *recorder) flush() error {
	n := 0
	for ; r.begun && n < len(r.drawn) && r.drawn[n].offered; n++ {
		if err := r.writer.Add(*r.drawn[n].Record); err != nil {
			return err
		}
	}
	r.drawn = slices.Delete(r.drawn, 0, n)
	return nil
}

// end writes what was offered and waits for another, and the end.
func (r *recorder) end() error {
	if !r.begun {
		return nil
	}
	for _, d := range r.drawn {
		if !d.offered {
			continue
		}
		if err := r.writer.Add(*d.Record); err != nil {
			return err
		}
	}
	r.drawn = nil
	return r.writer.End()
}

// draw tells the recorder, where there is one.
func (j *journal) draw(r *line.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recorder != nil {
		j.recorder.draw(r)
	}
}

// begin tells the recorder what stands in the blocks.
func (j *journal) begin(stand []*line.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recorder == nil {
		return nil
	}
	return j.recorder.begin(stand)
}

// end ends the recording.
func (j *journal) end() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recorder == nil {
		return nil
	}
	return j.recorder.end()
}
