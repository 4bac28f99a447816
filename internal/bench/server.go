package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startTime is how long a server may take until it listens.
	startTime = 5 * time.Minute
	// stopTime is how long it may take to close its store.
	stopTime = 2 * time.Minute
	// pollTime is how often it is looked whether it listens.
	pollTime = time.Millisecond
)

// server is a takt in a process of its own, so that its memory, its CPU time and
// its disk are its own too.
type server struct {
	program string
	dir     string
	args    []string
	cmd     *exec.Cmd
	log     *tail
	ended   chan struct{}
	err     error
	address string
}

// newServer returns a `takt serve` that keeps its store in a folder of dir. It
// does not run yet.
func newServer(program, dir string) *server {
	return &server{program: program, dir: dir, args: []string{
		"serve", "--data", filepath.Join(dir, "store"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--no-reflection",
	}}
}

// newFloor returns the process that the floor runs in: see Floor.
func newFloor(program, dir string) *server {
	return &server{program: program, dir: dir, args: []string{"bench", "floor", "--data", dir}}
}

// start starts the process and returns when it listens.
func (s *server) start(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(s.dir, "address")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.log, s.ended, s.err = &tail{}, make(chan struct{}), nil
	// It is stopped by stop, so that an interrupted bench closes it in order.
	s.cmd = exec.Command(s.program, append(s.args, "--address-file", file)...) //nolint:gosec,noctx // the bench's own program
	s.cmd.Stderr = s.log
	// An interrupt at the terminal is the bench's to hear first; and a lost bench
	// leaves no server behind.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.program, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s.await(ctx, file)
}

// await waits until the process has written where it listens.
func (s *server) await(ctx context.Context, file string) error {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	late := time.NewTimer(startTime)
	defer late.Stop()
	for {
		text, err := os.ReadFile(file) //nolint:gosec // the bench's own folder
		if err == nil {
			for line := range strings.Lines(string(text)) {
				if address, ok := strings.CutPrefix(strings.TrimSpace(line), "grpc="); ok {
					s.address = address
					return nil
				}
			}
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("the server ended before it listened: %w: %s", s.err, s.log)
		case <-late.C:
			return errors.Join(fmt.Errorf("the server did not listen within %s: %s", startTime, s.log), s.kill())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.stop())
		}
	}
}

// pid is the process's number.
func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the process in order.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // It may have ended by itself.
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
		return errors.Join(fmt.Errorf("the server did not stop within %s: %s", stopTime, s.log), s.kill())
	}
	s.cmd = nil
	if s.err != nil {
		return fmt.Errorf("the server ended: %w: %s", s.err, s.log)
	}
	return nil
}

// kill ends the process as a lost one would.
func (s *server) kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
	return err
}

// tailBytes is how much of a process's last words is kept.
const tailBytes = 2000

// tail keeps the last that was written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write is io.Writer's.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String returns it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
