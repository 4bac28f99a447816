package line

import "github.com/takt-mes/takt/internal/mes"

// pass is what differs between the machines that rewind a coil: each unwinds it
// from the outside, cuts out what the one before has marked, measures the rest
// and marks what it finds itself.
type pass struct {
	code string
	// speed is in metres a second by nature.
	speed float64
	// suffix is added to the coil's id, definition to the electrode's name.
	suffix     mes.ID
	definition string
	// slits says that each lane becomes a coil of its own.
	slits bool
}

// passes is the way from a mother to the winders.
var passes = [...]pass{
	{code: "CAL", speed: 100. / 60, suffix: "-P", definition: "-calendered"},
	{code: "SLT", speed: 120. / 60, definition: "-strip", slits: true},
	{code: "NOT", speed: 90. / 60, suffix: "-N", definition: "-notched"},
}

// rewinder is a machine of a pass. A calender makes the web thinner and longer, a
// slitter cuts it into lanes and its blades wear.
type rewinder struct {
	*station
	pass *pass
	e    *electrode
	// in is what it takes from, out takes what it has made.
	in  *queue[*coil]
	out func(c *coil)

	parent *coil
	// children are what it is wound on, one or one a lane; each is left long by
	// now.
	children []*coil
	// began is when the parent was put on, since when the last scan ended.
	began, since moment
	calender     *calender
	burr         burr
}

func newRewinder(s *station, p *pass, e *electrode, in *queue[*coil], out func(*coil)) *rewinder {
	w := &rewinder{station: s, pass: p, e: e, in: in, out: out}
	if p.code == "CAL" {
		w.calender = newCalender(s.process, e.polarity)
	}
	return w
}

// begin puts the next coil on.
func (w *rewinder) begin(now moment) {
	w.parent, w.began, w.since = w.in.pop(), now, now
	if w.tool.life > 0 && w.spare(uint64(w.parent.length/mes.Metre)) { //nolint:gosec // a length is not negative
		w.burr = burr{}
	}
	w.burr.from = 0
	start, elongation := w.scrap.draw(w.chance), int64(0)
	if w.calender != nil {
		elongation = w.calender.press(w.chance)
	}
	w.children = w.children[:0]
	if !w.pass.slits {
		w.wind(w.parent.lane, start, elongation, w.parent.ref.ID+w.pass.suffix)
	} else {
		for number := range lanes {
			w.wind(uint32(number+1), start, elongation, lane(w.parent.ref.ID, number+1))
		}
	}
	w.next(now)
}

// wind begins a child of a lane of the parent, or of all.
func (w *rewinder) wind(lane uint32, start mes.Micrometres, elongation int64, id mes.ID) {
	from := newRewinding(w.parent, lane, start, elongation)
	c := &coil{
		ref:  mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: id}, MaterialDefinition: w.e.name + w.pass.definition},
		from: from, length: from.length, lane: min(lane, 1), splices: from.splices(),
	}
	c.marks = w.find(c.length, c.lane)
	for _, m := range c.marks {
		if m.Code == webBreak {
			c.splices = inOrder(append(c.splices, mes.Splice{At: m.Interval.From}))
		}
	}
	w.children = append(w.children, c)
}

// webBreak is the mark that is a joint too.
const webBreak = "CAL-05"

// next goes on to the next scan.
func (w *rewinder) next(now moment) {
	length := w.piece()
	natural := metresOf(length) / w.pass.speed
	w.run.plan(now+w.e.seconds(natural, len(w.stations), w.e.cells(length, w.parent.lanes())), w, 0)
}

// piece is how much is wound until the next scan.
func (w *rewinder) piece() mes.Micrometres {
	c := w.children[0]
	return min(mes.Micrometres(w.scan)*mes.Metre, c.length-c.left)
}

func (w *rewinder) act(now moment, _ int) {
	length := w.piece()
	if w.tool.life > 0 {
		w.use(uint64(length / mes.Metre)) //nolint:gosec // a length is not negative
	}
	for _, c := range w.children {
		c.left += length
		rec := newScan(w.station, c, c.left-length, c.left, w.since)
		switch {
		case w.calender != nil:
			w.calender.gauge(rec, c)
		case w.pass.slits:
			rec.set(w.column("blade_km"), float64(w.mounted.Count)/1000)
			w.burr.gauge(rec, c)
		}
		w.run.emit(w.station, &rec.event, Truth{})
	}
	w.since = now
	if c := w.children[0]; c.left < c.length {
		w.next(now)
		return
	}
	for _, c := range w.children {
		w.finish(c)
	}
	w.parent.left, w.parent = 0, nil
	w.e.replenish(now)
}

// finish takes a child off: one record of what went into it, and one of how its
// metres came from the parent's.
func (w *rewinder) finish(c *coil) {
	p, from := w.parent, c.from
	of := func(i mes.Interval) mes.Interval { i.Lane = from.lane; return i }
	whole := of(mes.Interval{To: p.length})
	consumed := metres(p.length)
	rec := w.run.newWork(w.station, c.ref, w.began, -1, 1, nil)
	rec.work.Consumed = []mes.Actual{{Ref: p.ref, Quantity: &consumed, Interval: &whole}}
	truth := Truth{Links: make([]Link, len(from.kept)), Losses: make([]Loss, 0, len(from.cuts)+1)}
	for i, k := range from.kept {
		used, place := of(k.parent), c.stretch(k.child.From, k.child.To)
		truth.Links[i] = Link{From: p.ref.Thing, Into: c.ref.Thing, Quantity: metres(used.To - used.From), Interval: &used, Place: &place}
	}
	truth.Losses = append(truth.Losses, p.lose(of(mes.Interval{From: p.length - from.start, To: p.length})))
	for _, k := range from.cuts {
		truth.Losses = append(truth.Losses, p.lose(of(mes.Interval{From: p.length - k.At - k.Length, To: p.length - k.At})))
	}
	w.run.emit(w.station, &rec.event, truth)
	c.inherit()
	w.burr.leave(c)
	w.run.state(w.station, &mes.CoilGeometry{
		Coil: c.ref.ID, Length: c.length, Lanes: c.lanes(), Winding: mes.WindingReversed, StartScrap: from.start,
		CutOuts: from.cuts, Splices: c.splices, Marks: c.marks, Elongation: from.elongation, Parent: p.ref.ID, ParentLane: from.lane,
	}, Truth{Touches: c.touches()})
	w.out(c)
}
