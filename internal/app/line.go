package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

// lineFile says which lines a folder plays, so that it goes on with them.
const lineFile = "line.json"

// LineConfig says which simulated lines are asked for. What is zero was not
// said: a folder that has lines already goes on with theirs.
type LineConfig struct {
	// Lines is how many there are, 1 where zero: L1, L2 and so on.
	Lines int
	// Seed is where the first line's chance comes from, 1 where zero; each
	// further line has the next one.
	Seed uint64
	// Warm is how long they ran before.
	Warm time.Duration
	// Takt is the time from one finished cell to the next, 1 s where zero.
	Takt time.Duration
	// Machines are how many a step has, by its code; a step that is not named
	// has as many as the reference line.
	Machines map[string]int
	// DwellDivisor is how many times shorter than in the reference line cells
	// bake, soak, age and are charged, 1 where zero.
	DwellDivisor int
	// OvenTrays is how many trays an oven load has, 15 where zero.
	OvenTrays int
	// Faults go wrong on each line, each so long after the line's start.
	Faults []line.Fault
}

// lineSetting is what the lines of a folder are made of.
type lineSetting struct {
	Lines int    `json:"lines"`
	Seed  uint64 `json:"seed"`
	// Start is their first virtual moment, Warm how long before the folder was
	// made that is.
	Start time.Time `json:"start"`
	Warm  duration  `json:"warm"`
	// HistoryUntil is the moment before which their records are history; zero
	// where there is none.
	HistoryUntil time.Time      `json:"historyUntil"`
	Zone         string         `json:"zone"`
	Takt         duration       `json:"takt"`
	Phases       []phaseSetting `json:"phases"`
	Machines     map[string]int `json:"machines"`
	DwellDivisor int            `json:"dwellDivisor"`
	OvenTrays    int            `json:"ovenTrays"`
	Faults       []string       `json:"faults"`
}

// phaseSetting is a line.Phase.
type phaseSetting struct {
	From duration `json:"from"`
	Takt duration `json:"takt"`
}

// duration is written as `1h30m0s`.
type duration time.Duration

// String returns the duration as it is written.
func (d duration) String() string { return time.Duration(d).String() }

// MarshalText is encoding.TextMarshaler's.
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is encoding.TextUnmarshaler's.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// setting returns the lines that a config asks for, as of now.
func (c LineConfig) setting(now time.Time) lineSetting {
	s := lineSetting{
		Lines: c.Lines, Seed: c.Seed, Start: now.UTC().Truncate(time.Second), Warm: duration(c.Warm), Zone: demoZone,
		Takt: duration(c.Takt), Machines: c.Machines, DwellDivisor: c.DwellDivisor, OvenTrays: c.OvenTrays,
	}
	if c.Warm > 0 {
		s.HistoryUntil = s.Start
		s.Start = s.Start.Add(-c.Warm)
	}
	for _, f := range c.Faults {
		s.Faults = append(s.Faults, f.String())
	}
	return s
}

// maxLines is far more than one process can play.
const maxLines = 20

// complete fills in what was not said, or returns what is wrong.
func (s lineSetting) complete() (lineSetting, error) {
	if s.Lines < 0 || s.Lines > maxLines {
		return s, mes.Invalid("lines", fmt.Sprintf("is %d; 1 to %d are taken", s.Lines, maxLines))
	}
	if s.DwellDivisor < 0 {
		return s, mes.Invalid("dwell-divisor", fmt.Sprintf("is %d; 1 is the reference line's times", s.DwellDivisor))
	}
	s.Lines, s.Seed, s.DwellDivisor = max(1, s.Lines), max(1, s.Seed), max(1, s.DwellDivisor)
	lines, err := s.lines()
	if err != nil {
		return s, err
	}
	c := lines[0].Config()
	s.Takt, s.OvenTrays = duration(c.Takt), c.OvenTrays
	return s, nil
}

// line returns the lines as one.
func (s lineSetting) line() (*line.Line, error) {
	lines, err := s.lines()
	if err != nil {
		return nil, err
	}
	return sim.Join(lines...), nil
}

func (s lineSetting) lines() ([]*line.Line, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, mes.Invalid("zone", fmt.Sprintf("%q is no zone that this machine knows", s.Zone))
	}
	c := line.Config{
		Start: s.Start, Zone: zone, Takt: time.Duration(s.Takt), Machines: s.Machines, Dwell: line.Short(s.DwellDivisor), OvenTrays: s.OvenTrays,
	}
	for _, p := range s.Phases {
		c.Phases = append(c.Phases, line.Phase{From: time.Duration(p.From), Takt: time.Duration(p.Takt)})
	}
	for _, text := range s.Faults {
		f, err := line.ParseFault(text)
		if err != nil {
			return nil, err
		}
		c.Faults = append(c.Faults, f)
	}
	lines := make([]*line.Line, s.Lines)
	for i := range lines {
		c.Name, c.Seed = fmt.Sprintf("L%d", i+1), s.Seed+uint64(i)
		if lines[i], err = line.New(c); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// settle returns the setting that the folder already has, or this one, complete,
// for the caller to keep there. What was asked for explicitly and is not what is
// kept is refused: the numbers of two lines must not be mixed.
func (s lineSetting) settle(dir string) (lineSetting, error) {
	path := filepath.Join(dir, lineFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return s.complete()
	}
	if err != nil {
		return s, err
	}
	var kept lineSetting
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&kept); err != nil {
		return s, mes.Errorf(mes.CodeFormat, "read %s: %w; remove the folder to begin a new line", path, err)
	}
	return kept, s.contradicts(kept, dir)
}

// made says what the lines are made of, for what must not be mixed with another
// line's: wherever their history ends, they are the same lines.
func (s lineSetting) made() (string, error) {
	s.HistoryUntil, s.Warm = time.Time{}, 0
	text, err := json.Marshal(s)
	return string(text), err
}

// keep writes the setting down so that a kill leaves the old one or the new.
func (s lineSetting) keep(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, lineFile)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// contradicts returns an error where something was asked for that is not so.
func (s lineSetting) contradicts(kept lineSetting, dir string) error {
	for _, f := range []struct {
		name       string
		said       bool
		want, have string
	}{
		{"lines", s.Lines != 0, strconv.Itoa(s.Lines), strconv.Itoa(kept.Lines)},
		{"seed", s.Seed != 0, strconv.FormatUint(s.Seed, 10), strconv.FormatUint(kept.Seed, 10)},
		{"warm", s.Warm != 0, s.Warm.String(), kept.Warm.String()},
		{"takt", s.Takt != 0, s.Takt.String(), kept.Takt.String()},
		{"machines", len(s.Machines) > 0, machinesText(s.Machines), machinesText(kept.Machines)},
		{"dwell-divisor", s.DwellDivisor != 0, strconv.Itoa(s.DwellDivisor), strconv.Itoa(kept.DwellDivisor)},
		{"oven-trays", s.OvenTrays != 0, strconv.Itoa(s.OvenTrays), strconv.Itoa(kept.OvenTrays)},
		{"fault", len(s.Faults) > 0, strings.Join(s.Faults, " "), strings.Join(kept.Faults, " ")},
	} {
		if f.said && f.want != f.have {
			return mes.Invalid(f.name, fmt.Sprintf("is %s, but %s goes on with %s; leave it out, or name another folder", f.want, dir, cmp.Or(f.have, "none")))
		}
	}
	return nil
}

// machinesText returns the machines as they are asked for, as `BAK=2,WND=4`.
func machinesText(machines map[string]int) string {
	var list []string
	for _, code := range slices.Sorted(maps.Keys(machines)) {
		list = append(list, fmt.Sprintf("%s=%d", code, machines[code]))
	}
	return strings.Join(list, ",")
}
