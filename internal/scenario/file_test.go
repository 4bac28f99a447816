package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/yield"
)

// file is one scenario: what happened, and what is asked and answered.
type file struct {
	path    string
	archive *txtar.Archive
	clock   clock
	records []mes.Record
	schemas []mes.Schema
	// ordered says that the order of arrival matters here, and why is said in
	// the file.
	ordered bool
	asks    []ask
}

// ask is a question and where its answer stands in the file.
type ask struct {
	question string
	section  int
}

func (f *file) answer(a ask) string { return string(f.archive.Files[a.section].Data) }

// files returns all scenarios by name.
func files(t *testing.T) map[string]*file {
	t.Helper()
	paths, err := filepath.Glob("testdata/scenario/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios found: %v", err)
	}
	all := make(map[string]*file)
	for _, path := range paths {
		f, err := readFile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = f
	}
	return all
}

func readFile(path string) (*file, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, archive: archive, clock: clock{zone: time.UTC}}
	if err := f.onDay("2026-11-23"); err != nil {
		return nil, err
	}
	for i, section := range archive.Files {
		question, isAsk := strings.CutPrefix(section.Name, "ask ")
		switch {
		case isAsk:
			f.asks = append(f.asks, ask{question, i})
		case section.Name == "events" || section.Name == "events in this order":
			f.ordered = f.ordered || section.Name != "events"
			if err := f.events(string(section.Data)); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("section %q is neither events nor ask", section.Name)
		}
	}
	return f, nil
}

func (f *file) onDay(day string) (err error) {
	f.clock.day, err = time.ParseInLocation(time.DateOnly, day, f.clock.zone)
	return err
}

func (f *file) events(text string) error {
	for n, text := range strings.Split(text, "\n") {
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' {
			continue
		}
		var err error
		switch word, rest, _ := strings.Cut(text, " "); word {
		case "zone":
			if f.clock.zone, err = time.LoadLocation(rest); err == nil {
				err = f.onDay(f.clock.day.Format(time.DateOnly))
			}
		case "day":
			err = f.onDay(rest)
		default:
			err = f.event(text)
		}
		if err != nil {
			return fmt.Errorf("line %d of the events, %s: %w", n+1, text, err)
		}
	}
	return nil
}

func (f *file) event(text string) error {
	r, schema, err := f.clock.parseEvent(text)
	if err != nil {
		return err
	}
	f.records = append(f.records, r)
	if schema != nil {
		f.schemas = append(f.schemas, *schema)
	}
	return nil
}

func (f *file) calendar() yield.Calendar { return yield.DefaultCalendar(f.clock.zone) }

// update writes the answers into the file.
func (f *file) update(answers []string) error {
	for i, a := range f.asks {
		f.archive.Files[a.section].Data = []byte(answers[i])
	}
	return os.WriteFile(f.path, txtar.Format(f.archive), 0o644)
}
