package line

import (
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// calendar tells the site's time of a moment. It keeps the current day, since
// nearly every question is about the same one as the last.
type calendar struct {
	zone     *time.Location
	name     string
	from, to moment
	local    time.Time
	offset   int32
	day      string
	jobOrder mes.ID
}

func newCalendar(zone *time.Location, name string) calendar {
	return calendar{zone: zone, name: name}
}

// see makes the calendar stand at now.
func (c *calendar) see(now moment) {
	if now >= c.from && now < c.to {
		return
	}
	c.local = now.time().In(c.zone)
	_, offset := c.local.Zone()
	c.offset = int32(offset) //nolint:gosec // a zone is at most 18 h from UTC
	year, month, day := c.local.Date()
	c.from = momentOf(time.Date(year, month, day, 0, 0, 0, 0, c.zone))
	c.to = momentOf(time.Date(year, month, day+1, 0, 0, 0, 0, c.zone))
	begin, end := c.local.ZoneBounds()
	if !begin.IsZero() {
		c.from = max(c.from, momentOf(begin))
	}
	if !end.IsZero() {
		c.to = min(c.to, momentOf(end))
	}
	c.day = c.local.Format("060102")
	c.jobOrder = mes.ID(c.name + "-JO-" + c.day)
}

// shifts counts the shifts of eight hours from 06:00 of some day long ago.
func (c *calendar) shifts(now moment) int {
	c.see(now)
	return int((now/second + moment(c.offset) - 6*3600) / (8 * 3600))
}

// shift returns which of the three shifts it is, from 0 at 06:00.
func (c *calendar) shift(now moment) int { return c.shifts(now) % 3 }

// operator is who attends a machine in a shift.
func operator(code string, shift int) mes.ID {
	return mes.ID(fmt.Sprintf("op-%s-%c", code, 'A'+shift))
}
