// Package block has the form in which entries of the log lie on disk: blocks of
// up to MaxRows rows, column by column, each column in the shortest encoding
// that still finds one row without the others. Pack makes them, with a directory
// that says where each entry went; Open and OpenDirectory read them again.
//
// A row's event and provenance are protobuf bytes. What rows have in common
// beyond their values is a shape, which a block has once; a row is its values.
// Every byte comes back, whatever a row holds: what is not in the shortest
// protobuf form is kept as it is. Blocks and directories end in a CRC-32C, and
// nothing in them is trusted before and beyond it: reading damaged bytes is an
// error with mes.CodeDamaged, never a panic.
//
// FORMAT.md in this folder draws every byte.
package block
