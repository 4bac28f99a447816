package line

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPicture holds that the documentation shows the line that the table drives;
// -update draws it anew.
func TestPicture(t *testing.T) {
	for name, made := range map[string]string{"LINE.md": describeLine(), "line.svg": drawLine()} {
		if *update {
			if err := os.WriteFile(name, []byte(made), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		shown, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(shown), made); diff != "" {
			t.Errorf("%s is not what the table says; run with -update (-shown +made):\n%s", name, diff)
		}
	}
}

var levels = [...]struct{ name, colour string }{
	levelLot:    {"supplier lot", "#e8e4d9"},
	levelBatch:  {"slurry batch", "#f3dcc0"},
	levelWeb:    {"web: coil, lane, metre", "#f6cfa5"},
	levelRoll:   {"jelly roll", "#cfe3c8"},
	levelCell:   {"cell", "#c9def2"},
	levelTray:   {"tray, oven load", "#e3d5ee"},
	levelModule: {"module", "#f2c9d1"},
	levelPack:   {"pack", "#e6b3bd"},
}

// drawLine draws a box a step, in rows that turn at the end as a line does in a
// hall.
func drawLine() string {
	const (
		across, width, height, gap = 8, 132, 66, 26
		left, top                  = 20, 56
	)
	rows := (len(steps) + across - 1) / across
	var b bytes.Buffer
	w, h := left*2+across*(width+gap), top+rows*(height+gap)+30
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", w, h)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", w, h)
	fmt.Fprintf(&b, `<text x="%d" y="26" font-size="17">The simulated line: %d rows of the table, machines at one cell a second, first-pass yield</text>`+"\n", left, len(steps))
	corner := func(i int) (x, y int) {
		row, column := i/across, i%across
		if row%2 == 1 {
			column = across - 1 - column
		}
		return left + column*(width+gap), top + row*(height+gap)
	}
	for i := range steps {
		if i > 0 {
			x, y := corner(i)
			px, py := corner(i - 1)
			fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#888888"/>`+"\n", px+width/2, py+height/2, x+width/2, y+height/2)
		}
	}
	for i := range steps {
		s := &steps[i]
		x, y := corner(i)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="%s" stroke="#555555"/>`+"\n", x, y, width, height, levels[s.level].colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-weight="bold">%d %s</text>`+"\n", x+7, y+16, s.number, s.code)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">×%d</text>`+"\n", x+width-7, y+16, s.count(&Config{}))
		for n, line := range folded2(s.title) {
			fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="10">%s</text>`+"\n", x+7, y+31+12*n, html.EscapeString(line))
		}
		if s.yield > 0 {
			fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="10" fill="#333333">%.2f %%</text>`+"\n", x+7, y+height-7, 100*s.yield)
		}
	}
	x := left
	for _, v := range levels {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="12" fill="%s" stroke="#555555"/><text x="%d" y="%d">%s</text>`+"\n", x, h-24, v.colour, x+17, h-14, v.name)
		x += 40 + 7*len(v.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// folded2 breaks a title into at most two lines.
func folded2(s string) []string {
	const most = 22
	if len(s) <= most {
		return []string{s}
	}
	at := strings.LastIndexByte(s[:most+1], ' ')
	return []string{s[:at], s[at+1:]}
}

// describeLine writes the table and the faults as a page.
func describeLine() string {
	var b bytes.Buffer
	b.WriteString(`# The simulated line

Made from the table that drives the simulation (` + "`table.go`" + `) by ` + "`go test ./internal/line -run TestPicture -update`" + `.

![The line](line.svg)

Machines are for a takt of one second; a line with fewer has each of them work faster, so that it keeps its takt.
Values and yields are those of the reference line, plausible defaults and no manufacturer's specification.

`)
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("| # | code | step | on | machines | record blocks | PLC | first pass |")
	line("|---|---|---|---|---|---|---|---|")
	for i := range steps {
		s := &steps[i]
		n, share, yield := s.count(&Config{}), max(1, s.share), ""
		if s.yield > 0 {
			yield = fmt.Sprintf("%.2f %%", 100*s.yield)
		}
		line("| %d | %s | %s | %s | %d | %d | P%d | %s |", s.number, s.code, s.title, levels[s.level].name, n, (n+share-1)/share, s.plc, yield)
	}
	line("\n## What is measured\n")
	line("| step | characteristic | unit | nominal | LSL | USL | deviation | shape |")
	line("|---|---|---|---|---|---|---|---|")
	for i := range steps {
		for _, c := range steps[i].characteristics {
			limit := func(v float64) string {
				if v == none || v == above {
					return "–"
				}
				return fmt.Sprintf("%g", v)
			}
			line("| %s | `%s` | %s | %g | %s | %s | %g | %s |", steps[i].code, c.name, c.unit, c.nominal, limit(c.lsl), limit(c.usl), c.sigma, shapeNames[c.shape])
		}
	}
	line("\n## How things fail\n")
	line("| step | code | share of the failures | shows in | then | recovered |")
	line("|---|---|---|---|---|---|")
	for i := range steps {
		for _, d := range steps[i].defects {
			beyond := "low"
			if d.high {
				beyond = "high"
			}
			then := d.first.String()
			if steps[i].sample {
				then = "the sample fails"
			}
			line("| %s | %s | %g %% | `%s` %s | %s | %g %% |", steps[i].code, d.code, 100*d.share, d.shows, beyond, then, 100*d.recovered)
		}
	}
	line("\n## What can go wrong\n")
	line("`takt sim --fault F3@2h` makes the third happen two hours after the line's start; several at once are as good.\n")
	line("| fault | what happens | what a recall of it finds |")
	line("|---|---|---|")
	for _, f := range faults {
		line("| %s | %s | %s |", f.id, f.what, f.finds)
	}
	return b.String()
}

var shapeNames = [...]string{
	normal: "normal", lognormal: "lognormal", lognormal10: "lognormal, deviation of log10", folded: "distance from zero",
	cut: "normal, cut at the limit", sparse: "zero for most", web: "along the metre", dwell: "time", given: "follows from others",
}
