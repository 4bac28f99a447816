package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
	"github.com/takt-mes/takt/internal/store/wal"
)

// maxProblems is how many problems a check names; it counts on from there.
const maxProblems = 1000

// Check checks a snapshot of the store: every entry of the log, the groups
// against the chain of hashes, the pages of the files, and every index against
// one derived anew from the log, in a file that it removes again. It repairs
// nothing, and returns how many problems it told progress about. The error is of
// the check itself.
func (s *Store) Check(ctx context.Context, progress func(Progress)) (problems int, err error) {
	x, err := s.read()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	return check(ctx, x, s.id, s.cfg.Dir, progress)
}

// CheckDir checks a data directory that nobody has open, and writes nothing into
// its files. One that cannot be opened because it is damaged is a problem, and
// no error.
func CheckDir(ctx context.Context, dir string, progress func(Progress)) (problems int, err error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, mes.Errorf(mes.CodeNotFound, "check data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	problems, err = checkDir(ctx, dir, progress)
	if mes.CodeOf(err) == mes.CodeDamaged {
		progress(Progress{Stage: "file", Problems: []string{err.Error()}})
		return problems + 1, nil
	}
	return problems, err
}

func checkDir(ctx context.Context, dir string, progress func(Progress)) (problems int, err error) {
	id, err := stampOf(dir)
	if err != nil {
		return 0, err
	}
	periods, err := openArchive(dir, id, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closePeriods(periods)) }()
	db, err := openIndex(filepath.Join(dir, indexFile), id, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeBolt(db)) }()
	if err := checkExpired(db, periods); err != nil {
		return 0, err
	}
	var w *writer
	err = guard(func() (err error) {
		if w, err = newWriter(db, periods); err != nil {
			return err
		}
		if err := w.catchUp(ctx, endless, 0, func(Progress) {}); err != nil {
			return err
		}
		_, err = wal.Read(filepath.Join(dir, walDir), w.last.group+1, w.replayPayload)
		return err
	})
	if w != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	if err != nil {
		return 0, err
	}
	w.upTo = w.last.position
	return check(ctx, w.index, id, dir, progress)
}

func check(ctx context.Context, have index, id, dir string, progress func(Progress)) (int, error) {
	c := checker{ctx: ctx, progress: progress, last: have.upTo}
	err := guard(func() error { return c.log(have) })
	if err != nil {
		if mes.CodeOf(err) != mes.CodeDamaged {
			return c.problems, err
		}
		c.found(err.Error())
	}
	c.tell("log", c.last)
	if c.problems > 0 {
		c.found("the indexes were not compared, because the log is damaged")
		c.tell("indexes", 0)
		return c.problems, nil
	}
	path := filepath.Join(dir, indexFile+".check")
	oldest := have.log.layers[len(have.log.layers)-1]
	err = derivedAnew(ctx, path, id, have.log.archive.periods, oldest.group, progress, func(want *writer) error {
		for _, l := range slices.Backward(have.log.layers) {
			for _, g := range l.groups {
				if err := want.replay(g, l.entriesOf(g), mes.Hash{}); err != nil {
					return err
				}
			}
		}
		if err := want.vouched(); err != nil {
			c.found(err.Error())
		}
		return c.compare(have, want.index)
	})
	if err != nil && mes.CodeOf(err) == mes.CodeDamaged {
		c.found(err.Error())
		err = nil
	}
	c.tell("indexes", c.last)
	if removed := os.Remove(path); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return c.problems, err
}

// checker collects what is wrong.
type checker struct {
	ctx      context.Context //nolint:containedctx // one check, one context
	progress func(Progress)
	problems int
	untold   []string
	// samples are how many blocks with samples each file must know.
	samples map[*bbolt.Tx]int
	last    mes.Position
	told    time.Time
}

func (c *checker) found(problem string) {
	if c.problems++; c.problems <= maxProblems {
		c.untold = append(c.untold, problem)
	}
}

func (c *checker) tell(stage string, at mes.Position) {
	c.progress(Progress{Stage: stage, Position: at, Last: c.last, Problems: c.untold})
	c.untold = nil
	c.told = time.Now()
}

// log checks every entry, the chain, and then the pages of the files.
func (c *checker) log(x index) error {
	r := &x.log.archive
	var end sealed
	c.samples = make(map[*bbolt.Tx]int)
	err := r.chunks(0, x.log.layers[len(x.log.layers)-1].group, func(h chunk) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if h.group != end.group+1 || h.first != end.position+1 || h.before != end.hash {
			c.found(fmt.Sprintf("the chain of hashes breaks before group %d (position %d)", h.group, h.first))
		}
		c.chunk(r, h)
		end = sealed{h.group + uint64(h.groups) - 1, h.next() - 1, h.after} //nolint:gosec // a count is never negative
		if time.Since(c.told) > every {
			c.tell("log", end.position)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range slices.Backward(x.log.layers) {
		hash := l.before
		if hash != end.hash || l.first != end.position+1 {
			c.found(fmt.Sprintf("the chain of hashes breaks before position %d", l.first))
		}
		for _, g := range l.groups {
			hash = chain(hash, g.encode(), l.entriesOf(g))
		}
		if hash != l.after {
			c.found(fmt.Sprintf("the chain of hashes breaks between positions %d and %d", l.first, l.next()-1))
		}
		end = sealed{l.group + uint64(len(l.groups)) - 1, l.next() - 1, l.after}
	}
	for err := range x.tx.Check() {
		c.found("pages of the indexes: " + err.Error())
	}
	for p, tx := range r.txs {
		for err := range tx.Check() {
			c.found("pages of " + p.path() + ": " + err.Error())
		}
		if n, err := countSamples(tx, x.log.layers[len(x.log.layers)-1].first); err != nil {
			c.found("samples of " + p.path() + ": " + err.Error())
		} else if n != c.samples[tx] {
			c.found(fmt.Sprintf("%s knows %d blocks with samples, and has %d", p.path(), n, c.samples[tx]))
		}
	}
	return nil
}

// chunk checks the entries of a chunk one by one, and its part of the chain.
func (c *checker) chunk(r *archiveReader, h chunk) {
	l, err := r.groupList()
	if err != nil {
		c.found(fmt.Sprintf("groups from %d on: %v", h.group, err))
		return
	}
	hash, whole := h.before, true
	err = l.all(func(g group) error {
		for i := range g.count {
			position := g.first + mes.Position(i)
			row, err := r.row(position)
			if err == nil {
				_, err = entryOf(position, row, true)
			}
			if err != nil {
				whole = false
				c.found(fmt.Sprintf("position %d (%s): %v", position, row.Source, err))
			}
		}
		if !whole {
			return nil
		}
		entries, err := r.encoded(g)
		hash = chain(hash, g.encode(), entries)
		return err
	})
	if err != nil {
		c.found(fmt.Sprintf("groups from %d on: %v", h.group, err))
		return
	}
	n, err := r.checkSamples()
	if err != nil {
		c.found(fmt.Sprintf("samples from position %d on: %v", h.first, err))
	}
	c.samples[r.at.tx] += n
	if whole && hash != h.content() {
		c.found(fmt.Sprintf("the chain of hashes breaks between positions %d and %d", h.first, h.next()-1))
	}
}

// compare compares all that is derived, key by key.
func (c *checker) compare(have, want index) error {
	for t, name := range tableNames {
		nextA, stopA := iter.Pull2(have.tables.All(table.ID(t)))
		nextB, stopB := iter.Pull2(want.tables.All(table.ID(t)))
		err := c.compareTable(name, nextA, nextB)
		stopA()
		stopB()
		if err != nil {
			return err
		}
	}
	return nil
}

type nextEntry func() (table.Entry, error, bool)

func (c *checker) compareTable(name string, nextA, nextB nextEntry) error {
	a, errA, _ := nextA()
	b, errB, _ := nextB()
	for n := 0; a.Key != nil || b.Key != nil || errA != nil || errB != nil; n++ {
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if n%4096 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		switch order := compareKeys(a.Key, b.Key); {
		case order < 0:
			c.found(fmt.Sprintf("index %s has %x, which the log does not say", name, a.Key))
			a, errA, _ = nextA()
		case order > 0:
			c.found(fmt.Sprintf("index %s lacks %x, which the log says", name, b.Key))
			b, errB, _ = nextB()
		default:
			if !bytes.Equal(a.Value, b.Value) {
				c.found(fmt.Sprintf("index %s has another value at %x than the log says", name, a.Key))
			}
			a, errA, _ = nextA()
			b, errB, _ = nextB()
		}
	}
	return nil
}

// compareKeys orders keys; the end of a bucket comes last.
func compareKeys(a, b []byte) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return bytes.Compare(a, b)
}
