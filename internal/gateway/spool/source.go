package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// Last returns the highest number of the source that was appended or learnt.
func (s *Spool) Last(source mes.Source) (mes.Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.last[source]
	return id, ok
}

// Learn takes over what the server knows of a source, so that a gateway with a
// new disk goes on in the right epoch. A number that is not above Last changes
// nothing. It is durable when Learn returns.
func (s *Spool) Learn(id mes.Identity) error {
	if err := id.Validate(); err != nil {
		return err
	}
	return s.do(context.Background(), 0, func(c *change) error {
		s.learn(c, id)
		return nil
	})
}

func (s *Spool) learn(c *change, id mes.Identity) {
	known, ok := c.last[id.Source]
	if !ok {
		known, ok = s.Last(id.Source)
	}
	if !ok || known.Compare(id) < 0 {
		c.last[id.Source] = id
		c.dirty = true
	}
}

func encodeLast(id mes.Identity) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(id.Epoch)), uint64(id.Sequence))
}

func (s *Spool) decodeLast(key, value []byte) (mes.Identity, error) {
	payload, err := s.unseal(sourcesBucket, key, value)
	if err != nil {
		return mes.Identity{}, err
	}
	r := reader{buf: payload}
	id := mes.Identity{Source: mes.Source(key), Epoch: mes.Epoch(r.uvarint()), Sequence: mes.Sequence(r.uvarint())}
	if r.bad || len(r.buf) > 0 {
		return mes.Identity{}, s.damaged(fmt.Sprintf("what it knows of the source %s is malformed", id.Source))
	}
	return id, nil
}

// State returns what SetState kept for the source last, nil where it never did.
func (s *Spool) State(source mes.Source) ([]byte, error) {
	var state []byte
	err := s.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(statesBucket).Get([]byte(source))
		if value == nil {
			return nil
		}
		payload, err := s.unseal(statesBucket, []byte(source), value)
		state = bytes.Clone(payload)
		return err
	})
	return state, err
}

// SetState keeps a few bytes of the caller's for the source; they are durable
// when it returns.
func (s *Spool) SetState(source mes.Source, state []byte) error {
	if source == "" {
		return mes.Invalid("source", "is empty")
	}
	state = bytes.Clone(state)
	return s.do(context.Background(), len(state), func(c *change) error {
		c.dirty = true
		return put(c.tx, statesBucket, []byte(source), state)
	})
}
