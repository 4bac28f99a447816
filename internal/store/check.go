package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// maxProblems is how many problems a check names; it counts on from there.
const maxProblems = 1000

// Check checks a snapshot of the store: every entry against its checksum, the
// groups against the chain of hashes, the pages of the file, and every index
// against one derived anew from the log, in a file that it removes again. It
// repairs nothing, and returns how many problems it told progress about. The
// error is of the check itself.
func (s *Store) Check(ctx context.Context, progress func(Progress)) (problems int, err error) {
	return check(ctx, s.db, s.id, s.cfg.Dir, progress)
}

// CheckDir checks a data directory that nobody has open. One that cannot be
// opened because it is damaged is a problem, and no error.
func CheckDir(ctx context.Context, dir string, progress func(Progress)) (problems int, err error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, mes.Errorf(mes.CodeNotFound, "check data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	db, id, err := openBolt(dir)
	if err != nil {
		if mes.CodeOf(err) != mes.CodeDamaged {
			return 0, err
		}
		progress(Progress{Stage: "file", Problems: []string{err.Error()}})
		return 1, nil
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return check(ctx, db, id, dir, progress)
}

func check(ctx context.Context, db *bbolt.DB, id, dir string, progress func(Progress)) (int, error) {
	c := checker{ctx: ctx, progress: progress}
	err := guard(func() error { return db.View(c.log) })
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
	path := filepath.Join(dir, boltFile+".check")
	err = derived(ctx, db, id, path, progress, func(fresh *bbolt.DB) error {
		return db.View(func(have *bbolt.Tx) error {
			return fresh.View(func(want *bbolt.Tx) error { return c.compare(have, want) })
		})
	})
	if err != nil && mes.CodeOf(err) == mes.CodeDamaged {
		c.found(err.Error())
		err = nil
	}
	c.tell("indexes", c.last)
	return c.problems, errors.Join(err, os.Remove(path))
}

// checker collects what is wrong.
type checker struct {
	ctx      context.Context //nolint:containedctx // one check, one context
	progress func(Progress)
	problems int
	untold   []string
	last     mes.Position
	told     time.Time
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

// log checks every entry and every group, and then the pages.
func (c *checker) log(tx *bbolt.Tx) error {
	number, _, last, err := lastGroup(tx)
	if err != nil {
		return err
	}
	c.last = last
	var chain mes.Hash
	next := mes.Position(1)
	for n := uint64(1); n <= number; n++ {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		g, entries, hash, err := readGroup(tx, n)
		if err != nil {
			// Go on behind the damage, so that all of it is named.
			c.found(err.Error())
			if value, err := get(tx.Bucket(bucketGroup), key(nil).u64(n)); err == nil && value != nil {
				if g, count, hash, err := decodeGroup(n, value); err == nil {
					c.entries(tx, g.first, count)
					chain, next = hash, g.first+mes.Position(count) //nolint:gosec // a count is never negative
				}
			}
			continue
		}
		if g.first != next {
			c.found(fmt.Sprintf("group %d begins at position %d; %d comes next", n, g.first, next))
		}
		if _, again := g.encode(entries); g.previous != chain || again != hash {
			c.found(fmt.Sprintf("the chain of hashes breaks at group %d (positions %d to %d)", n, g.first, g.first+mes.Position(len(entries))-1))
		}
		chain, next = hash, g.first+mes.Position(len(entries))
		if time.Since(c.told) > every {
			c.tell("log", next-1)
		}
	}
	if k, _ := tx.Bucket(bucketLog).Cursor().Last(); k != nil {
		if r := (reader{b: k}); mes.Position(r.u64()) != last {
			c.found(fmt.Sprintf("the log has an entry behind its last group, at key %x", k))
		}
	}
	for err := range tx.Check() {
		c.found("file pages: " + err.Error())
	}
	return nil
}

// entries looks at the entries of a group one by one.
func (c *checker) entries(tx *bbolt.Tx, first mes.Position, count int) {
	x := newIndex(tx, newest)
	for i := range count {
		if e, err := x.read(first+mes.Position(i), true); err != nil {
			c.found(fmt.Sprintf("position %d (%s): %v", first+mes.Position(i), e.record.Identity, err))
		}
	}
}

// compare compares all that is derived, key by key.
func (c *checker) compare(have, want *bbolt.Tx) error {
	for _, name := range append([][]byte{bucketSchema}, derivedBuckets...) {
		a, b := have.Bucket(name).Cursor(), want.Bucket(name).Cursor()
		ka, va := a.First()
		kb, vb := b.First()
		for n := 0; ka != nil || kb != nil; n++ {
			if n%4096 == 0 && c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			switch order := compareKeys(ka, kb); {
			case order < 0:
				c.found(fmt.Sprintf("index %s has %x, which the log does not say", name, ka))
				ka, va = a.Next()
			case order > 0:
				c.found(fmt.Sprintf("index %s lacks %x, which the log says", name, kb))
				kb, vb = b.Next()
			default:
				if !bytes.Equal(va, vb) {
					c.found(fmt.Sprintf("index %s has another value at %x than the log says", name, ka))
				}
				ka, va = a.Next()
				kb, vb = b.Next()
			}
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
