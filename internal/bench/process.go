package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is Linux's unit of a process's CPU time, whatever the kernel's own.
const clockTick = 10 * time.Millisecond

// usage is what a process has used since it was started.
type usage struct {
	// cpu is in user and system mode.
	cpu time.Duration
	// written is how many bytes it caused to be written to disk.
	written int64
}

// usageOf reads a process's use of the machine.
func usageOf(pid int) (usage, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("read a process's CPU time: %w", err)
	}
	cpu, err := cpuTime(string(text))
	if err != nil {
		return usage{}, err
	}
	u := usage{cpu: cpu}
	// Another user's process does not tell; then nothing is said of the disk.
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
		u.written, _ = field(string(text), "write_bytes:")
	}
	return u, nil
}

// cpuTime reads the 14th and 15th field of /proc/PID/stat; the second is a name
// that may hold anything, in parentheses.
func cpuTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("a process's stat has %d fields behind its name", len(fields))
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read a process's CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// anonymousOf returns how many bytes of memory a process has that are not pages
// of files.
func anonymousOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	kib, ok := field(string(text), "RssAnon:")
	if !ok {
		return 0, errors.New("a process's status has no RssAnon")
	}
	return kib << 10, nil
}

// field returns the number behind a name at the beginning of a line.
func field(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, err := strconv.ParseInt(fields[0], 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}

// diskOf returns how many bytes the files of a folder take on the disk, with what
// is reserved and not used yet.
func diskOf(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
			size += stat.Blocks * 512
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure a folder: %w", err)
	}
	return size, nil
}
