package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// BackupFile is a file of a backup: a period of the log, or a part of one.
type BackupFile struct {
	// First and Last are the positions of its first and of its last entry. A file
	// that ends before the next one begins is one that nothing is added to any more.
	First, Last mes.Position
	// Chain is the hash that the chain of groups has at its end, or where entries have
	// Expired, the hash of what retention left. With First and Last, it names what is
	// in the file.
	Chain   mes.Hash
	Expired bool
}

// Backup hands on the log up to now, a file after the other in the order of the
// positions, and leaves out those that are there already. What is not sealed is in
// a file of its own, as if it were. Indexes are in no file: they are derived anew
// when a backup is restored. It holds up nobody who appends; while it goes on, the
// pages that the last file of the log frees are not used again.
//
// hand gets the file's bytes by calling write. An error of either ends the
// backup. Backup returns the last position that the backup has.
func (s *Store) Backup(ctx context.Context, have []BackupFile, hand func(f BackupFile, write func(io.Writer) error) error) (end mes.Position, err error) {
	x, err := s.read()
	if err != nil {
		return 0, err
	}
	archive := &x.log.archive
	defer func() { err = errors.Join(err, archive.close()) }()
	if err := x.tx.Rollback(); err != nil { // The indexes are of no use here.
		return 0, err
	}
	b := backup{ctx: ctx, have: have, hand: hand, end: chunk{first: 1}}
	err = guard(func() error {
		for _, p := range archive.periods {
			tx, err := archive.tx(p)
			if err != nil {
				return err
			}
			if err := b.file(p, tx); err != nil {
				return err
			}
		}
		return s.backUpLayers(&b, x.log.layers)
	})
	return b.end.next() - 1, err
}

// backup is a backup on its way.
type backup struct {
	ctx  context.Context //nolint:containedctx // one backup, one context
	have []BackupFile
	hand func(BackupFile, func(io.Writer) error) error
	// end is the last chunk that was handed on.
	end chunk
}

// file hands on a file as a transaction has it, unless it is there already.
func (b *backup) file(p *period, tx *bbolt.Tx) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	c, err := lastChunk(tx, p.first)
	if err != nil {
		return err
	}
	b.end = c
	f := BackupFile{First: p.first, Last: c.next() - 1, Chain: c.after}
	if p.left != (mes.Hash{}) {
		f.Chain, f.Expired = p.left, true
	}
	if slices.Contains(b.have, f) {
		return nil
	}
	return b.hand(f, func(w io.Writer) error {
		_, err := tx.WriteTo(w)
		return err
	})
}

// backUpLayers hands on what is not sealed: in a file that is made as a seal would.
func (s *Store) backUpLayers(b *backup, layers []*layer) (err error) {
	dir, err := os.MkdirTemp(s.cfg.Dir, backupPrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Mkdir(filepath.Join(dir, logDir), 0o750); err != nil {
		return err
	}
	var made []*period
	defer func() { err = errors.Join(err, closePeriods(made)) }()
	for _, l := range slices.Backward(layers) {
		// One that was sealed meanwhile has been handed on.
		if len(l.groups) == 0 || l.groups[0].number < b.end.group+uint64(b.end.groups) { //nolint:gosec // a count is never negative
			continue
		}
		if made, err = archiveLayer(dir, s.id, l, made); err != nil {
			return err
		}
	}
	for _, p := range made {
		if err := look(p.db, func(tx *bbolt.Tx) error { return b.file(p, tx) }); err != nil {
			return err
		}
	}
	return nil
}

// backupPrefix begins the names of directories that backups are made in. A start
// removes those that are left.
const backupPrefix = "backup-"

// removeBackups removes what a process that was killed left of its backups.
func removeBackups(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, backupPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
