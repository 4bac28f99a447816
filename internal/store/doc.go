// Package store keeps the log of events and everything that is derived from it,
// and answers questions from it.
//
// The log is the truth: groups of entries, each group chained to the one before
// by its hash. Its end is in a write-ahead log, one record and one fsync a group;
// all before is sealed, in blocks that hold like entries column by column, a file
// a period. Indexes, the ledger and the flags are derived from the log as it
// grows. They stand in memory as long as the entries that they come of are not
// sealed, and are merged into a file of their own then. So an event costs memory
// and one append at first, and its share of two large transactions later.
//
// Appending has one road: Append queues a batch; the writer takes what queued,
// enters it, has the disk write it while it derives the rest, and publishes a
// snapshot before it answers. Sealing has another, beside it. Rebuild makes the
// indexes anew from the log, and Check compares. FORMAT.md draws every key and
// record.
//
// A Store may be used by any number of goroutines at once.
package store
