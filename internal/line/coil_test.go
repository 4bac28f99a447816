package line

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// metre is a length as the examples write it.
func metre(m float64) mes.Micrometres { return mes.Micrometres(m*1000+0.5) * 1000 }

// exampleRewinding is the worked example of the reference line's coil arithmetic:
// 3,000 m with 8 m of start scrap, 12 m cut out at 1,500 and 0.3 % of elongation.
func exampleRewinding() *rewinding {
	parent := &coil{length: 3000 * mes.Metre, marks: []mes.Mark{{Interval: mes.Interval{From: 1488 * mes.Metre, To: 1500 * mes.Metre}, Code: "COT-03"}}}
	return newRewinding(parent, 0, 8*mes.Metre, 3000)
}

func TestRewinding(t *testing.T) {
	w := exampleRewinding()
	want := []kept{
		{mes.Interval{From: 1500 * mes.Metre, To: 2992 * mes.Metre}, mes.Interval{To: 1_496_476_000}},
		{mes.Interval{To: 1488 * mes.Metre}, mes.Interval{From: 1_496_476_000, To: 2_988_940_000}},
	}
	if diff := cmp.Diff(want, w.kept, cmp.AllowUnexported(kept{})); diff != "" {
		t.Errorf("kept mismatch (-want +got):\n%s", diff)
	}
	if w.length != 2_988_940_000 {
		t.Errorf("the child is %s m long, want 2988.940", w.length)
	}
	if diff := cmp.Diff([]mes.CutOut{{At: 1500 * mes.Metre, Length: 12 * mes.Metre, Code: "COT-03"}}, w.cuts); diff != "" {
		t.Errorf("cut-outs mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]mes.Splice{{At: 1_496_476_000}}, w.splices()); diff != "" {
		t.Errorf("splices mismatch (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		name          string
		child, parent float64
	}{
		{"the first metre", 0, 2992},
		{"before the cut-out", 100, 2892.299},
		{"at the cut-out", 1496.476, 1488},
		{"after it", 1500, 1484.487},
		{"near the core", 2900, 88.674},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := w.toParent(metre(tc.child)); (got+500)/1000*1000 != metre(tc.parent) {
				t.Errorf("metre %.3f was %s of the parent, want %.3f", tc.child, got, tc.parent)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	w := exampleRewinding()
	for _, tc := range []struct {
		name string
		of   mes.Interval
		want []mes.Interval
	}{
		{"all that is kept on one side", mes.Interval{To: 1488 * mes.Metre}, []mes.Interval{{From: 1_496_476_000, To: 2_988_940_000}}},
		{"what was cut out", mes.Interval{From: 1490 * mes.Metre, To: 1495 * mes.Metre}, nil},
		{"the start scrap", mes.Interval{From: 2992 * mes.Metre, To: 3000 * mes.Metre}, nil},
		{
			"over the cut-out",
			mes.Interval{From: 1478 * mes.Metre, To: 1510 * mes.Metre},
			[]mes.Interval{{From: 1_486_446_000, To: 1_496_476_000}, {From: 1_496_476_000, To: 1_506_506_000}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, w.pieces(tc.of)); diff != "" {
				t.Errorf("pieces mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRewindsThereAndBack follows metres of a child to its parent and back, over
// four rewinds with whatever is cut out.
func TestRewindsThereAndBack(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	p := newProcess(stepOf("COT-C"), 3)
	for range 200 {
		c := &coil{length: 2900*mes.Metre + mes.Micrometres(g.IntN(100_000_000)), web: new(profile)}
		c.marks = p.find(c.length, 0)
		for pass := range 4 {
			elongation, lane := int64(0), uint32(0)
			if pass == 0 {
				elongation = 1000 + g.Int64N(5000)
			}
			if pass > 0 {
				lane = 1 + g.Uint32N(lanes)
			}
			child := &coil{from: newRewinding(c, lane, mes.Micrometres(g.IntN(8_000_000)), elongation), lane: min(lane, 1)}
			child.length = child.from.length
			child.marks = p.find(child.length, child.lane)
			c = child
		}
		for range 50 {
			metres := []mes.Micrometres{mes.Micrometres(g.Int64N(int64(c.length)))}
			coils := []*coil{c}
			for at := c; at.from != nil; at = at.from.parent {
				metres = append(metres, at.from.toParent(metres[len(metres)-1]))
				coils = append(coils, at.from.parent)
			}
			mother, i := c.origin(mes.Interval{From: metres[0], To: metres[0]})
			if last := metres[len(metres)-1]; mother != coils[len(coils)-1] || i.From != last || i.Lane == 0 {
				t.Fatalf("origin is %s, want %s", i, last)
			}
			back := metres[len(metres)-1]
			for k := len(coils) - 2; k >= 0; k-- {
				var there bool
				if back, there = coils[k].from.toChild(back); !there {
					t.Fatalf("metre %s of rewind %d was thrown away", metres[k], k)
				}
				// A micrometre is lost in rounding, once a rewind, or a joint lies there.
				if off := back - metres[k]; off > 4 || off < -4 {
					t.Fatalf("metre %s of rewind %d comes back as %s", metres[k], k, back)
				}
			}
		}
	}
}

func TestBlemishesGoTheWayOfTheMetres(t *testing.T) {
	f := &fault{kind: &particleFault}
	parent := &coil{length: 3000 * mes.Metre, marks: []mes.Mark{{Interval: mes.Interval{From: 1220 * mes.Metre, To: 1224 * mes.Metre}}}}
	parent.blemishes = []blemish{{f, mes.Interval{From: 1210 * mes.Metre, To: 1238 * mes.Metre}, 1}}
	c := &coil{from: newRewinding(parent, 4, 0, 0), lane: 1}
	c.inherit()
	want := []mes.Interval{
		{Lane: 1, From: 1762 * mes.Metre, To: 1776 * mes.Metre},
		{Lane: 1, From: 1776 * mes.Metre, To: 1786 * mes.Metre},
	}
	var got []mes.Interval
	for _, b := range c.blemishes {
		got = append(got, b.interval)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blemishes mismatch (-want +got):\n%s", diff)
	}
}

// TestMetreCountStaysWithinWhatItSays unwinds whole coils without a point of which
// the metre is known.
func TestMetreCountStaysWithinWhatItSays(t *testing.T) {
	w := newRun(newLine(t, webConfig())).winders[0]
	for range 500 {
		var n metreCount
		n.sync(2900*mes.Metre, w)
		for ; n.at > 10*mes.Metre; n.at -= 5200 * mes.Metre / 1000 {
			i := n.shows(1, n.at-5200*mes.Metre/1000, n.at)
			for _, off := range []mes.Micrometres{i.From - n.at + 5200*mes.Metre/1000, i.To - n.at} {
				if off > i.Delta || off < -i.Delta {
					t.Fatalf("at %s it shows %s", n.at, i)
				}
			}
		}
	}
}
