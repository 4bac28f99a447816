package store

import (
	"context"
	"errors"
)

// Migrate makes a data directory of an older format, from OldestFormat on, one of
// this program's: the indexes are derived anew, as Rebuild does, and then the stamp
// says so. The log stays as it is, for files of older formats are read. Nobody may
// have the directory open. Killed at any moment, it can be begun again; a program
// of the older format does not open the directory afterwards.
//
// It returns the format that the directory had; one that has this program's
// already stays as it is.
//
// Errors: as Rebuild; CodeFormat where it is of a newer format, or of one before
// OldestFormat.
func Migrate(ctx context.Context, dir string, progress func(Progress)) (from int, err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	s, err := readStamp(dir)
	if err != nil {
		return 0, err
	}
	if s.format < OldestFormat || s.format >= FormatVersion {
		_, err := stampOf(dir)
		return s.format, err
	}
	if err := rebuild(ctx, dir, s.id, progress); err != nil {
		return 0, err
	}
	return s.format, writeStamp(dir, s.id)
}
