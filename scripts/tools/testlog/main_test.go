package main

import (
	"slices"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	tests := []struct {
		name    string
		events  string
		out     string
		skipped []string
	}{
		{
			name: "a package that passes is one line",
			events: `
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: a log\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}`,
			out: "ok  \tp\t0.1s\n",
		},
		{
			name: "what failed says why",
			events: `
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: a reason\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: a log\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}`,
			out: "    a_test.go:5: a reason\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tp\t0.1s\n",
		},
		{
			name: "skipped tests are named, with the reason",
			events: `
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:7: slow\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"    --- SKIP: TestA/sub (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}`,
			out:     "ok  \tp\t0.1s\n?   \tq\t[no test files]\n",
			skipped: []string{"p.TestA/sub", "p.TestB (a_test.go:7: slow)"},
		},
		{
			name: "a test that never ended is shown",
			events: `
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: so far\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}`,
			out: "    a_test.go:5: so far\nFAIL\tp\t0.1s\n",
		},
		{
			name: "a package that does not build says why",
			events: `
{"ImportPath":"p","Action":"build-output","Output":"p/a.go:2: no\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			out: "p/a.go:2: no\nFAIL\tp [build failed]\n",
		},
		{
			name:   "a line that is no event is kept",
			events: "\ngo: cannot find main module",
			out:    "go: cannot find main module",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			skipped, err := convert(strings.NewReader(tt.events[1:]), &out)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.out {
				t.Errorf("printed %q, want %q", out.String(), tt.out)
			}
			if !slices.Equal(skipped, tt.skipped) {
				t.Errorf("skipped %q, want %q", skipped, tt.skipped)
			}
		})
	}
}
