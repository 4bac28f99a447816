package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// lineFile says which line a folder plays, so that it goes on with it.
const lineFile = "line.json"

// lineSetting is what a line is made of.
type lineSetting struct {
	// Seed is where all its chance comes from.
	Seed uint64 `json:"seed"`
	// Start is its first virtual moment.
	Start time.Time `json:"start"`
	// HistoryUntil is the moment before which its records are history; zero
	// where there is none.
	HistoryUntil time.Time `json:"historyUntil"`
	// Zone is the site's.
	Zone string `json:"zone"`
	// Phases change its takt.
	Phases []line.Phase `json:"phases"`
	// Formation and Rest are its dwell times.
	Formation time.Duration `json:"formation"`
	Rest      time.Duration `json:"rest"`
}

func (s lineSetting) line() (*line.Line, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, mes.Invalid("zone", fmt.Sprintf("%q is no zone that this machine knows", s.Zone))
	}
	return line.New(line.Config{
		Name: "L1", Seed: s.Seed, Start: s.Start, Zone: zone, Phases: s.Phases, FormationTime: s.Formation, RestTime: s.Rest,
	})
}

// settle returns the setting that the folder already plays, or keeps this one
// there. An explicit seed other than the kept one is refused: the numbers of
// two lines must not be mixed.
func (s lineSetting) settle(dir string) (lineSetting, error) {
	path := filepath.Join(dir, lineFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return s, err
		}
		if text, err = json.MarshalIndent(s, "", "  "); err != nil {
			return s, err
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			return s, err
		}
		return s, os.Rename(path+".new", path)
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
	if s.Seed != 0 && s.Seed != kept.Seed {
		return s, mes.Invalid("seed", fmt.Sprintf("is %d, but %s goes on with a line of seed %d; name another directory", s.Seed, dir, kept.Seed))
	}
	return kept, nil
}
