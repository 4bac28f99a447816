package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestAgainstPostgres runs scripts/bench at a tiny size: every answer must be the
// same on both sides. It says nothing about times.
func TestAgainstPostgres(t *testing.T) {
	if _, err := os.Stat("/usr/lib/postgresql/15/bin/initdb"); err != nil {
		t.Skip("PostgreSQL 15 is not installed here")
	}
	cmd := exec.Command("../../scripts/bench", "--cells", "200", "--pairs", "1", "--rows", "1,2,3,5,6,7,8,9,10,11,13", "-o", "json")
	var progress bytes.Buffer
	cmd.Stderr = &progress
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/bench: %v\n%s", err, &progress)
	}
	var report Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("read %s: %v", out, err)
	}
	rows := make(map[string]Row)
	for _, r := range report.Rows {
		rows[r.Row] = r
	}
	for row := range strings.FieldsSeq("1 2 3a 3b 5 6 7 8a 8b 8c 8d 9 10a 10b 13") {
		r := rows[row]
		if r.Figure == nil || r.Takt == nil || r.Other == nil || r.Figure.Median <= 0 {
			t.Errorf("row %s: %+v", row, r)
		}
	}
	if t.Failed() {
		t.Log(progress.String())
	}
}
