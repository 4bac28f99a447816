package store

import (
	"encoding/binary"

	"github.com/takt-mes/takt/internal/mes"
)

// What a source sends comes in the order of its numbers, mostly: where the
// identities of an epoch are in the log is kept in runs of neighbours, each as how
// far it is from the one before.

// runLength is how many neighbouring sequences stand together.
const runLength = 64

// identityRun says where neighbouring identities are in the log; 0 where one is
// not.
type identityRun [runLength]mes.Position

// runOf returns the number of the run that a sequence is in, and its place there.
func runOf(n mes.Sequence) (run uint64, place int) {
	return uint64(n) / runLength, int(n % runLength)
}

func (k spanKey) runKey(run uint64) key { return k.key().number(run) }

func (r *identityRun) encode() []byte {
	var b []byte
	var last mes.Position
	missing := 0
	for _, p := range r {
		if p == 0 {
			missing++
			continue
		}
		for ; missing > 0; missing-- {
			b = append(b, 0) // no two are at one position
		}
		b = binary.AppendVarint(b, int64(p-last)) //nolint:gosec // positions are below 2^63
		last = p
	}
	return b
}

func decodeRun(value []byte) (run identityRun, err error) {
	r := reader{b: value}
	var last mes.Position
	for i := 0; i < runLength && len(r.b) > 0; i++ {
		if step := r.varint(); step != 0 {
			last += mes.Position(step) //nolint:gosec // wraps as it did when it was written
			run[i] = last
		}
	}
	return run, r.done("a run of identities")
}

// run returns where the identities of an epoch are whose sequences are in a run.
func (x index) run(k spanKey, run uint64) (identityRun, error) {
	value, err := x.get(tableIdentity, k.runKey(run))
	if value == nil || err != nil {
		return identityRun{}, err
	}
	return decodeRun(value)
}

// epoch is what the writer knows of an epoch of a source, the group at hand
// included.
type epoch struct {
	spanKey
	span span
	// run is the one that the last sequence was in; at is its number.
	run identityRun
	at  uint64
	// changed says that the group changes the span, runChanged that it changes the
	// run.
	changed, runChanged bool
}

// epoch returns an epoch of a source.
func (w *writer) epoch(k spanKey) (*epoch, error) {
	if e, known := w.epochs[k]; known {
		return e, nil
	}
	value, err := w.get(tableCoverage, k.key())
	if err != nil {
		return nil, err
	}
	e := &epoch{spanKey: k}
	if value != nil {
		if e.span, err = decodeSpan(value); err != nil {
			return nil, err
		}
	}
	if e.run, err = w.run(k, e.at); err != nil {
		return nil, err
	}
	w.epochs[k] = e
	return e, nil
}

// turnTo makes a run the one at hand.
func (w *writer) turnTo(e *epoch, run uint64) (err error) {
	if e.at == run {
		return nil
	}
	w.putRun(e)
	e.at, e.run = run, identityRun{}
	if mes.Sequence(run*runLength) <= e.span.last { // beyond, the indexes have none
		e.run, err = w.run(e.spanKey, run)
	}
	return err
}

// positionOf returns where an identity is stored, 0 where it is not. Most are
// beyond all that came from their source, and need no look at the index.
func (w *writer) positionOf(id mes.Identity) (mes.Position, error) {
	source, err := w.number(classSource, string(id.Source))
	if source == 0 || err != nil {
		return 0, err
	}
	e, err := w.epoch(spanKey{source, id.Epoch})
	if err != nil || id.Sequence > e.span.last {
		return 0, err
	}
	n, place := runOf(id.Sequence)
	err = w.turnTo(e, n)
	return e.run[place], err
}

// enterIdentity enters that an identity came, and where it is in the log; 0 where
// it is in quarantine.
func (w *writer) enterIdentity(source uint32, id mes.Identity, position mes.Position) error {
	e, err := w.epoch(spanKey{source, id.Epoch})
	if err != nil {
		return err
	}
	if !e.changed {
		e.changed = true
		w.changedEpochs = append(w.changedEpochs, e)
	}
	if position != 0 {
		n, place := runOf(id.Sequence)
		if err := w.turnTo(e, n); err != nil {
			return err
		}
		e.run[place], e.runChanged = position, true
	}
	e.span = e.span.with(id.Sequence)
	return nil
}

func (w *writer) putRun(e *epoch) {
	if e.runChanged {
		w.put(tableIdentity, e.runKey(e.at), e.run.encode())
		e.runChanged = false
	}
}

// flushEpochs writes what the group changes.
func (w *writer) flushEpochs() {
	for _, e := range w.changedEpochs {
		w.put(tableCoverage, e.key(), e.span.encode())
		w.putRun(e)
		e.changed = false
	}
	w.changedEpochs = w.changedEpochs[:0]
}
