package yield

import (
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Division says how time is divided.
type Division uint8

// The divisions.
const (
	// Whole does not divide it.
	Whole Division = iota
	// Hourly divides by hours of the zone.
	Hourly
	// Shiftwise divides by the shifts of the calendar.
	Shiftwise
	// Daily divides by days of the zone, of 23, 24 or 25 hours.
	Daily
)

// Period is a half-open stretch of time with a name.
type Period struct {
	// Name is how people call it, as `2026-11-23 early`; empty for the whole.
	Name string
	// Start is in it, End is not.
	Start, End time.Time
}

// Shift is a part of each day.
type Shift struct {
	// Name is the shift's, as `early`.
	Name string
	// Start is when it begins, as time of day; it ends where the next begins.
	Start time.Duration
}

// Calendar is a site's zone and shifts.
type Calendar struct {
	// Zone is where the site is; nil is UTC.
	Zone *time.Location
	// Shifts are in the order of the day; a day without any is one shift.
	Shifts []Shift
}

// DefaultCalendar returns three shifts of eight hours, from 06:00 on.
func DefaultCalendar(zone *time.Location) Calendar {
	return Calendar{zone, []Shift{{"early", 6 * time.Hour}, {"late", 14 * time.Hour}, {"night", 22 * time.Hour}}}
}

// Validate returns an Error with CodeInvalid where the shifts are not in order
// within a day, or have no names of their own.
func (c Calendar) Validate() error {
	names := make(map[string]bool)
	for i, s := range c.Shifts {
		field := fmt.Sprintf("shifts[%d]", i)
		switch {
		case s.Name == "" || names[s.Name]:
			return mes.Invalid(field+".name", "must be a name that no other shift has")
		case s.Start < 0 || s.Start >= 24*time.Hour:
			return mes.Invalid(field+".start", "must be a time of day from 00:00 to 23:59")
		case i > 0 && s.Start <= c.Shifts[i-1].Start:
			return mes.Invalid(field+".start", "must be after the shift before it")
		}
		names[s.Name] = true
	}
	return nil
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// MaxPeriods is how many parts a time may be divided into.
const MaxPeriods = 24 * 400

// Divide cuts [from, to) into periods that follow one another, the first and
// the last one cut short by the bounds. It returns an Error with CodeInvalid
// where to is not after from, and CodeTooLarge beyond MaxPeriods.
func (c Calendar) Divide(from, to time.Time, by Division) ([]Period, error) {
	if !from.Before(to) {
		return nil, mes.Invalid("end_time", "must be after start_time")
	}
	if by == Whole {
		return []Period{{"", from, to}}, nil
	}
	if to.Sub(from) > MaxPeriods*time.Hour {
		return nil, mes.Errorf(mes.CodeTooLarge, "the time is longer than 400 days; ask for less at once")
	}
	var periods []Period
	// Local midnights are a day apart, whatever the clocks do in between.
	year, month, day := from.In(c.zone()).Date()
	behind := from
	for d := -1; ; d++ {
		midnight := time.Date(year, month, day+d, 0, 0, 0, 0, c.zone())
		if !midnight.Before(to) {
			return periods, nil
		}
		for _, p := range c.day(year, month, day+d, by) {
			// A shift that begins in an hour that the clocks leave out may come
			// to lie before the one before it.
			p.Start, p.End = later(p.Start, behind), earlier(p.End, to)
			if p.Start.Before(p.End) {
				periods = append(periods, p)
				behind = p.End
			}
		}
	}
}

// day returns the periods that begin on one day.
func (c Calendar) day(year int, month time.Month, day int, by Division) []Period {
	at := func(d int, of time.Duration) time.Time {
		return time.Date(year, month, day+d, int(of/time.Hour), int(of%time.Hour/time.Minute), int(of%time.Minute/time.Second), 0, c.zone())
	}
	start, end := at(0, 0), at(1, 0)
	date := start.Format(time.DateOnly)
	switch {
	case by == Hourly:
		var hours []Period
		// Hours of an instant's count, so that the hour that the clocks repeat
		// is two of them.
		for t := start; t.Before(end); t = t.Add(time.Hour) {
			hours = append(hours, Period{t.Format("2006-01-02 15:04-07:00"), t, earlier(t.Add(time.Hour), end)})
		}
		return hours
	case by == Shiftwise && len(c.Shifts) > 0:
		var shifts []Period
		for i, s := range c.Shifts {
			until := at(1, c.Shifts[0].Start)
			if i+1 < len(c.Shifts) {
				until = at(0, c.Shifts[i+1].Start)
			}
			shifts = append(shifts, Period{date + " " + s.Name, at(0, s.Start), until})
		}
		return shifts
	}
	return []Period{{date, start, end}}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
