package plc

import (
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// TestAudit: the audit must not take a record for unheard that was read and
// acknowledged while the PLC's answer was on its way; it once ended a sound
// connection every minute.
func TestAudit(t *testing.T) {
	for _, test := range []struct {
		name       string
		ready, ack int64
		busy       bool
		rung       uint64
		last       mes.Sequence
		want       finding
	}{
		{"nothing was offered yet", 0, 0, false, 7, 0, heard},
		{"acknowledged", 5, 5, false, 7, 5, heard},
		{"being read", 5, 4, true, 7, 4, heard},
		{"rang, and is about to be read", 5, 4, false, 6, 4, heard},
		{"acknowledged after the PLC was asked", 5, 4, false, 7, 5, heard},
		{"did not ring", 5, 4, false, 7, 4, unheard},
		{"did not ring, the first one", 1, 0, false, 7, 0, unheard},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := new(station)
			st.busy.Store(test.busy)
			st.rung.Store(test.rung)
			if test.last > 0 {
				st.last.Store(&mes.Identity{Sequence: test.last})
			}
			if got := st.audit(test.ready, test.ack, 7); got != test.want {
				t.Errorf("finding is %d; want %d", got, test.want)
			}
		})
	}
}

// TestAuditFindsALostAcknowledgement: an answer may be older than the
// acknowledgement once, but not the answer to a question that came after it.
func TestAuditFindsALostAcknowledgement(t *testing.T) {
	type audit struct {
		ready, ack int64
		last       mes.Sequence
		busy       bool
		want       finding
	}
	for _, test := range []struct {
		name   string
		audits []audit
	}{
		{"lost", []audit{{5, 4, 5, false, heard}, {5, 4, 5, false, unacknowledged}}},
		{"reset", []audit{{5, 5, 5, false, heard}, {5, 0, 5, false, heard}, {5, 0, 5, false, unacknowledged}}},
		{"lost again", []audit{{5, 4, 5, false, heard}, {5, 4, 5, false, unacknowledged}, {5, 4, 5, false, unacknowledged}}},
		{"given again meanwhile", []audit{{5, 4, 5, false, heard}, {5, 4, 5, true, heard}, {5, 5, 5, false, heard}}},
		{"late twice, for two records", []audit{{5, 4, 5, false, heard}, {6, 5, 6, false, heard}}},
		{"late twice, for one number", []audit{{5, 4, 5, false, heard}, {5, 5, 5, false, heard}, {5, 4, 5, false, heard}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := new(station)
			for i, a := range test.audits {
				st.last.Store(&mes.Identity{Sequence: a.last})
				st.busy.Store(a.busy)
				if got := st.audit(a.ready, a.ack, 0); got != a.want {
					t.Errorf("finding %d is %d; want %d", i, got, a.want)
				}
			}
		})
	}
}
