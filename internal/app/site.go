package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/yield"
)

// Site is what a site file says: the zone and the shifts that days are cut by,
// and the plant model.
type Site struct {
	// Zone is an IANA name, as `Europe/Berlin`; UTC where empty.
	Zone string `yaml:"zone"`
	// Shifts are in the order of the day; three of eight hours where there are
	// none.
	Shifts []Shift `yaml:"shifts"`
	// Equipment is the plant model; where there is none, any equipment is known.
	Equipment []PlantEquipment `yaml:"equipment"`
}

// Shift is a part of each day; it ends where the next one begins.
type Shift struct {
	// Name is the shift's, as `early`.
	Name string `yaml:"name"`
	// Start is a time of day, as `06:00`.
	Start string `yaml:"start"`
}

// PlantEquipment is one place of the plant model.
type PlantEquipment struct {
	// ID is as stations report it, as `L1.WND.07`.
	ID string `yaml:"id" json:"-"`
	// DisplayName is how people call it.
	DisplayName string `yaml:"display_name" json:"displayName,omitempty"`
}

// LoadSite reads a site file; an unknown key is refused with its line. An empty
// path is a site in UTC with three shifts and no plant model.
func LoadSite(path string) (Site, error) {
	var site Site
	if path == "" {
		return site, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return site, fmt.Errorf("read site file: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, &site, yaml.Strict()); err != nil {
		return site, mes.Errorf(mes.CodeInvalid, "site file %s: %w", path, err)
	}
	if _, err := site.Calendar(); err != nil {
		return site, mes.Errorf(mes.CodeInvalid, "site file %s: %w", path, err)
	}
	return site, nil
}

// Calendar returns the site's zone and shifts.
func (s Site) Calendar() (yield.Calendar, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return yield.Calendar{}, mes.Invalid("zone", fmt.Sprintf("%q is no zone that this machine knows; write an IANA name, as Europe/Berlin", s.Zone))
	}
	c := yield.DefaultCalendar(zone)
	if len(s.Shifts) > 0 {
		c.Shifts = nil
	}
	for i, shift := range s.Shifts {
		at, err := time.Parse("15:04", shift.Start)
		if err != nil {
			return c, mes.Invalid(fmt.Sprintf("shifts[%d].start", i), fmt.Sprintf("%q is no time of day; write it as 06:00", shift.Start))
		}
		c.Shifts = append(c.Shifts, yield.Shift{Name: shift.Name, Start: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute})
	}
	return c, c.Validate()
}

// siteSource numbers what a site file says.
const siteSource mes.Source = "site"

// record appends what the site file says of the plant model and the log does
// not: master data are events, as everything that people change.
func (s Site) record(ctx context.Context, st *store.Store, now time.Time) error {
	var batch store.Batch
	err := st.View(ctx, 0, func(v *store.View) error {
		last, _, err := v.Last(siteSource)
		if err != nil {
			return err
		}
		if batch, err = s.revisions(v, last, now); err != nil {
			return err
		}
		durable, err := v.Durable(batch.Gateway, batch.Spool)
		batch.First = durable + 1
		return err
	})
	if err != nil || len(batch.Records) == 0 {
		return err
	}
	for first := batch.First; len(batch.Records) > 0; {
		part := batch
		part.First, part.Records = first, batch.Records[:min(len(batch.Records), store.MaxBatchRecords)]
		if _, err := st.Append(ctx, part); err != nil {
			return fmt.Errorf("record the plant model: %w", err)
		}
		first += mes.Offset(len(part.Records))
		batch.Records = batch.Records[len(part.Records):]
	}
	return nil
}

// revisions returns an event for each piece of equipment that the site file has
// and the log has not, or has otherwise, and for each that is gone.
func (s Site) revisions(v *store.View, last mes.Identity, now time.Time) (store.Batch, error) {
	known := make(map[mes.EquipmentID]string)
	for q, err := range v.Equipment() {
		if err != nil {
			return store.Batch{}, err
		}
		if q.Known {
			known[q.ID] = q.DisplayName
		}
	}
	batch := store.Batch{Gateway: "takt-serve", Spool: "site"}
	epoch := max(last.Epoch, 1)
	add := func(master mes.MasterData) {
		last.Sequence++
		event := &mes.Event{EventTime: now.UTC().Truncate(time.Millisecond), Fact: &master}
		batch.Records = append(batch.Records, mes.Record{
			Identity: mes.Identity{Source: siteSource, Epoch: epoch, Sequence: last.Sequence}, Event: mes.AppendEvent(nil, event),
		})
	}
	var errs []error
	wanted := make(map[mes.EquipmentID]bool)
	for _, q := range s.Equipment {
		id := mes.EquipmentID(q.ID)
		if wanted[id] {
			errs = append(errs, mes.Invalid("equipment", fmt.Sprintf("%s comes twice", id)))
		}
		wanted[id] = true
		if name, have := known[id]; have && name == q.DisplayName {
			continue
		}
		content, err := json.Marshal(q)
		errs = append(errs, err)
		add(mes.MasterData{Resource: "equipment/" + id.String(), Content: string(content)})
	}
	for q, err := range v.Equipment() {
		errs = append(errs, err)
		if q.Known && !wanted[q.ID] && len(s.Equipment) > 0 {
			add(mes.MasterData{Resource: "equipment/" + q.ID.String(), Deleted: true})
		}
	}
	return batch, errors.Join(errs...)
}
