package mes

import "time"

// ClockQuality says how far a gateway trusts a source's clock.
type ClockQuality uint8

// The qualities.
const (
	// ClockUnknown was not estimated.
	ClockUnknown ClockQuality = iota
	// ClockGood is within the limit.
	ClockGood
	// ClockBad is beyond it.
	ClockBad
)

var clockQualityNames = [...]string{"unknown", "good", "bad"}

// String returns the quality as `good`.
func (q ClockQuality) String() string { return nameOf(clockQualityNames[:], uint64(q)) }

// Provenance is how an event got here. It is kept with the event and is no
// part of its content.
type Provenance struct {
	// Gateway is who sent it.
	Gateway Gateway
	// Spool names the gateway's spool; a new disk is a new spool.
	Spool string
	// Offset is its place in that spool.
	Offset Offset
	// PLCTime is the record's own time tag.
	PLCTime time.Time
	// SourceTime and ServerTime are the OPC UA time stamps.
	SourceTime, ServerTime time.Time
	// GatewayTime is when the gateway had read the whole record.
	GatewayTime time.Time
	// ClockOffset is the PLC's clock less the gateway's, as estimated.
	ClockOffset time.Duration
	// ClockQuality judges that offset.
	ClockQuality ClockQuality
	// Status is the worst OPC UA status code of the record.
	Status uint32
	// Principal is who the server authenticated; the server stamps it.
	Principal string
}

func (p *Provenance) walk(c *codec) {
	octets(c, 1, &p.Gateway)
	text(c, 2, &p.Spool)
	number(c, 3, &p.Offset)
	c.time(4, &p.PLCTime)
	c.time(5, &p.SourceTime)
	c.time(6, &p.ServerTime)
	c.time(7, &p.GatewayTime)
	signed(c, 8, &p.ClockOffset)
	number(c, 9, &p.ClockQuality)
	number(c, 10, &p.Status)
	text(c, 11, &p.Principal)
}

// Record is an event on its way: its identity, its bytes, and how it got here.
// The bytes are decoded alone, so that one bad event harms no other.
type Record struct {
	// Identity is what makes it the same event.
	Identity Identity
	// Event is a takt.v1.Event in protobuf bytes, canonical or not.
	Event []byte
	// Provenance is how it got here.
	Provenance Provenance
}
