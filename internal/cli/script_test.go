package cli

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs the program as people do. A script has two commands beyond
// testscript's own: `exits CODE program args…` runs a program that must end with
// the code, and `await FILE` waits for the address file of a `takt serve &` and
// has later commands ask that server.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_STATE_HOME", env.WorkDir+"/state")
			// Where nothing listens, until a script starts a server.
			env.Setenv("TAKT_SERVER", "127.0.0.1:1")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"await":  await,
			"server": func(ts *testscript.TestScript, neg bool, args []string) { startServer(t, ts, neg, args) },
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// awaitTime is how long a server may take to start on a machine with a lot else
// to do.
const awaitTime = 30 * time.Second

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	file := ts.MkAbs(args[0])
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(awaitTime); ; {
		text, err := os.ReadFile(file)
		if err == nil {
			for line := range strings.Lines(string(text)) {
				if address, ok := strings.CutPrefix(strings.TrimSpace(line), "grpc="); ok {
					ts.Setenv("TAKT_SERVER", address)
				}
			}
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("no server after %s: %v", awaitTime, err)
		}
	}
}

// startServer starts a server that the script's later commands ask.
func startServer(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	t.Helper()
	if neg || len(args) != 0 {
		ts.Fatalf("usage: server")
	}
	s := &service{dir: ts.MkAbs("data"), address: "127.0.0.1:0"}
	s.start(t)
	ts.Defer(s.stop)
	ts.Setenv("TAKT_SERVER", s.address)
}
