package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// The exit codes; the root's help documents them.
const (
	exitDone     = 0
	exitError    = 1
	exitUsage    = 2
	exitNotFound = 3
	exitProblem  = 4
)

// exit ends the program with a code; what is to be said has been said
// where its message is empty.
type exit struct {
	code    int
	message string
}

// Error returns the message.
func (e *exit) Error() string { return e.message }

// problem returns the error of a command that did its work and found something.
func problem(message string) error { return &exit{exitProblem, message} }

func exitCode(err error) int {
	var ended *exit
	var misused *usageError
	switch {
	case errors.As(err, &ended):
		return ended.code
	case errors.As(err, &misused):
		return exitUsage
	case mes.CodeOf(err) == mes.CodeNotFound:
		return exitNotFound
	}
	return exitError
}

// remedies say what to do about an error, where its own sentence does not.
var remedies = map[mes.Code]string{
	mes.CodeInternal:      "this is a fault of Takt's own; its log says more",
	mes.CodeBusy:          "try again in a moment",
	mes.CodeTokenForeign:  "begin without --token",
	mes.CodeTokenMismatch: "begin without --token",
	mes.CodeDamaged:       "run `takt check`",
	mes.CodeLocked:        "stop the process that has it open, or name another folder",
}

// message returns the one line that tells a person of an error.
func message(ctx context.Context, err error) string {
	if ended := (*exit)(nil); errors.As(err, &ended) {
		return ended.message
	}
	if misused := (*usageError)(nil); errors.As(err, &misused) {
		return oneLine(err.Error()) + "; see `" + misused.command + " --help`"
	}
	if ctx.Err() != nil {
		return "interrupted"
	}
	text := oneLine(err.Error())
	var e *mes.Error
	if !errors.As(err, &e) {
		return text
	}
	// A remedy in the sentence itself knows more than the table.
	if remedy := remedies[e.Code]; remedy != "" && !strings.Contains(text, "; ") {
		text += "; " + remedy
	}
	return text
}

// oneLine returns s as one line that does a terminal no harm.
func oneLine(s string) string {
	return mes.Printable(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " "))
}
