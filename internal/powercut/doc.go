// Package powercut is a disk for tests that a power cut can be tried on: a FUSE
// file system in memory that knows what was synced and what was not. After a cut
// it is what a disk may be: of what was not synced each sector is there or not,
// names appear in the order in which they were given, up to anywhere.
package powercut
