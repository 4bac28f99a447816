// Package internal_test holds what no single package can hold: which package may
// import which, and that each is described.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/takt-mes/takt"

// Foreign libraries, as the table names them. Those that are only for tests
// (go-cmp, go-internal, porcupine, rapid) stand in no row.
const (
	bbolt       = "go.etcd.io/bbolt"
	btree       = "github.com/tidwall/btree"
	cobra       = "github.com/spf13/cobra"
	errgroup    = "golang.org/x/sync"
	fuse        = "github.com/hanwen/go-fuse/v2"
	genproto    = "google.golang.org/genproto"
	gonum       = "gonum.org/v1/gonum"
	net         = "golang.org/x/net"
	grpc        = "google.golang.org/grpc"
	grpcCodes   = "google.golang.org/grpc/codes"
	grpcStatus  = "google.golang.org/grpc/status"
	opcuaClient = "github.com/gopcua/opcua"
	opcuaServer = "github.com/awcullen/opcua"
	pgx         = "github.com/jackc/pgx/v5"
	pflag       = "github.com/spf13/pflag"
	prometheus  = "github.com/prometheus/client_golang"
	protobuf    = "google.golang.org/protobuf"
	sys         = "golang.org/x/sys"
	yaml        = "github.com/goccy/go-yaml"
)

// A layer says what one package may import besides the standard library; tests
// may import anything.
type layer struct {
	path    string   // Within the module.
	takt    []string // Takt's packages, all of them further down in the table.
	foreign []string // Import path prefixes of other modules.
	pure    bool     // Values in, values out: see impure.
}

// layers is the drawing in ARCHITECTURE.md, from the top down. A package that is
// not built yet does no harm here; one that is missing here is refused.
var layers = []layer{
	{
		path: "cmd/takt",
		takt: []string{"internal/cli"},
	},
	{
		path: "internal/cli",
		takt: []string{
			"internal/app", "internal/bench", "internal/gateway", "internal/gateway/config", "internal/gateway/spool", "internal/push",
			"internal/client", "internal/backup", "internal/line", "internal/wire", "internal/store", "api/takt/v1", "internal/genealogy",
			"internal/yield", "internal/statistics", "internal/spc", "internal/route", "internal/mes",
		},
		foreign: []string{cobra, pflag, errgroup, protobuf, yaml},
	},
	{
		path: "internal/app",
		takt: []string{
			"internal/rpc", "internal/web", "internal/gateway", "internal/gateway/plc", "internal/gateway/spool",
			"internal/client", "internal/sim", "internal/recording", "internal/gateway/config", "internal/line", "internal/wire",
			"internal/store", "api/takt/v1",
			"internal/genealogy", "internal/yield", "internal/statistics", "internal/spc", "internal/route", "internal/mes",
		},
		foreign: []string{errgroup, grpc, net, prometheus, protobuf, sys, yaml},
	},
	{
		path: "internal/bench",
		takt: []string{
			"internal/client", "internal/backup", "internal/sim", "internal/line", "api/takt/v1", "internal/mes",
		},
		foreign: []string{errgroup, grpc, pgx, protobuf, sys},
	},
	{
		path: "internal/rpc",
		takt: []string{
			"internal/wire", "internal/store", "api/takt/v1", "internal/genealogy", "internal/yield", "internal/statistics", "internal/spc",
			"internal/route", "internal/mes",
		},
		foreign: []string{errgroup, genproto, grpc, prometheus, protobuf},
	},
	{
		path: "internal/web",
		takt: []string{
			"internal/wire", "internal/store", "api/takt/v1", "internal/genealogy", "internal/yield", "internal/statistics", "internal/spc",
			"internal/route", "internal/mes",
		},
		foreign: []string{errgroup, prometheus, protobuf},
	},
	{
		path: "internal/gateway",
		takt: []string{
			"internal/gateway/plc", "internal/gateway/spool", "internal/client", "internal/gateway/config", "internal/wire",
			"internal/latency",
			"api/takt/v1", "internal/mes",
		},
		foreign: []string{errgroup, grpc, prometheus, protobuf},
	},
	{
		path:    "internal/gateway/plc",
		takt:    []string{"internal/gateway/spool", "internal/gateway/config", "api/takt/v1", "internal/latency", "internal/mes"},
		foreign: []string{errgroup, opcuaClient, prometheus, protobuf},
	},
	{
		path:    "internal/gateway/spool",
		takt:    []string{"internal/disk", "internal/mes"},
		foreign: []string{bbolt, errgroup, prometheus, sys},
	},
	{
		path:    "internal/client",
		takt:    []string{"internal/wire", "api/takt/v1", "internal/genealogy", "internal/yield", "internal/mes"},
		foreign: []string{errgroup, genproto, grpc, protobuf},
	},
	{
		path:    "internal/sim",
		takt:    []string{"internal/recording", "internal/gateway/config", "internal/line", "internal/latency", "internal/mes"},
		foreign: []string{errgroup, opcuaServer, prometheus},
	},
	{
		path:    "internal/recording",
		takt:    []string{"internal/line", "api/takt/v1", "internal/mes"},
		foreign: []string{protobuf},
		pure:    true,
	},
	{
		path:    "internal/gateway/config",
		takt:    []string{"internal/mes"},
		foreign: []string{yaml},
	},
	{
		path:    "internal/push",
		takt:    []string{"api/takt/v1", "internal/mes"},
		foreign: []string{protobuf, yaml},
		pure:    true,
	},
	{path: "internal/backup", takt: []string{"internal/wire", "internal/store", "api/takt/v1", "internal/disk", "internal/mes"}},
	{
		path: "internal/wire",
		takt: []string{
			"internal/store", "api/takt/v1", "internal/genealogy", "internal/yield", "internal/statistics", "internal/spc", "internal/route",
			"internal/mes",
		},
		foreign: []string{genproto, grpcCodes, grpcStatus, protobuf},
	},
	{
		path: "internal/store",
		takt: []string{
			"internal/store/block", "internal/store/table", "internal/store/wal", "internal/genealogy", "internal/yield",
			"internal/statistics", "internal/spc", "internal/route", "internal/disk", "internal/mes",
		},
		foreign: []string{bbolt, errgroup, prometheus, sys},
	},
	{path: "internal/store/block", takt: []string{"internal/mes"}, pure: true},
	{path: "internal/store/table", takt: []string{"internal/mes"}, foreign: []string{bbolt, btree}},
	{path: "internal/store/wal", takt: []string{"internal/disk", "internal/mes"}, foreign: []string{sys}},
	{path: "internal/scenario"}, // tests only
	{
		path:    "api/takt/v1",
		foreign: []string{genproto, grpc, protobuf},
	},
	{path: "internal/genealogy", takt: []string{"internal/mes"}, pure: true},
	{path: "internal/yield", takt: []string{"internal/mes"}, foreign: []string{gonum}, pure: true},
	{path: "internal/statistics", pure: true},
	{path: "internal/spc", takt: []string{"internal/mes"}, foreign: []string{gonum}, pure: true},
	{path: "internal/route", takt: []string{"internal/mes"}, pure: true},
	{path: "internal/line", takt: []string{"internal/mes"}, foreign: []string{gonum}, pure: true},
	{path: "internal/disk", foreign: []string{sys}},
	{path: "internal/powercut", foreign: []string{fuse}}, // tests only
	{path: "internal/latency", pure: true},
	{path: "internal/mes", pure: true},
}

// impure is what a package whose answers depend on its arguments alone has no
// use for. Its clock is forbidden by .golangci.yml, function by function.
var impure = []string{
	"io/ioutil", "log", "log/slog", "net", "net/http", "net/rpc", "os", "os/exec", "os/signal", "os/user", "syscall",
}

// serving is the packages that may speak HTTP.
var serving = []string{"internal/web", "internal/app", "internal/cli"}

type goPackage struct {
	ImportPath string
	Doc        string
	GoFiles    []string
	Imports    []string
}

// path is the package's folder within the module.
func (p goPackage) path() string {
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func TestPackagesImportDownwards(t *testing.T) {
	for i, l := range layers {
		for _, path := range l.takt {
			below := slices.ContainsFunc(layers[i+1:], func(l layer) bool { return l.path == path })
			if !below {
				t.Errorf("the table lets %s import %s, which does not stand below it", l.path, path)
			}
		}
	}
	for _, p := range packages(t) {
		i := slices.IndexFunc(layers, func(l layer) bool { return l.path == p.path() })
		if i < 0 {
			t.Errorf("%s stands in no layer: give it a row in the table of this test and a line in ARCHITECTURE.md", p.path())
			continue
		}
		for _, imported := range p.Imports {
			if reason := layers[i].refuse(imported); reason != "" {
				t.Errorf("%s must not import %s: %s", p.path(), imported, reason)
			}
		}
	}
}

// refuse says why the package must not import the path; "" lets it.
func (l layer) refuse(imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	within, ours := strings.CutPrefix(imported, module+"/")
	switch {
	case ours && slices.Contains(l.takt, within):
		return ""
	case ours:
		return "its layer does not reach there"
	case strings.Contains(first, "."):
		if slices.ContainsFunc(l.foreign, func(prefix string) bool {
			return imported == prefix || strings.HasPrefix(imported, prefix+"/")
		}) {
			return ""
		}
		return "the library has another owner, or none yet"
	case l.pure && slices.Contains(impure, imported):
		return "it is pure: values in, values out"
	case imported == "net/http" && !slices.Contains(serving, l.path):
		return "HTTP belongs to " + strings.Join(serving, ", ")
	}
	return ""
}

func TestPackagesAreDescribed(t *testing.T) {
	architecture := readFile(t, "ARCHITECTURE.md")
	for _, p := range packages(t) {
		// protoc-gen-go cannot write a package comment; proto/ has it.
		generated := strings.HasPrefix(p.path(), "api/")
		if p.Doc == "" && !generated {
			t.Errorf("%s has no package comment", p.path())
		}
		if !hasRow(architecture, p.path()) {
			t.Errorf("%s has no line in ARCHITECTURE.md that begins with | `%[1]s` |", p.path())
		}
	}
}

func TestDependenciesAreFewAndExplained(t *testing.T) {
	const most = 25
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(runGo(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatalf("read go.mod: %v", err)
	}
	readFile(t, "go.mod") // See watchSources.
	dependencies := readFile(t, "DEPENDENCIES.md")
	var direct []string
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct = append(direct, r.Path)
		if !hasRow(dependencies, r.Path) {
			t.Errorf("%s has no line in DEPENDENCIES.md that begins with | `%[1]s` |", r.Path)
		}
	}
	if len(direct) > most {
		t.Errorf("go.mod has %d direct dependencies, at most %d are wanted:\n%s", len(direct), most, strings.Join(direct, "\n"))
	}
}

// packages lists the module's packages without those that are only tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	watchSources(t)
	var list []goPackage
	// With -e, for a package that does not build is the compiler's to report.
	out := runGo(t, "list", "-e", "-json=ImportPath,Doc,GoFiles,Imports", "./...")
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		t.Fatal("go list found no package")
	}
	return list
}

// watchSources looks at every Go file and folder, for the sake of go test: it
// answers from its cache until a file that the test itself has looked at changes,
// and what go list looks at it cannot know.
func watchSources(t *testing.T) {
	t.Helper()
	for _, top := range []string{"api", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// runGo runs the go command at the root of the module.
func runGo(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// hasRow says whether a table of the Markdown text has a row for the name.
func hasRow(text, name string) bool {
	return strings.Contains(text, "\n| `"+name+"` |")
}
