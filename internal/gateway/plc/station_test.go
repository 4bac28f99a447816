package plc

import (
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// TestUnheard: the audit must not take a record for unheard that was read and
// acknowledged while the PLC's answer was on its way; it once ended a sound
// connection every minute.
func TestUnheard(t *testing.T) {
	for _, test := range []struct {
		name       string
		ready, ack int64
		busy       bool
		rung       uint64
		last       mes.Sequence
		want       bool
	}{
		{"nothing was offered yet", 0, 0, false, 7, 0, false},
		{"acknowledged", 5, 5, false, 7, 5, false},
		{"being read", 5, 4, true, 7, 4, false},
		{"rang, and is about to be read", 5, 4, false, 6, 4, false},
		{"acknowledged after the PLC was asked", 5, 4, false, 7, 5, false},
		{"did not ring", 5, 4, false, 7, 4, true},
		{"did not ring, the first one", 1, 0, false, 7, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := new(station)
			st.busy.Store(test.busy)
			st.rung.Store(test.rung)
			if test.last > 0 {
				st.last.Store(&mes.Identity{Sequence: test.last})
			}
			if got := st.unheard(test.ready, test.ack, 7); got != test.want {
				t.Errorf("unheard = %v; want %v", got, test.want)
			}
		})
	}
}
