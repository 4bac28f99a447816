// Package backup keeps backups of a store in directories: the files of its log,
// and a manifest that says what they are and has a checksum of each. A backup that
// is made into the directory of an older one adds what is new to it.
package backup
