// Package push makes records of what sources that are no PLC write: JSON lines,
// and CSV with a mapping that says which column is which field of an event.
//
// It reads, and does nothing else: who sends the records keeps them first. Every
// double comes out as strconv.ParseFloat reads its text, to the bit, and ids are
// exact bytes. A row that cannot be an event is refused with its line and its
// field; the rows after it are still read.
package push
