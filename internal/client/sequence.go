package client

import (
	"context"
	"io"
	"iter"

	"github.com/takt-mes/takt/internal/mes"
)

// Total is what became of a sequence.
type Total struct {
	// Sent is how many records were sent, Resumed how many the server had
	// before, from an earlier call.
	Sent, Resumed uint64
	// Stored, Duplicates and Quarantined are what the server made of those sent.
	Stored, Duplicates, Quarantined uint64
	// Durable is the last offset, Position the log's last position.
	Durable  mes.Offset
	Position mes.Position
}

func (t *Total) add(a Ack) {
	t.Stored += uint64(a.Stored)
	t.Duplicates += uint64(a.Duplicates)
	t.Quarantined += uint64(len(a.Quarantined))
	t.Durable, t.Position = a.Durable, a.Position
}

// AppendAll sends a sequence of records whose offsets run from 1 under the
// sender's name, as fast as the server takes them, and returns when all are
// durable. It writes gateway, spool and offset into each record's provenance.
//
// After an error the same sequence may be appended again, under the same name:
// what the server has is pulled and left out. ack, which may be nil, is called
// for each answer.
func (c *Client) AppendAll(ctx context.Context, sender Sender, schemas []mes.Schema, records iter.Seq2[mes.Record, error], ack func(Ack) error) (Total, error) {
	var total Total
	stream, err := c.OpenStream(ctx, sender)
	if err != nil {
		return total, err
	}
	defer stream.Close()
	total.Durable = stream.Opened().Durable

	next, stop := iter.Pull2(records)
	defer stop()
	for range total.Durable {
		_, err, ok := next()
		if err != nil {
			return total, err
		}
		if !ok {
			return total, nil
		}
		total.Resumed++
	}
	source := &sequence{sender: sender, schemas: schemas, next: next}
	err = stream.Send(ctx, source, total.Durable, func(a Ack) error {
		total.add(a)
		if ack != nil {
			return ack(a)
		}
		return nil
	})
	total.Sent = source.sent
	return total, err
}

// sequence is a Source that is read once, from its beginning.
type sequence struct {
	sender  Sender
	schemas []mes.Schema
	next    func() (mes.Record, error, bool)
	// held is a record that no longer fitted into the batch before.
	held  *mes.Record
	ended bool
	sent  uint64
}

func (s *sequence) Read(after mes.Offset, maxRecords, maxBytes int) ([]mes.Record, error) {
	var records []mes.Record
	size := 0
	for len(records) < maxRecords && !s.ended {
		if s.held == nil {
			r, err, ok := s.next()
			if err != nil {
				return nil, err
			}
			if !ok {
				s.ended = true
				break
			}
			s.held = &r
		}
		if size += len(s.held.Event); size > maxBytes && len(records) > 0 {
			break
		}
		after++
		r := *s.held
		s.held = nil
		r.Provenance.Gateway, r.Provenance.Spool, r.Provenance.Offset = s.sender.Gateway, s.sender.Spool, after
		records = append(records, r)
	}
	s.sent += uint64(len(records))
	return records, nil
}

// Wait is called when Read had nothing, which is at the end.
func (s *sequence) Wait(context.Context, mes.Offset) error { return io.EOF }

func (s *sequence) Schemas() ([]mes.Schema, error) { return s.schemas, nil }
