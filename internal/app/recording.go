package app

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/recording"
)

// packed says that a recording is compressed, by its name.
func packed(path string) bool { return strings.HasSuffix(path, ".gz") }

// recordingFile is a recording that is written; what is under the writer comes
// last.
type recordingFile struct {
	io.Writer
	close []func() error
}

// createRecording makes the file of a recording. One that is there is not
// written over.
func createRecording(path string) (*recordingFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // the user names the file, which holds no secret
	if errors.Is(err, fs.ErrExist) {
		return nil, mes.Errorf(mes.CodeInvalid, "the recording %s is there already; name another file, or remove it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("make the recording: %w", err)
	}
	buffer := bufio.NewWriterSize(file, 64<<10)
	r := &recordingFile{Writer: buffer, close: []func() error{buffer.Flush, file.Close}}
	if packed(path) {
		z := gzip.NewWriter(buffer)
		r.Writer, r.close = z, append([]func() error{z.Close}, r.close...)
	}
	return r, nil
}

// Close ends the file.
func (r *recordingFile) Close() error {
	var errs []error
	for _, c := range r.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// readRecording calls read with what is in the file.
func readRecording(path string, read func(io.Reader) error) (err error) {
	file, err := os.Open(path) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return mes.Errorf(mes.CodeNotFound, "there is no recording %s", path)
	}
	if err != nil {
		return fmt.Errorf("open the recording: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var in io.Reader = bufio.NewReaderSize(file, 64<<10)
	if packed(path) {
		if in, err = gzip.NewReader(in); err != nil {
			return mes.Errorf(mes.CodeFormat, "%s: it is not compressed, and its name ends in .gz: %w", path, err)
		}
	}
	if err := read(in); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// replay is a recording that is played.
type replay struct {
	recording.Summary
	line *line.Line
	// err is why its records ended early.
	err error
}

// openReplay reads a recording through, so that one that cannot be played is not
// played at all.
func openReplay(path string) (*replay, error) {
	r := new(replay)
	err := readRecording(path, func(in io.Reader) (err error) {
		r.Summary, err = recording.Check(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.line = line.Replay(r.Line, r.Zone, r.Blocks, func(yield func(line.Record) bool) {
		// Somebody may have changed the file since it was read through.
		r.err = readRecording(path, func(in io.Reader) error {
			for record, err := range recording.Records(in) {
				if err != nil || !yield(record) {
					return err
				}
			}
			return nil
		})
	})
	return r, nil
}
