package store

import (
	"context"
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
)

// Restore makes a store of a directory that has nothing but the log of the store
// with the given id: its files as Backup hands them on, under LogName. Every entry
// and the whole chain of groups is read, and the indexes are derived. The stamp
// comes last: what was ended before is no store. The store gets an id of its own,
// because what comes next takes positions that other events may have had.
//
// Errors: CodeDamaged where the log is not whole.
func Restore(ctx context.Context, dir, id string, progress func(Progress)) (err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	own := newID()
	if err := adopt(dir, id, own); err != nil {
		return err
	}
	periods, err := openArchive(dir, own, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closePeriods(periods)) }()
	path := filepath.Join(dir, indexFile)
	if err := derivedAnew(ctx, path, own, periods, endless, progress, (*writer).vouched); err != nil {
		return err
	}
	if err := disk.MakeDir(filepath.Join(dir, walDir)); err != nil {
		return err
	}
	return writeStamp(dir, own)
}

// adopt has the files of a log be those of a store with another id.
func adopt(dir, id, own string) error {
	names, err := filepath.Glob(filepath.Join(dir, logDir, "*.bolt"))
	if err != nil {
		return err
	}
	for _, path := range names {
		p, err := openPeriod(path, id, false)
		if err != nil {
			return err
		}
		err = update(p.db, func(tx *bbolt.Tx) error { return put(tx.Bucket(bucketMeta), keyID, []byte(own)) })
		if err = errors.Join(err, closeBolt(p.db)); err != nil {
			return err
		}
	}
	return nil
}

// LogName is the path that a file of the log has in a data directory, by the
// position of its first entry.
func LogName(first mes.Position) string { return filepath.Join(logDir, periodName(first)) }
