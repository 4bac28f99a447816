package sim

import (
	"fmt"
	"io"
	"sync"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/recording"
)

// journal writes down what was offered, so that it can be compared with what has
// arrived.
type journal struct {
	mu      sync.Mutex
	emitted io.Writer
	truth   io.Writer
	// recorder is nil where nothing is recorded.
	recorder *recorder
}

// WriteEmitted writes a line `source epoch sequence hash` of a record, the source
// escaped and the hash, of its canonical event, in hexadecimal.
func WriteEmitted(w io.Writer, id mes.Identity, event []byte) error {
	if _, err := fmt.Fprintf(w, "%s %d %d %x\n", id.Source, id.Epoch, id.Sequence, mes.HashEvent(event)); err != nil {
		return fmt.Errorf("write the log of emitted records: %w", err)
	}
	return nil
}

// offered writes a record down as emitted, and a line of truth. A record that is offered
// again after a restart is written again.
func (j *journal) offered(id mes.Identity, r *line.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.emitted != nil {
		if err := WriteEmitted(j.emitted, id, mes.AppendEvent(nil, r.Event)); err != nil {
			return err
		}
	}
	if j.truth != nil {
		b, err := recording.Truth(id, *r)
		if err != nil {
			return err
		}
		if _, err := j.truth.Write(b); err != nil {
			return fmt.Errorf("write truth: %w", err)
		}
	}
	if j.recorder != nil {
		return j.recorder.offered(r)
	}
	return nil
}
