package line

// newRoute sets up what becomes of a jelly roll, from its press to the pack that
// it leaves in, and returns what takes it first. It is built from the end, since
// each step hands on to the next.
func newRoute(r *run) taker {
	plain := craft{}
	atOnce, perRoll := 1.0, 0.5

	peel := newLaboratory(r, "PEL", 20*minute)
	section := newLaboratory(r, "XSC", 40*minute)

	ship := &shipping{run: r}
	labelled := newShop(r, "PEOL", packModules*moduleCells, labelling(r), ship)
	packed := newShop(r, "PACK", packModules*moduleCells, packing(r), labelled)
	collected := &collecting{next: packed}
	infeed := newInfeed(r, nil)
	tested := newShop(r, "MEOL", moduleCells, finishing(r, &infeed.spares), collected)
	welded := newShop(r, "BBW", moduleCells, plain, tested)
	infeed.next = newShop(r, "STK", moduleCells, stacking(r), welded)

	sorted := &sorting{run: r, boxes: make(map[bin]*box), next: infeed}
	graded := newShop(r, "SRT", atOnce, sorted.craft(), sorted)
	seen := newShop(r, "AOI", atOnce, plain, graded)
	measured := newShop(r, "DIM", atOnce, weighing, seen)
	wrapped := newShop(r, "WRP", atOnce, plain, measured)
	pulsed := newShop(r, "DCR", atOnce, resistance, wrapped)

	out := newUnloader(r, "TU3", pulsed)
	second := newTesters(r, "OC2", out.takeTray)
	second.meet, second.complete = groupRule, secondVoltage
	aged := newRooms(r, "RTA", r.config.Dwell.Ageing, second)
	first := newTesters(r, "OC1", aged.takeTray)
	first.complete = firstVoltage
	settled := &settling{run: r, next: first}
	grading := newChannels(r, "GRD", span(r.config.Dwell.Grading), span(r.config.Dwell.Grading), settled)
	grading.complete = grade
	in := newLoader(r, "TL3", grading)

	tight := newShop(r, "HL2", atOnce, leakTest(), in)
	pinned := newShop(r, "SPW", atOnce, plain, tight)
	refilled := newShop(r, "FIL2", atOnce, refilling(), pinned)

	out = newUnloader(r, "TU2", refilled)
	hot := newRooms(r, "HTA", r.config.Dwell.HotAgeing, out)
	formed := newChannels(r, "FRM", span(r.config.Dwell.Formation), span(r.config.Dwell.Formation)/12, hot)
	formed.shifts = true
	soaked := newRooms(r, "SOK", r.config.Dwell.Soak, formed)
	in = newLoader(r, "TL2", soaked)

	filled := newShop(r, "FIL1", atOnce, filling(r), in)
	out = newUnloader(r, "TU1", filled)
	r.baking = newBaking(r, out)
	in = newLoader(r, "TL1", r.baking)

	sealed := newShop(r, "HL1", atOnce, plain, in)
	closed := newShop(r, "SLW", atOnce, seamWeld, sealed)
	closed.craft.after = section.sampling(nil)
	insulated := newShop(r, "HP2", atOnce, plain, closed)
	inserted := newShop(r, "INS", atOnce, insertion(r), &bypass{r, insulated})
	folded := newShop(r, "MYL", atOnce, plain, inserted)
	lidded := newShop(r, "CLW", atOnce, plain, folded)
	joined := newShop(r, "UMW", atOnce, mainWeld(), lidded)
	joined.craft.after = peel.sampling(wornHorn)
	paired := &pairing{next: newShop(r, "UPW", atOnce, preWeld, joined)}
	safe := newShop(r, "HP1", perRoll, plain, paired)
	return newPressing(r, safe)
}

// settling is the time in which a cell's voltage comes to rest after grading.
type settling struct {
	run  *run
	next trayTaker
}

type settlingTray struct {
	settling *settling
	tray     *tray
}

func (s *settling) takeTray(now moment, t *tray) {
	s.run.plan(now+span(s.run.config.Dwell.Settling), &settlingTray{s, t}, 0)
}

func (s *settlingTray) act(now moment, _ int) { s.settling.next.takeTray(now, s.tray) }
