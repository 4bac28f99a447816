package yield_test

import (
	"slices"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/yield"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("skipped: zone %s (%v)", name, err)
	}
	return z
}

// TestDaysOfOtherLengths divides days on which the clocks change.
func TestDaysOfOtherLengths(t *testing.T) {
	for _, tc := range []struct {
		zone        string
		year, month int
		day         int
		hours       float64
		periods     int
	}{
		{"Europe/Berlin", 2026, 3, 29, 23, 23},
		{"Europe/Berlin", 2026, 10, 25, 25, 25},
		{"Europe/Berlin", 2026, 11, 23, 24, 24},
		{"America/New_York", 2026, 11, 1, 25, 25},
		{"Asia/Kolkata", 2026, 3, 29, 24, 24},
		{"Australia/Lord_Howe", 2026, 4, 5, 24.5, 25},
	} {
		t.Run(tc.zone+time.Month(tc.month).String(), func(t *testing.T) {
			z := zone(t, tc.zone)
			from := time.Date(tc.year, time.Month(tc.month), tc.day, 0, 0, 0, 0, z)
			to := time.Date(tc.year, time.Month(tc.month), tc.day+1, 0, 0, 0, 0, z)
			calendar := yield.DefaultCalendar(z)
			for _, by := range []yield.Division{yield.Hourly, yield.Shiftwise, yield.Daily} {
				periods, err := calendar.Divide(from, to, by)
				if err != nil {
					t.Fatal(err)
				}
				if by == yield.Hourly && len(periods) != tc.periods {
					t.Errorf("%d hours; want %d", len(periods), tc.periods)
				}
				if by == yield.Daily && len(periods) != 1 {
					t.Errorf("%d days; want 1", len(periods))
				}
				var sum time.Duration
				for i, p := range periods {
					sum += p.End.Sub(p.Start)
					if i > 0 && !p.Start.Equal(periods[i-1].End) {
						t.Errorf("division %d: a hole between %v and %v", by, periods[i-1].End, p.Start)
					}
				}
				if sum.Hours() != tc.hours {
					t.Errorf("division %d covers %v h; want %v", by, sum.Hours(), tc.hours)
				}
			}
		})
	}
}

// TestTwoHalfPastTwos counts an hour that the clocks repeat as two.
func TestTwoHalfPastTwos(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	from := time.Date(2026, 10, 25, 0, 0, 0, 0, z)
	periods, err := yield.DefaultCalendar(z).Divide(from, from.Add(25*time.Hour), yield.Hourly)
	if err != nil {
		t.Fatal(err)
	}
	table := yield.NewTable(periods, false)
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 in summer time
	for _, at := range []time.Time{first, first.Add(time.Hour)} {
		i := slices.IndexFunc(periods, func(p yield.Period) bool { return at.Before(p.End) })
		table.Count(i, yield.Count{ProcessSegment: "ocv", Tested: 1, Passed: 1})
	}
	rows := table.Rows()
	if len(rows) != 2 || rows[0].Period.Name == rows[1].Period.Name {
		t.Errorf("rows = %+v; want two hours with names of their own", rows)
	}
}

func TestNightShift(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	from := time.Date(2026, 11, 23, 2, 0, 0, 0, z)
	periods, err := yield.DefaultCalendar(z).Divide(from, from.Add(6*time.Hour), yield.Shiftwise)
	if err != nil {
		t.Fatal(err)
	}
	if len(periods) != 2 || periods[0].Name != "2026-11-22 night" || periods[1].Name != "2026-11-23 early" {
		t.Errorf("shifts = %+v; want the night of the day before, then early", periods)
	}
}
