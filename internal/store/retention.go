package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// Retention removes what was recorded long ago, a file of the log at a time. An
// entry that is removed leaves its identity behind: positions, groups, the ledger
// and the numbers that came from a source stay as they are, and what comes again is
// a duplicate. A tombstone in the log vouches for what is left of a file, for the
// chain of hashes cannot any more.

// MaxDetailBytes is how long a retention's detail may be.
const MaxDetailBytes = 1024

// Retention says what Expire removes.
type Retention struct {
	// Dir is the data directory; nobody may have it open.
	Dir string
	// Before is the time of record before which entries are removed.
	Before time.Time
	// Detail is why, and who says so; it stands in the log. At most MaxDetailBytes.
	Detail string
	// DryRun has it count alone.
	DryRun bool
	// Now returns the time of record; time.Now where nil.
	Now func() time.Time
	// Progress is told how far it has come, where it is not nil.
	Progress func(Progress)
}

// Expired is what Expire removed from one file of the log, or would remove.
type Expired struct {
	// First and Last are the positions of its first and of its last entry, Month
	// is when it was begun.
	First mes.Position `json:"first_position"`
	Last  mes.Position `json:"last_position"`
	Month string       `json:"month"`
	// Removed is how many entries were removed, Kept how many are left whole.
	Removed int `json:"removed"`
	Kept    int `json:"kept"`
	// Bytes is how long the file was, BytesLeft how long it is; 0 in a dry run.
	Bytes     int64 `json:"bytes"`
	BytesLeft int64 `json:"bytes_left"`
}

// Expire removes entries from the files of the log that have nothing younger than
// Before, and derives the indexes anew from what is left. Of an item or a lot that
// anything later speaks of, all is kept; so are the plant model, what was loaded on
// slots, corrections, what sources said of themselves, and what happened, by its
// event time, at Before or later. The last file is never touched.
//
// Killed before its end, it can be begun again: the store is as it was, or Open
// refuses it and Rebuild finishes the work. What was removed is gone for good,
// but for backups.
//
// Errors: as Open; CodeDamaged where the log is not whole.
func Expire(ctx context.Context, r Retention) (files []Expired, err error) {
	if len(r.Detail) > MaxDetailBytes {
		return nil, mes.Invalid("detail", fmt.Sprintf("has %d bytes; at most %d are taken", len(r.Detail), MaxDetailBytes))
	}
	if r.Progress == nil {
		r.Progress = func(Progress) {}
	}
	id, err := stampOf(r.Dir) // before Open would make a store
	if err != nil {
		return nil, err
	}
	s, err := Open(Config{Dir: r.Dir, Now: r.Now})
	if err != nil {
		return nil, err
	}
	// A duplicate holds the lock while the store is closed and its files change.
	lock, err := syscall.Dup(int(s.lock.Fd()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold the data directory: %w", err), s.Close())
	}
	defer func() { err = errors.Join(err, syscall.Close(lock)) }()
	files, err = s.expire(ctx, r)
	if err = errors.Join(err, s.Close()); err != nil || r.DryRun || len(files) == 0 {
		return files, err
	}
	return files, takeExpired(ctx, r.Dir, id, files, r.Progress)
}

// expire makes the files that are to take the places of others, beside them, and
// appends their tombstones.
func (s *Store) expire(ctx context.Context, r Retention) (files []Expired, err error) {
	var stones []tombstone
	err = s.View(ctx, 0, func(v *View) error {
		periods, err := v.log.archive.before(r.Before)
		if err != nil || len(periods) == 0 {
			return err
		}
		last, err := periods[len(periods)-1].last()
		if err != nil {
			return err
		}
		x := expirer{view: v, retention: r, cut: last.next() - 1, id: s.id}
		if err := x.findLasting(); err != nil {
			return err
		}
		for _, p := range periods {
			e, left, err := x.file(p)
			if err != nil {
				return err
			}
			if e.Removed > 0 {
				files = append(files, e)
				stones = append(stones, tombstone{e.First, e.Last, r.Before, left})
			}
		}
		return nil
	})
	if err != nil || r.DryRun || len(stones) == 0 {
		return files, err
	}
	a, err := s.submit(&request{tombstones: stones, detail: r.Detail})
	if err == nil {
		_, err = a.Wait(ctx)
	}
	return files, err
}

// takeExpired puts files in the places of others, and with them the indexes that
// are derived of what is left.
func takeExpired(ctx context.Context, dir, id string, files []Expired, progress func(Progress)) error {
	periods, err := openArchive(dir, id, true)
	if err != nil {
		return err
	}
	for _, f := range files {
		i := slices.IndexFunc(periods, func(p *period) bool { return p.first == f.First })
		left, err := openPeriod(periods[i].path()+unfinished, id, true)
		if err != nil {
			return errors.Join(err, closePeriods(periods))
		}
		periods[i], left = left, periods[i]
		if err := closeBolt(left.db); err != nil {
			return errors.Join(err, closePeriods(periods))
		}
	}
	path, err := rebuilt(ctx, dir, id, periods, progress)
	if err = errors.Join(err, closePeriods(periods)); err != nil {
		return err
	}
	for _, f := range files {
		to := filepath.Join(dir, LogName(f.First))
		if err := disk.Rename(to+unfinished, to); err != nil {
			return err
		}
	}
	return takeIndex(dir, path)
}

// before returns the files whose last entries are older than a time, but for the
// last file.
func (r *archiveReader) before(t time.Time) ([]*period, error) {
	written := max(0, len(r.periods)-1)
	for n, p := range r.periods[:written] {
		end, err := r.end(p)
		if err != nil || !end.Before(t) {
			return r.periods[:n], err
		}
	}
	return r.periods[:written], nil
}

// end returns the record time of the last group in a file.
func (r *archiveReader) end(p *period) (end time.Time, err error) {
	c, err := p.last()
	if err != nil {
		return end, err
	}
	tx, err := r.tx(p)
	if err != nil {
		return end, err
	}
	if err := r.open(tx, c); err != nil {
		return end, err
	}
	l, err := r.groupList()
	if err != nil {
		return end, err
	}
	err = l.all(func(g group) error {
		end = g.time
		return nil
	})
	return end, err
}

// expirer removes entries.
type expirer struct {
	view      *View
	retention Retention
	id        string
	// cut is the last position that may go, lasting those that stay all the same.
	cut     mes.Position
	lasting numberSet
}

// findLasting finds what speaks of an item or a lot that something behind the cut
// speaks of, too.
func (x *expirer) findLasting() error {
	var thing uint64
	var upTo []mes.Position
	goesOn := false
	end := func() error {
		if !goesOn || len(upTo) == 0 {
			return nil
		}
		return x.keep(thing, upTo)
	}
	err := x.view.scan(tableMention, nil, []byte{}, func(k, _ []byte) (bool, error) {
		r := reader{b: k}
		n, _, position := r.number(), r.u8(), mes.Position(r.number())
		if err := r.done("a mention's key"); err != nil {
			return false, err
		}
		if n != thing {
			if err := end(); err != nil {
				return false, err
			}
			thing, upTo, goesOn = n, upTo[:0], false
		}
		if position > x.cut {
			goesOn = true
		} else {
			upTo = append(upTo, position)
		}
		return true, x.view.ctx.Err()
	})
	if err != nil {
		return err
	}
	return end()
}

// keep keeps what speaks of a thing, where that is an item or a lot. Trays and the
// like go on for ever: what they were through is kept for the items that were in
// them.
func (x *expirer) keep(thing uint64, positions []mes.Position) error {
	t, err := x.view.thing(thing)
	if err != nil || t.thing.Kind != mes.RefItem && t.thing.Kind != mes.RefLot {
		return err
	}
	for _, p := range positions {
		x.lasting.add(uint64(p))
	}
	if t.thing.Kind != mes.RefItem {
		return nil
	}
	moves, err := x.view.moves(thing, anyKind)
	if err != nil {
		return err
	}
	for _, m := range moves {
		x.lasting.add(uint64(m.Position))
	}
	return x.view.carried(moves, func(position mes.Position, _ mes.Thing) error {
		x.lasting.add(uint64(position))
		return nil
	})
}

// keeps reports whether an entry stays.
func (x *expirer) keeps(position mes.Position, recorded time.Time, row block.Row) (bool, error) {
	reason := Reason(row.Reason)
	switch {
	case reason.expired() || reason == reasonTombstone || !recorded.Before(x.retention.Before) || x.lasting.has(uint64(position)):
		return true, nil
	case reason != 0:
		return false, nil
	}
	e, err := entryOf(position, row, true)
	if err != nil {
		return false, err
	}
	switch e.event.Fact.(type) {
	case *mes.MasterData, *mes.SlotChange, *mes.Correction, *mes.SourceFact:
		return true, nil
	}
	return !e.event.EventTime.Before(x.retention.Before), nil
}

// file makes what is left of a file, beside it, and returns the hash of that.
func (x *expirer) file(p *period) (e Expired, left mes.Hash, err error) {
	last, err := p.last()
	if err != nil {
		return e, left, err
	}
	e = Expired{First: p.first, Last: last.next() - 1, Month: p.month, Bytes: sizeOf(p.path())}
	add := func(chunk, []group, []block.Row) error { return nil }
	if !x.retention.DryRun {
		path := p.path() + unfinished
		if err := makePeriod(path, x.id, p.first, p.month); err != nil {
			return e, left, err
		}
		to, err := openPeriod(path, x.id, false)
		if err != nil {
			return e, left, err
		}
		defer func() {
			if left, err = to.markExpired(err); e.Removed == 0 {
				err = errors.Join(err, os.Remove(path))
			}
			e.BytesLeft = sizeOf(path)
		}()
		add = to.add
	}
	r := newArchiveReader([]*period{p})
	defer func() { err = errors.Join(err, r.close()) }() // whatever a damaged page does
	err = r.chunks(0, endless, func(c chunk) error {
		if err := x.chunk(&r, c, &e, add); err != nil {
			return err
		}
		x.retention.Progress(Progress{Stage: "log", Position: c.next() - 1, Last: x.cut})
		return x.view.ctx.Err()
	})
	return e, left, err
}

// chunk adds what is left of a chunk that is open.
func (x *expirer) chunk(r *archiveReader, c chunk, e *Expired, add func(chunk, []group, []block.Row) error) error {
	l, err := r.groupList()
	if err != nil {
		return err
	}
	var groups []group
	var rows []block.Row
	was, hash := c.before, c.before
	err = l.all(func(g group) error {
		entries, err := r.encoded(g)
		if err != nil {
			return err
		}
		was = chain(was, g.encode(), entries)
		for i := range entries {
			position := g.first + mes.Position(i)
			row, err := rowOf(position, entries[i])
			if err != nil {
				return err
			}
			keep, err := x.keeps(position, g.time, row)
			switch {
			case err != nil:
				return err
			case !keep:
				e.Removed++
				row = block.Row{Reason: row.Reason | uint8(reasonExpired), Source: row.Source, Epoch: row.Epoch, Sequence: row.Sequence}
				entries[i] = appendRow(nil, row)
			case !Reason(row.Reason).expired():
				e.Kept++
			}
			rows = append(rows, row)
		}
		hash = chain(hash, g.encode(), entries)
		groups = append(groups, g)
		return nil
	})
	if err != nil {
		return err
	}
	if was != c.content() {
		return mes.Errorf(mes.CodeDamaged, "the chain of hashes breaks between positions %d and %d; restore a backup", c.first, c.next()-1)
	}
	if c.left = hash; hash == c.after {
		c.left = mes.Hash{} // It is whole.
	}
	return add(c, groups, rows)
}

// markExpired writes into a file what is left in it, and closes it.
func (p *period) markExpired(err error) (left mes.Hash, _ error) {
	if err == nil {
		err = update(p.db, func(tx *bbolt.Tx) (err error) {
			if left, err = contentOf(tx); err != nil || left == (mes.Hash{}) {
				return err
			}
			return put(tx.Bucket(bucketMeta), keyExpired, left[:])
		})
	}
	return left, errors.Join(err, closeBolt(p.db))
}

// contentOf returns the hash of what is left in a file; zero where nothing was
// removed.
func contentOf(tx *bbolt.Tx) (left mes.Hash, err error) {
	h, some := sha256.New(), false
	err = scan(tx.Bucket(bucketChunk), nil, []byte{}, func(k, value []byte) (bool, error) {
		c, err := decodeChunk(k, value)
		content := c.content()
		h.Write(content[:])
		some = some || c.left != (mes.Hash{})
		return true, err
	})
	if some {
		h.Sum(left[:0])
	}
	return left, err
}

// expiredHash is what indexes say of the files that they are derived from: the
// hash of what was left of each; zero where all are whole.
func expiredHash(periods []*period) (of mes.Hash) {
	h, some := sha256.New(), false
	for _, p := range periods {
		if p.left != (mes.Hash{}) {
			h.Write(key(nil).number(uint64(p.first)))
			h.Write(p.left[:])
			some = true
		}
	}
	if some {
		h.Sum(of[:0])
	}
	return of
}

// writeExpired writes into new indexes which files they are derived from.
func writeExpired(tx *bbolt.Tx, periods []*period) error {
	if of := expiredHash(periods); of != (mes.Hash{}) {
		return put(tx.Bucket(bucketMeta), keyExpired, of[:])
	}
	return nil
}

// readExpired returns what writeExpired, or markExpired, wrote.
func readExpired(tx *bbolt.Tx) (of mes.Hash, err error) {
	value, err := get(tx.Bucket(bucketMeta), keyExpired)
	if value == nil || err != nil {
		return of, err
	}
	r := reader{b: value}
	of = r.hash()
	return of, r.done("what has expired")
}

// checkExpired refuses indexes that are derived of what was removed since.
func checkExpired(db *bbolt.DB, periods []*period) error {
	return look(db, func(tx *bbolt.Tx) error {
		of, err := readExpired(tx)
		if err == nil && of != expiredHash(periods) {
			err = mes.Errorf(mes.CodeDamaged, "%s is not derived of what retention left of the log; run takt rebuild", db.Path())
		}
		return err
	})
}

// vouched refuses files that lack entries without a tombstone that says so.
func (w *writer) vouched() error {
	for _, p := range w.periods {
		tx, err := w.log.archive.tx(p)
		if err != nil {
			return err
		}
		left, err := contentOf(tx)
		if err != nil {
			return err
		}
		var stone tombstone
		err = w.scan(tableTombstone, key(nil).number(uint64(p.first)), nil, func(k, value []byte) (bool, error) {
			stone, err = decodeTombstone(k, value)
			return true, err
		})
		if err != nil {
			return err
		}
		if left != p.left || left != (mes.Hash{}) && left != stone.left {
			return mes.Errorf(mes.CodeDamaged, "entries of %s were removed, and no tombstone in the log says so; restore it from a backup", p.path())
		}
	}
	return nil
}

// tombstone says what is left of a file of the log.
type tombstone struct {
	// first and last are the positions of the file.
	first, last mes.Position
	// before is the time of record before which entries were removed.
	before time.Time
	// left is the hash of what is left.
	left mes.Hash
}

// encode returns what the log has of it: the first position, and behind it what the
// index has under that.
func (s *tombstone) encode() key {
	return key(nil).number(uint64(s.first)).number(uint64(s.last)).time(s.before).hash(s.left)
}

// deriveTombstone enters a tombstone.
func (w *writer) deriveTombstone(e *entry) error {
	r := reader{b: e.record.Event}
	first := mes.Position(r.number())
	k := key(nil).number(uint64(first)).number(uint64(e.position))
	if _, err := decodeTombstone(k, r.b); err != nil || r.bad {
		return errors.Join(err, r.done(fmt.Sprintf("the tombstone at position %d", e.position)))
	}
	w.put(tableTombstone, k, r.b)
	return nil
}

func decodeTombstone(k, value []byte) (s tombstone, err error) {
	r := reader{b: k}
	s.first, _ = mes.Position(r.number()), r.number()
	if err := r.done("a tombstone's key"); err != nil {
		return s, err
	}
	r = reader{b: value}
	s.last, s.before, s.left = mes.Position(r.number()), r.time(), r.hash()
	return s, r.done("a tombstone")
}

// expiry is how far retention has come: entries up to a position may be gone, that
// were recorded before a time and speak of a time before it. Zero for none.
type expiry struct {
	upTo   mes.Position
	before time.Time
}

func (x index) expiry() (e expiry, err error) {
	err = x.scan(tableTombstone, nil, []byte{}, func(k, value []byte) (bool, error) {
		s, err := decodeTombstone(k, value)
		e.upTo = max(e.upTo, s.last)
		if s.before.After(e.before) {
			e.before = s.before
		}
		return true, err
	})
	return e, err
}

// partly reports whether entries that speak of a thing may be gone: all that is
// left of it is that old. Of what anything later speaks of, all was kept.
func (x index) partly(thing uint64, e expiry) (bool, error) {
	if e.upTo == 0 || thing == 0 {
		return false, nil
	}
	for as := role(1); as < roles; as++ {
		prefix := key(nil).number(thing).u8(uint8(as))
		k, _, err := x.tables.Before(tableMention, prefix, key(nil).number(thing).u8(uint8(as)+1))
		if k == nil && err == nil {
			continue
		}
		if err != nil {
			return false, err
		}
		r := reader{b: k[len(prefix):]}
		if mes.Position(r.number()) > e.upTo {
			return false, nil
		}
	}
	return true, nil
}

// whole refuses a window of event time that begins where entries are gone: no
// figure over it is right.
func (x index) whole(from time.Time) error {
	e, err := x.expiry()
	if err != nil || !from.Before(e.before) {
		return err
	}
	return mes.Invalid("from", "is before "+e.before.Format(time.RFC3339)+
		"; what was recorded before that was removed by retention, and a figure over it would be wrong: ask from then on")
}
