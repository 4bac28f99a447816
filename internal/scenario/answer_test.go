package scenario_test

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// asker puts a file's questions to a world and writes the answers down.
type asker struct {
	world world
	clock clock
	// logged names the events of the log, whose positions depend on the order
	// of arrival, by their identities, which do not.
	logged map[uint64]*taktv1.LoggedEvent
	labels map[uint64]string
	// again is how many records of each source were sent again: the ledger
	// counts them, and the file does not.
	again map[string]uint64
}

func newAsker(w world, c clock, again map[string]uint64) (*asker, error) {
	a := &asker{w, c, make(map[uint64]*taktv1.LoggedEvent), make(map[uint64]string), again}
	events, err := w.Events()
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		a.logged[e.GetPosition()] = e
		a.labels[e.GetPosition()] = label(wire.IdentityFrom(e.GetIdentity()))
	}
	quarantined, err := w.Quarantine()
	for _, q := range quarantined {
		a.labels[q.GetPosition()] = label(wire.IdentityFrom(q.GetRecord().GetIdentity()))
	}
	return a, err
}

// ask returns the answer to a question; a refusal is an answer too.
func (a *asker) ask(question string) (string, error) {
	l, err := lex(question)
	if err != nil {
		return "", err
	}
	answers := map[string]func(*line) ([]string, error){
		"trace": a.trace, "item": a.item, "record": a.record, "lot": a.lot, "yield": a.yield, "ledger": a.ledger,
		"sources": a.sources, "quarantine": a.quarantine, "search": a.search, "flags": a.flags, "equipment": a.equipment,
		"log": a.log, "statistics": a.statistics,
	}
	word := l.next()
	answer := answers[word]
	if answer == nil {
		return "", fmt.Errorf("%q is no question", word)
	}
	lines, err := answer(l)
	var refused *mes.Error
	switch {
	case errors.As(err, &refused):
		lines = []string{"! " + reason(refused) + ": " + refused.Message}
	case err != nil:
		return "", err
	}
	if err := l.end(); err != nil {
		return "", err
	}
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// reason is the word that the API has for an error.
func reason(err error) string {
	for _, d := range wire.Status(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return "without a reason"
}

// by names the events at positions.
func (a *asker) by(positions ...uint64) string {
	if len(positions) == 0 {
		return ""
	}
	var labels []string
	for _, p := range positions {
		labels = append(labels, cmp.Or(a.labels[p], "nobody"))
	}
	slices.Sort(labels)
	return "by " + strings.Join(labels, " ")
}

func (a *asker) time(t *timestamppb.Timestamp) string { return a.clock.format(t.AsTime()) }

// words joins what is not empty.
func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

// prefixed returns prefix and text, or nothing where there is no text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func enumWord(name, prefix string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", "-")
}

func metres(um int64) string {
	return strings.TrimSuffix(strings.TrimRight(mes.Micrometres(um).String(), "0"), ".")
}

func interval(i *taktv1.Interval) string {
	if i == nil {
		return ""
	}
	lane := ""
	if i.GetLane() != 0 {
		lane = fmt.Sprintf("#%d", i.GetLane())
	}
	delta := ""
	if i.GetDeltaMicrometres() != 0 {
		delta = "±" + metres(i.GetDeltaMicrometres())
	}
	return lane + "[" + metres(i.GetFromMicrometres()) + ".." + metres(i.GetToMicrometres()) + delta + "]"
}

func quantity(q *taktv1.Quantity) string {
	if q == nil {
		return ""
	}
	return mes.NewDecimal(q.GetValue().GetCoefficient(), q.GetValue().GetExponent()).String() + q.GetUnit()
}

func quantities(list []*taktv1.Quantity) string {
	var all []string
	for _, q := range list {
		all = append(all, quantity(q))
	}
	slices.Sort(all)
	return strings.Join(all, " + ")
}

func defined(thing, definition string) string {
	if definition == "" {
		return thing
	}
	return thing + "(" + definition + ")"
}

func (a *asker) trace(l *line) ([]string, error) {
	way := taktv1.Direction_DIRECTION_BACKWARD
	if !l.accept("backward") {
		way = taktv1.Direction_DIRECTION_FORWARD
		l.accept("forward")
	}
	thing := l.next()
	var depth int32
	if l.accept("depth") {
		if _, err := fmt.Sscan(l.next(), &depth); err != nil {
			return nil, err
		}
	}
	edges, err := a.world.Trace(thing, way, depth)
	if err != nil {
		return nil, err
	}
	var lines []string
	for i, e := range edges {
		if i > 0 && e.GetDepth() < edges[i-1].GetDepth() {
			return nil, fmt.Errorf("edge %d is nearer than the one before it", i+1)
		}
		if err := a.sameAsEvent(e); err != nil {
			return nil, err
		}
		input := "?"
		if e.GetInput() != "" {
			input = defined(e.GetInput(), e.GetInputDefinition())
		}
		input += prefixed("@", e.GetSlot()) + interval(e.GetInterval()) + prefixed("=", quantity(e.GetQuantity()))
		output := defined(e.GetOutput(), e.GetOutputDefinition()) + prefixed("@", e.GetPlace())
		ends := output + " <- " + input
		if way == taktv1.Direction_DIRECTION_FORWARD {
			ends = input + " -> " + output
		}
		certainty := enumWord(e.GetCertainty().String(), "CERTAINTY_")
		if e.GetAlternatives() != 0 {
			certainty += fmt.Sprintf(", one of %d", e.GetAlternatives())
		}
		removed := ""
		if e.GetRemoved() {
			removed = "removed"
		}
		lines = append(lines, words(strconv.Itoa(int(e.GetDepth())), ends, a.by(e.GetPosition())+":", certainty, removed))
	}
	// The order of edges of one depth is not part of the answer.
	slices.SortStableFunc(lines, func(a, b string) int {
		depth := func(s string) (d int) { _, _ = fmt.Sscan(s, &d); return d }
		return cmp.Or(cmp.Compare(depth(a), depth(b)), strings.Compare(a, b))
	})
	return lines, nil
}

// sameAsEvent compares what an edge repeats of its event.
func (a *asker) sameAsEvent(e *taktv1.GenealogyEdge) error {
	event := a.logged[e.GetPosition()].GetEvent()
	if string(e.GetEquipment()) != string(event.GetEquipment()) || e.GetProcessSegment() != event.GetProcessSegment() ||
		!e.GetEventTime().AsTime().Equal(event.GetEventTime().AsTime()) {
		return fmt.Errorf("the edge %v says another place or time than its event %v", e, event)
	}
	return nil
}

func (a *asker) flagLine(f *taktv1.Flag) string {
	return words(enumWord(f.GetKind().String(), "FLAG_KIND_"), f.GetThing(), a.by(f.GetPositions()...), "("+f.GetDetail()+")")
}

func (a *asker) item(l *line) ([]string, error) {
	r, err := a.world.Record(l.next())
	if err != nil {
		return nil, err
	}
	i := r.GetItem()
	lines := []string{words(defined(i.GetName(), i.GetMaterialDefinition()), prefixed("last at ", i.GetProcessSegment()),
		enumWord(i.GetDisposition().String(), "DISPOSITION_"))}
	if i.GetEventTime() != nil {
		lines[0] += " " + a.time(i.GetEventTime())
	}
	var rest []string
	for _, alias := range i.GetAliases() {
		rest = append(rest, words("named", alias.GetAliasKind(), mes.Escape(string(alias.GetValue())), a.by(alias.GetPosition())))
	}
	for _, c := range i.GetContainments() {
		rest = append(rest, words("in", c.GetParent()+prefixed("@", c.GetPlace()), "since", a.time(c.GetSince()), a.by(c.GetPosition())))
	}
	for _, f := range i.GetFlags() {
		rest = append(rest, a.flagLine(f))
	}
	slices.Sort(rest)
	return append(lines, rest...), nil
}

func (a *asker) record(l *line) ([]string, error) {
	r, err := a.world.Record(l.next())
	if err != nil {
		return nil, err
	}
	schemas := make(map[mes.SchemaID]mes.Schema)
	for _, m := range r.GetSchemas() {
		s := wire.SchemaFrom(m)
		schemas[s.ID()] = s
	}
	var lines []string
	for _, e := range r.GetEntries() {
		event := e.GetEvent().GetEvent()
		text := words(a.time(event.GetEventTime()), a.by(e.GetEvent().GetPosition())[len("by "):],
			event.GetProcessSegment(), enumWord(e.GetRole().String(), "ROLE_"), prefixed("in ", e.GetCarrier()))
		if w := event.GetWork(); w != nil {
			text = words(text, enumWord(w.GetDisposition().String(), "DISPOSITION_"), attempt(w), measured(w, schemas))
		}
		on := []string{text}
		for _, s := range e.GetSlots() {
			lots := slices.Clone(s.GetLots())
			slices.Sort(lots)
			on = append(on, "@"+s.GetSlot()+"="+cmp.Or(strings.Join(lots, "|"), "?"))
		}
		lines = append(lines, words(on...))
	}
	return lines, nil
}

func attempt(w *taktv1.Work) string {
	if w.GetAttempt() == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d", w.GetAttempt())
}

func measured(w *taktv1.Work, schemas map[mes.SchemaID]mes.Schema) string {
	m := w.GetMeasurements()
	s := schemas[mes.SchemaID(m.GetSchema())]
	var all []string
	for i, v := range m.GetValues() {
		name := "?"
		if i < len(s.Columns) {
			name = s.Columns[i].Characteristic
		}
		all = append(all, name+"="+formatValue(v)+":"+s.Columns[i].Unit)
	}
	return strings.Join(all, " ")
}

func (a *asker) lot(l *line) ([]string, error) {
	lot, err := a.world.Lot(l.next())
	if err != nil {
		return nil, err
	}
	lines := []string{words(defined(lot.GetName(), lot.GetMaterialDefinition()), enumWord(lot.GetStatus().String(), "STATUS_"),
		prefixed("from ", lot.GetSupplier()), prefixed("as ", mes.Escape(string(lot.GetSupplierLot()))),
		prefixed("in ", quantities(lot.GetQuantities())), prefixed("out ", quantities(lot.GetConsumed())))}
	for _, f := range lot.GetFlags() {
		lines = append(lines, a.flagLine(f))
	}
	return lines, nil
}

// bounds reads `from TIME to TIME`.
func (a *asker) bounds(l *line, from, to **timestamppb.Timestamp) error {
	for _, bound := range []struct {
		word string
		of   **timestamppb.Timestamp
	}{{"from", from}, {"to", to}} {
		l.accept(bound.word)
		t, err := a.clock.parse(l.next())
		if err != nil {
			return err
		}
		*bound.of = timestamppb.New(t)
	}
	return nil
}

func (a *asker) yield(l *line) ([]string, error) {
	r := new(taktv1.ComputeYieldRequest)
	if l.accept("by") {
		r.Period = taktv1.Period(taktv1.Period_value["PERIOD_"+strings.ToUpper(l.next())])
	}
	if l.accept("of") {
		r.ProcessSegment = l.next()
	}
	r.ByEquipment = l.accept("per-equipment")
	if err := a.bounds(l, &r.StartTime, &r.EndTime); err != nil {
		return nil, err
	}
	m, err := a.world.Yield(r)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, row := range m.GetRows() {
		if row.GetFirstPassYield() != float64(row.GetPassed())/float64(row.GetTested()) {
			return nil, fmt.Errorf("the first-pass yield of %v is not its quotient", row)
		}
		lines = append(lines, words(row.GetPeriod(), row.GetProcessSegment(), string(row.GetEquipment()),
			fmt.Sprintf("%d of %d", row.GetPassed(), row.GetTested()),
			"in", strconv.FormatFloat(row.GetEndTime().AsTime().Sub(row.GetStartTime().AsTime()).Hours(), 'g', 4, 64), "h"))
	}
	if m.RolledThroughputYield != nil {
		lines = append(lines, "rolled "+strconv.FormatFloat(m.GetRolledThroughputYield(), 'g', 4, 64))
	}
	return lines, nil
}

func (a *asker) statistics(l *line) ([]string, error) {
	r := &taktv1.ComputeStatisticsRequest{Characteristic: l.next(), Quantiles: []float64{0.5}}
	if l.accept("in") {
		unit := l.next()
		r.Unit = &unit
	}
	if l.accept("of") {
		r.ProcessSegment = l.next()
	}
	r.AllModes = l.accept("all-modes")
	if err := a.bounds(l, &r.StartTime, &r.EndTime); err != nil {
		return nil, err
	}
	m, err := a.world.Statistics(r)
	if err != nil {
		return nil, err
	}
	text := words(strconv.FormatUint(m.GetCount(), 10), prefixed("in ", m.GetUnit()))
	if len(m.GetQuantiles()) > 0 {
		text += fmt.Sprintf(" from %s to %s median %s mean %s", formatValue(m.GetMinimum()), formatValue(m.GetMaximum()),
			formatValue(m.GetQuantiles()[0].GetValue()), formatValue(m.GetMean()))
	}
	if m.StandardDeviation != nil {
		text += " deviation " + strconv.FormatFloat(m.GetStandardDeviation(), 'g', 6, 64)
	}
	x := m.GetExcluded()
	var beside []string
	for _, n := range []struct {
		of   uint64
		what string
	}{
		{m.GetUncertainCount(), "uncertain"},
		{x.GetWithdrawn(), "withdrawn"},
		{x.GetOtherModes(), "in other modes"},
		{x.GetMissing(), "missing"},
		{x.GetNotFinite(), "not finite"},
		{x.GetBad(), "bad"},
	} {
		if n.of > 0 {
			beside = append(beside, fmt.Sprintf(", %d %s", n.of, n.what))
		}
	}
	lines := []string{text + strings.Join(beside, "")}
	for _, b := range m.GetBins() {
		lines = append(lines, fmt.Sprintf("%s to %s: %d", formatValue(b.GetLower()), formatValue(b.GetUpper()), b.GetCount()))
	}
	return lines, nil
}

func (a *asker) ledger(*line) ([]string, error) {
	entries, err := a.world.Ledger()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range entries {
		if sum := e.GetStored() + e.GetDuplicates() + e.GetQuarantined() + e.GetRefused(); e.GetReceived() != sum {
			return nil, fmt.Errorf("the ledger does not close: %v", e)
		}
		if !e.GetHour().AsTime().Equal(recordTime.Truncate(time.Hour)) {
			return nil, fmt.Errorf("the ledger counts at another time than that of record: %v", e)
		}
		again := a.again[string(e.GetSource())]
		lines = append(lines, fmt.Sprintf("%s received %d = stored %d + duplicates %d + quarantined %d + refused %d", mes.Escape(string(e.GetSource())),
			e.GetReceived()-again, e.GetStored(), e.GetDuplicates()-again, e.GetQuarantined(), e.GetRefused()))
	}
	slices.Sort(lines)
	return lines, nil
}

func (a *asker) sources(*line) ([]string, error) {
	sources, err := a.world.Sources()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, s := range sources {
		for _, e := range s.GetEpochs() {
			var gaps []string
			var missing uint64
			for _, g := range e.GetGaps() {
				gap := strconv.FormatUint(g.GetFirst(), 10)
				if g.GetLast() != g.GetFirst() {
					gap += ".." + strconv.FormatUint(g.GetLast(), 10)
				}
				gaps = append(gaps, gap)
				missing += g.GetLast() - g.GetFirst() + 1
			}
			if missing != e.GetMissing() {
				return nil, fmt.Errorf("%v says another number than its gaps", e)
			}
			lines = append(lines, fmt.Sprintf("%s epoch %d: %d to %d%s", mes.Escape(string(s.GetSource())), e.GetEpoch(), e.GetFirst(), e.GetLast(),
				prefixed(", missing ", strings.Join(gaps, " "))))
		}
	}
	slices.Sort(lines)
	return lines, nil
}

var atPosition = regexp.MustCompile(`at position \d+`)

func (a *asker) quarantine(*line) ([]string, error) {
	records, err := a.world.Quarantine()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, q := range records {
		info := "without a reason"
		for _, d := range status.FromProto(q.GetStatus()).Details() {
			if e, ok := d.(*errdetails.ErrorInfo); ok {
				info = e.GetReason()
			}
		}
		message := atPosition.ReplaceAllStringFunc(q.GetStatus().GetMessage(), func(s string) string {
			var p uint64
			_, _ = fmt.Sscanf(s, "at position %d", &p)
			return "at the position of " + a.labels[p]
		})
		lines = append(lines, words(a.labels[q.GetPosition()], info+":", message))
	}
	slices.Sort(lines)
	return lines, nil
}

func (a *asker) search(l *line) ([]string, error) {
	value, err := mes.Unescape(l.next())
	if err != nil {
		return nil, err
	}
	matches, err := a.world.Search(mes.ID(value))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, m := range matches {
		lines = append(lines, words(defined(m.GetThing(), m.GetMaterialDefinition()), "as", cmp.Or(m.GetAliasKind(), "its id")))
	}
	slices.Sort(lines)
	return lines, nil
}

func (a *asker) flags(*line) ([]string, error) {
	flags, err := a.world.Flags()
	var lines []string
	for _, f := range flags {
		lines = append(lines, a.flagLine(f))
	}
	slices.Sort(lines)
	return lines, err
}

func (a *asker) equipment(*line) ([]string, error) {
	equipment, err := a.world.Equipment()
	var lines []string
	for _, q := range equipment {
		known := "known"
		if !q.GetKnown() {
			known = "unknown"
		}
		text := words(q.GetName(), known, prefixed("as ", strconv.Quote(q.GetDisplayName())), "events", strconv.FormatUint(q.GetEvents(), 10))
		if q.GetLastEventTime() != nil {
			text += " last " + a.time(q.GetLastEventTime())
		}
		on := []string{text}
		for _, s := range q.GetSlots() {
			on = append(on, "@"+s.GetSlot()+"="+cmp.Or(s.GetLot(), "empty")+" since "+a.time(s.GetSince()))
		}
		lines = append(lines, words(on...))
	}
	slices.Sort(lines)
	return lines, err
}

func (a *asker) log(*line) ([]string, error) {
	var lines []string
	for p, e := range a.logged {
		fact := e.GetEvent().ProtoReflect().WhichOneof(e.GetEvent().ProtoReflect().Descriptor().Oneofs().ByName("fact"))
		text := words(a.labels[p], string(fact.Name()))
		if e.GetWithdrawnBy() != 0 {
			text += " withdrawn " + a.by(e.GetWithdrawnBy())
		}
		lines = append(lines, text)
	}
	slices.Sort(lines)
	return lines, nil
}
