package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRowOf(t *testing.T) {
	spread := func(v float64) *Spread { return &Spread{v, v, v, 1} }
	tests := []struct {
		name   string
		metric metric
		of     measured
		want   Row
	}{
		{
			"a rate that must be higher",
			metric{row: "1", name: "ingest", goal: atLeast(3.5), unit: "events/s", against: "PostgreSQL"},
			measured{[]float64{400}, []float64{100}},
			Row{Row: "1", Metric: "ingest", Goal: "≥ 3.5 ×", Figure: spread(4), Unit: "events/s", Takt: spread(400), Other: spread(100), Against: "PostgreSQL", Met: "yes"},
		},
		{
			"a time that must be shorter",
			metric{row: "5", name: "record", goal: atMost(0.6), unit: "ms", against: "PostgreSQL"},
			measured{[]float64{7}, []float64{10}},
			Row{Row: "5", Metric: "record", Goal: "≤ 0.6 ×", Figure: spread(0.7), Unit: "ms", Takt: spread(7), Other: spread(10), Against: "PostgreSQL", Met: "no"},
		},
		{
			"how many times faster",
			metric{row: "7", name: "trace", goal: atLeast(10), unit: "ms", faster: true, against: "PostgreSQL"},
			measured{[]float64{5}, []float64{50}},
			Row{Row: "7", Metric: "trace", Goal: "≥ 10 ×", Figure: spread(10), Unit: "ms", Takt: spread(5), Other: spread(50), Against: "PostgreSQL", Met: "yes"},
		},
		{
			"no ratio",
			metric{row: "11", name: "memory", goal: &goal{bound: 256, absolute: true, unit: "MB"}, unit: "MB"},
			measured{takt: []float64{300}},
			Row{Row: "11", Metric: "memory", Goal: "≤ 256 MB", Figure: spread(300), Unit: "MB", Takt: spread(300), Met: "no"},
		},
		{
			"nothing to compare with",
			metric{row: "5", name: "record", goal: atMost(0.6), unit: "ms"},
			measured{takt: []float64{7}},
			Row{
				Row: "5", Metric: "record", Goal: "≤ 0.6 ×", Unit: "ms", Takt: spread(7),
				Met: "not measured", Why: "there was nothing to compare with (--against postgres)",
			},
		},
		{
			"no goal",
			metric{row: "8c", name: "yield", unit: "ms", faster: true, against: "rollup"},
			measured{[]float64{2}, []float64{1}},
			Row{Row: "8c", Metric: "yield", Figure: spread(0.5), Unit: "ms", Takt: spread(2), Other: spread(1), Against: "rollup", Met: "no goal"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, rowOf(test.metric, test.of, "")); diff != "" {
				t.Errorf("rowOf mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryNumberHasItsRows(t *testing.T) {
	for number := 1; number <= lastRow; number++ {
		if len(metrics[number]) == 0 {
			t.Errorf("row %d of the table is not there", number)
		}
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		name string
		a, b []string
		want string
	}{
		{"same", []string{"x"}, []string{"x"}, ""},
		{"other", []string{"x", "y"}, []string{"x", "z"}, `the answers differ: Takt has "y" where PostgreSQL has "z"`},
		{"more", []string{"x", "y"}, []string{"x"}, `the answers differ: Takt alone has "y" (2 lines and 1)`},
		{"less", nil, []string{"x"}, `the answers differ: PostgreSQL alone has "x" (0 lines and 1)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := compare(test.a, test.b); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("compare = %q, want %q", got, test.want)
			}
		})
	}
}
