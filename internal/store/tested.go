package store

import "time"

// What was tested is counted twice: by hour and by minute of event time, UTC.
// A question about a day reads hours, and minutes only at its ends.

// testedLevel is how long a window is that is counted.
type testedLevel uint8

const (
	testedHours testedLevel = iota
	testedMinutes
)

func (l testedLevel) length() time.Duration {
	if l == testedHours {
		return time.Hour
	}
	return time.Minute
}

// window returns the number of the window that an instant is in, counted from
// year 1 on.
func (l testedLevel) window(t time.Time) uint64 {
	seconds := uint64(t.Unix() - minUnix)           //nolint:gosec // events' times are from year 1 on
	return seconds / uint64(l.length()/time.Second) //nolint:gosec // a minute or an hour
}

// testedKey is a window of a piece of equipment at a process segment.
type testedKey struct {
	segment, equipment uint32
	window             uint64
	level              testedLevel
}

func (k testedKey) key() key {
	return testedPrefix(k.segment, k.level).number(k.window).number32(k.equipment)
}

func testedPrefix(segment uint32, level testedLevel) key {
	const room = 24
	return make(key, 0, room).number32(segment).u8(uint8(level))
}

// testedCount counts items with a first attempt, and those that were not
// conformant at it.
type testedCount struct{ tested, failed uint64 }

// encode leaves out what failed where nothing did, as in most minutes.
func (c testedCount) encode() []byte {
	k := make(key, 0, 8).number(c.tested)
	if c.failed > 0 {
		k = k.number(c.failed)
	}
	return k
}

func decodeTested(value []byte) (testedCount, error) {
	r := reader{b: value}
	c := testedCount{tested: r.number()}
	if len(r.b) > 0 {
		c.failed = r.number()
		r.bad = r.bad || c.failed == 0 // it has a shorter form
	}
	r.bad = r.bad || c.tested == 0 || c.failed > c.tested
	return c, r.done("a count of what was tested")
}

// testedWindow is a counter as of the group at hand.
type testedWindow struct {
	testedKey
	testedCount
	// hour is the one that a minute's is part of.
	hour *testedWindow
	// fresh says of an hour's that the indexes had none when it was looked up:
	// they had none of its minutes either.
	fresh bool
	// changed says that the group changes it.
	changed bool
}

// countTested adds or takes away a first attempt.
func (w *writer) countTested(segment uint32, t time.Time, a attemptResult, n int) error {
	minute, err := w.testedMinute(testedKey{segment, a.equipment, testedMinutes.window(t), testedMinutes})
	if err != nil {
		return err
	}
	for _, c := range [...]*testedWindow{minute, minute.hour} {
		c.tested += uint64(n) //nolint:gosec // one less where negative
		if !a.passed {
			c.failed += uint64(n) //nolint:gosec // one less where negative
		}
		if !c.changed {
			c.changed = true
			w.counted = append(w.counted, c)
		}
	}
	return nil
}

func (w *writer) testedMinute(k testedKey) (*testedWindow, error) {
	if c, known := w.tested[k]; known {
		return c, nil
	}
	const perHour = 60
	inHour := testedKey{k.segment, k.equipment, k.window / perHour, testedHours}
	hour, known := w.tested[inHour]
	if !known {
		var err error
		if hour, err = w.loadTested(inHour); err != nil {
			return nil, err
		}
		hour.fresh = hour.tested == 0
	}
	if hour.fresh {
		c := &testedWindow{testedKey: k, hour: hour}
		w.tested[k] = c
		return c, nil
	}
	c, err := w.loadTested(k)
	if err != nil {
		return nil, err
	}
	c.hour = hour
	return c, nil
}

// loadTested looks a counter up.
func (w *writer) loadTested(k testedKey) (*testedWindow, error) {
	value, err := w.get(tableTested, k.key())
	if err != nil {
		return nil, err
	}
	c := &testedWindow{testedKey: k}
	if value != nil {
		if c.testedCount, err = decodeTested(value); err != nil {
			return nil, err
		}
	}
	w.tested[k] = c
	return c, nil
}

// flushTested writes the counters that the group changes. One of nothing goes:
// a rebuild would not make it.
func (w *writer) flushTested() {
	for _, c := range w.counted {
		if c.tested == 0 {
			w.delete(tableTested, c.key())
		} else {
			w.put(tableTested, c.key(), c.encode())
		}
		c.changed = false
	}
	w.counted = w.counted[:0]
}
