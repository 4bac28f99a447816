package line

import (
	"math"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// TestFind holds what is marked on many coils against the step's yield: what its
// scrap leaves of the loss.
func TestFind(t *testing.T) {
	for _, code := range []string{"COT-C", "COT-A", "CAL-C", "CAL-A", "SLT-C", "NOT-C"} {
		t.Run(code, func(t *testing.T) {
			p := newProcess(stepOf(code), 1)
			const coils = 4000
			marked := mes.Micrometres(0)
			for range coils {
				last := margin
				for _, m := range p.find(motherLength, 0) {
					length := m.Interval.To - m.Interval.From
					if m.Interval.From < last || length < p.mark.least || length > p.mark.most || p.defect(m.Code) < 0 {
						t.Fatalf("%+v after %s", m, last)
					}
					last = m.Interval.To
					marked += length
				}
				if last > motherLength-margin {
					t.Fatalf("a mark ends at %s", last)
				}
			}
			want := 1 - p.yield - p.scrap.mean()/metresOf(motherLength)
			if got := metresOf(marked) / coils / metresOf(motherLength); math.Abs(got/want-1) > 0.08 {
				t.Errorf("%.3f %% of the web is marked, want %.3f %%", 100*got, 100*want)
			}
		})
	}
	if marks := newProcess(stepOf("COT-C"), 1).find(60*mes.Metre, 0); len(marks) > 0 {
		t.Errorf("a coil that is all margin has the marks %v", marks)
	}
}
