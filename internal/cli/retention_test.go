package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestRetention removes two months of a store, after it was counted what that would
// remove.
func TestRetention(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	now := time.Date(2020, 1, 15, 6, 0, 0, 0, time.UTC)
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range []mes.ID{"C1", "C2", "C1", "C3"} { // C1 is there again in the third month
		event := mes.Event{EventTime: now, Equipment: "L1.OCV.01", ProcessSegment: "ocv", Fact: &mes.Work{
			Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: item}}}, Disposition: mes.DispositionConformant,
		}}
		_, err := s.Append(t.Context(), store.Batch{Gateway: "g1", Spool: "s1", First: mes.Offset(i + 1), Records: []mes.Record{{
			Identity: mes.Identity{Source: "L1/OCV", Epoch: 1, Sequence: mes.Sequence(i + 1)}, Event: mes.AppendEvent(nil, &event),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		now = now.AddDate(0, 1, 0)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code int, out, notes string) {
		var stdout, stderr bytes.Buffer
		code = Run(context.Background(), Process{Args: append([]string{"retention", "--data", dir}, args...), Stdout: &stdout, Stderr: &stderr})
		return code, stdout.String(), stderr.String()
	}
	for _, c := range []struct {
		args  string
		notes string
	}{
		{"", "--before is missing"},
		{"--before 2020-03", "--detail is missing"},
		{"--before March --detail QM-114", "--before March is no month"},
		{"--before 2999-01 --detail QM-114", "--before 2999-01 has not come yet"},
	} {
		if code, _, notes := run(strings.Fields(c.args)...); code != exitUsage || !strings.Contains(notes, c.notes) {
			t.Errorf("%s: %d, %s; want %d, %s", c.args, code, notes, exitUsage, c.notes)
		}
	}
	if code, out, notes := run("--before", "2020-03", "--dry-run"); code != exitDone || strings.Count(out, "\n") != 2 || !strings.Contains(out, "2020-02") {
		t.Errorf("dry run: %d, %s\n%s; want February alone: what speaks of C1 stays", code, out, notes)
	}
	code, out, notes := run("--before", "2020-03", "--detail", "QM-114", "-o", "json")
	var files []store.Expired
	if err := json.Unmarshal([]byte(out), &files); err != nil || code != exitDone || len(files) != 1 || files[0].Removed != 1 || files[0].BytesLeft == 0 {
		t.Errorf("retention: %d, %v, %s\n%s; want one file of which one was removed", code, err, out, notes)
	}
	problems, err := store.CheckDir(t.Context(), dir, func(store.Progress) {})
	if err != nil || problems > 0 {
		t.Errorf("check: %d problems, %v", problems, err)
	}
}
