// Package table keeps tables of ordered keys: what was put lately in layers in
// memory, all else in leaves in a bbolt file.
//
// A Layer takes what one goroutine puts; its snapshots are read by any number
// of others. A Reader looks through layers, the newest first, at the leaves
// under them. Merge moves a whole layer into the leaves, in one transaction and
// in the order of the keys, so that a leaf which many keys fall into is written
// once. FORMAT.md in the store draws a leaf.
package table

// ID says which table, counted from 0 in the order of the names that a file has
// them under.
type ID uint8
