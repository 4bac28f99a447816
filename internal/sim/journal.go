package sim

import (
	"encoding/hex"
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

// offered writes `source epoch sequence hash` of a record, the source escaped
// and the hash in hexadecimal, and a line of truth. A record that is offered
// again after a restart is written again.
func (j *journal) offered(id mes.Identity, r *line.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.emitted != nil {
		hash := mes.HashEvent(mes.AppendEvent(nil, r.Event))
		if _, err := fmt.Fprintf(j.emitted, "%s %d %d %s\n", id.Source, id.Epoch, id.Sequence, hex.EncodeToString(hash[:])); err != nil {
			return fmt.Errorf("write the log of emitted records: %w", err)
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
