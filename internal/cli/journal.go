package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// journals are files that lines are added to while a line runs. They are not
// buffered: somebody may read along, or stop the program the hard way.
type journals []*os.File

// openJournals opens files that are added to; an empty path is none.
func openJournals(paths ...string) (journals, error) { return open(os.O_APPEND, paths) }

// createJournals opens files that are written anew; an empty path is none.
func createJournals(paths ...string) (journals, error) { return open(os.O_TRUNC, paths) }

func open(mode int, paths []string) (journals, error) {
	list := make(journals, len(paths))
	for i, path := range paths {
		if path == "" {
			continue
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o644) //nolint:gosec // the user names the file, which holds no secret
		if err != nil {
			return nil, list.close(fmt.Errorf("open journal: %w", err))
		}
		list[i] = file
	}
	return list, nil
}

// writer returns what writes to a journal, and nil where there is none.
func (l journals) writer(i int) io.Writer {
	if l[i] == nil {
		return nil
	}
	return l[i]
}

// close closes the files, and joins what goes wrong to err.
func (l journals) close(err error) error {
	for _, file := range l {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}
