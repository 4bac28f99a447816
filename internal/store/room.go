package store

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
)

// maxReserveBytes is the most that stays free where the configuration does not say.
const maxReserveBytes = 1 << 30

// room watches how much is left of the disk. While it is less than the reserve no
// event is taken, so that questions, checks and what is in memory go on; when
// there is more again, events are taken again.
type room struct {
	dir     string
	reserve uint64
	log     *slog.Logger

	// mu guards what follows.
	mu sync.Mutex
	// short says that it was too little when somebody looked last.
	short bool
	// owed are refusals that the ledger lacks, because the log took nothing.
	owed map[mes.Source]uint64
}

// maxOwed is of how many sources refusals are kept for the ledger while the disk is
// too full to write them.
const maxOwed = 1 << 12

func newRoom(cfg *Config) (*room, error) {
	_, all, err := disk.Free(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("look at the disk's room: %w", err)
	}
	r := &room{dir: cfg.Dir, reserve: min(all/20, maxReserveBytes), log: cfg.Log, owed: make(map[mes.Source]uint64)}
	if cfg.ReserveBytes > 0 {
		r.reserve = uint64(cfg.ReserveBytes)
	}
	return r, nil
}

// check returns why nothing is taken, nil where there is room.
func (r *room) check() error {
	free, _, err := disk.Free(r.dir)
	if err != nil {
		return fmt.Errorf("look at the disk's room: %w", err)
	}
	short := free < r.reserve
	r.mu.Lock()
	changed := short != r.short
	r.short = short
	r.mu.Unlock()
	if changed {
		size := []any{slog.String("dir", r.dir), slog.Uint64("free", free), slog.Uint64("reserve", r.reserve)}
		if short {
			r.log.Error("disk too full; no event is taken until there is room, questions are answered", size...)
		} else {
			r.log.Info("disk has room again; events are taken", size...)
		}
	}
	if !short {
		return nil
	}
	return noRoom(r.dir, fmt.Sprintf("has %d bytes left, and %d stay free", free, r.reserve))
}

// lacking reports whether nothing is taken.
func (r *room) lacking() bool { return r.check() != nil }

// noRoom tells a sender to come again: what it has is not lost.
func noRoom(dir, what string) error {
	return mes.Errorf(mes.CodeBusy, "the disk of %s %s; make room, and send again: no restart is needed", dir, what).With("path", dir)
}

// owe keeps refusals until the log takes them.
func (r *room) owe(tallies []tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range tallies {
		if _, known := r.owed[t.source]; known || len(r.owed) < maxOwed {
			r.owed[t.source] += t.refused
		}
	}
}

// pay returns the refusals that the log lacks, and keeps them no longer.
func (r *room) pay() []tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	var tallies []tally
	for source, refused := range r.owed {
		tallies = append(tallies, tally{source: source, refused: refused})
	}
	clear(r.owed)
	slices.SortFunc(tallies, func(a, b tally) int { return strings.Compare(string(a.source), string(b.source)) })
	return tallies
}

// full reports whether an error says that the disk is full. What failed so has
// changed nothing that is synced, and may be tried again.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// roomPoll is how often is looked whether a full disk has room again.
const roomPoll = time.Second
