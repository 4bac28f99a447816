// Package mes holds the words of a manufacturing execution system and their
// rules: events, the facts that they state, the names of things, and the one
// walk over an event that writes it, reads it and hashes it.
//
// It imports the standard library only, opens no file, starts no goroutine and
// reads no clock. Everything else in Takt speaks in its types.
package mes
