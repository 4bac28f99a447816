// Package plc reads stations from PLCs over OPC UA. It owns the OPC UA client
// library, of which it uses the codec and the session and not the reconnection,
// which falls silent after a cut (gopcua #898, #910): a connection that does not
// answer in time is thrown away and everything on it is built anew.
//
// Subscriptions are only a doorbell. What makes the road lossless is the
// handshake: the PLC keeps a record until it is acknowledged, and it is
// acknowledged when the spool has it on disk.
package plc
