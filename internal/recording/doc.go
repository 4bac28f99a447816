// Package recording is the form in which what a line's PLCs reported is kept in
// a file, so that it can be played again without whatever made it: lines of
// JSON, which people and other programs can read and write.
//
// The first line says what was recorded:
//
//	{
//	  "format": "takt-recording/1",
//	  "line": "L1", "zone": "Europe/Berlin",
//	  "schemas": {"winding": [{"characteristic": "cathode_length", "unit": "m"}, …]},
//	  "blocks": [{"name": "L1.WND.01", "source": "L1%2FP5%2FWND01", "plc": "L1P5",
//	    "machines": ["L1.WND.01"], "schema": "winding", "segment": "winding"}, …]
//	}
//
// A schema and a segment may be left out. Then there is a line for each record:
//
//	{"due": "2026-03-02T05:00:00.25Z", "source": "L1%2FP5%2FWND01", "epoch": 1, "sequence": 17,
//	  "event": {…}, "hash": "9f86…", "truth": {…}}
//
// The event is a takt.v1.Event in protobuf's JSON, the same as `takt push` reads
// and `takt events list -o json` writes; hash is its content hash, so that an
// event that is not exactly what was recorded is noticed. The truth may be left
// out: {"links": [{"from", "into", "with", "quantity", "interval", "place",
// "slot"}, …], "losses": [{"thing", "quantity", "interval"}, …], "touches":
// [{"fault", "thing", "certain", "interval", "why"}, …]}, where a thing is its
// resource name, as `lots/L1EC001-260302-000004`, a quantity {"value": "5.62",
// "unit": "m"}, and an interval {"lane", "from", "to", "delta"} in micrometres.
//
// First come, with "stands": true, the records that stand in a block with their
// acknowledgement when the recording begins, at most one a block: a PLC shows
// them, and does not offer them again. All others are in the order of due, and
// each block's in the order of its sequence, without a gap.
//
// The last line says how many records there are, so that a recording that was
// cut off is noticed:
//
//	{"end": 12345}
//
// Ids are percent-escaped wherever they are no bytes of the event.
package recording
