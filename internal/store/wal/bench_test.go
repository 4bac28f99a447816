package wal_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/store/wal"
)

// BenchmarkAppend appends, and in turn writes as much with a bare write and
// fdatasync into a file that was zeroed before: what the disk takes anyway.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{512, 256 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			l, err := wal.Open(wal.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			const fileBytes = 16 << 20
			bare, err := os.Create(filepath.Join(b.TempDir(), "bare"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = bare.Close() }()
			if _, err := bare.WriteAt(make([]byte, fileBytes), 0); err != nil {
				b.Fatal(err)
			}
			if err := bare.Sync(); err != nil {
				b.Fatal(err)
			}
			// The first segment of all is the only one that is waited for.
			if err := l.Append(1, nil); err != nil {
				b.Fatal(err)
			}
			payload := dense(size)
			var appends, writes []time.Duration
			for b.Loop() {
				start := time.Now()
				if err := l.Append(l.Last()+1, payload); err != nil {
					b.Fatal(err)
				}
				appends = append(appends, time.Since(start))

				start = time.Now()
				if _, err := bare.WriteAt(payload, int64(len(writes)*size%fileBytes)); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(bare.Fd())); err != nil {
					b.Fatal(err)
				}
				writes = append(writes, time.Since(start))
				if err := l.Trim(l.Last()); err != nil {
					b.Fatal(err)
				}
			}
			for unit, list := range map[string][]time.Duration{"append": appends, "bare": writes} {
				slices.Sort(list)
				for name, at := range map[string]int{"p50": len(list) / 2, "p99": len(list) * 99 / 100, "max": len(list) - 1} {
					b.ReportMetric(float64(list[at])/1e3, unit+"-"+name+"-µs")
				}
			}
		})
	}
}
