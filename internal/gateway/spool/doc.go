// Package spool is a gateway's memory: the file in which records wait until the
// server has them. What Append has returned without an error survives a power
// cut; nothing is ever dropped to make room for something else.
//
// The file is `spool.bolt`, a bbolt database of these buckets. Every value but
// those of `identities` begins with the CRC-32C of its bucket's name, its key
// and the rest of the value, in big-endian order, and is verified on each read.
//
//	meta        format   uvarint 1
//	            marks    uvarint length and bytes of name and store; uvarint
//	                     base, first, last, acknowledged
//	records     number   8 bytes big-endian, dense; time of the append in Unix
//	                     nanoseconds (8 bytes big-endian); uvarint length and
//	                     bytes of the provenance and of the source; uvarint epoch
//	                     and sequence; the event, to the end
//	identities  uvarint length and bytes of the source, epoch and sequence (8
//	            bytes big-endian each), number (likewise)   empty
//	sources     source   uvarint epoch and sequence of the last number known
//	states      source   the gateway's own bytes
//	schemas     schema's id   the schema, canonical
//
// A number less `base` is the offset that the server knows. The base is 0 until
// Rewind gives the spool a new name, under which offsets count from 1 again.
package spool
