package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protojson"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// TestScript runs the program as people do. A script has commands beyond
// testscript's own: `exits CODE program args…` runs a program that must end with
// the code; `await FILE` waits for a file, in which a `takt serve &` says where it
// is, so that later commands ask it; `stored FILE` compares a line's journal with
// what the server has; `same FILE FILE` compares two journals, whose lines may be
// in another order.
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
			"stored": stored,
			"same":   same,
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
const awaitTime = 2 * time.Minute

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	var text []byte
	poll(ts, func() (err error) {
		text, err = os.ReadFile(ts.MkAbs(args[0]))
		return err
	})
	for line := range strings.Lines(string(text)) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "grpc="); ok {
			ts.Setenv("TAKT_SERVER", address)
		}
	}
}

// poll tries until it works, or gives up with the last reason.
func poll(ts *testscript.TestScript, try func() error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(awaitTime); ; {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("not within %s: %v", awaitTime, err)
		}
	}
}

// stored waits until the server has exactly the events of a line's journal,
// beside those that gateways tell of themselves.
func stored(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stored FILE")
	}
	emitted := make(map[string]bool)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		emitted[strings.TrimSpace(line)] = true
	}
	if len(emitted) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	poll(ts, func() error {
		var out, notes bytes.Buffer
		code := Run(context.Background(), Process{
			Args: []string{"events", "list", "-o", "json"}, Env: []string{"TAKT_SERVER=" + ts.Getenv("TAKT_SERVER")}, Stdout: &out, Stderr: &notes,
		})
		if code != exitDone {
			return errors.New(notes.String())
		}
		found := make(map[string]bool)
		for page := range strings.Lines(out.String()) {
			var resp taktv1.ListEventsResponse
			if err := protojson.Unmarshal([]byte(page), &resp); err != nil {
				return err
			}
			for _, e := range resp.GetEvents() {
				id := e.GetIdentity()
				if !strings.HasPrefix(string(id.GetSource()), "gateway/") {
					found[fmt.Sprintf("%s %d %d %x", mes.Source(id.GetSource()), id.GetEpoch(), id.GetSequence(), e.GetContentHash())] = true
				}
			}
		}
		if !maps.Equal(found, emitted) {
			return fmt.Errorf("the server has %d events, the line emitted %d", len(found), len(emitted))
		}
		return nil
	})
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	sorted := func(name string) []string { return slices.Sorted(strings.Lines(ts.ReadFile(name))) }
	if want, got := sorted(args[0]), sorted(args[1]); len(want) == 0 || !slices.Equal(want, got) {
		ts.Fatalf("%s has %d lines, %s other ones, %d", args[0], len(want), args[1], len(got))
	}
}
