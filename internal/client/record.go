package client

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// encodeRecord makes a message of a record. The canonical form of a provenance
// is the message's own.
func encodeRecord(r *mes.Record) (*taktv1.Record, error) {
	provenance := new(taktv1.Provenance)
	if err := proto.Unmarshal(mes.AppendProvenance(nil, &r.Provenance), provenance); err != nil {
		return nil, fmt.Errorf("encode the provenance of %s: %w", r.Identity, err)
	}
	return &taktv1.Record{
		Identity: &taktv1.Identity{
			Source:   []byte(r.Identity.Source),
			Epoch:    uint64(r.Identity.Epoch),
			Sequence: uint64(r.Identity.Sequence),
		},
		Event:      r.Event,
		Provenance: provenance,
	}, nil
}
