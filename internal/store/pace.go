package store

import (
	"sync"
	"time"
)

// slowSync is how long a write to the log and its sync take on no sound disk.
const slowSync = time.Second

// slowFor is how long a disk is called slow after it was.
const slowFor = time.Minute

// pace says how long the disk takes to write and sync a group.
type pace struct {
	// mu guards what follows.
	mu sync.Mutex
	// begun is when the group at hand was begun; zero where none is.
	begun time.Time
	// took is how long the last slow one took, ended when that was.
	took  time.Duration
	ended time.Time
}

func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = time.Now()
}

// end returns how long it took where that was slow, else 0.
func (p *pace) end() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(p.begun)
	p.begun = time.Time{}
	if took < slowSync {
		return 0
	}
	p.took, p.ended = took, time.Now()
	return took
}

func (p *pace) slow() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun.IsZero() {
		if took := time.Since(p.begun); took >= slowSync {
			return took
		}
	}
	if p.took > 0 && time.Since(p.ended) < slowFor {
		return p.took
	}
	return 0
}

// SlowDisk returns how long the disk has been at a group of the log, or was at the
// last slow one within a minute; 0 where it is not slow.
func (s *Store) SlowDisk() time.Duration { return s.pace.slow() }
