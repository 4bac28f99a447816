package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/mes"
)

// TestEveryCommandHasHelp holds that each command says what it does, with an
// example that names itself.
func TestEveryCommandHasHelp(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short help is %q; it is a line without a full stop", cmd.CommandPath(), cmd.Short)
		}
		if cmd.Long == "" {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example of itself", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(Process{}))
}

func TestNeutral(t *testing.T) {
	for cell, want := range map[string]string{
		"":                "",
		"C0001":           "C0001",
		"=cmd|' /C calc'": "'=cmd|' /C calc'",
		"+1+1":            "'+1+1",
		"-12.5e3":         "-12.5e3",
		"+3":              "+3",
		"-Infinity":       "-Infinity",
		"-0x1p-2":         "'-0x1p-2",
		"@SUM(A1)":        "'@SUM(A1)",
		"\t=1":            "'\t=1",
	} {
		if got := neutral(cell); got != want {
			t.Errorf("neutral(%q) = %q, want %q", cell, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"OCV-1 größer":   "OCV-1 größer",
		"a\x1b[31mb":     `a\x1b[31mb`,
		"a\nb\x00":       `a\nb\x00`,
		"\xff":           `\xff`,
		"abc\u202edef":   `abc\u202edef`,
		"\uFFFD is kept": "\uFFFD is kept",
	} {
		if got := mes.Printable(s); got != want {
			t.Errorf("mes.Printable(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		want string
	}{{0, "0"}, {3.29, "3.29"}, {1e6, "1000000"}, {1e-7, "1e-07"}, {1.0 / 3, "0.3333333333333333"}, {1e300, "1e+300"}} {
		if got := number(tt.v); got != tt.want {
			t.Errorf("number(%v) = %s, want %s", tt.v, got, tt.want)
		}
	}
}

func TestParseTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for typed, want := range map[string]string{
		"2026-11-23":                "2026-11-22T23:00:00Z",
		"2026-07-01":                "2026-06-30T22:00:00Z",
		"2026-11-23T06:00":          "2026-11-23T05:00:00Z",
		"2026-11-23 06:00":          "2026-11-23T05:00:00Z",
		"2026-11-23T06:00:00+05:30": "2026-11-23T00:30:00Z",
		"24h":                       "2026-11-22T12:00:00Z",
		"0s":                        "2026-11-23T12:00:00Z",
	} {
		got, err := parseTime(typed, now, zone)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("parseTime(%q) = %v, %v, want %s", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "yesterday", "-1h", "23.11.2026"} {
		if got, err := parseTime(typed, now, zone); err == nil {
			t.Errorf("parseTime(%q) = %v, want an error", typed, got)
		}
	}
}

// TestTableGrowsOnly shows that the pages of one answer stand under one another
// as far as can be known, and that each is written when it is there.
func TestTableGrowsOnly(t *testing.T) {
	var b bytes.Buffer
	o := output{form: formTable, w: &b}
	o.header("item", "count>")
	o.row("C1", "7")
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	o.row("C10000", "12")
	o.row("C2", "")
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	want := "ITEM  COUNT\nC1        7\nC10000     12\nC2\n"
	if b.String() != want {
		t.Errorf("table:\n%s\nwant:\n%s", b.String(), want)
	}
}
