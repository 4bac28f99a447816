package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// The archive is the sealed part of the log: a file a period, each with the
// chunks that one seal after the other added. Only the last file is written to.

var (
	bucketMeta  = []byte("meta")
	bucketChunk = []byte("chunk")
	bucketGroup = []byte("group")
	bucketPlace = []byte("place")
	bucketBlock = []byte("block")
)

// periodEntries bounds how many entries a file takes, where its month has more.
const periodEntries = 1 << 24

// period is a file of the archive.
type period struct {
	first mes.Position // of its first entry
	month string       // of the record time of its first group
	// left is the hash of what retention left in it; zero where all is there.
	left mes.Hash
	db   *bbolt.DB
}

func periodName(first mes.Position) string { return fmt.Sprintf("%020d.bolt", first) }

func (p *period) path() string { return p.db.Path() }

// chunk is what one seal added to the archive.
type chunk struct {
	// first is the position of its first entry, group the number of its first
	// group.
	first mes.Position
	group uint64
	// entries and groups are how many it has; it may have no entry.
	entries, groups int
	// before and after are the hashes of the chain at its ends.
	before, after mes.Hash
	// left is the hash that the chain comes to over what retention left; zero where
	// all is there.
	left mes.Hash
}

// content is the hash that the chain comes to over what is there.
func (c *chunk) content() mes.Hash {
	if c.left != (mes.Hash{}) {
		return c.left
	}
	return c.after
}

func (c *chunk) key() key           { return key(nil).number(uint64(c.first)).number(c.group) }
func (c *chunk) next() mes.Position { return c.first + mes.Position(c.entries) } //nolint:gosec // a count is never negative

func (c *chunk) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(c.entries)) //nolint:gosec // a count is never negative
	b = binary.AppendUvarint(b, uint64(c.groups))     //nolint:gosec // a count is never negative
	b = key(b).hash(c.before).hash(c.after)
	if c.left != (mes.Hash{}) {
		b = key(b).hash(c.left)
	}
	return b
}

func decodeChunk(k, value []byte) (c chunk, err error) {
	r := reader{b: k}
	c.first, c.group = mes.Position(r.number()), r.number()
	if err := r.done("a chunk's key"); err != nil {
		return c, err
	}
	r = reader{b: value}
	c.entries, c.groups = int(uint32(r.uvarint())), int(uint32(r.uvarint())) //nolint:gosec // counts of one seal
	c.before, c.after = r.hash(), r.hash()
	if len(r.b) > 0 {
		c.left = r.hash()
	}
	return c, r.done("a chunk")
}

// openArchive opens the files of a directory's archive, those before the last
// for reading alone. Nothing is written where readOnly is set.
func openArchive(dir, id string, readOnly bool) (periods []*period, err error) {
	names, err := filepath.Glob(filepath.Join(dir, logDir, "*.bolt"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	defer func() {
		if err != nil {
			err = errors.Join(err, closePeriods(periods))
			periods = nil
		}
	}()
	next := mes.Position(1)
	for i, path := range names {
		p, err := openPeriod(path, id, readOnly || i < len(names)-1)
		if err != nil {
			return periods, err
		}
		periods = append(periods, p)
		if p.first != next {
			return periods, mes.Errorf(mes.CodeDamaged, "%s begins at position %d, but %d comes next: a file of the log is gone; restore it from a backup",
				path, p.first, next)
		}
		last, err := p.last()
		if err != nil {
			return periods, err
		}
		next = max(next, last.next())
	}
	return periods, nil
}

func closePeriods(periods []*period) error {
	var errs []error
	for _, p := range periods {
		errs = append(errs, closeBolt(p.db))
	}
	return errors.Join(errs...)
}

func openPeriod(path, id string, readOnly bool) (*period, error) {
	const remedy = "restore it from a backup"
	db, err := openBolt(path, readOnly, remedy)
	if err != nil {
		return nil, err
	}
	p := &period{db: db}
	err = look(db, func(tx *bbolt.Tx) error {
		if err := checkMeta(tx, path, id, OldestFormat); err != nil {
			return err
		}
		value, err := get(tx.Bucket(bucketMeta), keyPeriod)
		if err != nil {
			return err
		}
		r := reader{b: value}
		p.first, p.month = mes.Position(r.number()), r.name()
		if err := r.done("a file's period"); err != nil {
			return err
		}
		p.left, err = readExpired(tx)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, closeBolt(db))
	}
	return p, nil
}

// newPeriod makes the file that begins with a chunk. It has its name only when it
// is whole: a start must not find half of one.
func newPeriod(dir, id string, first mes.Position, month string) (*period, error) {
	path := filepath.Join(dir, logDir, periodName(first))
	if err := makePeriod(path+unfinished, id, first, month); err != nil {
		return nil, err
	}
	if err := disk.Rename(path+unfinished, path); err != nil {
		return nil, err
	}
	return openPeriod(path, id, false)
}

// unfinished ends the name of a file of the archive as long as it is not whole.
const unfinished = ".new"

// makePeriod makes a file without chunks, in the place of what is left of one.
func makePeriod(path, id string, first mes.Position, month string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openBolt(path, false, "")
	if err != nil {
		return err
	}
	err = update(db, func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketChunk, bucketGroup, bucketPlace, bucketBlock, bucketSample} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		if err := writeMeta(tx, id); err != nil {
			return err
		}
		return put(tx.Bucket(bucketMeta), keyPeriod, key(nil).number(uint64(first)).name(month))
	})
	return errors.Join(err, closeBolt(db))
}

// last returns the file's last chunk; one without entries where it has none.
func (p *period) last() (c chunk, err error) {
	err = look(p.db, func(tx *bbolt.Tx) error {
		c, err = lastChunk(tx, p.first)
		return err
	})
	return c, err
}

// lastChunk returns the last chunk of a file that begins at a position; one
// without entries where it has none.
func lastChunk(tx *bbolt.Tx, first mes.Position) (chunk, error) {
	k, sealed := tx.Bucket(bucketChunk).Cursor().Last()
	if k == nil {
		return chunk{first: first}, nil
	}
	value, err := unseal(k, sealed)
	if err != nil {
		return chunk{first: first}, err
	}
	return decodeChunk(k, value)
}

// takes reports whether a file takes a layer, or the next one does.
func (p *period) takes(l *layer) bool {
	return p.month == month(l) && l.next()-p.first <= periodEntries
}

// month returns the month of record time in which a layer begins.
func month(l *layer) string { return l.groups[0].time.Format("2006-01") }

// archiveLayer adds a layer to the last file of a directory's archive, or to a new
// one, and returns the files.
func archiveLayer(dir, id string, l *layer, periods []*period) ([]*period, error) {
	if n := len(periods); n == 0 || !periods[n-1].takes(l) {
		p, err := newPeriod(dir, id, l.first, month(l))
		if err != nil {
			return periods, err
		}
		periods = append(slices.Clip(periods), p)
	}
	return periods, periods[len(periods)-1].write(l)
}

// write adds a layer to the file as a chunk.
func (p *period) write(l *layer) error {
	c := chunk{
		first: l.first, group: l.groups[0].number, entries: len(l.entries), groups: len(l.groups), before: l.before, after: l.after,
	}
	rows := make([]block.Row, len(l.entries))
	for i, e := range l.entries {
		var err error
		if rows[i], err = rowOf(l.first+mes.Position(i), e); err != nil {
			return err
		}
	}
	return p.add(c, l.groups, rows)
}

// add adds a chunk to the file.
func (p *period) add(c chunk, groups []group, rows []block.Row) error {
	directory, blocks := block.Pack(rows)
	return update(p.db, func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketChunk, bucketGroup, bucketPlace, bucketBlock} {
			tx.Bucket(name).FillPercent = 1 // positions only ascend
		}
		if err := put(tx.Bucket(bucketChunk), c.key(), c.encode()); err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketGroup), c.key(), packGroups(groups)); err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketPlace), c.key(), directory); err != nil {
			return err
		}
		for i, b := range blocks {
			if err := put(tx.Bucket(bucketBlock), c.key().number32(uint32(i)), b); err != nil {
				return err
			}
		}
		return putSamples(tx.Bucket(bucketSample), &c, blocks)
	})
}

// sizeOf returns how long a file is, 0 where it is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// archiveReader reads the archive in one state. One goroutine uses it.
type archiveReader struct {
	periods []*period
	txs     map[*period]*bbolt.Tx
	at      *openChunk // the chunk that was read last
	// recent are the chunks that were read, the last one first. What stays open
	// of a chunk is a few hundred bytes a block.
	recent []*openChunk
}

// maxOpenChunks is how many chunks stay open: what goes from one to the other
// and back need not check their blocks anew.
const maxOpenChunks = 64

// openChunk is a chunk as far as it was read.
type openChunk struct {
	chunk
	tx        *bbolt.Tx
	directory block.Directory
	blocks    []*block.Block
	groups    *groupList
}

func newArchiveReader(periods []*period) archiveReader {
	return archiveReader{periods: periods, txs: make(map[*period]*bbolt.Tx), at: new(openChunk)}
}

func (r *archiveReader) close() error {
	var errs []error
	for _, tx := range r.txs {
		errs = append(errs, tx.Rollback())
	}
	return errors.Join(errs...)
}

// tx returns the transaction that a file is read in.
func (r *archiveReader) tx(p *period) (*bbolt.Tx, error) {
	if tx := r.txs[p]; tx != nil {
		return tx, nil
	}
	tx, err := begin(p.db)
	if err == nil {
		r.txs[p] = tx
	}
	return tx, err
}

// seek opens the chunk that a position is in. CodeDamaged where there is none.
func (r *archiveReader) seek(position mes.Position) error {
	if r.at.has(position) {
		return nil
	}
	for i, c := range r.recent {
		if c.has(position) {
			copy(r.recent[1:i+1], r.recent[:i])
			r.recent[0], r.at = c, c
			return nil
		}
	}
	n, found := slices.BinarySearchFunc(r.periods, position, func(p *period, position mes.Position) int {
		if p.first <= position {
			return -1
		}
		return 1
	})
	if found || n == 0 {
		return missing(position)
	}
	tx, err := r.tx(r.periods[n-1])
	if err != nil {
		return err
	}
	cursor := tx.Bucket(bucketChunk).Cursor()
	step := cursor.Prev
	if k, _ := cursor.Seek(key(nil).number(uint64(position) + 1)); k == nil {
		step = cursor.Last
	}
	k, sealed := step()
	if k == nil {
		return missing(position)
	}
	value, err := unseal(k, sealed)
	if err != nil {
		return err
	}
	c, err := decodeChunk(k, value)
	if err != nil {
		return err
	}
	if position < c.first || position >= c.next() {
		return missing(position)
	}
	return r.open(tx, c)
}

func (c *openChunk) has(position mes.Position) bool {
	return c.tx != nil && position >= c.first && position < c.next()
}

func missing(position mes.Position) error {
	return mes.Errorf(mes.CodeDamaged, "position %d is missing in the log; run takt check, then restore a backup", position)
}

// open makes a chunk the one that is read.
func (r *archiveReader) open(tx *bbolt.Tx, c chunk) error {
	value, err := get(tx.Bucket(bucketPlace), c.key())
	if err != nil {
		return err
	}
	directory, err := block.OpenDirectory(value)
	if err != nil {
		return err
	}
	r.at = &openChunk{chunk: c, tx: tx, directory: directory, blocks: make([]*block.Block, directory.Blocks())}
	if len(r.recent) < maxOpenChunks {
		r.recent = append(r.recent, nil)
	}
	copy(r.recent[1:], r.recent)
	r.recent[0] = r.at
	return nil
}

// row returns the entry at a position.
func (r *archiveReader) row(position mes.Position) (block.Row, error) {
	if err := r.seek(position); err != nil {
		return block.Row{}, err
	}
	n, row, err := r.at.directory.Place(int(position - r.at.first)) //nolint:gosec // within the chunk
	if err != nil {
		return block.Row{}, err
	}
	b, err := r.block(n)
	if err != nil {
		return block.Row{}, fmt.Errorf("read position %d: %w", position, err)
	}
	return b.Row(row)
}

// block returns a block of the chunk that is open.
func (r *archiveReader) block(n int) (*block.Block, error) {
	if b := r.at.blocks[n]; b != nil {
		return b, nil
	}
	b, err := readBlock(r.at.tx, &r.at.chunk, uint32(n)) //nolint:gosec // few blocks
	if err == nil {
		r.at.blocks[n] = b
	}
	return b, err
}

func readBlock(tx *bbolt.Tx, c *chunk, n uint32) (*block.Block, error) {
	value, err := get(tx.Bucket(bucketBlock), c.key().number32(n))
	if err != nil {
		return nil, err
	}
	return block.OpenVerified(value)
}

// groupList returns the groups of the chunk that is open.
func (r *archiveReader) groupList() (*groupList, error) {
	if r.at.groups == nil {
		value, err := get(r.at.tx.Bucket(bucketGroup), r.at.key())
		if err != nil {
			return nil, err
		}
		l, err := openGroups(value)
		if err != nil {
			return nil, err
		}
		r.at.groups = &l
	}
	return r.at.groups, nil
}

// time returns the record time of a position.
func (r *archiveReader) time(position mes.Position) (time.Time, error) {
	if err := r.seek(position); err != nil {
		return time.Time{}, err
	}
	l, err := r.groupList()
	if err != nil {
		return time.Time{}, err
	}
	return l.time(position)
}

// chunks calls fn for each chunk that begins behind one group and before another,
// in their order, opened.
func (r *archiveReader) chunks(after, before uint64, fn func(chunk) error) error {
	for _, p := range r.periods {
		tx, err := r.tx(p)
		if err != nil {
			return err
		}
		err = scan(tx.Bucket(bucketChunk), nil, []byte{}, func(k, value []byte) (bool, error) {
			c, err := decodeChunk(k, value)
			if err == nil && c.group > after && c.group < before {
				if err = r.open(tx, c); err == nil {
					err = fn(c)
				}
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
