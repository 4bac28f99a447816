package bench

import (
	"os"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	tests := []struct {
		name, stat string
		want       time.Duration
		ok         bool
	}{
		{"plain", "12 (takt) S 1 12 12 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 9 0", 1750 * time.Millisecond, true},
		{"a name that looks like fields", "12 (a) S 1 (x) S 1 12 12 0 -1 4194560 900 0 0 0 1 2 0 0 20 0 9 0", 30 * time.Millisecond, true},
		{"short", "12 (takt) S 1", 0, false},
		{"no number", "12 (takt) S 1 12 12 0 -1 4194560 900 0 0 0 x 25 0 0", 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := cpuTime(test.stat)
			if got != test.want || (err == nil) != test.ok {
				t.Errorf("cpuTime = %s, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestOwnProcess(t *testing.T) {
	if _, err := usageOf(os.Getpid()); err != nil {
		t.Errorf("usageOf: %v", err)
	}
	if n, err := anonymousOf(os.Getpid()); err != nil || n <= 0 {
		t.Errorf("anonymousOf = %d, %v", n, err)
	}
}
