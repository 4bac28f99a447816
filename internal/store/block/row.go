package block

// Row is one entry of the log, as the log has it.
type Row struct {
	// Reason says why it is in quarantine; 0 is an event.
	Reason uint8
	// Source, Epoch and Sequence are its identity.
	Source          []byte
	Epoch, Sequence uint64
	// Event is a takt.v1.Event in canonical protobuf bytes where Reason is 0, and
	// any bytes elsewhere.
	Event []byte
	// Provenance is a takt.v1.Provenance in canonical protobuf bytes.
	Provenance []byte
	// Detail is why it is in quarantine, for people.
	Detail []byte
}

// bytes is about how long the row is.
func (r *Row) bytes() int {
	return len(r.Source) + len(r.Event) + len(r.Provenance) + len(r.Detail) + 16
}
