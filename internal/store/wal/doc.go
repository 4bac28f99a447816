// Package wal is the store's write-ahead log: numbered records in segment
// files, each record acknowledged after one write and one fdatasync.
//
// FORMAT.md draws every field. This comment says how the end of the log is
// found after a power cut, and why no acknowledged record is lost in silence.
//
// # What a power cut leaves
//
// A disk writes sectors of 512 bytes, each whole or not at all, in any order.
// Records go into segments that were zeroed and synced before their first use,
// and one record is written at a time, after the one before was acknowledged.
// So the file holds acknowledged records without a gap, then perhaps one record
// of which some sectors have arrived and the others still are zeros, then
// zeros. Such a record is torn. Nobody was told that it is there: it is cut
// off, the log says so, and its place is zeroed again.
//
// # What damage leaves
//
// Anything else. A flipped bit in an acknowledged record must not pass for a
// torn one, so a record counts as torn only with proof that a sector is
// missing, and in doubt the log is refused with [mes.CodeDamaged]:
//
//   - A record header lies within one sector. One that is not all zeros and
//     does not match its checksum cannot be torn: damage.
//   - With a good header, the record knows how many of its later sectors were
//     written with at most one bit set (sparse). One flipped bit makes at most
//     those look like missing ones. Only more zero sectors than that are proof.
//     A record within one sector is never torn.
//   - Behind a torn record there are zeros. Anything else there, or a segment
//     behind, says that more was written later, so it had been acknowledged.
//   - A header of zeros is where the log ends, or the header of a torn record
//     whose first sector is missing. Then the rest of that sector is zeros too,
//     and no record stands behind: checksums are salted by segment, so that a
//     payload is not taken for one. Otherwise it is damage.
//
// What cannot be told apart: a disk that zeroes a whole sector of the very last
// record, or of several small ones that end the log. It looks like the power
// cut, and the log ends early. The same is true of a newest segment that is
// deleted. A caller that keeps its own count compares it with [Log.Last], or
// asks [Log.Replay] from there. A flipped bit in the zeros behind the last
// record is refused where the next header's sector is, and zeroed behind it;
// nothing was there.
//
// # What Open makes sure of
//
// The last record may have been read from memory and not be on the disk yet:
// the process before was killed between write and fdatasync, or its fdatasync
// failed. Open writes it once more and syncs, so what Replay gives must survive
// a power cut as what Append acknowledged.
package wal
