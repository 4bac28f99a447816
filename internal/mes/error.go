package mes

import (
	"errors"
	"fmt"
)

// Code says what kind of thing went wrong, for programs.
type Code int

// The codes, with what a caller does about each.
const (
	// CodeInternal is a fault of Takt's own; report it.
	CodeInternal Code = iota
	// CodeInvalid is input that cannot be right; change it.
	CodeInvalid
	// CodeNotFound is a name that nothing bears; ask for another.
	CodeNotFound
	// CodeConflict is an identity that is taken by other content.
	CodeConflict
	// CodeOffsetGap is a hole in a spool's offsets; send from the named one on.
	CodeOffsetGap
	// CodeTooLarge is input beyond a documented limit; split it.
	CodeTooLarge
	// CodeBusy is a queue that is full; send again after a while.
	CodeBusy
	// CodeTokenMismatch is a page or resume token of another question.
	CodeTokenMismatch
	// CodeTokenForeign is a token or an offset of another store.
	CodeTokenForeign
	// CodeTakenOver is a stream that a newer one of the same gateway replaced.
	CodeTakenOver
	// CodePositionAhead is a position that the log has not reached.
	CodePositionAhead
	// CodeDamaged is a record that does not match its checksum; run `takt check`.
	CodeDamaged
	// CodeUnavailable is a part that is closing or has stopped; try again.
	CodeUnavailable
	// CodeFormat is a file of another version or of another kind.
	CodeFormat
	// CodeLocked is a data directory that another process has open.
	CodeLocked
)

// Error is an error that a person or a program meets: a code, a sentence, and
// the values that the sentence is about.
type Error struct {
	// Code says what kind it is.
	Code Code
	// Message is a sentence for the person, without a full stop; it says what
	// to do where that is not plain.
	Message string
	// Values are named details for programs: `field`, `limit`, `expected`.
	Values map[string]string
	// Err is the cause, if there is one; Message already tells of it.
	Err error
}

// Error returns the sentence.
func (e *Error) Error() string {
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error with a code; a `%w` in the format becomes its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// With returns the error with one more named value.
func (e *Error) With(name, value string) *Error {
	if e.Values == nil {
		e.Values = make(map[string]string)
	}
	e.Values[name] = value
	return e
}

// Invalid returns the error of a field that cannot be right.
func Invalid(field, problem string) *Error {
	return &Error{Code: CodeInvalid, Message: field + " " + problem, Values: map[string]string{"field": field}}
}

// CodeOf returns the code of the first Error in err's chain, and CodeInternal
// where there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
