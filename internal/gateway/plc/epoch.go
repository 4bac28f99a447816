package plc

import (
	"encoding/json"
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// memory is what the spool keeps for a source beside its last number.
type memory struct {
	// Epoch is the one that Boot was seen in.
	Epoch mes.Epoch `json:"epoch"`
	// Boot is the PLC's boot id, as text.
	Boot string `json:"boot"`
}

func (m memory) encode() ([]byte, error) { return json.Marshal(m) }

func decodeMemory(state []byte) (memory, error) {
	var m memory
	if len(state) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(state, &m); err != nil {
		return m, mes.Errorf(mes.CodeDamaged, "what the spool keeps of the station is unreadable: %w", err)
	}
	return m, nil
}

// decide returns the epoch of a record with this number, and, where it opens a
// new one, what was seen. Last is the highest number that the spool or the
// server knows of the source, zero where there is none; same tells whether the
// number is spooled in the last epoch with this record's content.
//
// An epoch opens only where the PLC was started anew and its numbers went back,
// or a number that was used shows other content. A restart after which the
// numbers go on stays in its epoch. Numbers that go back without a restart stay
// as well: the spool and the server compare content, and what differs ends in
// quarantine.
//
// A gateway whose spool is new does not know the boot id of before. It takes
// numbers that went back for a restart then: the PLC keeps one record at a time,
// so that it cannot offer an older number for any other reason.
func decide(last mes.Identity, m memory, boot string, n mes.Sequence, same func() (bool, error)) (mes.Epoch, string, error) {
	if last.Epoch == 0 {
		return 1, "", nil
	}
	knows := m.Epoch == last.Epoch
	switch {
	case n > last.Sequence, knows && m.Boot == boot:
		return last.Epoch, "", nil
	case !knows && n == last.Sequence:
		// Most likely the record that the lost spool was about to acknowledge.
		return last.Epoch, "", nil
	}
	is, err := same()
	if err != nil || is {
		return last.Epoch, "", err
	}
	before := m.Boot
	if !knows {
		before = "unknown"
	}
	return last.Epoch + 1, fmt.Sprintf("boot id %s → %s, number %d → %d", before, boot, last.Sequence, n), nil
}
