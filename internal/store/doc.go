// Package store keeps the log of events and everything that is derived from it
// in one bbolt file, and answers questions from it.
//
// The log is the truth: groups of entries, each entry with its checksum, each
// group chained to the one before by its hash. Indexes, the ledger and the
// flags are derived in the same transaction; Rebuild makes them anew from the
// log, and Check compares. FORMAT.md draws every key and record.
//
// A Store may be used by any number of goroutines at once.
package store
