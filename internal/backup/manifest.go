package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// manifestFile is the manifest's name in a backup's directory. It is written last
// and replaced as a whole; what it does not name is no part of the backup.
const manifestFile = "BACKUP"

// Manifest says what is in a backup.
type Manifest struct {
	// Store is the id of the store that it is of, Time when it was begun.
	Store string
	Time  time.Time
	// Files are its files, in the order of their positions.
	Files []File
}

// File is a file of a backup.
type File struct {
	store.BackupFile
	// Size is how long it is, in bytes, and Sum its SHA-256.
	Size int64
	Sum  [sha256.Size]byte
}

// Name is the file's name in the directory. One that grows, or of which something
// has expired, gets another one.
func (f *File) Name() string {
	if f.Expired {
		return fmt.Sprintf("%020d-%020d-%x.bolt", f.First, f.Last, f.Chain[:4])
	}
	return fmt.Sprintf("%020d-%020d.bolt", f.First, f.Last)
}

// Position is the last position that the backup has.
func (m *Manifest) Position() mes.Position {
	if len(m.Files) == 0 {
		return 0
	}
	return m.Files[len(m.Files)-1].Last
}

// Size is how many bytes its files have together.
func (m *Manifest) Size() (size int64) {
	for i := range m.Files {
		size += m.Files[i].Size
	}
	return size
}

const (
	headForm = "takt backup, format %d, of store %s begun %s\n"
	fileForm = "positions %d to %d, %d bytes, sha256 %x chain %x\n"
	// expiredForm ends the line of a file of which something has expired.
	expiredForm = " expired\n"
	endForm     = "sha256 of the lines above %x\n"
)

func (m *Manifest) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, headForm, store.FormatVersion, m.Store, m.Time.UTC().Format(time.RFC3339Nano))
	for _, f := range m.Files {
		fmt.Fprintf(&b, fileForm, f.First, f.Last, f.Size, f.Sum, f.Chain)
		if f.Expired {
			b.Truncate(b.Len() - 1)
			b.WriteString(expiredForm)
		}
	}
	fmt.Fprintf(&b, endForm, sha256.Sum256(b.Bytes()))
	return b.Bytes()
}

// readManifest reads the manifest of a directory; an empty one where there is
// none.
func readManifest(dir string) (m Manifest, err error) {
	path := filepath.Join(dir, manifestFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, nil
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read the backup's manifest: %w", err)
	}
	damaged := mes.Errorf(mes.CodeDamaged, "%s does not match its own checksum, or is no backup's manifest; take another backup", path).With("path", path)
	lines := strings.SplitAfter(string(text), "\n")
	const head, end = 1, 1 // and nothing behind the last line
	if len(lines) < head+end+1 || lines[len(lines)-1] != "" {
		return Manifest{}, damaged
	}
	lines = lines[:len(lines)-1]
	body, sum := strings.Join(lines[:len(lines)-1], ""), lines[len(lines)-1]
	if sum != fmt.Sprintf(endForm, sha256.Sum256([]byte(body))) {
		return Manifest{}, damaged
	}
	var version int
	var begun string
	if _, err := fmt.Sscanf(lines[0], headForm, &version, &m.Store, &begun); err != nil {
		return Manifest{}, damaged
	}
	if version < store.OldestFormat || version > store.FormatVersion {
		return Manifest{}, mes.Errorf(mes.CodeFormat, "the backup %s has format %d; this program reads formats %d to %d",
			dir, version, store.OldestFormat, store.FormatVersion)
	}
	if m.Time, err = time.Parse(time.RFC3339Nano, begun); err != nil {
		return Manifest{}, damaged
	}
	for _, line := range lines[1 : len(lines)-1] {
		var f File
		var chain, sum string
		line, f.Expired = strings.CutSuffix(line, expiredForm)
		line = strings.TrimSuffix(line, "\n") + "\n"
		_, err := fmt.Sscanf(line, strings.ReplaceAll(fileForm, "%x", "%s"), &f.First, &f.Last, &f.Size, &sum, &chain)
		if err != nil || !unhex(f.Chain[:], chain) || !unhex(f.Sum[:], sum) {
			return Manifest{}, damaged
		}
		m.Files = append(m.Files, f)
	}
	return m, nil
}

func unhex(to []byte, text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && copy(to, b) == len(to) && len(b) == len(to)
}
