// Testlog reads the events of go test -json from stdin and prints what go test
// would have printed without it: a line for each package, and the output of what
// failed. The tests that were skipped go to the file that the argument names, a
// line each with the reason: go test alone keeps silent about them.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) != 1 {
		return errors.New("usage: go test -json | testlog FILE")
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // The caller's own file.
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	skipped, err := convert(in, out)
	for _, name := range skipped {
		if _, err := fmt.Fprintln(file, name); err != nil {
			return err
		}
	}
	return err
}

// event is a line of go test -json; go doc test2json describes it.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// convert prints the events of in to out as go test prints them, and returns the
// skipped tests with their reasons, sorted.
func convert(in io.Reader, out io.Writer) (skipped []string, err error) {
	l := testLog{out: out, held: make(map[string]map[string][]string)}
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line == "" {
			slices.Sort(l.skipped)
			return l.skipped, nil
		}
		if err := l.add(line); err != nil {
			return nil, err
		}
	}
}

// A testLog holds back what a test printed until it is known how it ended.
type testLog struct {
	out     io.Writer
	held    map[string]map[string][]string // By package and test; "" is the package itself.
	skipped []string
}

func (l *testLog) add(line string) error {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		return l.show(line) // Not an event: go itself complains.
	}
	tests := l.held[e.Package]
	if tests == nil {
		tests = make(map[string][]string)
		l.held[e.Package] = tests
	}
	switch e.Action {
	case "build-output":
		return l.show(e.Output)
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			tests[e.Test] = append(tests[e.Test], e.Output)
		}
	case "pass", "skip", "fail":
		lines := tests[e.Test]
		delete(tests, e.Test)
		if e.Test == "" {
			delete(l.held, e.Package)
			return l.endPackage(e.Action, lines, tests)
		}
		if e.Action == "skip" {
			l.skipped = append(l.skipped, e.Package+"."+e.Test+reason(lines))
		}
		if e.Action == "fail" {
			return l.show(lines...)
		}
	}
	return nil
}

// endPackage prints the package's own lines. A test among the unfinished never
// ended: a panic or the timeout ended its program.
func (l *testLog) endPackage(action string, lines []string, unfinished map[string][]string) error {
	switch action {
	case "pass":
		lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "ok") })
	case "fail":
		for _, test := range slices.Sorted(maps.Keys(unfinished)) {
			if err := l.show(unfinished[test]...); err != nil {
				return err
			}
		}
	}
	return l.show(lines...)
}

func (l *testLog) show(lines ...string) error {
	_, err := io.WriteString(l.out, strings.Join(lines, ""))
	return err
}

// reason returns what a skipped test printed, in brackets.
func reason(lines []string) string {
	var said []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--- SKIP") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return " (" + strings.Join(said, " ") + ")"
}
