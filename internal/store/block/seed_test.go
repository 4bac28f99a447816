package block_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

var update = flag.Bool("update", false, "write the seeds of the fuzz tests anew")

// TestSeeds writes the seeds with -update: blocks, directories and rows of a
// line. Without, it checks that what was packed when they were written still
// opens: where it does not, and the format was to change, it needs a new version.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzOpen", "line-*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no seeds: %v", err)
	}
	for _, path := range paths {
		b, err := block.Open(sealed(readSeed(t, path)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for i := range b.Rows() {
			r, err := b.Row(i)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if _, err := mes.DecodeEvent(r.Event); err != nil || !bytes.HasPrefix(r.Source, []byte("L1/")) {
				t.Errorf("%s: row %d is %q from %q, %v, want an event of the line", path, i, r.Event, r.Source, err)
			}
		}
	}
	if _, err := block.OpenDirectory(sealed(readSeed(t, filepath.Join("testdata", "fuzz", "FuzzDirectory", "line")))); err != nil {
		t.Error(err)
	}
}

// readSeed returns the bytes of a seed that one wrote.
func readSeed(t *testing.T, path string) []byte {
	t.Helper()
	seed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, ok := strings.Cut(strings.TrimSuffix(string(seed), ")\n"), "[]byte(")
	if !ok {
		t.Fatalf("%s is no seed", path)
	}
	body, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(body)
}

func one(b []byte) string { return fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b) }

func writeSeeds(t *testing.T) {
	t.Helper()
	rows := lineRows(t, 4000, 1)
	directory, packed := block.Pack(rows[:600])
	seeds := map[string]string{"FuzzDirectory/line": one(directory[:len(directory)-4])}
	for i, p := range packed {
		if i%5 == 0 && len(p) < 6000 {
			seeds[fmt.Sprintf("FuzzOpen/line-%d", i)] = one(p[:len(p)-4])
		}
	}
	_, packed = block.Pack(twenty(64, true)[:60])
	seeds["FuzzOpen/twenty"] = one(packed[0][:len(packed[0])-4])
	for i := 0; i < len(rows); i += 500 {
		r := rows[i]
		seeds[fmt.Sprintf("FuzzPack/line-%d", i)] = fmt.Sprintf(
			"go test fuzz v1\n[]byte(%q)\n[]byte(%q)\n[]byte(%q)\n[]byte(\"\")\nbyte('\\x14')\nbyte('\\x00')\nuint64(%d)\n",
			r.Source, r.Event, r.Provenance, i)
	}
	for name, seed := range seeds {
		path := filepath.Join("testdata", "fuzz", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(seed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
