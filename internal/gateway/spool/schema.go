package spool

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// PutSchema keeps a schema that records of the spool use, and returns its id.
// It is durable when PutSchema returns.
func (s *Spool) PutSchema(schema mes.Schema) (mes.SchemaID, error) {
	if err := schema.Validate(); err != nil {
		return "", err
	}
	id, canonical := schema.ID(), mes.AppendSchema(nil, &schema)
	err := s.do(context.Background(), len(canonical), func(c *change) error {
		if c.tx.Bucket(schemasBucket).Get([]byte(id)) != nil {
			return nil
		}
		c.dirty = true
		return put(c.tx, schemasBucket, []byte(id), canonical)
	})
	return id, err
}

// Schemas returns every schema that was put in, in the order of their ids.
func (s *Spool) Schemas() ([]mes.Schema, error) {
	var schemas []mes.Schema
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(schemasBucket).ForEach(func(k, v []byte) error {
			payload, err := s.unseal(schemasBucket, k, v)
			if err != nil {
				return err
			}
			schema, err := mes.DecodeSchema(payload)
			if err != nil || schema.ID() != mes.SchemaID(k) {
				return s.damaged(fmt.Sprintf("the schema %s is not the one that it was", mes.SchemaID(k)))
			}
			schemas = append(schemas, schema)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return schemas, nil
}
