package cli

import (
	"fmt"
	"time"
)

// parseTime reads a time as a person types it: RFC 3339, a day (its midnight in
// the zone), a time of a day, or how long ago it was.
func parseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-11-23, 2026-11-23T06:00, 2026-11-23T06:00:00+01:00, or 24h for that long ago", s)
}
