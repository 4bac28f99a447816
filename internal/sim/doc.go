// Package sim plays a line.Line through real OPC UA servers, one a PLC, so that
// a gateway meets what it would meet in a plant: sockets, sessions, numbered
// records that wait for their acknowledgement, PLCs that restart.
//
// Each record block of the line is a set of variables, the standard block of
// package config. A block offers one record at a time: it writes the data and
// Seq, then raises Ready to the same number, and keeps all of it until a client
// has written that number to Ack. The same data stand there as one structure,
// Record, for clients that prefer it. How long an acknowledgement took is
// measured. A PLC's memory is retentive: what was acknowledged is on the disk
// before the next record is offered, so that after a kill the line goes on where
// it stopped.
package sim
